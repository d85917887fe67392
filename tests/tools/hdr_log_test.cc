// The encoding against the bytes that HdrHistogram's description of its V2 format asks for.
#include "tools/hdr_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace penstock {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::vector<std::byte> counts_of(const LatencyHistogram& histogram) {
  constexpr size_t kHeaderBytes = 40;
  const std::vector<std::byte> encoded = encode_hdr(histogram);
  return {encoded.begin() + kHeaderBytes, encoded.end()};
}

TEST(HdrLog, BeginsWithCookieLengthDigitsAndRange) {
  LatencyHistogram histogram;
  histogram.record(0);
  EXPECT_EQ(encode_hdr(histogram),
            bytes_of({0x1c, 0x84, 0x93, 0x13,                          // V2
                      0,    0,    0,    1,                             // bytes of counts
                      0,    0,    0,    0,                             // no shift
                      0,    0,    0,    3,                             // digits
                      0,    0,    0,    0,    0,    0,    0,    1,     // lowest
                      0,    0,    0x03, 0xff, 0xff, 0xff, 0xff, 0xff,  // highest
                      0x3f, 0xf0, 0,    0,    0,    0,    0,    0,     // 1.0
                      2}));                                            // one, zig-zag
}

TEST(HdrLog, WritesARunOfEmptyBucketsAsOneNegativeNumber) {
  LatencyHistogram histogram;
  histogram.record(5);
  histogram.record(7, 100);
  EXPECT_EQ(counts_of(histogram), bytes_of({9,              // five empty ones: -5
                                            2,              // 1
                                            0,              // a single empty one is a count
                                            0xc8, 0x01}));  // 100
}

TEST(HdrLog, WritesTheLargestCountsInNineBytes) {
  LatencyHistogram histogram;
  histogram.record(0, uint64_t{1} << 62);
  EXPECT_EQ(counts_of(histogram), bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}));
}

TEST(HdrLog, TellsAFileThatCannotBeWritten) {
  EXPECT_EQ(HdrLog::create("/no/such/directory/log", 0), nullptr);
}

}  // namespace
}  // namespace penstock
