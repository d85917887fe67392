// The places that one group keeps: topic and partition to the committed offset. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::kafka {

struct CommittedOffset {
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_timestamp_ms = -1;
  int64_t expire_timestamp_ms = -1;  // -1: by the server's retention
  uint64_t log_offset = 0;           // of its record in `__consumer_offsets`
};

class GroupOffsets {
 public:
  using Partitions = std::map<int32_t, CommittedOffset>;
  using Topics = std::map<std::string, Partitions, std::less<>>;

  // Commits may be answered by the log in another order than they lie in it: the one that lies later counts.
  void set(std::string_view topic, int32_t partition, CommittedOffset committed);
  // For a record without a value at `log_offset`.
  void erase(std::string_view topic, int32_t partition, uint64_t log_offset);

  // Null: none.
  const CommittedOffset* find(std::string_view topic, int32_t partition) const;
  const Topics& topics() const { return topics_; }
  bool empty() const { return topics_.empty(); }
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  Topics topics_;
  size_t memory_bytes_ = 0;
};

}  // namespace penstock::kafka
