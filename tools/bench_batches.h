// What a bench appends, and what it expects to read back.
//
// Every batch has a number, and its bytes follow from it. Prepared batches are a working set that repeats; batches
// filled in place never do. One reactor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/frame.h"

namespace penstock {

class BenchBatches {
 public:
  enum class Source : uint8_t {
    filled,    // written where it is to lie, by fill()
    prepared,  // lies in memory of ours
    kafka,     // the same, each a Kafka record batch
  };
  struct Options {
    Source source = Source::filled;
    uint32_t batch_bytes = 256 << 10;
    uint32_t record_bytes = 1 << 10;        // the values' of Kafka records
    uint64_t key_count = 0;                 // Kafka records have one of so many keys; 0: none
    int64_t timestamp_ms = 0;               // Kafka records'; retention looks at it
    uint64_t working_set_bytes = 64 << 20;  // at least; of prepared batches
    uint32_t batches_min = 2;               // in the working set
  };
  explicit BenchBatches(const Options& options);

  FrameKind kind() const;
  uint32_t payload_bytes() const { return payload_bytes_; }  // of each batch
  uint32_t record_count() const { return record_count_; }    // of each batch; as many offsets
  uint64_t working_set_bytes() const { return prepared_.size(); }

  // The bytes of batch `number` to `to`, of payload_bytes(). Fast: whole words, no memory read.
  static void fill(uint64_t number, std::span<std::byte> to);

  // Whether `bytes` are the beginning of what fill() made of any number.
  static bool is_filled(std::span<const std::byte> bytes);

  // Of a prepared source: batch `number`, in our memory. An append may set its offset and epoch.
  std::span<std::byte> prepared(uint64_t number);

  // Whether `bytes` are those of batch `number` from `position` on, but for what an append sets.
  bool matches(uint64_t number, uint64_t position, std::span<const std::byte> bytes);

 private:
  std::span<const std::byte> expected(uint64_t number, uint64_t end);
  void prepare_kafka(uint64_t number);

  Options options_;
  uint32_t payload_bytes_;
  uint32_t record_count_ = 1;
  uint64_t prepared_count_ = 0;
  std::vector<std::byte> prepared_;
  std::vector<std::byte> scratch_;  // the batch expected last
  uint64_t scratch_number_ = ~uint64_t{0};
  uint64_t scratch_bytes_ = 0;  // of it
};

}  // namespace penstock
