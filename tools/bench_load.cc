#include "tools/bench_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/record_batch.h"

namespace penstock {
namespace {

constexpr uint64_t kBusyPauseNs = 50'000;

}  // namespace

BenchLoad::BenchLoad(const Options& options) : options_(options), batches_(options.batches) {}

// The partitions that live here. False: it failed.
bool BenchLoad::open(Engine& engine) {
  if (!failure_.empty()) return false;
  const Topic* topic = engine.catalog().find(options_.topic);
  if (topic == nullptr) {
    failure_ = fmt::format("topic {} is gone", options_.topic);
    return false;
  }
  if (partitions_.empty()) {
    for (uint32_t index = 0; index < topic->partition_count; ++index) {
      Part part;
      part.key = {topic->id, index};
      if (engine.owner_of(part.key) == engine.doors().scheduler.reactor_index()) {
        partitions_.push_back(std::move(part));
      }
    }
  }
  for (Part& part : partitions_) {
    Result<std::shared_ptr<Partition>> partition = engine.local(part.key);
    if (!partition.ok()) {
      fail(part, "open", partition.error());
      close();
      return false;
    }
    part.partition = std::move(partition).value();
  }
  return !partitions_.empty();
}

void BenchLoad::close() {
  for (Part& part : partitions_) part.partition.reset();
}

void BenchLoad::fail(const Part& part, const std::string& what, Error error) {
  if (!failure_.empty()) return;
  failure_ = fmt::format("{} of partition {}: {}", what, part.key.partition, name_of(error));
}

Task<void> BenchLoad::run(Engine& engine, Limit limit) {
  if (!open(engine)) co_return;
  started_bytes_ = 0;
  TaskGroup tasks;
  for (uint32_t i = 0; i < std::max(options_.queue_depth, limit.under_way_min); ++i) {
    tasks.spawn(append_until(engine, limit, tasks));
  }
  co_await tasks.wait_empty();
  co_await engine.doors().scheduler.yield();  // the last of them may still be on the stack
  close();
}

Task<void> BenchLoad::append_until(Engine& engine, Limit limit, TaskGroup& tasks) {
  Clock& clock = engine.doors().clock;
  uint64_t now_ns = clock.monotonic_ns();
  while (now_ns < limit.deadline_ns && started_bytes_ < limit.bytes && failure_.empty()) {
    Part& part = partitions_[next_partition_++ % partitions_.size()];
    const uint64_t number = next_number_++ * options_.reactor_count + options_.reactor_index;
    started_bytes_ += batches_.payload_bytes();
    const uint64_t began_ns = now_ns;
    Result<AppendResult> appended = co_await append(part, number, clock);
    while (!appended.ok() && appended.error() == Error::busy) {
      co_await clock.sleep_for(kBusyPauseNs);
      appended = co_await append(part, number, clock);
    }
    now_ns = clock.monotonic_ns();
    if (!appended.ok()) {
      fail(part, "append", appended.error());
      co_return;
    }
    counts_.latency.record(now_ns - began_ns);
    counts_.bytes += batches_.payload_bytes();
    ++counts_.operations;
    const uint64_t ordinal = appended.value().base_offset.value / batches_.record_count();
    if (part.numbers.size() <= ordinal) part.numbers.resize(ordinal + 1);
    part.numbers[ordinal] = options_.plant_difference ? number + 1 : number;
    const uint64_t live = (appended.value().base_offset.value - appended.value().log_start.value) /
                          batches_.record_count() * batches_.payload_bytes();
    if (options_.live_bytes_max != 0 && live > options_.live_bytes_max && !part.dropping) {
      part.dropping = true;
      tasks.spawn(drop_behind(part));
    }
  }
}

// A Kafka batch filled in place is copied there, as a socket's bytes would be.
Task<Result<AppendResult>> BenchLoad::append(Part& part, uint64_t number, Clock& clock) {
  const bool prepared = options_.batches.source != BenchBatches::Source::filled;
  if (!options_.in_place) {
    const std::span<std::byte> payload = batches_.prepared(number);
    const Result<NewFrame> frame = checked_frame(payload);
    if (!frame.ok()) co_return frame.error();
    co_return co_await part.partition->append(frame.value());
  }
  Result<FrameReservation> reservation = co_await part.partition->reserve(batches_.payload_bytes());
  if (!reservation.ok()) co_return reservation.error();
  const std::span<std::byte> payload = reservation.value().payload();
  const uint64_t began_ns = clock.monotonic_ns();
  if (prepared) {
    std::memcpy(payload.data(), batches_.prepared(number).data(), payload.size());
  } else {
    BenchBatches::fill(number, payload);
  }
  counts_.filling_ns += clock.monotonic_ns() - began_ns;
  const Result<NewFrame> frame = checked_frame(payload);
  if (!frame.ok()) co_return frame.error();
  co_return co_await part.partition->commit(reservation.value(), frame.value());
}

Result<NewFrame> BenchLoad::checked_frame(std::span<std::byte> payload) const {
  NewFrame frame;
  frame.kind = batches_.kind();
  frame.record_count = batches_.record_count();
  frame.offset_span = batches_.record_count();
  frame.payload = payload;
  if (frame.kind == FrameKind::kafka_batch) {
    RecordBatch::set_base_offset(
        payload, {0});  // as a producer sends it, and not as its last append left it
    const ParsedBatch parsed = RecordBatch::parse(payload, {});
    if (!parsed.ok()) return Error::corrupt;
    frame.max_timestamp_ms = parsed.value().max_timestamp_ms();
  }
  return frame;
}

// Half of what may live is kept, so that there is something to compare.
Task<void> BenchLoad::drop_behind(Part& part) {
  const PartitionOffsets offsets = part.partition->offsets();
  const uint64_t kept = options_.live_bytes_max / 2 / batches_.payload_bytes();
  const uint64_t end = offsets.high_watermark.value / batches_.record_count();
  const Offset target{(end - std::min(end, kept)) * batches_.record_count()};
  if (target > offsets.log_start) {
    const Result<void> dropped = co_await part.partition->truncate_prefix(target);
    if (!dropped.ok()) fail(part, "truncation", dropped.error());
  }
  part.dropping = false;
}

Task<void> BenchLoad::verify(Engine& engine) {
  if (!open(engine)) co_return;
  for (Part& part : partitions_) co_await verify_part(engine, part);
  close();
}

Task<void> BenchLoad::verify_part(Engine& engine, Part& part) {
  constexpr size_t kReadBytes = 1 << 20;
  const PartitionOffsets offsets = part.partition->offsets();
  if (offsets.high_watermark.value != part.numbers.size() * batches_.record_count()) {
    failure_ = fmt::format("partition {} ends at offset {}, and {} batches were acknowledged",
                           part.key.partition, offsets.high_watermark.value, part.numbers.size());
    co_return;
  }
  Offset offset = offsets.log_start;
  while (offset < offsets.high_watermark && failure_.empty()) {
    const Result<ReadResult> result = co_await part.partition->read(offset, kReadBytes);
    if (!result.ok()) {
      fail(part, fmt::format("read at offset {}", offset.value), result.error());
      co_return;
    }
    if (!compare(part, offset.value / batches_.record_count(), result.value())) co_return;
    offset = result.value().next_offset;
    co_await engine.doors().scheduler.yield();
  }
}

bool BenchLoad::compare(const Part& part, uint64_t ordinal, const ReadResult& result) {
  uint64_t position = 0;  // in the batch
  for (const ReadSlice& slice : result.slices) {
    for (std::span<const std::byte> rest = slice.bytes; !rest.empty();) {
      const size_t length = std::min<uint64_t>(rest.size(), batches_.payload_bytes() - position);
      if (ordinal >= part.numbers.size() ||
          !batches_.matches(part.numbers[ordinal], position, rest.first(length))) {
        failure_ = fmt::format("what was read back differs: partition {}, batch {}, bytes from {}",
                               part.key.partition, ordinal, position);
        return false;
      }
      verified_bytes_ += length;
      position += length;
      rest = rest.subspan(length);
      if (position < batches_.payload_bytes()) continue;
      position = 0;
      ++ordinal;
    }
  }
  return true;
}

Task<void> BenchLoad::read(Engine& engine, Limit limit, uint64_t read_bytes) {
  if (!open(engine)) co_return;
  started_bytes_ = 0;
  TaskGroup tasks;
  for (uint32_t i = 0; i < options_.queue_depth; ++i) {
    tasks.spawn(read_until(engine, limit, read_bytes));
  }
  co_await tasks.wait_empty();
  co_await engine.doors().scheduler.yield();
  close();
}

Task<void> BenchLoad::read_until(Engine& engine, Limit limit, uint64_t read_bytes) {
  const uint64_t batches_each = std::max<uint64_t>(1, read_bytes / batches_.payload_bytes());
  Clock& clock = engine.doors().clock;
  uint64_t now_ns = clock.monotonic_ns();
  while (now_ns < limit.deadline_ns && started_bytes_ < limit.bytes && failure_.empty()) {
    Part& part = partitions_[next_partition_ % partitions_.size()];
    if (part.read_ordinal >= part.numbers.size()) {
      part.read_ordinal = 0;
      ++next_partition_;
      continue;
    }
    const uint64_t ordinal = part.read_ordinal;
    const uint64_t count = std::min(batches_each, part.numbers.size() - ordinal);
    part.read_ordinal += count;
    started_bytes_ += count * batches_.payload_bytes();
    const uint64_t began_ns = now_ns;
    uint64_t done = 0;
    while (done < count) {
      const Offset offset{(ordinal + done) * batches_.record_count()};
      const uint64_t wanted = (count - done) * batches_.payload_bytes();
      const Result<ReadResult> result = co_await part.partition->read(offset, wanted);
      if (!result.ok()) {
        fail(part, fmt::format("read at offset {}", offset.value), result.error());
        co_return;
      }
      if (!compare_ends(part, ordinal + done, result.value())) co_return;
      counts_.bytes += result.value().size_bytes;
      done = result.value().next_offset.value / batches_.record_count() - ordinal;
    }
    now_ns = clock.monotonic_ns();
    counts_.latency.record(now_ns - began_ns);
    ++counts_.operations;
  }
}

bool BenchLoad::compare_ends(const Part& part, uint64_t ordinal, const ReadResult& result) {
  constexpr size_t kEndBytes = 64;
  if (result.slices.empty()) return true;
  const std::span<const std::byte> bytes = result.slices.front().bytes;
  const size_t length = std::min({bytes.size(), kEndBytes, size_t{batches_.payload_bytes()}});
  if (batches_.matches(part.numbers[ordinal], 0, bytes.first(length))) return true;
  failure_ =
      fmt::format("what was read differs: partition {}, batch {}", part.key.partition, ordinal);
  return false;
}

}  // namespace penstock
