#include "engine/compaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace penstock {
namespace {

constexpr size_t kWindowBytes = 256 << 10;
constexpr size_t kMapBlockBytesMin = 16 << 10;
constexpr size_t kMapBlockBytesMax = 1 << 20;

ParsedBatch view_of(std::span<const std::byte> payload) {
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;  // the frame's checksum covers it, and was found right
  rules.records = false;
  return RecordBatch::parse(payload, rules);
}

FrameScanner::Options whole_of(const Segment& segment) {
  FrameScanner::Options options;
  options.position = kSegmentHeaderBytes;
  options.limit = segment.end_position;
  options.window_bytes = options.first_window_bytes = kWindowBytes;
  return options;
}

}  // namespace

Compaction::Walk::Walk(Segment& segment, const PartitionServices& services, const PartitionKey& key)
    : pin(segment),
      scanner(services.doors, segment.file, key, segment.state.generations, whole_of(segment)) {}

Compaction::Compaction(Partition& partition, PartitionServices& services, CompactionBudget& budget,
                       CleanerFigures& figures, Options options)
    : partition_(partition),
      services_(services),
      budget_(budget),
      figures_(figures),
      options_(options),
      cuts_(partition.cut_count_),
      now_ms_(services.doors.clock.wall_ms()),
      keys_(services.doors.random.next()),
      filter_(keys_),
      file_(services.doors, services.journal, services.files, services.failures, partition.key_) {}

// The log has been cut or closed or is to keep all its records from now on, or we are to stop.
bool Compaction::is_over() const {
  return budget_.stopped() || partition_.cut_count_ != cuts_ || !partition_.usable().ok() ||
         partition_.fenced_.has_value() || !partition_.config_.compact_policy;
}

void Compaction::plan() {
  const Partition::Cleanable cleanable = partition_.cleanable(now_ms_);
  dirty_from_ = mapped_end_ = cleanable.dirty_from;
  for (size_t i = 0; i < cleanable.segment_count; ++i) {
    const Segment& segment = *partition_.segments_[i];
    sources_.push_back({segment.state.generations.front().generation, segment.state.base_offset,
                        segment.next_offset, segment.end_position, segment.state.created_ms});
  }
}

Segment* Compaction::find(const Source& source) const {
  for (const auto& segment : partition_.segments_) {
    if (segment->state.generations.front().generation == source.generation) return segment.get();
  }
  return nullptr;
}

Task<Result<void>> Compaction::run() {
  plan();
  Result<void> done = co_await make_map();
  if (done.ok()) done = co_await map_sources();
  filter_.set_rules(
      {mapped_end_, now_ms_, partition_.config_.delete_retention_ms, partition_.high_watermark_});
  for (size_t first = 0; done.ok() && first < sources_.size();) done = co_await rewrite_run(first);
  co_await file_.abandon();
  figures_.key_bytes = 0;
  if (done.ok()) note_done();
  const bool refused =
      !done.ok() && (done.error() == Error::corrupt || done.error() == Error::too_large);
  if (refused) partition_.compaction_refused_ = true;
  if (refused && done.error() == Error::too_large) {
    services_.doors.reporter.report(
        Severity::error, fmt::format("partition {} is not compacted: what is left of a segment "
                                     "would be longer than the largest file",
                                     to_string(partition_.key())));
  }
  co_return done;
}

// As large as the new records could need, but never more than the others leave.
Task<Result<void>> Compaction::make_map() {
  BufferPool& pool = services_.doors.buffers;
  uint64_t keys = 0;
  for (const Source& source : sources_) {
    const Offset from = std::max(source.base_offset, dirty_from_);
    if (source.next_offset > from) keys += source.next_offset - from;
  }
  const uint64_t wanted_bytes = KeyMap::bytes_for(keys);
  const uint64_t bytes_max = std::max<uint64_t>(options_.key_bytes_max, kMapBlockBytesMin);
  size_t block_bytes = kMapBlockBytesMin;
  while (block_bytes < std::min<uint64_t>(wanted_bytes, kMapBlockBytesMax) &&
         block_bytes * 2 <= bytes_max) {
    block_bytes *= 2;
  }
  for (uint64_t map_bytes = 0; map_bytes < wanted_bytes && map_bytes + block_bytes <= bytes_max;) {
    Result<Buffer> block = Error::busy;
    if (pool.free_bytes() >= map_bytes + 2 * block_bytes) block = pool.allocate(block_bytes);
    if (block.ok()) {
      map_bytes += block.value().size();
      keys_.add_block(std::move(block).value());
      figures_.key_bytes = map_bytes;
      co_await services_.doors.scheduler.yield();
    } else if (map_bytes > 0) {
      break;
    } else if (block_bytes == kMapBlockBytesMin) {
      co_return Error::busy;
    } else {
      block_bytes /= 2;
    }
  }
  co_return Result<void>();
}

// Segments that the map has no room for wait for another pass.
Task<Result<void>> Compaction::map_sources() {
  for (const Source& source : sources_) {
    if (source.next_offset <= dirty_from_) continue;
    const Result<void> mapped = co_await map_source(source);
    if (!mapped.ok()) co_return mapped.error();
    if (map_full_) break;
  }
  const auto is_beyond = [&](const Source& source) { return source.base_offset >= mapped_end_; };
  if (map_full_) sources_.erase(std::ranges::find_if(sources_, is_beyond), sources_.end());
  co_return Result<void>();
}

Task<Result<void>> Compaction::map_source(const Source& source) {
  std::optional<Walk> of_segment;
  const Result<void> opened = co_await open_walk(source, of_segment);
  if (!opened.ok()) co_return opened.error();
  Walk& walk = *of_segment;
  for (;;) {
    const Result<bool> more = co_await next_frame(walk);
    if (!more.ok()) co_return more.error();
    if (!more.value()) break;
    if (!walk.batch || walk.batch->last_offset() < dirty_from_) continue;
    const Result<Offset> mapped = filter_.map(*walk.batch, dirty_from_);
    co_await budget_.work(filter_.take_worked_bytes());
    if (!mapped.ok()) co_return unreadable(walk, mapped.error());
    mapped_end_ = mapped.value();
    map_full_ = mapped_end_ <= walk.batch->last_offset();
    if (map_full_) co_return Result<void>();
  }
  mapped_end_ = source.next_offset;
  co_return Result<void>();
}

// Before its first frame, with its file open.
Task<Result<void>> Compaction::open_walk(const Source& source, std::optional<Walk>& walk) {
  Segment* const segment = find(source);
  if (segment == nullptr || is_over()) co_return Error::closed;
  const SegmentPin pin(*segment);  // while its file is being opened
  const Result<void> opened = co_await partition_.open_file(*segment);
  if (!opened.ok()) co_return opened.error();
  walk.emplace(*segment, services_, partition_.key_);
  co_return Result<void>();
}

// False: there is no more. Damage has been told.
Task<Result<bool>> Compaction::next_frame(Walk& walk) {
  FrameScanner& scanner = walk.scanner;
  Segment& segment = *walk.pin;
  for (;;) {
    if (is_over()) co_return Error::closed;
    if (scanner.position() >= segment.end_position) co_return false;
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) co_return next.error();
    if (is_over()) co_return Error::closed;
    if (!next.value()) co_return partition_.tell_damage(segment, scanner.position());
    walk.frame = *next.value();
    walk.batch.reset();
    figures_.read_bytes += walk.frame.header.frame_bytes();
    const Result<void> spent = co_await spend(walk.frame.header.frame_bytes(), segment);
    if (!spent.ok()) co_return spent.error();
    const FrameKind kind = walk.frame.header.kind;
    if (kind == FrameKind::pad || kind == FrameKind::index) continue;
    if (kind != FrameKind::kafka_batch) co_return true;
    const ParsedBatch parsed = view_of(walk.frame.payload);
    if (parsed.ok()) {
      walk.batch = parsed.value();
      co_return true;
    }
    co_return partition_.tell_damage(segment, walk.frame.position, "it holds no record batch");
  }
}

// Bytes of `segment` were read, or of what is left of it written. Whoever drops the segment waits for us: a budget that
// makes us slow is no reason to make them wait.
Task<Result<void>> Compaction::spend(uint64_t bytes, const Segment& segment) {
  co_await budget_.spend(bytes);
  const auto is_dropped = [&] {
    return std::ranges::none_of(partition_.segments_,
                                [&](const auto& each) { return each.get() == &segment; });
  };
  while (budget_.in_debt()) {
    if (is_over() || is_dropped()) co_return Error::closed;
    co_await budget_.wait();
  }
  co_return Result<void>();
}

Error Compaction::unreadable(const Walk& walk, Error error) const {
  if (error == Error::busy) return error;
  const std::string_view reason =
      error == Error::too_large ? "its records take too much room" : "its records make no sense";
  return partition_.tell_damage(*walk.pin, walk.frame.position, reason);
}

void Compaction::note_done() {
  if (is_over()) return;
  partition_.compacted_end_ = mapped_end_;
  partition_.tombstones_due_ms_ = tombstones_due_ms_;
  services_.journal.append_later({.type = JournalRecordType::compacted_up_to,
                                  .key = partition_.key_,
                                  .offset = mapped_end_,
                                  .time_ms = tombstones_due_ms_});
}

}  // namespace penstock
