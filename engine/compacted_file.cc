#include "engine/compacted_file.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace penstock {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

Task<Result<void>> CompactedFile::begin(Offset base_offset, uint64_t bytes) {
  check(!is_open());
  Result<Buffer> buffer = co_await allocate_buffer(doors_, kBufferBytes);
  if (!buffer.ok()) co_return buffer.error();
  const Result<SegmentFiles::Prepared> prepared = co_await files_.prepare(0, bytes);
  if (!prepared.ok()) co_return prepared.error();
  const uint64_t file_number = prepared.value().file_number;
  if (!journal_.state().pool.contains(file_number)) {
    JournalRecord record;
    record.type = JournalRecordType::pool_added;
    record.file_number = file_number;
    record.file_bytes = prepared.value().file_bytes;
    record.written_bytes = prepared.value().written_bytes;
    const Result<void> journaled = co_await journal_.append(record);
    if (!journaled.ok()) {
      co_await files_.put_back(prepared.value());
      co_return journaled.error();
    }
  }
  failures_before_ = failures_.failure_count();
  Result<SegmentFiles::Taken> taken = co_await files_.take(key_, base_offset, prepared.value());
  if (!taken.ok()) co_return taken.error();
  taken_ = std::move(taken).value();
  seed_ = segment_seed(key_, taken_->state.generations.front().generation);
  position_ = buffer_position_ = kSegmentHeaderBytes;
  buffered_ = 0;
  buffer_ = std::move(buffer).value();
  co_return Result<void>();
}

Task<Result<void>> CompactedFile::write_buffered(size_t bytes) {
  const std::span<const std::byte> piece(buffer_.data(), bytes);
  const Result<uint64_t> written =
      co_await doors_.disk.write(taken_->file, buffer_position_, piece);
  if (!written.ok()) co_return written.error();
  buffer_position_ += bytes;
  buffered_ = 0;
  co_return Result<void>();
}

Task<Result<void>> CompactedFile::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t length = std::min(bytes.size(), buffer_.size() - buffered_);
    std::memcpy(buffer_.data() + buffered_, bytes.data(), length);
    buffered_ += length;
    bytes = bytes.subspan(length);
    if (buffered_ < buffer_.size()) continue;
    const Result<void> written = co_await write_buffered(buffered_);
    if (!written.ok()) co_return written.error();
  }
  co_return Result<void>();
}

Task<Result<void>> CompactedFile::add(FrameHeader header, std::span<const std::byte> payload) {
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  check(position_ + header.frame_bytes() <= file_bytes());
  header.payload_checksum = frame_payload_checksum(header.flags, payload);
  header.flushed_position =
      kSegmentHeaderBytes;  // of the segments before it all, of this one nothing
  std::array<std::byte, kFrameHeaderBytes> encoded;
  encode_frame_header(header, frame_seed(seed_, position_), encoded.data());
  Result<void> done = co_await put(encoded);
  if (done.ok()) done = co_await put(payload);
  const std::array<std::byte, kFrameAlignment> zeros{};
  const size_t padding = header.frame_bytes() - kFrameHeaderBytes - payload.size();
  const std::span<const std::byte> behind = std::span(zeros).first(padding);
  if (done.ok()) done = co_await put(behind);
  position_ += header.frame_bytes();
  co_return done;
}

Task<Result<void>> CompactedFile::finish(uint64_t end) {
  if (end > buffer_position_) {
    const size_t length = block_ceiling(end - buffer_position_);
    const size_t kept = std::min<size_t>(buffered_, end - buffer_position_);
    std::memset(buffer_.data() + kept, 0, length - kept);
    const Result<void> written = co_await write_buffered(length);
    if (!written.ok()) co_return written.error();
  }
  buffer_.reset();
  const Result<uint64_t> flushed = co_await doors_.disk.flush(taken_->file);
  if (!flushed.ok()) failures_.flush_failed(flushed.error());
  if (!flushed.ok()) co_return flushed.error();
  // Another's flush that failed meanwhile took these bytes along, and this one would not say so.
  if (failures_.failure_count() != failures_before_) co_return Error::io;
  taken_->state.written_bytes = std::max(taken_->state.written_bytes, block_ceiling(end));
  co_return Result<void>();
}

SegmentFiles::Taken CompactedFile::hand_over() {
  SegmentFiles::Taken taken = std::move(*taken_);
  taken_.reset();
  buffer_.reset();
  return taken;
}

Task<void> CompactedFile::abandon() {
  if (!is_open()) co_return;
  const SegmentFiles::Taken taken = hand_over();
  (void)co_await doors_.disk.close(taken.file);
  co_await files_.settle(taken.state.file_number);
}

}  // namespace penstock
