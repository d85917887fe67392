// How a partition is read: the tail from memory, the rest from the disk.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/partition.h"

namespace penstock {
namespace {

constexpr size_t kWindowBytesMin = 64 << 10;
constexpr size_t kWindowBytesMax = 1 << 20;
constexpr uint32_t kNoStream = ~uint32_t{0};
constexpr uint64_t kReachBytesMax = 2 << 20;  // so far apart are those who read side by side
constexpr uint32_t kRunMin = 2;  // so many reads in order, and what comes next is read ahead
constexpr uint64_t kSearchedBytes = 256 << 10;  // a search is done when so many are left to walk

}  // namespace

// One read under way: where it stands, where it ends, what it has.
struct Partition::Gather {
  Offset offset;      // frames that end at or before it are passed over
  Offset end_offset;  // the high watermark when the read began
  size_t max_bytes = 0;
  uint64_t position = 0;  // of the next frame
  bool full = false;
  uint32_t stream = kNoStream;  // whom it goes on from, in Segment::read_streams
  uint32_t run = 0;             // how many reads went on before it
  // Has looked for `position`, and may have read what is there.
  std::unique_ptr<FrameScanner> scanner;
  ReadResult result;

  // Its payload is in the result. No more is looked at than what may still have room.
  void count_in(const FrameHeader& header) {
    result.size_bytes += header.payload_bytes;
    result.record_count += header.record_count;
    result.next_offset = header.next_offset();
    full = result.size_bytes >= max_bytes;
  }
};

// How many segments begin before `offset`.
size_t Partition::count_before(Offset offset) const {
  const auto first = std::ranges::lower_bound(
      segments_, offset, {}, [](const auto& segment) { return segment->state.base_offset; });
  return static_cast<size_t>(first - segments_.begin());
}

Segment* Partition::find_segment(Offset offset) const {
  size_t index = count_before(offset + 1);
  if (index > 0) --index;
  // A gap at a segment's end belongs to the next one.
  while (index + 1 < segments_.size() && segments_[index]->next_offset <= offset) ++index;
  return segments_[index].get();
}

// How much is read of a guessed place, and how much of it before the guess: a batch that holds the offset may begin there.
// Where each record is larger than that, an offset that is not its batch's first is further behind the batch's beginning,
// and only what rounding does is made up for.
Partition::GuessReach Partition::guess_reach(const Segment& segment, const Segment::ReadEnd& from,
                                             size_t max_bytes) {
  constexpr uint64_t kRoundingBytes = kDiskBlockBytes;
  GuessReach reach;
  reach.window_bytes = std::clamp(max_bytes + kWindowBytesMin, 2 * kWindowBytesMin, kSearchedBytes);
  reach.before_bytes = reach.window_bytes / 3;
  const uint64_t record_bytes = (segment.indexed_position - from.position) /
                                (segment.indexed_offset.value - from.next_offset.value);
  if (record_bytes <= reach.before_bytes) return reach;
  reach.before_bytes = kRoundingBytes;
  // A block more at each end, because neither lies on a block's boundary.
  const uint64_t batch_bytes = std::max<uint64_t>(max_bytes, record_bytes);
  reach.window_bytes = std::clamp<uint64_t>(batch_bytes + kRoundingBytes + 2 * kDiskBlockBytes,
                                            kWindowBytesMin, kSearchedBytes);
  return reach;
}

// Where to start walking for the offset of `gather`, which lies in the part of a segment that was there before this life
// and is not indexed. Headers prove themselves wherever one looks, so that the place can be guessed, looked at and
// guessed again: where batches are alike, the first look finds it, and has read the batch too.
// `from` is a frame at or before it, or the first.
Task<Result<uint64_t>> Partition::search_earlier_frames(Segment& segment, Gather& gather,
                                                        Segment::ReadEnd from) {
  const Offset offset = gather.offset;
  if (offset <= from.next_offset) co_return from.position;
  const uint64_t cuts = cut_count_;
  const Result<void> opened = co_await open_file(segment);
  if (!opened.ok()) co_return opened.error();
  const GuessReach reach = guess_reach(segment, from, gather.max_bytes);
  FrameScanner::Options options;
  options.position = kSegmentHeaderBytes;
  options.limit = readable_end(segment);
  options.window_bytes = options.first_window_bytes = reach.window_bytes;
  gather.scanner = std::make_unique<FrameScanner>(services_.doors, segment.file, key_,
                                                  segment.state.generations, options);
  FrameScanner& scanner = *gather.scanner;
  // The frame begins at `low` or behind it, and below `high`.
  uint64_t low = from.position;
  uint64_t high = segment.indexed_position;
  Offset low_offset = from.next_offset;
  Offset high_offset = segment.indexed_offset;
  for (bool guess = true; high - low > kSearchedBytes; guess = !guess) {
    uint64_t ahead = (high - low) / 2;
    if (guess && offset > low_offset && high_offset > low_offset) {
      const double part =
          static_cast<double>(offset - low_offset) / static_cast<double>(high_offset - low_offset);
      ahead = static_cast<uint64_t>(part * static_cast<double>(high - low));
      ahead -= std::min<uint64_t>(ahead, reach.before_bytes);
      ahead = std::clamp<uint64_t>(ahead, kWindowBytesMin, high - low - kWindowBytesMin);
    }
    const uint64_t place = (low + ahead) / kFrameAlignment * kFrameAlignment;
    const Result<std::optional<FrameScanner::Frame>> sought = co_await scanner.seek(place, high);
    if (!sought.ok()) co_return sought.error();
    std::optional<FrameScanner::Frame> frame = sought.value();
    if (!frame || frame->header.base_offset > offset) {
      high = place;
      if (frame) high_offset = frame->header.base_offset;
      continue;
    }
    bool found = false;
    while (frame && frame->header.base_offset <= offset && frame->position < high) {
      low = frame->position;
      low_offset = frame->header.base_offset;
      found = frame->header.next_offset() > offset;
      if (found) break;
      frame = scanner.next_in_window();
    }
    if (found) break;
    if (frame) high = std::min(high, frame->position);
  }
  if (cut_count_ != cuts) co_return Error::busy;  // it is of what is no more
  co_return low;
}

void Partition::note_read_end(Segment& segment, Offset next_offset, uint64_t position) {
  segment.read_ends[segment.next_read_end] = {next_offset, position};
  segment.next_read_end = (segment.next_read_end + 1) % segment.read_ends.size();
}

// The frame that holds `offset`, or the last one before it, that can be walked to from where an earlier read ended
// without reading more: those who read side by side come to places where none of them has ended yet.
Task<Partition::Walked> Partition::walk_blocks(Segment& segment, Offset offset) {
  constexpr int kStepsMax = 4096;
  const uint64_t cuts = cut_count_;
  Segment::ReadEnd from{segment.state.base_offset, kSegmentHeaderBytes};
  for (const Segment::ReadEnd& end : segment.read_ends) {
    const bool nearer = end.position > from.position && end.next_offset <= offset;
    if (nearer && end.position < segment.indexed_position) from = end;
  }
  BlockReader reader(services_.blocks, segment, settled_end(segment));
  for (int step = 0; step < kStepsMax; ++step) {
    if (from.position + kFrameHeaderBytes > segment.indexed_position) break;
    if (!reader.has(from.position, kFrameHeaderBytes)) {
      const uint64_t last = from.position + kFrameHeaderBytes - 1;
      if (!services_.blocks.contains(segment, from.position)) break;
      if (!services_.blocks.contains(segment, last)) break;
      const bool there = co_await reader.load(from.position, kFrameHeaderBytes);
      if (!there || cut_count_ != cuts) break;
    }
    const auto header = header_in_blocks(segment, reader, from.position);
    if (!header || from.position + header->frame_bytes() > segment.indexed_position) break;
    if (header->next_offset() > offset) co_return Walked{from, true};
    from = {std::max(from.next_offset, header->next_offset()),
            from.position + header->frame_bytes()};
  }
  co_return Walked{from, false};
}

// Where to start walking for `offset` or the first record behind it; nothing if the segment has none.
Task<Result<std::optional<uint64_t>>> Partition::find_frame(Segment& segment, Gather& gather) {
  const Offset offset = gather.offset;
  std::optional<uint64_t> position;
  for (const Segment::ReadEnd& end : segment.read_ends) {
    if (end.position > 0 && end.next_offset == offset) co_return std::optional(end.position);
  }
  if (offset < segment.indexed_offset && !segment.earlier_index) {
    const uint64_t cuts = cut_count_;
    const Walked walked = co_await walk_blocks(segment, offset);
    if (cut_count_ != cuts) co_return Error::busy;  // it is of what is no more
    if (walked.found) co_return std::optional(walked.to.position);
    const Result<uint64_t> found = co_await search_earlier_frames(segment, gather, walked.to);
    if (!found.ok()) co_return found.error();
    co_return std::optional(found.value());
  }
  if (offset < segment.indexed_offset) {
    position = segment.earlier_index->find(offset);
    if (!position && !segment.earlier_complete) co_return Error::corrupt;
  }
  if (!position) position = segment.index.find(offset);
  co_return position;
}

// Where the bytes end that are on disk and may be shown.
uint64_t Partition::readable_end(const Segment& segment) const {
  const bool active = !segments_.empty() && &segment == segments_.back().get();
  if (!active) return segment.end_position;
  return std::min(segment.end_position, writer_.written() - segment.log_base);
}

// Counts a frame in if it is wanted; false ends the read.
bool Partition::take_frame(const FrameHeader& header, Gather& gather) const {
  const bool records = header.kind != FrameKind::pad && header.kind != FrameKind::index;
  const bool beyond = records && header.base_offset >= gather.end_offset;
  const bool enough = records && gather.result.size_bytes > 0 &&
                      gather.result.size_bytes + header.payload_bytes > gather.max_bytes;
  gather.full = beyond || enough;
  if (beyond) gather.result.next_offset = gather.end_offset;  // also where a gap comes before it
  return !gather.full;
}

bool Partition::copy_cached(const Segment& segment, uint64_t position,
                            std::span<std::byte> to) const {
  while (!to.empty()) {
    const LogWriter::Cached cached = writer_.cached(segment, position);
    if (cached.bytes.empty()) return false;
    const size_t length = std::min(to.size(), cached.bytes.size());
    std::memcpy(to.data(), cached.bytes.data(), length);
    to = to.subspan(length);
    position += length;
  }
  return true;
}

// Pinned or held by the caller. Error::corrupt has been told to the Reporter.
Task<Result<void>> Partition::open_file(Segment& segment) {
  std::string reason;
  const Result<void> opened = co_await services_.open_segments.open(segment, key_, reason);
  if (!opened.ok() && opened.error() == Error::corrupt) co_return tell_damage(segment, 0, reason);
  co_return opened;
}

// Damage that recovery did not look at, because it is known to have been flushed: only reads meet it.
Error Partition::tell_damage(Segment& segment, uint64_t position, std::string_view reason) {
  if (!segment.damage_told) {
    services_.doors.reporter.report(
        Severity::error,
        fmt::format(
            "partition {}: {} is damaged at byte {}{}{}: reads of what is there are refused",
            to_string(key_), segment.path, position, reason.empty() ? "" : ": ", reason));
  }
  segment.damage_told = true;
  return Error::corrupt;
}

void Partition::gather_cached(Segment& segment, Gather& gather) {
  while (!gather.full && gather.position < segment.end_position) {
    std::array<std::byte, kFrameHeaderBytes> bytes;
    if (!copy_cached(segment, gather.position, bytes)) return;
    const uint64_t seed =
        frame_seed(segment_seed(key_, segment.generation_at(gather.position)), gather.position);
    const std::optional<FrameHeader> header = decode_frame_header(bytes.data(), seed);
    check(header.has_value());  // our own memory
    if (!take_frame(*header, gather)) return;
    const bool wanted = header->kind != FrameKind::pad && header->next_offset() > gather.offset;
    uint64_t position = gather.position + kFrameHeaderBytes;
    uint64_t left = wanted ? header->payload_bytes : 0;
    while (left > 0) {
      LogWriter::Cached cached = writer_.cached(segment, position);
      check(!cached.bytes.empty());
      const size_t length = std::min<uint64_t>(left, cached.bytes.size());
      gather.result.slices.push_back({std::move(cached.buffer), cached.bytes.first(length)});
      position += length;
      left -= length;
    }
    if (wanted) gather.count_in(*header);
    gather.position += header->frame_bytes();
  }
}

Task<Result<void>> Partition::gather_cold(Segment& segment, Gather& gather) {
  const uint64_t cuts = cut_count_;
  FrameScanner::Options options;
  options.position = gather.position;
  options.first_window_bytes = kWindowBytesMax;
  options.limit = readable_end(segment);
  options.window_bytes =
      std::clamp(gather.max_bytes + kDiskBlockBytes, kWindowBytesMin, kWindowBytesMax);
  if (options.position >= options.limit) co_return Error::corrupt;
  services_.open_segments.use(segment);
  std::unique_ptr<FrameScanner> searched = std::move(gather.scanner);
  if (!searched) {
    searched = std::make_unique<FrameScanner>(services_.doors, segment.file, key_,
                                              segment.state.generations, options);
  }
  FrameScanner& scanner = *searched;
  scanner.go_to(gather.position);
  // What lies in memory is read there: its last frame may not be wholly on the disk yet.
  while (!gather.full && scanner.position() < writer_.cached_from(segment)) {
    const Result<std::optional<FrameScanner::Frame>> next = co_await scanner.next();
    if (!next.ok()) co_return next.error();
    if (!next.value() && cut_count_ != cuts) co_return Error::busy;  // the caller begins anew
    if (!next.value() && scanner.extend(readable_end(segment))) continue;
    if (!next.value()) co_return tell_damage(segment, scanner.position());
    const FrameScanner::Frame& frame = *next.value();
    if (!take_frame(frame.header, gather)) break;
    const bool records =
        frame.header.kind != FrameKind::pad && frame.header.kind != FrameKind::index;
    if (records && frame.header.next_offset() > gather.offset) {
      gather.result.slices.push_back({scanner.buffer().share(), frame.payload});
      gather.count_in(frame.header);
    }
    gather.position = frame.end();
  }
  co_return Result<void>();
}

// What is on the disk for good, until a cut.
BlockCache::End Partition::settled_end(const Segment& segment) const {
  const uint64_t written = writer_.written();
  const bool active = !segments_.empty() && &segment == segments_.back().get();
  if (!active && segment.log_end() <= written) return {segment.end_position, true};
  if (written <= segment.log_base) return {};
  return {std::min(segment.end_position, written - segment.log_base), false};
}

// Finds whom this read goes on from. Those who read side by side begin a little before or behind the furthest end.
void Partition::join_stream(Segment& segment, Gather& gather) const {
  const uint64_t reach = std::min<uint64_t>(uint64_t{gather.max_bytes} * 8, kReachBytesMax);
  for (uint32_t i = 0; i < segment.read_streams.size(); ++i) {
    Segment::ReadStream& stream = segment.read_streams[i];
    if (stream.position == 0 || gather.position > stream.position + reach) continue;
    if (gather.position + reach < stream.position) continue;
    gather.stream = i;
    gather.run = ++stream.run;
    return;
  }
  gather.stream = segment.next_read_stream;
  segment.next_read_stream = (segment.next_read_stream + 1) % segment.read_streams.size();
  gather.run = gather.position <= reach ? run_at_end_before(segment, reach) : 0;
  segment.read_streams[gather.stream] = {gather.position, gather.run};
}

// How long somebody has been reading in order who now stands at the end of the segment before this one.
uint32_t Partition::run_at_end_before(const Segment& segment, uint64_t reach) const {
  const size_t count = count_before(segment.state.base_offset);
  if (count == 0) return 0;
  const Segment& before = *segments_[count - 1];
  uint32_t run = 0;
  for (const Segment::ReadStream& stream : before.read_streams) {
    if (stream.position + reach >= before.end_position) run = std::max(run, stream.run);
  }
  return run;
}

// What this read wants, and, the longer this has been going on, what the next ones will: at once, for the disk is slow
// to answer and not slow to read.
void Partition::read_ahead(Segment& segment, const Gather& gather) {
  const uint64_t block_bytes = services_.blocks.block_bytes();
  const uint64_t wanted = std::min<uint64_t>(gather.max_bytes, kWindowBytesMax);
  const uint64_t blocks_max = services_.blocks.ahead_bytes_max() / block_bytes;
  const uint64_t ahead = std::min(blocks_max, uint64_t{1} << std::min(gather.run - 1, 30u));
  const BlockCache::End end = settled_end(segment);
  const uint64_t last = gather.position + wanted + ahead * block_bytes;
  // Not again what others who read beside this one are through with.
  const uint64_t first = std::max(gather.position, segment.read_streams[gather.stream].position);
  services_.blocks.read_ahead(segment, first, last, end);
  if (end.final && last > end.position) read_next_ahead(segment, last - end.position);
}

// The segment behind `segment`, from its start. Its file is opened first, if need be: this read goes on without it.
void Partition::read_next_ahead(const Segment& segment, uint64_t bytes) {
  const size_t index = count_before(segment.state.base_offset + 1);
  if (index == segments_.size()) return;
  Segment& next = *segments_[index];
  if (next.file.valid()) {
    services_.blocks.read_ahead(next, kSegmentHeaderBytes, bytes, settled_end(next));
  } else if (!opening_ahead_) {
    background_.spawn(open_ahead(next, bytes));
  }
}

Task<void> Partition::open_ahead(Segment& segment, uint64_t bytes) {
  const SegmentPin pin(segment);
  const uint64_t cuts = cut_count_;
  opening_ahead_ = true;
  const Result<void> opened = co_await open_file(segment);  // an error: its reader meets it again
  opening_ahead_ = false;
  if (!opened.ok() || cut_count_ != cuts) co_return;
  services_.blocks.read_ahead(segment, kSegmentHeaderBytes, bytes, settled_end(segment));
}

// The stream has come from `before` to where it is: what it is through with goes, unless somebody else is near enough
// behind it to share it.
void Partition::let_go_behind(const Segment& segment, const Segment::ReadStream& stream,
                              uint64_t before) {
  if (stream.run < kRunMin || stream.position <= kReachBytesMax) return;
  const uint64_t last = stream.position - kReachBytesMax;
  const uint64_t shared = std::min(last, services_.blocks.bytes_max());
  for (const Segment::ReadStream& other : segment.read_streams) {
    if (other.position > last - shared && other.position < last) return;
  }
  services_.blocks.let_go(segment, before - std::min(before, kReachBytesMax), last);
}

std::optional<FrameHeader> Partition::header_in_blocks(const Segment& segment,
                                                       const BlockReader& reader,
                                                       uint64_t position) const {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  size_t copied = 0;
  reader.for_each_piece(position, bytes.size(),
                        [&](const Buffer&, std::span<const std::byte> piece) {
                          std::memcpy(bytes.data() + copied, piece.data(), piece.size());
                          copied += piece.size();
                        });
  const Generation generation = segment.generation_at(position);
  const auto header =
      decode_frame_header(bytes.data(), frame_seed(segment_seed(key_, generation), position));
  if (!header) return std::nullopt;
  // As FrameScanner: the place ends where a later generation begins.
  const uint64_t frame_end = position + header->frame_bytes();
  if (segment.generation_at(frame_end - 1) != generation) return std::nullopt;
  return header;
}

// As far as blocks go without trouble: whatever is the matter, gather_cold meets it again, and tells.
Task<void> Partition::gather_blocks(Segment& segment, Gather& gather) {
  const uint64_t cuts = cut_count_;
  services_.open_segments.use(segment);
  if (gather.run >= kRunMin) {
    read_ahead(segment, gather);
  } else if (!services_.blocks.contains(segment, gather.position)) {
    co_return;
  }
  const BlockCache::End end = settled_end(segment);
  BlockReader reader(services_.blocks, segment, end);
  std::vector<std::span<const std::byte>> pieces;
  while (!gather.full && gather.position < writer_.cached_from(segment)) {
    const uint64_t position = gather.position;
    if (position + kFrameHeaderBytes > end.position) co_return;
    if (!reader.has(position, kFrameHeaderBytes)) {
      const bool there = co_await reader.load(position, kFrameHeaderBytes);
      if (!there || cut_count_ != cuts) co_return;
    }
    const std::optional<FrameHeader> header = header_in_blocks(segment, reader, position);
    if (!header || position + header->frame_bytes() > end.position) co_return;
    if (!take_frame(*header, gather)) co_return;
    const bool records = header->kind != FrameKind::pad && header->kind != FrameKind::index;
    if (records && header->next_offset() > gather.offset) {
      const uint64_t payload = position + kFrameHeaderBytes;
      if (!reader.has(payload, header->payload_bytes)) {
        const bool there = co_await reader.load(payload, header->payload_bytes);
        if (!there || cut_count_ != cuts) co_return;
      }
      pieces.clear();
      reader.for_each_piece(
          payload, header->payload_bytes,
          [&](const Buffer&, std::span<const std::byte> piece) { pieces.push_back(piece); });
      const bool matches = pieces.size() == 1 ? frame_payload_matches(*header, pieces.front())
                                              : frame_payload_matches(*header, pieces);
      if (!matches) co_return;
      reader.for_each_piece(payload, header->payload_bytes,
                            [&](const Buffer& buffer, std::span<const std::byte> piece) {
                              gather.result.slices.push_back({buffer.share(), piece});
                            });
      gather.count_in(*header);
    }
    gather.position += header->frame_bytes();
  }
}

// A cut while the read slept leaves it with positions of another log: it begins anew. A gap at a segment's end leads to
// the next segment.
Task<Result<ReadResult>> Partition::read(Offset offset, size_t max_bytes) {
  for (;;) {
    const uint64_t cuts = cut_count_;
    Result<ReadResult> read = co_await read_once(offset, max_bytes);
    if (cut_count_ != cuts) continue;
    const bool gap = read.ok() && read.value().size_bytes == 0 &&
                     read.value().next_offset > offset &&
                     read.value().next_offset < high_watermark_;
    if (!gap) co_return read;
    offset = std::max(read.value().next_offset, log_start_);
  }
}

Task<Result<ReadResult>> Partition::read_once(Offset offset, size_t max_bytes) {
  const uint64_t cuts = cut_count_;
  const Result<void> open = usable();
  if (!open.ok()) co_return open.error();
  if (offset < log_start_ || offset > high_watermark_) co_return Error::offset_out_of_range;
  Gather gather;
  gather.offset = offset;
  gather.end_offset = high_watermark_;
  gather.max_bytes = max_bytes;
  gather.result.next_offset = offset;
  gather.result.offsets = offsets();
  if (offset == high_watermark_) co_return std::move(gather.result);

  const SegmentPin segment(*find_segment(offset));  // retention may drop it meanwhile
  const Result<std::optional<uint64_t>> position = co_await find_frame(*segment, gather);
  if (!position.ok()) co_return position.error();
  if (!position.value()) {
    gather.result.next_offset = std::min(gather.end_offset, segment->next_offset);
    co_return std::move(gather.result);
  }
  gather.position = *position.value();
  Result<void> done;
  while (done.ok() && cut_count_ == cuts && !gather.full &&
         gather.position < segment->end_position) {
    const uint64_t before = gather.position;
    if (gather.position < writer_.cached_from(*segment)) {
      if (!segment->file.valid()) {  // what is in memory may change meanwhile
        done = co_await open_file(*segment);
        continue;
      }
      if (gather.stream == kNoStream) join_stream(*segment, gather);
      co_await gather_blocks(*segment, gather);
      if (gather.full || gather.position > before || cut_count_ != cuts) continue;
      done = co_await gather_cold(*segment, gather);
    } else {
      gather_cached(*segment, gather);
    }
    if (gather.position == before) break;
  }
  if (done.ok() && gather.result.size_bytes == 0 && !gather.full && cut_count_ == cuts &&
      gather.position >= segment->end_position) {
    // A gap up to the segment's end.
    gather.result.next_offset = std::min(gather.end_offset, segment->next_offset);
  }
  const bool moved = gather.result.size_bytes > 0 && cut_count_ == cuts;
  if (moved)
    ++(gather.stream == kNoStream ? services_.reads.memory_count : services_.reads.disk_count);
  if (moved) note_read_end(*segment, gather.result.next_offset, gather.position);
  if (moved && gather.stream != kNoStream) {
    Segment::ReadStream& stream = segment->read_streams[gather.stream];
    const uint64_t before = stream.position;
    stream.position = std::max(stream.position, gather.position);
    let_go_behind(*segment, stream, before);
  }
  // What was read before the trouble is good; the next read meets it again.
  if (!done.ok() && gather.result.size_bytes == 0) co_return done.error();
  co_return std::move(gather.result);
}

}  // namespace penstock
