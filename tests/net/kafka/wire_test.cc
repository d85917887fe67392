#include "net/kafka/wire.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/net/frame_bytes.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::bytes_of;

TEST(Decoder, ReadsNumbersBigEndian) {
  const Bytes bytes = bytes_of("80 0102 fffffffe 0000000100000000");
  Decoder decoder(bytes);
  EXPECT_EQ(decoder.integer<int8_t>(), -128);
  EXPECT_EQ(decoder.integer<int16_t>(), 0x0102);
  EXPECT_EQ(decoder.integer<int32_t>(), -2);
  EXPECT_EQ(decoder.integer<int64_t>(), int64_t{1} << 32);
  EXPECT_EQ(decoder.left_bytes(), 0u);
  EXPECT_TRUE(decoder.ok());
}

TEST(Decoder, KeepsTheFirstFaultAndReadsNothingAfterIt) {
  const Bytes bytes = bytes_of("fffe 0001 'a'");
  Decoder decoder(bytes);
  EXPECT_EQ(decoder.string(false), std::nullopt);
  EXPECT_EQ(decoder.fault(), DecodeFault::bad_length);
  EXPECT_EQ(decoder.integer<int16_t>(), 0);
  EXPECT_EQ(decoder.left_bytes(), 0u);
  EXPECT_EQ(decoder.fault(), DecodeFault::bad_length);
  EXPECT_EQ(decoder.result().error(), Error::corrupt);
}

TEST(Decoder, ReadsVarintsOfUpToFiveBytes) {
  const struct {
    const char* notation;
    uint32_t value;
  } cases[] = {{"00", 0},
               {"7f", 127},
               {"8001", 128},
               {"ac02", 300},
               {"ffffffff07", 0x7fffffff},
               {"ffffffff0f", 0xffffffff},
               {"8000", 0}};  // longer than it need be: Kafka takes it too
  for (const auto& expected : cases) {
    const Bytes bytes = bytes_of(expected.notation);
    Decoder decoder(bytes);
    EXPECT_EQ(decoder.unsigned_varint(), expected.value) << expected.notation;
    EXPECT_TRUE(decoder.ok());
    EXPECT_EQ(decoder.left_bytes(), 0u);
  }
}

TEST(Decoder, TellsNullFromEmpty) {
  const Bytes bytes = bytes_of("ffff 0000 00 01  ffffffff 00000000 00 01");
  Decoder decoder(bytes);
  EXPECT_EQ(decoder.string(false), std::nullopt);
  EXPECT_EQ(decoder.string(false), "");
  EXPECT_EQ(decoder.string(true), std::nullopt);
  EXPECT_EQ(decoder.string(true), "");
  EXPECT_FALSE(decoder.bytes(false).has_value());
  EXPECT_EQ(decoder.bytes(false)->size(), 0u);
  EXPECT_FALSE(decoder.bytes(true).has_value());
  EXPECT_EQ(decoder.bytes(true)->size(), 0u);
  EXPECT_TRUE(decoder.ok());
}

TEST(Decoder, ChecksACountAgainstTheBytesLeft) {
  const Bytes bytes = bytes_of("00000003 0000 0000 0000");
  Decoder fits(bytes);
  EXPECT_EQ(fits.array_count(false, 2), 3u);
  Decoder too_many(bytes);
  EXPECT_EQ(too_many.array_count(false, 3), std::nullopt);
  EXPECT_EQ(too_many.fault(), DecodeFault::truncated);
}

TEST(Decoder, RefusesToAllocateMoreThanTheFrameJustifies) {
  const Bytes bytes(10);
  Decoder decoder(bytes);
  EXPECT_TRUE(decoder.charge(Decoder::kBudgetSlack));
  EXPECT_TRUE(decoder.charge(10 * Decoder::kBudgetFactor));
  EXPECT_FALSE(decoder.charge(1));
  EXPECT_EQ(decoder.result().error(), Error::too_large);
}

TEST(Encoder, WritesVarintsThatTheDecoderReads) {
  for (const uint32_t value : {0u, 127u, 128u, 16383u, 16384u, 0x7fffffffu, 0xffffffffu}) {
    Encoder encoder(100);
    encoder.unsigned_varint(value);
    const Result<OutgoingFrame> frame = std::move(encoder).finish();
    ASSERT_TRUE(frame.ok());
    const Bytes bytes = test::joined(frame.value());
    Decoder decoder(test::body_of(bytes));
    EXPECT_EQ(decoder.unsigned_varint(), value);
  }
}

TEST(Encoder, PutsTheSizeOfATaggedValueBeforeIt) {
  Encoder encoder(1000);
  encoder.integer(int8_t{1});
  const size_t begin = encoder.position();
  const Bytes value(200, std::byte{9});
  encoder.records(Records(value), false);
  encoder.insert_size(begin);
  const Result<OutgoingFrame> frame = std::move(encoder).finish();
  ASSERT_TRUE(frame.ok());
  Bytes expected = bytes_of("000000cf 01 cc01 000000c8");
  expected.insert(expected.end(), value.begin(), value.end());
  EXPECT_EQ(test::joined(frame.value()), expected);
}

TEST(Encoder, RefusesAStringThatItsLengthCannotSay) {
  const std::string longest(std::numeric_limits<int16_t>::max(), 'x');
  for (const bool flexible : {false, true}) {
    Encoder fits(1 << 20);
    fits.string(longest, flexible);
    EXPECT_TRUE(std::move(fits).finish().ok());
    Encoder too_long(1 << 20);
    too_long.string(longest + "x", flexible);
    EXPECT_EQ(std::move(too_long).finish().error(), Error::too_large);
  }
}

TEST(Encoder, CountsReferredRecordsAgainstTheLimit) {
  const Bytes large(5000);
  Encoder encoder(4 + large.size() - 1);
  encoder.records(Records(large), false);
  EXPECT_EQ(std::move(encoder).finish().error(), Error::too_large);
}

TEST(Records, AreEqualHoweverTheyAreCut) {
  const Bytes bytes = bytes_of("01 02 03 04 05");
  const IoSlice cut[] = {{bytes.data(), 2}, {bytes.data() + 2, 0}, {bytes.data() + 2, 3}};
  const IoSlice other_cut[] = {{bytes.data(), 0}, {bytes.data(), 4}, {bytes.data() + 4, 1}};
  const IoSlice shorter[] = {{bytes.data(), 2}, {bytes.data() + 2, 2}};
  const Bytes changed = bytes_of("01 02 03 04 06");
  const Records whole{std::span<const std::byte>(bytes)};
  EXPECT_EQ(whole, Records(std::span<const IoSlice>(cut)));
  EXPECT_EQ(Records(std::span<const IoSlice>(cut)), Records(std::span<const IoSlice>(other_cut)));
  EXPECT_FALSE(whole == Records(std::span<const IoSlice>(shorter)));
  EXPECT_FALSE(whole == Records(std::span<const std::byte>(changed)));
  EXPECT_EQ(Records(), Records(std::span<const IoSlice>(cut, 0)));
}

TEST(Utf8, IsTakenOrRefusedAsUnicodeSays) {
  using namespace std::string_view_literals;
  for (const std::string_view good :
       {""sv, "\0"sv, "12345678"sv, "12345678\xc3\xa9"sv, "1234567\xc3\xa9"sv, "\xc2\x80"sv,
        "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xef\xbf\xbf"sv,
        "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(is_utf8(good)) << ::testing::PrintToString(good);
  }
  for (const std::string_view bad :
       {"\x80"sv, "\xbf"sv, "\xc0\xaf"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv, "\xe0\x9f\xbf"sv,
        "\xe2\x82"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xf0\x9f\x90"sv,
        "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "1234567\xc3"sv}) {
    EXPECT_FALSE(is_utf8(bad)) << ::testing::PrintToString(bad);
  }
}

}  // namespace
}  // namespace penstock::kafka
