#include "engine/compression.h"

#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/xerial.h"

namespace penstock {
namespace {

uint32_t word_at(std::span<const std::byte> bytes, size_t at) {
  return load<uint32_t>(bytes.data() + at);
}

// snappy.

// A copy of 64 bytes takes three at least: whoever declares more lies.
constexpr size_t kSnappyCopyBytesMax = 64;
constexpr size_t kSnappyCopyCodeBytes = 3;

// One raw block into the front of `output`; the value is how much it filled.
Result<size_t> unpack_snappy_block(std::span<const std::byte> block, std::span<std::byte> output) {
  const char* const packed = reinterpret_cast<const char*>(block.data());
  size_t size = 0;
  if (snappy_uncompressed_length(packed, block.size(), &size) != SNAPPY_OK) return Error::corrupt;
  if (size > output.size()) return Error::too_large;
  if (size / kSnappyCopyBytesMax > block.size() / kSnappyCopyCodeBytes + 1) return Error::corrupt;
  char* const unpacked = reinterpret_cast<char*>(output.data());
  if (snappy_uncompress(packed, block.size(), unpacked, &size) != SNAPPY_OK) return Error::corrupt;
  return size;
}

Result<size_t> unpack_snappy(std::span<const std::byte> block, std::span<std::byte> output) {
  if (!begins_with_xerial_magic(block)) return unpack_snappy_block(block, output);
  size_t filled = 0;
  while (!block.empty()) {
    if (begins_with_xerial_magic(block)) {
      if (!is_xerial_header(block)) return Error::corrupt;
      block = block.subspan(kXerialHeaderBytes);
      continue;
    }
    const std::optional<uint32_t> length = xerial_block_length(block);
    if (!length) return Error::corrupt;
    block = block.subspan(kXerialLengthBytes);
    const Result<size_t> size = unpack_snappy_block(block.first(*length), output.subspan(filled));
    if (!size.ok()) return size.error();
    filled += size.value();
    block = block.subspan(*length);
  }
  return filled;
}

// lz4: the frame format, whose blocks are handed to the library one by one. So all that is made of a frame lies in
// `output` from the start, and what Kafka's own reader refuses is refused here.

constexpr uint32_t kLz4Magic = 0x184D2204;
constexpr uint32_t kLz4StoredBit = uint32_t{1} << 31;  // of a block's length: it is not packed
constexpr size_t kLz4BlockBytesMax = 4 << 20;

struct Lz4Frame {
  size_t header_bytes = 0;
  size_t block_bytes_max = 0;
  bool block_checksums = false;
  bool content_checksum = false;
};

std::optional<Lz4Frame> read_lz4_header(std::span<const std::byte> bytes) {
  constexpr size_t kDescriptorAt = 4;
  constexpr size_t kHeaderBytesMin = 7;
  constexpr unsigned kBlockSizeCodeMin = 4;  // 64 KiB; each further one four times as much
  if (bytes.size() < kHeaderBytesMin) return std::nullopt;
  if (word_at(bytes, 0) != kLz4Magic) return std::nullopt;
  const auto flags = static_cast<unsigned>(bytes[kDescriptorAt]);
  const auto sizes = static_cast<unsigned>(bytes[kDescriptorAt + 1]);
  const bool version_1 = flags >> 6 == 1;
  const bool independent = (flags & 0x20) != 0;
  const bool reserved = (flags & 0x03) != 0 || (sizes & 0x8F) != 0;  // a dictionary's id among them
  const bool has_content_size = (flags & 0x08) != 0;
  const unsigned size_code = sizes >> 4;
  if (!version_1 || !independent || reserved || size_code < kBlockSizeCodeMin) return std::nullopt;
  Lz4Frame frame;
  frame.header_bytes = kHeaderBytesMin + (has_content_size ? 8 : 0);
  frame.block_bytes_max = size_t{1} << (8 + 2 * size_code);
  frame.block_checksums = (flags & 0x10) != 0;
  frame.content_checksum = (flags & 0x04) != 0;
  if (bytes.size() < frame.header_bytes) return std::nullopt;
  const size_t checksum_at = frame.header_bytes - 1;
  const uint32_t hash = xxh32(bytes.subspan(kDescriptorAt, checksum_at - kDescriptorAt));
  if (static_cast<std::byte>(hash >> 8) != bytes[checksum_at]) return std::nullopt;
  return frame;
}

// The block at the front of `bytes`, which are then those behind it. Value 0: the end mark.
Result<size_t> unpack_lz4_block(const Lz4Frame& frame, std::span<const std::byte>& bytes,
                                std::span<std::byte> output) {
  if (bytes.size() < sizeof(uint32_t)) return Error::corrupt;
  const auto word = word_at(bytes, 0);
  bytes = bytes.subspan(sizeof word);
  if (word == 0) return size_t{0};
  const size_t length = word & ~kLz4StoredBit;
  const size_t checksum_bytes = frame.block_checksums ? sizeof(uint32_t) : 0;
  if (length == 0 || length > frame.block_bytes_max) return Error::corrupt;
  if (bytes.size() < length + checksum_bytes) return Error::corrupt;
  const std::span<const std::byte> block = bytes.first(length);
  bytes = bytes.subspan(length);
  if (frame.block_checksums) {
    if (word_at(bytes, 0) != xxh32(block)) return Error::corrupt;
    bytes = bytes.subspan(checksum_bytes);
  }
  if ((word & kLz4StoredBit) != 0) {
    std::memcpy(output.data(), block.data(), length);
    return length;
  }
  const int size = LZ4_decompress_safe(
      reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(output.data()),
      static_cast<int>(length), static_cast<int>(frame.block_bytes_max));
  if (size <= 0) return Error::corrupt;
  return static_cast<size_t>(size);
}

// `output` has room for a block beyond the budget of `bytes_max`.
Result<size_t> unpack_lz4(std::span<const std::byte> bytes, std::span<std::byte> output,
                          size_t bytes_max) {
  const std::optional<Lz4Frame> frame = read_lz4_header(bytes);
  if (!frame) return Error::corrupt;
  bytes = bytes.subspan(frame->header_bytes);
  size_t filled = 0;
  while (true) {
    const Result<size_t> size = unpack_lz4_block(*frame, bytes, output.subspan(filled));
    if (!size.ok()) return size.error();
    if (size.value() == 0) break;
    filled += size.value();
    if (filled > bytes_max) return Error::too_large;
  }
  if (frame->content_checksum) {
    if (bytes.size() < sizeof(uint32_t)) return Error::corrupt;
    if (word_at(bytes, 0) != xxh32(output.first(filled))) {
      return Error::corrupt;
    }
    bytes = bytes.subspan(sizeof(uint32_t));
  }
  if (!bytes.empty()) return Error::corrupt;
  return filled;
}

// zstd.

// Formats from before 2016, which the library may read too, are none of Kafka's.
bool is_zstd_frame(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(uint32_t)) return false;
  const uint32_t magic = word_at(bytes, 0);
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

// How far the frame at the front of `bytes` looks back. One without a window is as large as its content, which the
// budget bounds.
uint64_t zstd_window_bytes(std::span<const std::byte> bytes) {
  constexpr size_t kDescriptorAt = 4;
  constexpr unsigned kSingleSegmentBit = 0x20;
  if (bytes.size() < kDescriptorAt + 2 || word_at(bytes, 0) != ZSTD_MAGICNUMBER) return 0;
  if ((static_cast<unsigned>(bytes[kDescriptorAt]) & kSingleSegmentBit) != 0) return 0;
  const auto window = static_cast<unsigned>(bytes[kDescriptorAt + 1]);
  const uint64_t base = uint64_t{1} << (10 + (window >> 3));
  return base + base / 8 * (window & 7);
}

Result<size_t> unpack_zstd(ZSTD_DCtx& context, std::span<const std::byte> bytes,
                           std::span<std::byte> output) {
  if (bytes.empty()) return Error::corrupt;
  size_t filled = 0;
  while (!bytes.empty()) {
    if (!is_zstd_frame(bytes)) return Error::corrupt;
    const size_t frame_bytes = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
    if (ZSTD_isError(frame_bytes) != 0) return Error::corrupt;
    if (zstd_window_bytes(bytes) > Decompressor::kZstdWindowBytesMax) return Error::too_large;
    const size_t size = ZSTD_decompressDCtx(&context, output.data() + filled,
                                            output.size() - filled, bytes.data(), frame_bytes);
    if (ZSTD_isError(size) != 0) {
      const ZSTD_ErrorCode code = ZSTD_getErrorCode(size);
      if (code == ZSTD_error_memory_allocation) return Error::busy;
      return code == ZSTD_error_dstSize_tooSmall ? Error::too_large : Error::corrupt;
    }
    filled += size;
    bytes = bytes.subspan(frame_bytes);
  }
  return filled;
}

}  // namespace

const char* name_of(Codec codec) {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::gzip: return "gzip";
    case Codec::snappy: return "snappy";
    case Codec::lz4: return "lz4";
    case Codec::zstd: return "zstd";
  }
  return "unknown";
}

struct Decompressor::Contexts {
  Contexts() = default;
  Contexts(const Contexts&) = delete;
  ~Contexts() {
    if (inflating) inflateEnd(&inflater);
    ZSTD_freeDCtx(zstd);
  }

  z_stream inflater{};
  bool inflating = false;  // `inflater` is initialized
  ZSTD_DCtx* zstd = nullptr;
};

Decompressor::Decompressor() : contexts_(std::make_unique<Contexts>()) {}
Decompressor::~Decompressor() = default;

Result<std::span<const std::byte>> Decompressor::decompress(Codec codec,
                                                            std::span<const std::byte> block,
                                                            size_t bytes_max) {
  if (codec == Codec::none) {
    if (block.size() > bytes_max) return Error::too_large;
    return block;
  }
  // One block of lz4 is unpacked before it is known how much it is, and one byte of gzip.
  const size_t wanted_bytes = bytes_max + kLz4BlockBytesMax;
  if (capacity_bytes_ < wanted_bytes) {
    output_ = std::make_unique_for_overwrite<std::byte[]>(wanted_bytes);
    capacity_bytes_ = wanted_bytes;
  }
  const std::span<std::byte> output(output_.get(), bytes_max);
  Result<size_t> size = Error::corrupt;
  switch (codec) {
    case Codec::none: break;
    case Codec::gzip: size = gunzip(block, {output_.get(), bytes_max + 1}); break;
    case Codec::snappy: size = unpack_snappy(block, output); break;
    case Codec::lz4: size = unpack_lz4(block, {output_.get(), wanted_bytes}, bytes_max); break;
    case Codec::zstd:
      if (contexts_->zstd == nullptr) contexts_->zstd = ZSTD_createDCtx();
      if (contexts_->zstd == nullptr) return Error::busy;
      size = unpack_zstd(*contexts_->zstd, block, output);
      break;
  }
  if (!size.ok()) return size.error();
  return std::span<const std::byte>(output_.get(), size.value());
}

// `output` is one byte larger than the budget: a stream that fills it is too large, and not one that was cut short.
Result<size_t> Decompressor::gunzip(std::span<const std::byte> block, std::span<std::byte> output) {
  constexpr int kGzipOnly = 15 + 16;  // zlib's way to say so
  z_stream& stream = contexts_->inflater;
  if (!contexts_->inflating && inflateInit2(&stream, kGzipOnly) != Z_OK) return Error::busy;
  contexts_->inflating = true;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(block.data()));
  stream.avail_in = static_cast<uInt>(block.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  do {
    if (inflateReset(&stream) != Z_OK) return Error::corrupt;
    const int outcome = inflate(&stream, Z_FINISH);
    if (outcome == Z_MEM_ERROR) return Error::busy;
    if (stream.avail_out == 0) return Error::too_large;
    if (outcome != Z_STREAM_END) return Error::corrupt;
  } while (stream.avail_in > 0);
  return output.size() - stream.avail_out;
}

}  // namespace penstock
