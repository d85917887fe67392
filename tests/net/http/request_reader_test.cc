#include "net/http/request_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace penstock::http {
namespace {

using State = RequestReader::State;

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

constexpr std::string_view kGet = "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";

TEST(RequestReader, ReadsARequestThatComesByteByByte) {
  RequestReader reader;
  for (size_t at = 0; at < kGet.size(); ++at) {
    ASSERT_EQ(reader.state(), State::reading) << at;
    EXPECT_EQ(reader.untouched(), at == 0);
    EXPECT_EQ(reader.feed(bytes_of(kGet.substr(at, 1))), 1u);
  }
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.request().method, "GET");
  EXPECT_EQ(reader.request().path, "/metrics");
  EXPECT_TRUE(reader.request().keep_alive);
}

TEST(RequestReader, LeavesWhatFollowsForTheNextRequest) {
  const std::string two = std::string(kGet) + "HEAD / HTTP/1.0\r\n\r\nrest";
  RequestReader reader;
  const size_t taken = reader.feed(bytes_of(two));
  EXPECT_EQ(taken, kGet.size());
  ASSERT_EQ(reader.state(), State::complete);
  reader.next();
  const size_t taken_next = reader.feed(bytes_of(std::string_view(two).substr(taken)));
  EXPECT_EQ(two.substr(taken + taken_next), "rest");
  ASSERT_EQ(reader.state(), State::complete);
  EXPECT_EQ(reader.request().method, "HEAD");
  EXPECT_FALSE(reader.request().keep_alive);  // HTTP/1.0 has none of itself
}

TEST(RequestReader, RefusesWhatIsNoRequestWithTheStatusToAnswer) {
  const std::string long_path = "GET /" + std::string(4000, 'p') + " HTTP/1.1\r\n\r\n";
  const std::string long_head = "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x');
  const std::pair<std::string_view, int> refused[] = {
      {std::string_view("\0\0\0\x12\0\x03", 6), 400},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
      {"CONNECT a:1 HTTP/1.1\r\n\r\n", 400},
      {long_path, 414},
      {long_head, 431},
  };
  for (const auto& [text, status] : refused) {
    RequestReader reader;
    size_t at = 0;
    while (at < text.size() && reader.state() == State::reading) {
      at += reader.feed(bytes_of(text.substr(at, 7)));
    }
    ASSERT_EQ(reader.state(), State::refused) << text;
    EXPECT_EQ(reader.refusal_status(), status) << text;
  }
}

TEST(RequestReader, SurvivesEveryDamagedByte) {
  for (size_t at = 0; at < kGet.size(); ++at) {
    for (const char damage : {'\0', '\n', ' ', '\x7f', '\xff'}) {
      std::string text(kGet);
      text[at] = damage;
      RequestReader reader;
      size_t fed = 0;
      while (fed < text.size() && reader.state() == State::reading) {
        fed += reader.feed(bytes_of(std::string_view(text).substr(fed)));
      }
    }
  }
}

}  // namespace
}  // namespace penstock::http
