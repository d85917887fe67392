// The topics there are, and a number that says which: so that a group sees by one comparison that nothing has changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/topic.h"

namespace penstock::kafka {

class CatalogView {
 public:
  // `catalog` outlives it; `revision` is its.
  CatalogView(const CatalogSnapshot& catalog, uint64_t revision)
      : catalog_(catalog), revision_(revision) {}

  const Topic* find(std::string_view name) const { return catalog_.find(name); }
  const Topic* find(const TopicId& id) const { return catalog_.find(id); }
  const auto& topics() const { return catalog_.topics(); }
  uint64_t revision() const { return revision_; }

 private:
  const CatalogSnapshot& catalog_;
  uint64_t revision_;
};

// Another one for other topics, or other counts of their partitions. Looks at every topic.
inline uint64_t revision_of(const CatalogSnapshot& catalog) {
  uint64_t revision = 0;
  for (const auto& [name, topic] : catalog.topics()) {
    for (const uint64_t part : {topic->id.high, topic->id.low, uint64_t{topic->partition_count}}) {
      revision = (revision ^ part) * 0x9E3779B97F4A7C15u;
      revision ^= revision >> 29;
    }
  }
  return revision;
}

// Finds the revision of a node's catalog without looking at every topic each time. A snapshot that lies where another
// lay is taken for it for a second at most.
class CatalogWatch {
 public:
  CatalogView look(const CatalogSnapshot& catalog, uint64_t now_ns) {
    constexpr uint64_t kTrustNs = 1'000'000'000;
    if (&catalog != seen_ || now_ns - seen_at_ns_ >= kTrustNs) {
      revision_ = revision_of(catalog);
      seen_ = &catalog;
      seen_at_ns_ = now_ns;
    }
    return {catalog, revision_};
  }

 private:
  const CatalogSnapshot* seen_ = nullptr;  // to compare only
  uint64_t seen_at_ns_ = 0;
  uint64_t revision_ = 0;
};

}  // namespace penstock::kafka
