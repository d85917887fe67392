#include "net/kafka/frame_reader.h"

#include <gtest/gtest.h>

#include "tests/net/frame_bytes.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::bytes_of;

constexpr FrameLimits kLimits{.size_bytes_min = 10, .size_bytes_max = 1000};

TEST(FrameReader, CutsOneFrameAfterTheOther) {
  const Bytes stream = bytes_of("0000000a '0123456789' 0000000b 'abcdefghijk' 00");
  const FrameCut first = cut_frame(stream, kLimits);
  ASSERT_EQ(first.state, FrameCut::State::complete);
  EXPECT_EQ(first.stream_bytes, 14u);
  EXPECT_EQ(first.frame.data(), stream.data() + 4);
  EXPECT_EQ(first.frame.size(), 10u);

  const FrameCut second = cut_frame(std::span(stream).subspan(first.stream_bytes), kLimits);
  ASSERT_EQ(second.state, FrameCut::State::complete);
  EXPECT_EQ(second.frame.data(), stream.data() + 18);
  EXPECT_EQ(second.frame.size(), 11u);

  const FrameCut rest = cut_frame(std::span(stream).subspan(29), kLimits);
  EXPECT_EQ(rest.state, FrameCut::State::incomplete);
}

TEST(FrameReader, SaysHowManyBytesItWaitsFor) {
  const Bytes stream = bytes_of("0000000a '0123456789'");
  for (size_t length = 0; length < stream.size(); ++length) {
    const FrameCut cut = cut_frame(std::span(stream).first(length), kLimits);
    EXPECT_EQ(cut.state, FrameCut::State::incomplete);
    EXPECT_EQ(cut.stream_bytes, length < 4 ? 4u : 14u);
  }
  EXPECT_EQ(cut_frame(stream, kLimits).state, FrameCut::State::complete);
}

TEST(FrameReader, RefusesALengthOutsideItsLimitsAsSoonAsItIsThere) {
  const struct {
    const char* stream;
    FrameRefusal refusal;
  } cases[] = {
      {"ffffffff", FrameRefusal::negative_size},
      {"80000000", FrameRefusal::negative_size},
      {"00000000", FrameRefusal::below_minimum},
      {"00000009 '012345678'", FrameRefusal::below_minimum},
      {"000003e9", FrameRefusal::above_maximum},
      {"7fffffff", FrameRefusal::above_maximum},
      {"16030100 f8", FrameRefusal::tls_hello},
      {"'GET / HTTP/1.1'", FrameRefusal::http_request},
      {"'POST / HTTP/1.1'", FrameRefusal::http_request},
  };
  for (const auto& expected : cases) {
    const FrameCut cut = cut_frame(bytes_of(expected.stream), kLimits);
    EXPECT_EQ(cut.state, FrameCut::State::refused) << expected.stream;
    EXPECT_EQ(cut.refusal, expected.refusal) << expected.stream << ": " << name_of(cut.refusal);
  }
  EXPECT_EQ(cut_frame(bytes_of("000003e8"), kLimits).stream_bytes, 1004u);
}

TEST(FrameReader, DefaultsToKafkasLimit) {
  EXPECT_EQ(cut_frame(bytes_of("06400000"), {}).state, FrameCut::State::incomplete);
  EXPECT_EQ(cut_frame(bytes_of("06400001"), {}).refusal, FrameRefusal::above_maximum);
}

}  // namespace
}  // namespace penstock::kafka
