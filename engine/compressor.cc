#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "engine/compression.h"
#include "engine/xerial.h"

namespace penstock {
namespace {

// Kafka's defaults and ranges of compression.gzip.level, compression.lz4.level and compression.zstd.level.
constexpr int kLz4LevelDefault = 9;
constexpr int kZstdLevelDefault = 3;
constexpr size_t kXerialBlockBytes = 32 << 10;  // as large as Java's writer makes them

// Makes room for `bytes_max` more bytes; trim() takes back what was not needed.
std::span<std::byte> room_behind(std::vector<std::byte>& output, size_t bytes_max) {
  const size_t begin = output.size();
  output.resize(begin + bytes_max);
  return std::span(output).subspan(begin);
}

void trim(std::vector<std::byte>& output, std::span<const std::byte> room, size_t used_bytes) {
  output.resize(output.size() - room.size() + used_bytes);
}

void append_big_endian(std::vector<std::byte>& output, uint32_t value) {
  const uint32_t stored = __builtin_bswap32(value);
  const std::span<std::byte> room = room_behind(output, sizeof stored);
  std::memcpy(room.data(), &stored, sizeof stored);
}

void append_snappy_block(std::span<const std::byte> block, std::vector<std::byte>& output) {
  const size_t length_at = output.size();
  append_big_endian(output, 0);
  const std::span<std::byte> room = room_behind(output, snappy_max_compressed_length(block.size()));
  size_t size = room.size();
  check(snappy_compress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(room.data()), &size) == SNAPPY_OK);
  trim(output, room, size);
  const uint32_t stored = __builtin_bswap32(static_cast<uint32_t>(size));
  std::memcpy(output.data() + length_at, &stored, sizeof stored);
}

void pack_snappy(std::span<const std::byte> block, std::vector<std::byte>& output) {
  const auto magic = std::as_bytes(std::span(kXerialMagic));
  output.insert(output.end(), magic.begin(), magic.end());
  append_big_endian(output, kXerialVersion);
  append_big_endian(output, kXerialVersion);
  while (!block.empty()) {
    const size_t length = std::min(block.size(), kXerialBlockBytes);
    append_snappy_block(block.first(length), output);
    block = block.subspan(length);
  }
}

// Independent blocks of 64 KiB: the form that Kafka's own reader takes.
Result<void> pack_lz4(int level, std::span<const std::byte> block, std::vector<std::byte>& output) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  const std::span<std::byte> room =
      room_behind(output, LZ4F_compressFrameBound(block.size(), &preferences));
  const size_t size =
      LZ4F_compressFrame(room.data(), room.size(), block.data(), block.size(), &preferences);
  const bool packed = LZ4F_isError(size) == 0;
  trim(output, room, packed ? size : 0);
  if (!packed) return Error::busy;
  return {};
}

}  // namespace

struct Compressor::Contexts {
  Contexts() = default;
  Contexts(const Contexts&) = delete;
  ~Contexts() { ZSTD_freeCCtx(zstd); }

  ZSTD_CCtx* zstd = nullptr;
};

Compressor::Compressor() : contexts_(std::make_unique<Contexts>()) {}
Compressor::~Compressor() = default;

Result<void> Compressor::compress(Codec codec, std::optional<int> level,
                                  std::span<const std::byte> block,
                                  std::vector<std::byte>& output) {
  switch (codec) {
    case Codec::none: output.insert(output.end(), block.begin(), block.end()); return {};
    case Codec::gzip: return gzip(level.value_or(Z_DEFAULT_COMPRESSION), block, output);
    case Codec::snappy: pack_snappy(block, output); return {};
    case Codec::lz4: return pack_lz4(level.value_or(kLz4LevelDefault), block, output);
    case Codec::zstd: return zstd(level.value_or(kZstdLevelDefault), block, output);
  }
  return Error::unsupported;
}

Result<void> Compressor::gzip(int level, std::span<const std::byte> block,
                              std::vector<std::byte>& output) {
  constexpr int kGzip = 15 + 16;  // a window of 32 KiB, in a gzip member
  constexpr int kMemoryLevel = 8;
  const int nearest = std::clamp(level, Z_DEFAULT_COMPRESSION, Z_BEST_COMPRESSION);
  z_stream stream{};
  if (deflateInit2(&stream, nearest, Z_DEFLATED, kGzip, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error::busy;
  }
  const std::span<std::byte> room = room_behind(output, deflateBound(&stream, block.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(block.data()));
  stream.avail_in = static_cast<uInt>(block.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  const int outcome = deflate(&stream, Z_FINISH);
  trim(output, room, room.size() - stream.avail_out);
  deflateEnd(&stream);
  check(outcome == Z_STREAM_END);
  return {};
}

Result<void> Compressor::zstd(int level, std::span<const std::byte> block,
                              std::vector<std::byte>& output) {
  if (contexts_->zstd == nullptr) contexts_->zstd = ZSTD_createCCtx();
  if (contexts_->zstd == nullptr) return Error::busy;
  const int nearest = std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel());
  const std::span<std::byte> room = room_behind(output, ZSTD_compressBound(block.size()));
  const size_t size = ZSTD_compressCCtx(contexts_->zstd, room.data(), room.size(), block.data(),
                                        block.size(), nearest);
  const bool packed = ZSTD_isError(size) == 0;
  trim(output, room, packed ? size : 0);
  if (!packed) return Error::busy;
  return {};
}

}  // namespace penstock
