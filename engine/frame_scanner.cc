#include "engine/frame_scanner.h"

#include <algorithm>

#include "engine/byte_io.h"
#include "engine/file_io.h"
#include "engine/segment_header.h"

namespace penstock {
FrameScanner::FrameScanner(Doors& doors, FileId file, const PartitionKey& key,
                           std::vector<GenerationStart> generations, Options options)
    : doors_(doors),
      file_(file),
      generations_(std::move(generations)),
      options_(options),
      position_(options.position),
      next_window_bytes_(std::min(options.first_window_bytes, options.window_bytes)) {
  check(position_ >= kSegmentHeaderBytes && !generations_.empty());
  for (const GenerationStart& start : generations_) {
    seeds_.push_back(segment_seed(key, start.generation));
  }
}

uint64_t FrameScanner::seed_at(uint64_t position) const {
  size_t i = generations_.size() - 1;
  while (i > 0 && generations_[i].position > position) --i;
  return frame_seed(seeds_[i], position);
}

bool FrameScanner::in_window(uint64_t position, uint64_t bytes) const {
  return window_ && position >= window_position_ &&
         position + bytes <= window_position_ + window_filled_;
}

// Makes [position, position + bytes) lie in the window, reading on from there if it does not.
Task<Result<bool>> FrameScanner::ensure(uint64_t position, uint64_t bytes) {
  if (position + bytes > options_.limit) co_return false;
  if (in_window(position, bytes)) co_return true;
  const uint64_t start = block_floor(position);
  const uint64_t wanted = block_ceiling(position + bytes) - start;
  const uint64_t length = std::max(
      wanted, std::min(block_ceiling(next_window_bytes_), block_ceiling(options_.limit) - start));
  next_window_bytes_ = std::min(next_window_bytes_ * 2, options_.window_bytes);
  // A new buffer each time one is still referred to elsewhere, or is too small.
  window_.reset();
  Result<Buffer> buffer = co_await allocate_buffer(doors_, length);
  if (!buffer.ok()) co_return buffer.error();
  window_ = std::move(buffer).value();
  window_position_ = start;
  window_filled_ = 0;
  const Result<uint64_t> read =
      co_await doors_.disk.read(file_, start, window_.bytes().first(length));
  if (!read.ok()) co_return read.error();
  window_filled_ = read.value();
  co_return position + bytes <= window_position_ + window_filled_;
}

std::optional<FrameScanner::Frame> FrameScanner::frame_here() const {
  const auto header = decode_frame_header(at(position_), seed_at(position_));
  if (!header) return std::nullopt;
  Frame frame;
  frame.header = *header;
  frame.position = position_;
  // The frame's place ends at a generation's start at the latest: what a cut left of it is void.
  const bool cut = std::ranges::any_of(generations_, [&](const GenerationStart& start) {
    return start.position > position_ && start.position < frame.end();
  });
  if (cut || frame.end() > options_.limit) return std::nullopt;
  return frame;
}

std::optional<FrameScanner::Frame> FrameScanner::next_in_window() {
  if (stop_ != Stop::none || !in_window(position_, kFrameHeaderBytes)) return std::nullopt;
  const std::optional<Frame> frame = frame_here();
  if (frame) position_ = frame->end();
  return frame;
}

void FrameScanner::go_to(uint64_t position) {
  position_ = position;
  stop_ = Stop::none;
}

bool FrameScanner::extend(uint64_t limit) {
  if (limit <= options_.limit) return false;
  options_.limit = limit;
  stop_ = Stop::none;
  return true;
}

Task<Result<std::optional<FrameScanner::Frame>>> FrameScanner::next() {
  using Found = std::optional<Frame>;
  if (stop_ != Stop::none) co_return Found();
  const Result<bool> header_there = co_await ensure(position_, kFrameHeaderBytes);
  if (!header_there.ok()) co_return header_there.error();
  if (!header_there.value()) {
    stop_ = Stop::end;
    co_return Found();
  }
  std::optional<Frame> here = frame_here();
  if (!here) {
    stop_ = Stop::header;
    co_return Found();
  }
  Frame& frame = *here;
  if (options_.mode == Mode::payloads && frame.header.payload_bytes > 0) {
    if (frame.end() - block_floor(position_) > BufferPool::kBlockBytesMax) {
      stop_ = Stop::header;
      co_return Found();
    }
    const Result<bool> payload_there =
        co_await ensure(position_, kFrameHeaderBytes + frame.header.payload_bytes);
    if (!payload_there.ok()) co_return payload_there.error();
    if (payload_there.value()) {
      frame.payload = {at(position_) + kFrameHeaderBytes, frame.header.payload_bytes};
    }
    if (!payload_there.value() || !frame_payload_matches(frame.header, frame.payload)) {
      stop_ = Stop::payload;
      stopped_header_ = frame.header;
      co_return Found();
    }
  }
  position_ = frame.end();
  co_return here;
}

// The first header that proves itself at `place` or behind it, which moves there; none begins and ends below `end`
// otherwise.
Task<Result<std::optional<FrameHeader>>> FrameScanner::find_header(uint64_t& place, uint64_t end) {
  using Found = std::optional<FrameHeader>;
  while (place + kFrameHeaderBytes <= end) {
    const Result<bool> there = co_await ensure(place, kFrameHeaderBytes);
    if (!there.ok()) co_return there.error();
    if (!there.value()) break;
    const uint64_t here = std::min(end, window_position_ + window_filled_);
    for (; place + kFrameHeaderBytes <= here; place += kFrameAlignment) {
      if (load<uint32_t>(at(place)) != kFrameMagic) continue;
      const Found header = decode_frame_header(at(place), seed_at(place));
      if (header) co_return header;
    }
  }
  co_return Found();
}

Task<Result<bool>> FrameScanner::flushed_beyond(uint64_t bytes) {
  // A flush ends wherever the writes it covered did, also inside a frame: what failed must lie below it as a whole.
  const uint64_t failed_bytes =
      kFrameHeaderBytes + (stop_ == Stop::payload ? stopped_header_.payload_bytes : 0);
  uint64_t place = position_ + kFrameAlignment;
  uint64_t searched_from = position_;
  const uint64_t limit = options_.limit;
  while (searched_from < limit) {
    // No further than it is searched is read either.
    options_.limit = searched_from + std::min(bytes, limit - searched_from);
    const Result<std::optional<FrameHeader>> header = co_await find_header(place, options_.limit);
    options_.limit = limit;
    if (!header.ok()) co_return header.error();
    if (!header.value()) co_return false;
    if (header.value()->flushed_position >= position_ + failed_bytes) co_return true;
    place += header.value()->frame_bytes();
    searched_from = place;
  }
  co_return false;
}

Task<Result<std::optional<FrameScanner::Frame>>> FrameScanner::seek(uint64_t place, uint64_t end) {
  const Result<std::optional<FrameHeader>> header = co_await find_header(place, end);
  if (!header.ok()) co_return header.error();
  if (!header.value()) co_return std::optional<Frame>();
  Frame frame;
  frame.header = *header.value();
  frame.position = place;
  go_to(frame.end());
  co_return std::optional<Frame>(frame);
}

Task<Result<bool>> FrameScanner::skip_to_next_frame() {
  uint64_t place = position_ + kFrameAlignment;
  const Result<std::optional<FrameHeader>> header = co_await find_header(place, options_.limit);
  if (!header.ok()) co_return header.error();
  if (!header.value()) co_return false;
  go_to(place);
  co_return true;
}

}  // namespace penstock
