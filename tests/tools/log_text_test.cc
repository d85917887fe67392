#include "tools/log_text.h"

#include <gtest/gtest.h>

#include <string_view>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(LogText, SpellsTimesInUtc) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc_time(1'709'164'799'007), "2024-02-28T23:59:59.007Z");
}

TEST(LogText, LeavesATimeWithoutADayAsItsNumber) {
  EXPECT_EQ(utc_time(-1), "-1");
  EXPECT_EQ(utc_time(INT64_MAX), "9223372036854775807");
}

TEST(LogText, QuotesWhatATerminalMustNotSee) {
  EXPECT_EQ(quoted(bytes_of("plain")), "\"plain\"");
  EXPECT_EQ(quoted(bytes_of("a\"b\\c")), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(quoted(bytes_of("\x1b[2J\n\x7f")), "\"\\x1b[2J\\x0a\\x7f\"");
  EXPECT_EQ(quoted(bytes_of("gr\xc3\xbc\xc3\x9f")), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(quoted(bytes_of("\xc3(")), "\"\\xc3(\"");
}

TEST(LogText, TellsUtf8FromOtherBytes) {
  EXPECT_TRUE(is_utf8(bytes_of("")));
  EXPECT_TRUE(is_utf8(bytes_of("\xf0\x9f\x99\x82 \xe2\x82\xac")));
  EXPECT_FALSE(is_utf8(bytes_of("\x80")));
  EXPECT_FALSE(is_utf8(bytes_of("\xc0\x80")));          // overlong
  EXPECT_FALSE(is_utf8(bytes_of("\xed\xa0\x80")));      // half of a surrogate pair
  EXPECT_FALSE(is_utf8(bytes_of("\xf4\x90\x80\x80")));  // beyond the last character
  EXPECT_FALSE(is_utf8(bytes_of("cut short: \xe2\x82")));
}

TEST(LogText, WritesBase64WithItsPadding) {
  EXPECT_EQ(base64(bytes_of("")), "");
  EXPECT_EQ(base64(bytes_of("f")), "Zg==");
  EXPECT_EQ(base64(bytes_of("fo")), "Zm8=");
  EXPECT_EQ(base64(bytes_of("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64(bytes_of("\xff\xfe")), "//4=");
}

}  // namespace
}  // namespace penstock
