// A data directory with one bit flipped, or one file cut short, at many places: it recovers with all that can be proved
// to have been there, or is refused, as a whole or one partition of it, with the place named and nothing changed.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/segment_header.h"
#include "tests/sim/engine_node.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kTruncation = ~uint64_t{0};

// A directory of three topics, several segments each, that was opened twice. What `tail` got in the end is flushed and
// acknowledged, but nothing on the disk proves it: damage there cannot be told from a torn write.
struct Grown {
  explicit Grown(bool clean_stop) : node(11, quiet_disk(), EngineNode::small_segments()) {
    check(node.start().ok());
    for (const char* name : {"cold", "tail", "small"}) {
      keys.push_back(node.make_topic(name, {{"segment.bytes", "40000"}}));
    }
    grow();
    node.stop();
    check(node.start().ok());
    grow();
    if (clean_stop) {
      node.stop();
    } else {
      (void)node.world().run_for(3 * kSecondNs);  // checkpoints of what is idle
      proved = node.acknowledged(keys[1]);
      for (int i = 0; i < 3; ++i) check(node.append_one(keys[1], 700).ok());
      node.crash(Crash::power_lose_all);
    }
    if (clean_stop) proved = node.acknowledged(keys[1]);
    (void)node.new_reports();
  }

  static NodeOptions quiet_disk() {
    NodeOptions options;
    options.disk.stall_ratio = 0;
    return options;
  }

  void grow() {
    for (int round = 0; round < 5; ++round) {
      for (const PartitionKey& key : {keys[0], keys[1]}) {
        for (const auto& answer : node.append(key, 3, 7'000)) check(answer.ok());
        check(node.append_one(key, 300).ok());
      }
    }
    check(node.append_one(keys[2], 2'000).ok());
  }

  std::vector<std::string> paths() {
    std::vector<std::string> all;
    for (const char* directory : {"/data", "/data/segments"}) {
      for (const std::string& name : node.disk().names(directory)) {
        const std::string path = std::string(directory) + "/" + name;
        if (path != "/data/lock" && path != "/data/segments") all.push_back(path);
      }
    }
    return all;
  }

  std::map<std::string, std::vector<std::byte>> images(const std::string& prefix) {
    std::map<std::string, std::vector<std::byte>> all;
    for (const std::string& path : paths()) {
      if (path.starts_with(prefix)) all[path] = node.disk().contents(path);
    }
    return all;
  }

  EngineNode node;
  std::vector<PartitionKey> keys;
  std::vector<StoredBatch> proved;  // of keys[1]
};

struct Place {
  std::string path;
  uint64_t position = 0;
  uint64_t bit = 0;  // kTruncation: cut short there
};

std::vector<Place> places_of(Grown& grown) {
  std::vector<Place> places;
  for (const std::string& path : grown.paths()) {
    const std::vector<std::byte> bytes = grown.node.disk().contents(path);
    const uint64_t size = bytes.size();
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(),
                                   [](std::byte byte) { return byte != std::byte{0}; });
    const auto used = static_cast<uint64_t>(bytes.rend() - last);
    // Header, first record or frame, the middle, the last bytes used, and where nothing was written yet.
    for (const uint64_t position :
         {uint64_t{0}, uint64_t{9}, uint64_t{20}, uint64_t{70}, uint64_t{4096}, uint64_t{4096 + 40},
          uint64_t{4096 + 130}, uint64_t{4096 + 300}, used / 3, used / 2, used * 2 / 3,
          used * 3 / 4, used - 700, used - 200, used - 100, used - 20, used - 1, (used + size) / 2,
          size - 1}) {
      if (position < size) places.push_back({path, position, (position * 5 + used) % 8});
    }
    for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{100}, uint64_t{4095},
                                  uint64_t{4096}, uint64_t{4200}, used / 2, used - 1, size - 1}) {
      if (length < size) places.push_back({path, length, kTruncation});
    }
  }
  return places;
}

bool names(const std::vector<std::string>& reports, const std::string& path) {
  return std::ranges::any_of(
      reports, [&](const std::string& report) { return report.find(path) != std::string::npos; });
}

class EngineDamage : public testing::TestWithParam<bool> {
 protected:
  enum class Outcome : uint8_t { recovered, partly_refused, refused };

  // What became of one place.
  void judge(const Place& place) {
    Grown grown(GetParam());
    EngineNode& node = grown.node;
    if (place.bit == kTruncation) {
      node.disk().truncate(place.path, place.position);
    } else {
      node.disk().flip_bit(place.path, place.position, static_cast<unsigned>(place.bit));
    }
    const auto before = grown.images("/data");
    const auto segments_before = grown.images("/data/segments");
    if (!node.start().ok()) {
      EXPECT_TRUE(names(node.new_reports(), place.path)) << "refused without naming the place";
      EXPECT_TRUE(before == grown.images("/data")) << "refused, but not left as it was";
      ++refused_;
      return;
    }
    EXPECT_TRUE(segments_before == grown.images("/data/segments")) << "a start changed a segment";
    EXPECT_EQ(node.engine().catalog().topics().size(), 3u);
    const auto refused = std::ranges::count_if(
        grown.keys, [&](const PartitionKey& key) { return !read_back(grown, key, place); });
    EXPECT_LE(refused, 1) << "a partition is refused that was not touched";
    const bool all = refused == 0;
    ++(all ? recovered_ : partly_refused_);
    // Life goes on.
    for (const PartitionKey& key : grown.keys) {
      const Result<AppendResult> appended = node.append_one(key, 500);
      EXPECT_TRUE(appended.ok() || !all) << name_of(appended.error());
    }
    node.crash(Crash::power);
    EXPECT_TRUE(node.start().ok());
    for (const PartitionKey& key : grown.keys) (void)read_back(grown, key, place);
  }

  // False: it answers that it is damaged.
  bool read_back(Grown& grown, const PartitionKey& key, const Place& place) {
    EngineNode& node = grown.node;
    const auto stored = node.read_all(key);
    const std::vector<std::string> fresh = node.new_reports();
    reports_.insert(reports_.end(), fresh.begin(), fresh.end());
    if (!stored.ok()) {
      EXPECT_EQ(stored.error(), Error::corrupt);
      EXPECT_TRUE(names(reports_, place.path)) << "refused without naming the place";
      return false;
    }
    if (key == grown.keys[1]) {
      for (const StoredBatch& batch : grown.proved) {
        EXPECT_TRUE(std::ranges::find(stored.value(), batch) != stored.value().end())
            << "offset " << batch.base_offset << " is lost without a word";
      }
    } else {
      EXPECT_EQ(node.missing_count(key, stored.value()), 0u) << "lost without a word";
    }
    return true;
  }

  uint64_t recovered_ = 0;
  uint64_t partly_refused_ = 0;
  uint64_t refused_ = 0;
  std::vector<std::string> reports_;
};

TEST_P(EngineDamage, IsNamedOrHarmlessWhereverItIs) {
  Grown original(GetParam());
  const std::vector<Place> places = places_of(original);
  EXPECT_GT(places.size(), 300u);
  for (const Place& place : places) {
    SCOPED_TRACE(place.path + (place.bit == kTruncation ? " cut at " : " flipped at ") +
                 std::to_string(place.position));
    reports_.clear();
    judge(place);
    if (HasFailure()) {
      for (const std::string& report : reports_) std::printf("  %s\n", report.c_str());
      return;
    }
  }
  std::printf("  %zu places: %llu recovered, %llu with a partition refused, %llu refused\n",
              places.size(), static_cast<unsigned long long>(recovered_),
              static_cast<unsigned long long>(partly_refused_),
              static_cast<unsigned long long>(refused_));
  EXPECT_GT(recovered_, 0u);
  EXPECT_GT(partly_refused_, 0u);
}

INSTANTIATE_TEST_SUITE_P(AfterAn, EngineDamage, testing::Bool(),
                         [](const auto& each) { return each.param ? "OrderlyStop" : "PowerCut"; });

// The journal says how far recovery has to search for a frame that proves the failed one flushed. A frame larger than all
// before it outgrows that: it must not look like a torn tail as soon as it is acknowledged.
TEST(EngineDamageOfALargeFrame, IsNotTakenForATornTail) {
  EngineNode node(12, Grown::quiet_disk(), EngineNode::small_segments());
  ASSERT_TRUE(node.start().ok());
  const PartitionKey key = node.make_topic("t", {});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(node.append_one(key, 300).ok());
  (void)node.world().run_for(3 * kSecondNs);  // its checkpoint says that all frames are small
  ASSERT_TRUE(node.append_one(key, 300'000).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(node.append_one(key, 300).ok());
  node.crash(Crash::power);

  bool flipped = false;
  for (const std::string& name : node.disk().names("/data/segments")) {
    const std::string path = "/data/segments/" + name;
    const std::vector<std::byte> bytes = node.disk().contents(path);
    for (uint64_t place = kSegmentHeaderBytes; place + kFrameHeaderBytes <= bytes.size();
         place += kFrameAlignment) {
      const bool large = load<uint32_t>(&bytes[place]) == kFrameMagic &&
                         load<uint32_t>(&bytes[place + 8]) > 299'000;
      if (!large) continue;
      node.disk().flip_bit(path, place + 20, 1);
      flipped = true;
    }
  }
  ASSERT_TRUE(flipped);
  ASSERT_TRUE(node.start().ok());
  const auto stored = node.read_all(key);
  ASSERT_FALSE(stored.ok()) << "acknowledged records are gone without a word";
  EXPECT_EQ(stored.error(), Error::corrupt);
}

TEST(EngineDamageOfBothCopies, RefusesTheWholeDirectoryAndLeavesItAsItIs) {
  for (const std::string kind : {"meta", "journal"}) {
    Grown grown(true);
    std::string damaged;
    for (const std::string& path : grown.paths()) {
      if (!path.starts_with("/data/" + kind)) continue;
      grown.node.disk().flip_bit(path, 30, 3);
      damaged = path;
    }
    const auto before = grown.images("/data");
    const Result<void> started = grown.node.start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error(), Error::corrupt);
    EXPECT_TRUE(names(grown.node.new_reports(), damaged.substr(0, damaged.size() - 1)));
    EXPECT_TRUE(before == grown.images("/data"));
  }
}

}  // namespace
}  // namespace penstock::sim
