// The codecs of record batches: the block of records that follows a batch's header, packed and unpacked.
//
// What is unpacked comes from clients: nothing is allocated because a length in it says so, and no more than a budget
// is ever made of it. Each codec in its whole is one stream of the form that Kafka's clients write:
//
//   gzip    RFC 1952; several members in a row are one stream
//   snappy  one raw block; or xerial's framing: "\x82SNAPPY\0", version and oldest compatible version (4 bytes each,
//           big-endian), then blocks, each behind its length (4 bytes, big-endian); such streams may follow each other
//   lz4     one frame of the LZ4 frame format with independent blocks and no dictionary
//   zstd    frames in a row, skippable ones too
//
// A stream that ends too early, and bytes behind one that are not part of it, are Error::corrupt. (Kafka does not look
// behind the end of gzip and lz4; what nobody reads we do not store.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "io/result.h"

namespace penstock {

enum class Codec : uint8_t { none, gzip, snappy, lz4, zstd };

const char* name_of(Codec codec);  // as `compression.type` has it, and "none"

// What a batch of a topic may become: beyond that it is a bomb.
constexpr size_t decompressed_bytes_max(uint32_t max_message_bytes) {
  return size_t{8} * max_message_bytes;
}

// Unpacks into memory of its own, which it keeps for the next block: once as much as the largest block took, and what
// was not filled yet is only an address range. Belongs to one thread.
class Decompressor {
 public:
  // A zstd frame may look back so far. It costs us nothing (the output is in one piece), and more is refused by Kafka's
  // own readers. The highest levels of Java's producer declare it for the smallest batch.
  static constexpr uint64_t kZstdWindowBytesMax = uint64_t{128} << 20;

  Decompressor();
  Decompressor(const Decompressor&) = delete;
  ~Decompressor();

  // The bytes that `block` stands for; they stay until the next call. Error::corrupt: it is not one whole stream of
  // `codec`; Error::too_large: it would be more than `bytes_max`, or its window is too large; Error::busy: no memory.
  // Codec::none gives back `block`.
  Result<std::span<const std::byte>> decompress(Codec codec, std::span<const std::byte> block,
                                                size_t bytes_max);

 private:
  struct Contexts;

  Result<size_t> gunzip(std::span<const std::byte> block, std::span<std::byte> output);

  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<std::byte[]> output_;
  size_t capacity_bytes_ = 0;
};

// Packs blocks. Keeps its working memory from block to block. Belongs to one thread.
class Compressor {
 public:
  Compressor();
  Compressor(const Compressor&) = delete;
  ~Compressor();

  // Appends `block`, packed, to `output`. Without a level, the codec's own default; beyond its range, the nearest in it.
  // snappy (xerial's framing, which all clients read) has no levels. Error::busy: no memory.
  Result<void> compress(Codec codec, std::optional<int> level, std::span<const std::byte> block,
                        std::vector<std::byte>& output);

 private:
  struct Contexts;

  static Result<void> gzip(int level, std::span<const std::byte> block,
                           std::vector<std::byte>& output);
  Result<void> zstd(int level, std::span<const std::byte> block, std::vector<std::byte>& output);

  std::unique_ptr<Contexts> contexts_;
};

}  // namespace penstock
