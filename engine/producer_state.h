// What is remembered of one idempotent producer in one partition: enough to know a batch that was sent again.
//
// A plain value: partitions hold one per producer, and so does the journal. Sequences count a producer's records in
// one partition, from 0 in each of its epochs; after 2^31-1 comes 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/frame.h"
#include "engine/types.h"
#include "io/result.h"

namespace penstock {

// Whose a batch is, as its header says.
struct ProducerStamp {
  int64_t id = -1;  // -1: nobody's who wants to know about duplicates
  int16_t epoch = -1;
  int32_t base_sequence = -1;
};

// The stamp of a frame's batch; nothing if it has none.
std::optional<ProducerStamp> producer_stamp_of(const FrameHeader& header,
                                               std::span<const std::byte> payload);

int32_t sequence_after(int32_t sequence, uint32_t count);
int32_t sequence_before(int32_t sequence, uint32_t count);

// One that was appended.
struct ProducedBatch {
  Offset base_offset;
  int64_t append_time_ms = 0;
  uint32_t record_count = 0;  // so many sequences
  friend bool operator==(const ProducedBatch&, const ProducedBatch&) = default;
};

struct ProducerState {
  static constexpr size_t kBatchesMax = 5;  // as many as a producer may have in flight

  int16_t epoch = -1;
  uint8_t batch_count = 0;
  // Before the oldest remembered batch there were others in this epoch.
  bool has_earlier = false;
  int32_t last_sequence = -1;
  int64_t last_append_time_ms = 0;
  std::array<ProducedBatch, kBatchesMax>
      batches;  // the newest first; each follows the next one without a gap

  // Where the batch that follows is judged: nothing if it may be appended, the batch it is if it was appended before.
  // Error::out_of_sequence, stale_producer_epoch.
  Result<std::optional<ProducedBatch>> judge(const ProducerStamp& stamp,
                                             uint32_t record_count) const;

  // It was appended, whatever judge() says of it: what is in the log is so.
  void add(const ProducerStamp& stamp, const ProducedBatch& batch);

  // What it was before the batches from `end` on; nothing if it cannot be told.
  std::optional<ProducerState> before(Offset end) const;

  friend bool operator==(const ProducerState&, const ProducerState&) = default;
};

}  // namespace penstock
