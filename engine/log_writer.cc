#include "engine/log_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/checksum.h"
#include "engine/flush_stream.h"
#include "engine/write_queue.h"

namespace penstock {
namespace {

constexpr uint64_t kChunkBytesMin = 16 << 10;
constexpr uint64_t kChunkBytesMax = 1 << 20;
constexpr uint64_t kHashingCopyBytesMin =
    64 << 10;                                  // smaller payloads are hashed before they are copied
constexpr uint64_t kCloseBytesMin = 64 << 10;  // a write this large closes its last block
constexpr uint64_t kDurableBytesMax = 128 << 10;  // a lone write up to this size is its own flush

}  // namespace

LogWriter::LogWriter(Doors& doors, WriteQueue& queue, FlushStream& flushes, Owner& owner)
    : doors_(doors), queue_(queue), flushes_(flushes), owner_(owner) {}

LogWriter::~LogWriter() {
  check(in_flight_.empty());
  check(flush_rounds_ == 0);
  while (!chunks_.empty()) drop_front_chunk();
  drop_tail();
  queue_.remove(*this);
  flushes_.remove(*this);
}

void LogWriter::start_at(Segment& segment) {
  check(chunks_.empty());
  drop_tail();
  placed_ = written_ = flushed_ = segment.log_end();
  active_ = &segment;
}

void LogWriter::move_to(const Segment& segment) {
  if (active_ != &segment) drop_tail();
  active_ = &segment;
}

// Of a chunk, what is written from it: one that takes over its partial block begins at that block.
uint64_t LogWriter::own_bytes(uint64_t number) const {
  const Chunk& chunk = chunks_[number];
  if (number + 1 == chunks_.end_number()) return chunk.filled;
  const Chunk& next = chunks_[number + 1];
  return next.segment == chunk.segment ? std::min(chunk.filled, next.position - chunk.position)
                                       : chunk.filled;
}

uint64_t LogWriter::room(const Segment& segment) const {
  uint64_t bytes = 0;
  for (uint64_t number = place_chunk_; number < chunks_.end_number(); ++number) {
    const Chunk& chunk = chunks_[number];
    if (chunk.segment == &segment) bytes += chunk.size() - chunk.filled;
  }
  return bytes;
}

bool LogWriter::ready(const Segment& segment, uint64_t frame_bytes) const {
  return !failed_ && !reserved_ && !open_block_in_flight_ && room(segment) >= frame_bytes;
}

bool LogWriter::ready_in_one_piece(const Segment& segment, uint64_t frame_bytes) const {
  if (!ready(segment, frame_bytes)) return false;
  const Chunk& chunk = chunks_[place_chunk_];
  return chunk.size() - chunk.filled >= frame_bytes;
}

Task<Result<void>> LogWriter::prepare(Segment& segment, uint64_t frame_bytes) {
  Result<void> done;
  while (done.ok() && !ready(segment, frame_bytes)) {
    if (failed_) {
      done = Error::fenced;
    } else if (open_block_in_flight_) {
      co_await progress_.wait();
    } else {
      done = co_await add_chunk(segment, frame_bytes);
    }
  }
  gained_chunk_ = false;
  co_return done;
}

// A writer whose earlier bytes are still on their way gets ever larger chunks, up to the largest, each behind the last. One
// that has none under way writes next what it is given now: that is to lie in one chunk, since from two it is two writes.
Task<Result<void>> LogWriter::add_chunk(Segment& segment, uint64_t frame_bytes) {
  const auto begins_anew = [&] {
    return chunks_.empty() || chunks_.back().segment != &segment ||
           (placed_ == written_ && !gained_chunk_);
  };
  const uint64_t bytes_wanted = begins_anew() ? segment.end_position % kDiskBlockBytes + frame_bytes
                                              : frame_bytes - room(segment);
  const uint64_t least = std::clamp(std::bit_ceil(bytes_wanted), kChunkBytesMin, kChunkBytesMax);
  uint64_t most = least;
  if (placed_ != written_ && !chunks_.empty()) {
    most = std::max(most, std::min(kChunkBytesMax, chunks_.back().size() * 2));
  }
  Result<Buffer> buffer = co_await queue_.allocate_chunk({.bytes = bytes_wanted,
                                                          .frame_bytes = frame_bytes,
                                                          .least = least,
                                                          .most = most,
                                                          .owner = owner_});
  if (!buffer.ok()) co_return buffer.error();
  // Until then all chunks that are on the disk may have been evicted.
  if (begins_anew()) {
    co_return co_await push_tail_chunk(segment, std::move(buffer).value());
  }
  Chunk chunk;
  chunk.segment = &segment;
  chunk.buffer = std::move(buffer).value();
  chunk.position = chunks_.back().position + chunks_.back().size();
  push_chunk(std::move(chunk));
  co_return Result<void>();
}

void LogWriter::push_chunk(Chunk chunk) {
  chunks_.push_back(std::move(chunk));
  queue_.chunk_pushed(*this);
  gained_chunk_ = true;
}

// Chunks that were made for frames that never came.
void LogWriter::drop_empty_tail(const Segment& segment) {
  while (!chunks_.empty() && chunks_.back().segment == &segment && chunks_.back().filled == 0) {
    queue_.chunk_freed(chunks_.back().buffer.size());
    chunks_.pop_back();
  }
}

// A chunk that begins with the block in which the segment ends.
Task<Result<void>> LogWriter::push_tail_chunk(Segment& segment, Buffer buffer) {
  Chunk chunk;
  chunk.segment = &segment;
  chunk.buffer = std::move(buffer);
  chunk.position = block_floor(segment.end_position);
  chunk.filled = segment.end_position - chunk.position;
  drop_empty_tail(segment);
  if (chunk.filled > 0 && !chunks_.empty() && chunks_.back().segment == &segment) {
    const Chunk& last = chunks_.back();
    const uint64_t skipped = chunk.position - last.position;
    std::memcpy(chunk.data(), last.data() + skipped, chunk.filled);
    chunk.submitted = last.submitted > skipped ? last.submitted - skipped : 0;
    chunk.frames_end = placed_;
  } else if (chunk.filled > 0 && tail_.size() == chunk.filled) {
    std::memcpy(chunk.data(), tail_.data(), chunk.filled);
    chunk.submitted = chunk.filled;
    chunk.frames_end = placed_;
  } else if (chunk.filled > 0) {
    const std::span<std::byte> block = chunk.bytes().first(kDiskBlockBytes);
    const Result<uint64_t> read = co_await doors_.disk.read(segment.file, chunk.position, block);
    if (!read.ok() || read.value() != kDiskBlockBytes) {
      queue_.chunk_freed(chunk.buffer.size());
      co_return read.ok() ? Error::io : read.error();
    }
    chunk.submitted = chunk.filled;
    chunk.frames_end = placed_;
  }
  drop_tail();
  place_chunk_ = chunks_.end_number();  // chunks before it may have bytes to submit yet
  push_chunk(std::move(chunk));
  co_return Result<void>();
}

// What an evicted chunk has of the active segment's partial last block.
void LogWriter::keep_tail(const Chunk& chunk) {
  drop_tail();
  const uint64_t bytes = chunk.filled % kDiskBlockBytes;
  if (bytes == 0 || chunk.segment != active_) return;
  const std::span<const std::byte> block = chunk.bytes().subspan(chunk.filled - bytes, bytes);
  tail_.assign(block.begin(), block.end());
  queue_.tail_kept(*this);
}

void LogWriter::drop_tail() {
  if (tail_.empty()) return;
  std::vector<std::byte>().swap(tail_);
  queue_.tail_dropped(*this);
}

// Chunks for several frames of this size: what is left over at their ends is memory that nobody uses.
Task<Result<std::span<std::byte>>> LogWriter::reserve(Segment& segment, size_t payload_bytes) {
  const uint64_t frame_bytes = FrameHeader::frame_bytes_of(payload_bytes);
  const uint64_t largest =
      std::max<uint64_t>(2 * kChunkBytesMax, std::bit_ceil(frame_bytes + kDiskBlockBytes));
  const uint64_t least = std::max(std::bit_ceil(frame_bytes + kDiskBlockBytes), kChunkBytesMin);
  const uint64_t most = std::clamp(std::bit_ceil(4 * frame_bytes), least, largest);
  Result<void> done;
  while (done.ok() && !ready_in_one_piece(segment, frame_bytes)) {
    if (failed_) {
      done = Error::fenced;
    } else if (open_block_in_flight_) {
      co_await progress_.wait();
    } else {
      Result<Buffer> buffer =
          co_await queue_.allocate_chunk({.bytes = frame_bytes + kDiskBlockBytes,
                                          .frame_bytes = frame_bytes,
                                          .least = least,
                                          .most = most,
                                          .owner = owner_});
      if (buffer.ok()) {
        done = co_await push_tail_chunk(segment, std::move(buffer).value());
      } else {
        done = buffer.error();
      }
    }
  }
  gained_chunk_ = false;
  if (!done.ok()) co_return done.error();
  reserved_ = true;
  const Chunk& chunk = chunks_[place_chunk_];
  co_return chunk.bytes().subspan(chunk.filled + kFrameHeaderBytes, payload_bytes);
}

bool LogWriter::may_link(std::span<const std::byte> payload, const Buffer& memory) const {
  if (payload.size() < kLinkBytesMin || !doors_.buffers.owns(memory)) return false;
  check(payload.data() >= memory.data());
  const auto place = static_cast<size_t>(payload.data() - memory.data());
  if (place % kDiskBlockBytes != kFrameHeaderBytes) return false;
  return place - kFrameHeaderBytes + FrameHeader::frame_bytes_of(payload.size()) <= memory.size();
}

Task<Result<void>> LogWriter::link(Segment& segment, std::span<const std::byte> payload,
                                   const Buffer& memory) {
  while (!ready(segment, pad_bytes(segment))) {  // while this waits, a write may close the block
    const Result<void> prepared = co_await prepare(segment, pad_bytes(segment));
    if (!prepared.ok()) co_return prepared.error();
  }
  if (const uint64_t pad = pad_bytes(segment); pad > 0) place_pad(segment, pad);
  drop_empty_tail(segment);
  queue_.chunk_linked(memory.size());
  Chunk chunk;
  chunk.segment = &segment;
  chunk.buffer = memory.share();
  chunk.skipped = static_cast<size_t>(payload.data() - memory.data()) - kFrameHeaderBytes;
  chunk.position = segment.end_position;
  place_chunk_ = chunks_.end_number();
  push_chunk(std::move(chunk));
  gained_chunk_ = false;
  co_return Result<void>();
}

// Up to the next block that a frame can begin at: a pad has a header at least.
uint64_t LogWriter::pad_bytes(const Segment& segment) {
  const uint64_t rest = block_ceiling(segment.end_position) - segment.end_position;
  return rest == 0 || rest >= kFrameHeaderBytes ? rest : rest + kDiskBlockBytes;
}

void LogWriter::release() {
  reserved_ = false;
  if (has_unsubmitted()) queue_.enqueue(*this);
  progress_.wake_all();
}

// Calls `with(bytes)` for each piece of memory from `skip` bytes behind the end of what is placed.
template <class With>
void LogWriter::for_each_piece(uint64_t skip, uint64_t length, With with) {
  for (uint64_t number = place_chunk_; length > 0; ++number) {
    Chunk& chunk = chunks_[number];
    const uint64_t room = chunk.size() - chunk.filled;
    if (skip >= room) {
      skip -= room;
      continue;
    }
    const uint64_t piece = std::min(length, room - skip);
    with(chunk.bytes().subspan(chunk.filled + skip, piece));
    length -= piece;
    skip = 0;
  }
}

uint64_t LogWriter::copy_payload(Segment& segment, std::span<const std::byte> payload,
                                 bool checksum) {
  check(ready(segment, FrameHeader::frame_bytes_of(payload.size())));
  const bool hashed_on_the_way = checksum && payload.size() >= kHashingCopyBytesMin;
  const uint64_t hashed_before = checksum && !hashed_on_the_way ? xxh3_64(payload) : 0;
  HashingCopy& hashing = queue_.hashing_copy();
  if (hashed_on_the_way) hashing.begin();
  for_each_piece(kFrameHeaderBytes, payload.size(), [&](std::span<std::byte> to) {
    const std::span<const std::byte> from = payload.first(to.size());
    if (hashed_on_the_way) {
      hashing.copy(to.data(), from);
    } else {
      std::memcpy(to.data(), from.data(), from.size());
    }
    payload = payload.subspan(to.size());
  });
  return hashed_on_the_way ? hashing.hash() : hashed_before;
}

void LogWriter::place(Segment& segment, std::span<const std::byte> header, size_t payload_bytes) {
  reserved_ = false;
  const uint64_t frame_bytes = FrameHeader::frame_bytes_of(payload_bytes);
  check(ready(segment, frame_bytes));
  check(placed_ == segment.log_end());
  place_around(header, kFrameHeaderBytes + payload_bytes, frame_bytes);
  advance(segment, frame_bytes);
  check(active_ == &segment);
  queue_.enqueue(*this);
}

// What of a frame does not lie there yet: its header, and zeros from `from` to its end.
void LogWriter::place_around(std::span<const std::byte> header, uint64_t from, uint64_t end) {
  for_each_piece(0, header.size(), [&](std::span<std::byte> to) {
    std::memcpy(to.data(), header.data(), to.size());
    header = header.subspan(to.size());
  });
  for_each_piece(from, end - from,
                 [](std::span<std::byte> to) { std::memset(to.data(), 0, to.size()); });
}

void LogWriter::advance(Segment& segment, uint64_t bytes) {
  segment.end_position += bytes;
  placed_ += bytes;
  while (bytes > 0) {
    Chunk& chunk = chunks_[place_chunk_];
    const uint64_t piece = std::min(bytes, chunk.size() - chunk.filled);
    chunk.filled += piece;
    chunk.frames_end = placed_;
    bytes -= piece;
    if (chunk.filled == chunk.size()) ++place_chunk_;
  }
}

void LogWriter::place_pad(Segment& segment, uint64_t pad_bytes) {
  FrameHeader header = owner_.log_pad_header();
  header.payload_bytes = static_cast<uint32_t>(pad_bytes - kFrameHeaderBytes);
  std::byte encoded[kFrameHeaderBytes];
  encode_frame_header(header, frame_seed(owner_.log_frame_seed(), segment.end_position), encoded);
  place_around(encoded, kFrameHeaderBytes, pad_bytes);
  advance(segment, pad_bytes);
}

uint64_t LogWriter::unsubmitted_bytes() const {
  uint64_t bytes = 0;
  for (uint64_t number = submit_chunk_; number < chunks_.end_number(); ++number) {
    const uint64_t own = own_bytes(number);
    if (own > chunks_[number].submitted) bytes += own - chunks_[number].submitted;
  }
  return bytes;
}

bool LogWriter::has_unsubmitted() const {
  for (uint64_t number = submit_chunk_; number < chunks_.end_number(); ++number) {
    if (own_bytes(number) > chunks_[number].submitted) return true;
  }
  return false;
}

LogWrite* LogWriter::next_write(uint64_t bytes_max) {
  if (failed_) return nullptr;
  while (submit_chunk_ < chunks_.end_number() &&
         chunks_[submit_chunk_].submitted >= own_bytes(submit_chunk_)) {
    if (submit_chunk_ >= place_chunk_) return nullptr;
    ++submit_chunk_;
  }
  if (submit_chunk_ == chunks_.end_number()) return nullptr;

  Chunk& chunk = chunks_[submit_chunk_];
  const uint64_t from = block_floor(chunk.submitted);
  if (from != chunk.submitted && open_block_in_flight_) return nullptr;
  const bool tail = submit_chunk_ >= place_chunk_;
  uint64_t to = own_bytes(submit_chunk_);
  if (to - from > bytes_max + bytes_max / 4) to = from + bytes_max;  // no crumb is left over
  if (tail && reserved_) to = block_floor(to);  // what lies behind is being filled in
  if (to <= chunk.submitted) return nullptr;
  const bool active = chunk.segment == active_;
  const uint64_t rest = block_ceiling(to) - to;
  if (rest >= kFrameHeaderBytes && active && to - from >= kCloseBytesMin) {
    place_pad(*chunk.segment, rest);  // so that placing need not wait for this write
    to = chunk.filled;
  }
  const uint64_t end = block_ceiling(to);
  std::memset(chunk.data() + to, 0, end - to);
  const bool all = to == chunk.filled && submit_chunk_ + 1 >= chunks_.end_number();
  const bool lone = all && in_flight_.empty() && queue_.in_flight_bytes() == 0 &&
                    written_ == flushed_ && end - from <= kDurableBytesMax;

  LogWrite& write = queue_.take_write();
  write.writer = this;
  write.segment = chunk.segment;
  write.chunk_number = submit_chunk_;
  write.log_end = chunk.segment->log_position(chunk.position + to);
  write.end_position = chunk.position + end;
  write.open_block = active && end != to;
  write.done = false;
  write.request = {.operation = DiskOperation::write,
                   .durable = lone && owner_.wants_flush_now(),
                   .file = chunk.segment->file,
                   .position = chunk.position + from,
                   .bytes = chunk.data() + from,
                   .length_bytes = end - from,
                   .owner = &write};
  write.request.on_complete = [](DiskRequest& done) {
    LogWrite& finished = *static_cast<LogWrite*>(done.owner);
    finished.writer->write_done(finished);
  };
  chunk.submitted = to;
  chunk.buffer.pin();
  if (write.open_block) open_block_in_flight_ = true;
  in_flight_.push_back(&write);
  flushes_.write_begun();
  return &write;
}

void LogWriter::write_done(LogWrite& write) {
  queue_.finished(write);
  chunks_[write.chunk_number].buffer.unpin();
  if (write.request.durable) {
    flushes_.count(doors_.clock.monotonic_ns() - write.submitted_ns, !write.request.failed);
  }
  if (write.request.failed) fail(write.request.error);
  write.done = true;
  if (write.open_block) open_block_in_flight_ = false;
  while (!in_flight_.empty() && in_flight_.front()->done) {
    LogWrite& first = *in_flight_.pop_front();
    if (!failed_) {
      Segment& segment = *first.segment;
      written_ = first.log_end;
      segment.completed_bytes = std::max(segment.completed_bytes, first.end_position);
      if (first.request.durable) {
        segment.mapped_bytes = std::max(segment.mapped_bytes, first.end_position);
        flushed_ = written_;
      } else if (dirty_segments_.empty() || dirty_segments_.back() != &segment) {
        dirty_segments_.push_back(&segment);
      }
    }
    queue_.give_back(first);
  }
  if (!failed_ && written_ > flushed_) flushes_.note(*this, owner_.wants_flush_now());
  flushes_.write_ended();
  if (!failed_ && has_unsubmitted()) queue_.enqueue(*this);
  queue_.chunk_written();
  owner_.log_progressed();
  progress_.wake_all();
}

void LogWriter::flush_done(uint64_t target) {
  --flush_rounds_;
  flushed_ = std::max(flushed_, target);
  owner_.log_progressed();
  progress_.wake_all();
}

void LogWriter::flush_failed() {
  --flush_rounds_;
  progress_.wake_all();
}

void LogWriter::fail(Error error) {
  if (failed_) return;
  failed_ = true;
  owner_.log_failed(error);
  progress_.wake_all();
}

Task<Result<void>> LogWriter::drain() {
  while (!in_flight_.empty() || flush_rounds_ > 0 || (!failed_ && placed_ != flushed_)) {
    if (!failed_ && in_flight_.empty() && flush_rounds_ == 0 && written_ == placed_) {
      flushes_.note(*this, true);
    }
    co_await progress_.wait();
  }
  co_await doors_.scheduler
      .yield();  // whoever woke us is still on the stack, with references to this
  if (failed_) co_return Error::fenced;
  co_return Result<void>();
}

void LogWriter::cut(Segment& segment, uint64_t position) {
  check(idle());
  while (!chunks_.empty()) drop_front_chunk();
  place_chunk_ = submit_chunk_ = chunks_.end_number();
  dirty_segments_.clear();
  drop_tail();
  segment.end_position = position;
  segment.completed_bytes = std::min(segment.completed_bytes, block_ceiling(position));
  placed_ = written_ = flushed_ = segment.log_end();
  active_ = &segment;
}

LogWriter::Cached LogWriter::cached(const Segment& segment, uint64_t position) const {
  for (uint64_t number = chunks_.end_number(); number > chunks_.first_number(); --number) {
    const Chunk& chunk = chunks_[number - 1];
    if (chunk.segment != &segment || chunk.position > position) continue;
    if (position >= chunk.position + chunk.filled) return {};
    const uint64_t skip = position - chunk.position;
    return {chunk.buffer.share(), {chunk.data() + skip, chunk.filled - skip}};
  }
  return {};
}

uint64_t LogWriter::cached_from(const Segment& segment) const {
  for (uint64_t number = chunks_.first_number(); number < chunks_.end_number(); ++number) {
    if (chunks_[number].segment == &segment) return chunks_[number].position;
  }
  return segment.end_position;
}

void LogWriter::drop_front_chunk() {
  queue_.chunk_freed(chunks_.front().buffer.size());
  chunks_.pop_front();
}

bool LogWriter::evict_oldest_chunk() {
  if (chunks_.empty()) return false;
  const uint64_t number = chunks_.first_number();
  const Chunk& chunk = chunks_.front();
  if (chunk.frames_end > written_ || chunk.submitted < own_bytes(number)) return false;
  if (open_block_in_flight_ && number + 1 == chunks_.end_number()) return false;
  if ((reserved_ || gained_chunk_) && number >= place_chunk_) return false;
  if (number + 1 == chunks_.end_number()) keep_tail(chunk);
  drop_front_chunk();
  place_chunk_ = std::max(place_chunk_, chunks_.first_number());
  submit_chunk_ = std::max(submit_chunk_, chunks_.first_number());
  if (chunks_.empty()) chunks_.shrink();
  return true;
}

void LogWriter::forget_chunks(const Segment& segment) {
  check(in_flight_.empty() || in_flight_.front()->segment != &segment);
  while (!chunks_.empty() && chunks_.front().segment == &segment) drop_front_chunk();
  place_chunk_ = std::max(place_chunk_, chunks_.first_number());
  submit_chunk_ = std::max(submit_chunk_, chunks_.first_number());
  std::erase(dirty_segments_, &segment);
  if (active_ == &segment) {
    drop_tail();
    active_ = nullptr;
  }
}

}  // namespace penstock
