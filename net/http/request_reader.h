// Cuts HTTP/1.1 requests out of a connection's bytes, as they come.
//
// Requests have no body here, and heads that fit a budget: whatever else comes is refused with the status to answer, and
// nothing is read from that connection any more. The parsing itself is http-parser's, which allocates nothing.
#pragma once

#include <http_parser.h>

#include <cstddef>
#include <span>
#include <string>

namespace penstock::http {

struct HttpRequest {
  std::string method;  // as sent: GET, HEAD
  std::string path;    // without what follows a '?'
  bool keep_alive = true;
};

class RequestReader {
 public:
  static constexpr size_t kHeadBytesMax = 8 << 10;
  enum class State { reading, complete, refused };

  RequestReader();
  RequestReader(const RequestReader&) = delete;

  // Takes bytes, at most up to the end of one request, and returns how many it took. While `reading`.
  size_t feed(std::span<const std::byte> bytes);

  State state() const { return state_; }
  bool untouched() const { return head_bytes_ == 0; }      // nothing of the next request has come
  const HttpRequest& request() const { return request_; }  // complete
  int refusal_status() const { return refusal_status_; }   // refused
  void next();                                             // from complete to reading

 private:
  static int on_url(http_parser* parser, const char* at, size_t length);
  static int on_headers_complete(http_parser* parser);
  static int on_message_complete(http_parser* parser);
  static const http_parser_settings& settings();
  int refuse(int status);

  http_parser parser_{};
  State state_ = State::reading;
  size_t head_bytes_ = 0;
  int refusal_status_ = 0;
  HttpRequest request_;
};

}  // namespace penstock::http
