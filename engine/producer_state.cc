#include "engine/producer_state.h"

#include <algorithm>

#include "engine/record_batch.h"

namespace penstock {
namespace {

constexpr uint64_t kSequenceCount = uint64_t{1} << 31;

}  // namespace

std::optional<ProducerStamp> producer_stamp_of(const FrameHeader& header,
                                               std::span<const std::byte> payload) {
  if (header.kind != FrameKind::kafka_batch) return std::nullopt;
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;  // the frame's checksum has covered it
  rules.records = false;
  const ParsedBatch batch = RecordBatch::parse(payload, rules);
  if (!batch.ok() || !batch.value().has_producer()) return std::nullopt;
  return ProducerStamp{batch.value().producer_id(), batch.value().producer_epoch(),
                       batch.value().base_sequence()};
}

int32_t sequence_after(int32_t sequence, uint32_t count) {
  return static_cast<int32_t>((static_cast<uint64_t>(sequence) + count) % kSequenceCount);
}

int32_t sequence_before(int32_t sequence, uint32_t count) {
  const uint64_t back = count % kSequenceCount;
  return static_cast<int32_t>((static_cast<uint64_t>(sequence) + kSequenceCount - back) %
                              kSequenceCount);
}

Result<std::optional<ProducedBatch>> ProducerState::judge(const ProducerStamp& stamp,
                                                          uint32_t record_count) const {
  if (stamp.epoch < epoch) return Error::stale_producer_epoch;
  if (stamp.epoch > epoch) {
    if (stamp.base_sequence != 0) return Error::out_of_sequence;
    return std::optional<ProducedBatch>();
  }
  int32_t end = sequence_after(last_sequence, 1);  // after the batch that is looked at
  if (stamp.base_sequence == end) return std::optional<ProducedBatch>();
  for (size_t i = 0; i < batch_count; ++i) {
    const int32_t base = sequence_before(end, batches[i].record_count);
    if (stamp.base_sequence == base && record_count == batches[i].record_count) {
      return std::optional<ProducedBatch>(batches[i]);
    }
    end = base;
  }
  return Error::out_of_sequence;
}

void ProducerState::add(const ProducerStamp& stamp, const ProducedBatch& batch) {
  const bool known = batch_count > 0 || has_earlier;
  const bool follows =
      known && stamp.epoch == epoch && stamp.base_sequence == sequence_after(last_sequence, 1);
  if (!follows) {
    batch_count = 0;
    has_earlier = false;
  }
  if (batch_count == kBatchesMax) has_earlier = true;
  const auto kept = static_cast<ptrdiff_t>(std::min<size_t>(batch_count, kBatchesMax - 1));
  std::copy_backward(batches.begin(), batches.begin() + kept, batches.begin() + kept + 1);
  batches[0] = batch;
  batch_count = static_cast<uint8_t>(kept + 1);
  epoch = stamp.epoch;
  last_sequence = sequence_after(stamp.base_sequence, batch.record_count - 1);
  last_append_time_ms = batch.append_time_ms;
}

std::optional<ProducerState> ProducerState::before(Offset end) const {
  size_t beyond = 0;
  ProducerState earlier = *this;
  while (beyond < batch_count && batches[beyond].base_offset >= end) {
    earlier.last_sequence = sequence_before(earlier.last_sequence, batches[beyond].record_count);
    earlier.last_append_time_ms = batches[beyond].append_time_ms;
    ++beyond;
  }
  if (beyond == 0) return earlier;
  if (beyond == batch_count && !has_earlier) return std::nullopt;
  earlier.batch_count = static_cast<uint8_t>(batch_count - beyond);
  std::fill(
      std::copy(batches.begin() + beyond, batches.begin() + batch_count, earlier.batches.begin()),
      earlier.batches.end(), ProducedBatch{});
  if (earlier.batch_count > 0) earlier.last_append_time_ms = earlier.batches[0].append_time_ms;
  return earlier;
}

}  // namespace penstock
