#include "tools/partition_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/file_io.h"
#include "engine/record_batch.h"

namespace penstock {
namespace {

Task<Result<FileId>> open_to_read(Doors& doors, const std::string& path) {
  FileOptions options;
  options.write = false;
  co_return co_await doors.disk.open(path, options);
}

std::string describe(FrameScanner::Stop stop) {
  switch (stop) {
    case FrameScanner::Stop::header: return "a frame's header fails its checksum";
    case FrameScanner::Stop::payload: return "a frame's payload fails its checksum";
    case FrameScanner::Stop::end: return "the file is cut short";
    case FrameScanner::Stop::none: break;
  }
  return "cannot be read";
}

}  // namespace

PartitionWalk::PartitionWalk(Doors& doors, const std::string& directory,
                             const TopicId& directory_id, std::string topic,
                             const PartitionState& state, LogVisitor& visitor)
    : doors_(doors),
      directory_(directory),
      directory_id_(directory_id),
      topic_(std::move(topic)),
      state_(state),
      visitor_(visitor) {}

std::string PartitionWalk::path_of(size_t index) const {
  return fmt::format("{}/segments/{:016x}.segment", directory_, state_.segments[index].file_number);
}

void PartitionWalk::tell(Finding::Kind kind, uint64_t position, std::string reason) {
  Finding finding;
  finding.kind = kind;
  finding.topic = topic_;
  finding.partition = state_.key.partition;
  finding.offset = next_offset_;
  finding.path = path_;
  finding.position = position;
  finding.reason = std::move(reason);
  visitor_.finding(finding);
}

Task<Result<void>> PartitionWalk::run() {
  visitor_.partition({topic_, state_});
  for (size_t i = 0; i < state_.segments.size(); ++i) {
    const Result<bool> more = co_await walk_segment(i);
    if (!more.ok()) co_return more.error();
    if (more.value() || i + 1 == state_.segments.size()) continue;
    tell(Finding::Kind::note, 0,
         fmt::format("{} later segments are beyond the log's end: recovery drops them",
                     state_.segments.size() - i - 1));
    break;
  }
  co_return Result<void>();
}

// False: the log ends in this segment.
Task<Result<bool>> PartitionWalk::walk_segment(size_t index) {
  const SegmentState& segment = state_.segments[index];
  path_ = path_of(index);
  if (index > 0 && segment.base_offset < next_offset_) {
    tell(Finding::Kind::damage, 0, "the segment before it has offsets of this one");
  }
  next_offset_ = segment.base_offset;
  visitor_.segment({path_, segment});
  const Result<FileId> file = co_await open_to_read(doors_, path_);
  if (!file.ok()) {
    tell(Finding::Kind::damage, 0, fmt::format("cannot be opened: {}", name_of(file.error())));
    co_return true;
  }
  FileInfo info;
  const Result<uint64_t> found = co_await doors_.disk.stat(path_, info);
  Result<bool> walked = co_await check_header(index, file.value());
  if (walked.ok() && walked.value() && found.ok()) {
    const uint64_t file_bytes = std::min(segment.file_bytes, info.size_bytes);
    walked = co_await walk_frames(index, file.value(), file_bytes);
  } else if (walked.ok()) {
    walked = true;
  }
  (void)co_await doors_.disk.close(file.value());
  co_return walked;
}

// What keeps a sound header from being this segment's; empty if nothing does.
std::string PartitionWalk::mismatch(const SegmentHeader& header,
                                    const SegmentState& segment) const {
  if (header.directory_id != directory_id_) return "belongs to another data directory";
  if (header.key != state_.key) {
    return fmt::format("belongs to another partition, {}", to_string(header.key));
  }
  if (header.generation != segment.generations.front().generation) {
    return "belongs to another life of this file";
  }
  if (header.base_offset != segment.base_offset) {
    return fmt::format("its base offset is {}, the journal's is {}", header.base_offset.value,
                       segment.base_offset.value);
  }
  return {};
}

// False: it is not worth looking for frames.
Task<Result<bool>> PartitionWalk::check_header(size_t index, FileId file) {
  const SegmentState& segment = state_.segments[index];
  Result<Buffer> block = co_await allocate_buffer(doors_, kSegmentHeaderBytes);
  if (!block.ok()) co_return block.error();
  const std::span<std::byte> bytes = block.value().bytes().first(kSegmentHeaderBytes);
  const Result<uint64_t> read = co_await doors_.disk.read(file, 0, bytes);
  if (!read.ok()) {
    tell(Finding::Kind::damage, 0, fmt::format("cannot be read: {}", name_of(read.error())));
    co_return false;
  }
  const Result<SegmentHeader> header = decode_segment_header(bytes.first(read.value()));
  if (!header.ok()) {
    tell(Finding::Kind::damage, 0,
         header.error() == Error::unsupported ? "was made by another version"
                                              : "its header block fails its checksum");
    co_return true;
  }
  std::string wrong = mismatch(header.value(), segment);
  if (wrong.empty()) co_return true;
  tell(Finding::Kind::damage, 0, std::move(wrong));
  co_return false;
}

// False: the log ends in this segment.
Task<Result<bool>> PartitionWalk::walk_frames(size_t index, FileId file, uint64_t file_bytes) {
  const SegmentState& segment = state_.segments[index];
  FrameScanner::Options options;
  options.position = kSegmentHeaderBytes;
  options.limit = segment.sealed ? std::min(segment.end_position, file_bytes) : file_bytes;
  FrameScanner scanner(doors_, file, state_.key, segment.generations, options);
  bool damaged = false;
  for (;;) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok() && next.error() == Error::busy) co_return Error::busy;
    if (!next.ok()) {
      tell(Finding::Kind::damage, scanner.position(),
           fmt::format("cannot be read: {}", name_of(next.error())));
      damaged = true;
      break;
    }
    if (next.value()) {
      take_frame(*next.value());
      continue;
    }
    if (scanner.stop() == FrameScanner::Stop::payload) {
      visitor_.frame({scanner.stopped_header(), scanner.position(), false, {}});
    }
    if (segment.sealed && scanner.position() == segment.end_position) break;
    const Result<Verdict> verdict = co_await judge_stop(index, scanner);
    if (!verdict.ok()) co_return verdict.error();
    if (verdict.value() == Verdict::end_of_log) {
      const Result<void> told = co_await tell_end(index, scanner);
      if (!told.ok()) co_return told.error();
      if (file_bytes < segment.file_bytes) tell_cut_short(segment, file_bytes);
      co_return !gap_before_next(index);
    }
    damaged = true;
    const bool known = scanner.stop() == FrameScanner::Stop::payload;
    const Offset behind = known ? scanner.stopped_header().next_offset() : next_offset_;
    const Result<bool> skipped = co_await scanner.skip_to_next_frame();
    if (!skipped.ok()) co_return skipped.error();
    next_offset_ = std::max(next_offset_, behind);
    if (!skipped.value()) break;
  }
  visitor_.segment_end(scanner.position(), next_offset_);
  if (damaged) co_return true;
  // Compaction may have left nothing at its end.
  const bool whole = segment.sealed && !segment.compacted;
  if (whole && std::max(next_offset_, state_.log_start_offset) < segment.next_offset) {
    tell(Finding::Kind::damage, scanner.position(),
         fmt::format("the journal says that it ends at offset {}", segment.next_offset.value));
  }
  if (file_bytes < segment.file_bytes) tell_cut_short(segment, file_bytes);
  co_return true;
}

void PartitionWalk::take_frame(const FrameScanner::Frame& frame) {
  const FrameHeader& header = frame.header;
  visitor_.frame({header, frame.position, true, frame.payload});
  if (header.kind == FrameKind::index) return;
  check_order(header, frame.position);
  if (header.kind == FrameKind::pad) return;
  if (header.kind == FrameKind::kafka_batch) check_batch(frame);
  next_offset_ = std::max(next_offset_, header.next_offset());
}

// What a frame promises about those before it. Its checksum is right, so a lie was written.
void PartitionWalk::check_order(const FrameHeader& header, uint64_t position) {
  const auto wrong = [&](const char* reason) { tell(Finding::Kind::damage, position, reason); };
  if (header.base_offset < next_offset_) wrong("offsets go backwards");
  if (header.append_time_ms < append_time_ms_) wrong("append times go backwards");
  if (header.leader_epoch < leader_epoch_) wrong("leader epochs go backwards");
  if (header.flushed_position > position) wrong("claims that its own bytes were flushed before");
  append_time_ms_ = std::max(append_time_ms_, header.append_time_ms);
  leader_epoch_ = std::max(leader_epoch_, header.leader_epoch);
}

void PartitionWalk::check_batch(const FrameScanner::Frame& frame) {
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;  // the frame's checksum covers it, and has been found right
  const ParsedBatch parsed = RecordBatch::parse(frame.payload, rules);
  if (!parsed.ok()) {
    tell(Finding::Kind::damage, frame.position,
         fmt::format("holds no record batch: {}", name_of(parsed.fault())));
    return;
  }
  const RecordBatch& batch = parsed.value();
  const FrameHeader& header = frame.header;
  const bool agree = batch.size_bytes() == frame.payload.size() &&
                     batch.base_offset() == header.base_offset &&
                     batch.record_count() == header.record_count &&
                     uint64_t{batch.last_offset_delta()} + 1 == header.offset_span;
  if (!agree) tell(Finding::Kind::damage, frame.position, "frame and record batch disagree");
}

// What the journal knows to have been flushed beyond `position`.
std::optional<std::string> PartitionWalk::evidence(size_t index, uint64_t position) const {
  const SegmentState& segment = state_.segments[index];
  if (segment.sealed && position < segment.end_position) {
    return fmt::format("the segment is sealed up to byte {}", segment.end_position);
  }
  const uint64_t cut = segment.generations.back().position;
  if (position < cut) return fmt::format("the journal has a cut at byte {}", cut);
  const Checkpoint& checkpoint = state_.checkpoint;
  if (checkpoint.file_number == segment.file_number && position < checkpoint.position) {
    return fmt::format("the journal has a checkpoint at byte {}", checkpoint.position);
  }
  return std::nullopt;
}

Task<Result<PartitionWalk::Verdict>> PartitionWalk::judge_stop(size_t index,
                                                               FrameScanner& scanner) {
  const SegmentState& segment = state_.segments[index];
  std::optional<std::string> proof = evidence(index, scanner.position());
  if (!proof) {
    const Result<bool> flushed = co_await scanner.flushed_beyond(segment.file_bytes);
    if (!flushed.ok()) co_return flushed.error();
    if (flushed.value()) proof = "a later frame knows that it was flushed";
  }
  if (!proof && gap_before_next(index)) {
    const Result<bool> flushed = co_await flushed_in_later_segment(index);
    if (!flushed.ok()) co_return flushed.error();
    if (flushed.value()) proof = "a later segment knows that it was flushed";
  }
  if (!proof) co_return Verdict::end_of_log;
  tell(Finding::Kind::damage, scanner.position(),
       fmt::format("{}; {}", describe(scanner.stop()), *proof));
  co_return Verdict::damage;
}

// Offsets below the log start may never have had a record on disk: they were given up before they were flushed.
bool PartitionWalk::gap_before_next(size_t index) const {
  if (index + 1 == state_.segments.size()) return false;
  return std::max(next_offset_, state_.log_start_offset) < state_.segments[index + 1].base_offset;
}

// It had its whole size, durably, before the journal heard of it.
void PartitionWalk::tell_cut_short(const SegmentState& segment, uint64_t file_bytes) {
  tell(Finding::Kind::damage, file_bytes,
       fmt::format("the file is cut short, behind its last frame: it had {} bytes",
                   segment.file_bytes));
}

Task<Result<bool>> PartitionWalk::flushed_in_later_segment(size_t index) {
  for (size_t i = index + 1; i < state_.segments.size(); ++i) {
    const SegmentState& later = state_.segments[i];
    if (later.sealed || later.file_number == state_.checkpoint.file_number) co_return true;
    const std::string path = path_of(i);
    const Result<FileId> file = co_await open_to_read(doors_, path);
    if (!file.ok()) continue;
    FrameScanner::Options options;
    options.mode = FrameScanner::Mode::headers;
    options.position = kSegmentHeaderBytes;
    options.limit = later.file_bytes;
    bool flushed = false;
    Result<void> failed;
    {
      FrameScanner scanner(doors_, file.value(), state_.key, later.generations, options);
      while (!flushed) {
        const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
        if (!next.ok()) failed = next.error();
        if (!next.ok() || !next.value()) break;
        flushed = next.value()->header.flushed_position != 0;
      }
    }
    (void)co_await doors_.disk.close(file.value());
    if (!failed.ok() && failed.error() == Error::busy) co_return Error::busy;
    if (flushed) co_return true;
  }
  co_return false;
}

// Whether something that was never acknowledged stands beyond the end.
Task<Result<void>> PartitionWalk::tell_end(size_t index, FrameScanner& scanner) {
  const uint64_t end = scanner.position();
  const bool torn_payload = scanner.stop() == FrameScanner::Stop::payload;
  visitor_.segment_end(end, next_offset_);
  const Result<bool> beyond = co_await scanner.skip_to_next_frame();
  if (!beyond.ok() && beyond.error() == Error::busy) co_return Error::busy;
  if (!torn_payload && !(beyond.ok() && beyond.value())) co_return Result<void>();
  const bool more = index + 1 < state_.segments.size();
  tell(Finding::Kind::note, end,
       more ? "a torn tail, never known to be flushed"
            : "a torn tail, never known to be flushed: recovery cuts the log here");
  co_return Result<void>();
}

}  // namespace penstock
