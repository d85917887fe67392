#include "net/http/request_reader.h"

#include <algorithm>
#include <limits>

namespace penstock::http {
namespace {

constexpr size_t kPathBytesMax = 1024;
constexpr uint64_t kNoLength = std::numeric_limits<uint64_t>::max();

RequestReader& reader_of(http_parser* parser) { return *static_cast<RequestReader*>(parser->data); }

}  // namespace

RequestReader::RequestReader() { next(); }

void RequestReader::next() {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
  state_ = State::reading;
  head_bytes_ = 0;
  request_ = HttpRequest();
}

const http_parser_settings& RequestReader::settings() {
  static const http_parser_settings made = [] {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_headers_complete = on_headers_complete;
    settings.on_message_complete = on_message_complete;
    return settings;
  }();
  return made;
}

size_t RequestReader::feed(std::span<const std::byte> bytes) {
  const size_t room = kHeadBytesMax - head_bytes_;
  const size_t length = std::min(bytes.size(), room);
  const size_t taken = http_parser_execute(&parser_, &settings(),
                                           reinterpret_cast<const char*>(bytes.data()), length);
  head_bytes_ += taken;
  if (state_ != State::reading) return taken;
  if (HTTP_PARSER_ERRNO(&parser_) != HPE_OK || parser_.upgrade != 0) {
    refuse(400);
  } else if (head_bytes_ == kHeadBytesMax) {
    refuse(431);
  }
  return taken;
}

// A value other than 0 ends the parser's work.
int RequestReader::refuse(int status) {
  state_ = State::refused;
  refusal_status_ = status;
  return -1;
}

int RequestReader::on_url(http_parser* parser, const char* at, size_t length) {
  RequestReader& reader = reader_of(parser);
  if (reader.request_.path.size() + length > kPathBytesMax) return reader.refuse(414);
  reader.request_.path.append(at, length);
  return 0;
}

int RequestReader::on_headers_complete(http_parser* parser) {
  RequestReader& reader = reader_of(parser);
  const bool has_length = parser->content_length != kNoLength && parser->content_length > 0;
  if (has_length || (parser->flags & F_CHUNKED) != 0) return reader.refuse(413);
  if (parser->http_major != 1) return reader.refuse(505);
  return 0;
}

// Paused, so that what follows is left for the next request.
int RequestReader::on_message_complete(http_parser* parser) {
  RequestReader& reader = reader_of(parser);
  HttpRequest& request = reader.request_;
  request.method = http_method_str(static_cast<http_method>(parser->method));
  request.keep_alive = http_should_keep_alive(parser) != 0;
  request.path.resize(std::min(request.path.find('?'), request.path.size()));
  if (parser->upgrade != 0) return reader.refuse(400);
  reader.state_ = State::complete;
  http_parser_pause(parser, 1);
  return 0;
}

}  // namespace penstock::http
