#include "engine/compression.h"

#include <gtest/gtest.h>
#include <lz4frame.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

constexpr Codec kCodecs[] = {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};
constexpr size_t kPlenty = 1 << 20;

Bytes text_of(size_t size_bytes) {
  Bytes bytes(size_bytes);
  for (size_t at = 0; at < size_bytes; ++at)
    bytes[at] = static_cast<std::byte>("a log line "[at % 11]);
  return bytes;
}

Bytes noise_of(size_t size_bytes) {
  std::mt19937 random(17);
  Bytes bytes(size_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

Bytes joined(const Bytes& first, const Bytes& second) {
  Bytes both = first;
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

Bytes packed(Codec codec, const Bytes& bytes, std::optional<int> level = std::nullopt) {
  Compressor compressor;
  Bytes output;
  EXPECT_TRUE(compressor.compress(codec, level, bytes, output).ok());
  return output;
}

// What comes of `block`, or the error.
struct Unpacked {
  std::optional<Error> error;
  Bytes bytes;
};

Unpacked unpacked(Decompressor& decompressor, Codec codec, std::span<const std::byte> block,
                  size_t bytes_max) {
  const auto result = decompressor.decompress(codec, block, bytes_max);
  if (!result.ok()) return {result.error(), {}};
  return {std::nullopt, Bytes(result.value().begin(), result.value().end())};
}

Unpacked unpacked(Codec codec, const Bytes& block, size_t bytes_max = kPlenty) {
  Decompressor decompressor;
  return unpacked(decompressor, codec, block, bytes_max);
}

Bytes lz4_frame(const Bytes& bytes, const LZ4F_frameInfo_t& info) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo = info;
  Bytes frame(LZ4F_compressFrameBound(bytes.size(), &preferences));
  frame.resize(
      LZ4F_compressFrame(frame.data(), frame.size(), bytes.data(), bytes.size(), &preferences));
  return frame;
}

TEST(Compression, WhatIsPackedComesBackAtEveryLevel) {
  Decompressor decompressor;
  Compressor compressor;
  for (const Codec codec : kCodecs) {
    for (const int level : {-1'000'000, -5, -1, 0, 1, 3, 9, 12, 17, 19, 1'000'000}) {
      for (const Bytes& bytes : {Bytes(1), text_of(1000), noise_of(70'000), text_of(300'000)}) {
        Bytes block(3);  // what is there stays in front
        ASSERT_TRUE(compressor.compress(codec, level, bytes, block).ok());
        const auto back = decompressor.decompress(codec, std::span(block).subspan(3), bytes.size());
        ASSERT_TRUE(back.ok()) << name_of(codec) << " " << level << " " << bytes.size();
        ASSERT_TRUE(std::ranges::equal(back.value(), bytes)) << name_of(codec) << " " << level;
      }
    }
  }
}

TEST(Compression, UnpackedBlocksArePassedOn) {
  const Bytes bytes = text_of(100);
  EXPECT_EQ(unpacked(Codec::none, bytes, 100).bytes, bytes);
  EXPECT_EQ(unpacked(Codec::none, bytes, 99).error, Error::too_large);
  EXPECT_EQ(packed(Codec::none, bytes), bytes);
}

TEST(Compression, HigherLevelsPackTighter) {
  Bytes bytes = text_of(200'000);
  const Bytes noise = noise_of(100'000);
  for (size_t at = 0; at < noise.size(); ++at) bytes[2 * at] = noise[at] & std::byte{15};
  for (const auto& [codec, low, high] :
       {std::tuple(Codec::gzip, 1, 9), std::tuple(Codec::lz4, 1, 12),
        std::tuple(Codec::zstd, 1, 19)}) {
    EXPECT_LT(packed(codec, bytes, high).size(), packed(codec, bytes, low).size())
        << name_of(codec);
  }
}

TEST(Compression, BlocksOfOtherWritersAreRead) {
  struct Case {
    Codec codec;
    const char* block;
  };
  for (const auto& [codec, block] : {
           Case{Codec::gzip,  // with a time, a name and another system's number
                "1f8b08080200000002ff6e616d6500636462660100cdfb3cb604000000"},
           Case{Codec::snappy, "040c01020304"},
           Case{Codec::snappy,
                "82534e41505059000000000100000001"
                "0000000402040102"
                "0000000402040304"},
           Case{Codec::zstd,
                "28b52ffd2004210000"
                "01020304"},
           Case{Codec::lz4,
                "04224d18604082"
                "0400008001020304"
                "00000000"},
       }) {
    const Unpacked found = unpacked(codec, from_hex(block));
    EXPECT_EQ(found.bytes, from_hex("01020304")) << name_of(codec) << " " << block;
  }
}

TEST(Compression, WritesXerialFramesThatJavaReads) {
  const Bytes block = packed(Codec::snappy, from_hex("01020304"));
  EXPECT_EQ(block, from_hex("82534e41505059000000000100000001"
                            "00000006"
                            "040c01020304"));
}

TEST(Compression, NoStreamThatWasCutShortIsTakenForWhole) {
  const Bytes bytes = text_of(100'000);  // several blocks of every codec
  Decompressor decompressor;  // one for all, as a reactor has it: a failure leaves nothing behind
  for (const Codec codec : kCodecs) {
    const Bytes block = packed(codec, bytes);
    for (size_t length = 0; length < block.size(); length += length < 200 ? 1 : 37) {
      // Of their own size, so that a read beyond the end is seen.
      const Bytes cut(block.begin(), block.begin() + static_cast<ptrdiff_t>(length));
      const Unpacked found = unpacked(decompressor, codec, cut, kPlenty);
      if (codec == Codec::snappy && !found.error) {
        // Its blocks have no common end. The batch's record count tells.
        EXPECT_LT(found.bytes.size(), bytes.size());
        continue;
      }
      ASSERT_EQ(found.error, Error::corrupt) << name_of(codec) << " " << length;
    }
  }
}

TEST(Compression, BytesBehindAStreamAreRefused) {
  const Bytes bytes = text_of(5000);
  for (const Codec codec : kCodecs) {
    for (const char* behind : {"00", "deadbeef", "00000000", "ffffffffffffffff"}) {
      // A xerial block of no bytes is no block of snappy.
      EXPECT_EQ(unpacked(codec, joined(packed(codec, bytes), from_hex(behind))).error,
                Error::corrupt)
          << name_of(codec) << " " << behind;
    }
  }
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("040c0102030400")).error, Error::corrupt);
}

TEST(Compression, StreamsInARowAreOneWhereKafkaReadsThemSo) {
  const Bytes bytes = text_of(5000);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::zstd}) {
    const Bytes block = packed(codec, bytes);
    EXPECT_EQ(unpacked(codec, joined(block, block)).bytes, joined(bytes, bytes)) << name_of(codec);
  }
  const Bytes lz4 = packed(Codec::lz4, bytes);
  EXPECT_EQ(unpacked(Codec::lz4, joined(lz4, lz4)).error, Error::corrupt);
  const Bytes skippable = from_hex("502a4d1803000000aabbcc");
  const Bytes zstd = packed(Codec::zstd, bytes);
  EXPECT_EQ(unpacked(Codec::zstd, joined(joined(skippable, zstd), skippable)).bytes, bytes);
  EXPECT_EQ(unpacked(Codec::lz4, joined(skippable, lz4)).error, Error::corrupt);
}

TEST(Compression, TheBudgetIsExact) {
  for (const size_t size : {size_t{1}, size_t{5000}, size_t{65'536}, size_t{300'001}}) {
    for (const Bytes& bytes : {text_of(size), noise_of(size)}) {
      for (const Codec codec : kCodecs) {
        const Bytes block = packed(codec, bytes);
        EXPECT_EQ(unpacked(codec, block, size).bytes, bytes) << name_of(codec);
        EXPECT_EQ(unpacked(codec, block, size - 1).error, Error::too_large) << name_of(codec);
      }
    }
  }
}

TEST(Compression, BombsEndAtTheBudget) {
  const Bytes zeros(20 << 20);
  for (const Codec codec : kCodecs) {
    const Bytes bomb = packed(codec, zeros, 1);
    EXPECT_LT(bomb.size(), zeros.size() / 20) << name_of(codec);
    EXPECT_EQ(unpacked(codec, bomb, 8 << 20).error, Error::too_large) << name_of(codec);
  }
  // Many small ones in a row are one large one.
  Bytes row;
  const Bytes one = packed(Codec::gzip, Bytes(1 << 20));
  for (int i = 0; i < 9; ++i) row = joined(row, one);
  EXPECT_EQ(unpacked(Codec::gzip, row, 8 << 20).error, Error::too_large);
}

TEST(Compression, SnappyLengthsThatLieAreRefusedBeforeAnythingIsMade) {
  // Raw: a length of 4 GiB - 1, of 8 MiB, of less and of more than there is.
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("ffffffff0f0c01020304"), 8 << 20).error,
            Error::too_large);
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("808080040c01020304"), 8 << 20).error, Error::corrupt);
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("030c01020304")).error, Error::corrupt);
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("050c01020304")).error, Error::corrupt);
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("ffffffffffffffff0f")).error, Error::corrupt);
  EXPECT_EQ(unpacked(Codec::snappy, {}).error, Error::corrupt);
  // Framed: a block's length.
  const std::string header = "82534e41505059000000000100000001";
  for (const char* block : {"7fffffff040c01020304", "ffffffff040c01020304", "00000007040c01020304",
                            "00000005040c01020304", "00000000"}) {
    EXPECT_EQ(unpacked(Codec::snappy, from_hex(header + block)).error, Error::corrupt) << block;
  }
  // A version of which there is none.
  EXPECT_EQ(unpacked(Codec::snappy, from_hex("82534e41505059000000000000000001")).error,
            Error::corrupt);
}

TEST(Compression, ZstdWindowsAreBounded) {
  const std::string content = "21000001020304";  // the last block, raw, of four bytes
  EXPECT_EQ(unpacked(Codec::zstd, from_hex("28b52ffd0088" + content)).bytes, from_hex("01020304"));
  for (const char* window :
       {"89", "90", "a8", "f8", "ff"}) {  // from just above 128 MiB to beyond all
    const Unpacked found =
        unpacked(Codec::zstd, from_hex(std::string("28b52ffd00") + window + content));
    EXPECT_TRUE(found.error.has_value()) << window;
  }
  EXPECT_EQ(unpacked(Codec::zstd, from_hex("28b52ffd00a8" + content)).error,
            Error::too_large);  // 2 GiB
}

TEST(Compression, Lz4FramesAreThoseThatKafkaReads) {
  const Bytes bytes = text_of(200'000);
  LZ4F_frameInfo_t info{};
  info.blockMode = LZ4F_blockIndependent;
  EXPECT_EQ(unpacked(Codec::lz4, lz4_frame(bytes, info)).bytes, bytes);
  info.contentSize = bytes.size();
  info.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  info.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  info.blockSizeID = LZ4F_max64KB;
  const Bytes checked = lz4_frame(bytes, info);
  EXPECT_EQ(unpacked(Codec::lz4, checked).bytes, bytes);
  Decompressor decompressor;
  for (size_t at = 0; at < checked.size(); ++at) {  // everything is under some checksum
    Bytes damaged = checked;
    damaged[at] ^= std::byte{0x10};
    EXPECT_EQ(unpacked(decompressor, Codec::lz4, damaged, kPlenty).error, Error::corrupt) << at;
  }
  info.blockMode = LZ4F_blockLinked;
  EXPECT_EQ(unpacked(Codec::lz4, lz4_frame(bytes, info)).error, Error::corrupt);
  info.blockMode = LZ4F_blockIndependent;
  info.dictID = 5;
  EXPECT_EQ(unpacked(Codec::lz4, lz4_frame(bytes, info)).error, Error::corrupt);
}

TEST(Compression, RandomDamageIsRefusedOrHarmless) {
  std::mt19937 random(4);
  Decompressor decompressor;
  const Bytes bytes = text_of(20'000);
  for (const Codec codec : kCodecs) {
    const Bytes block = packed(codec, bytes);
    for (int round = 0; round < 3000; ++round) {
      Bytes damaged = block;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
        damaged[random() % damaged.size()] = static_cast<std::byte>(random());
      }
      damaged.resize(damaged.size() - random() % 2 * (random() % damaged.size()));
      const auto found = decompressor.decompress(codec, damaged, 40'000);
      if (found.ok()) {
        EXPECT_LE(found.value().size(), 40'000u);
      }
    }
    EXPECT_TRUE(std::ranges::equal(decompressor.decompress(codec, block, 20'000).value(), bytes));
  }
}

}  // namespace
}  // namespace penstock
