// A small HTTP/1.1 server on one reactor: for whoever looks after a node, not for the node's clients.
//
// It has few connections, each with a head of bounded size and a bounded time for everything; beyond that it answers an
// error and closes. start(), then stop(); both on the reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/doors.h"
#include "io/event.h"
#include "net/http/request_reader.h"

namespace penstock::http {

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // a constant
  std::string body;
};

// What is served.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<HttpResponse> handle(const HttpRequest& request) = 0;
};

struct HttpOptions {
  std::vector<NetworkAddress> listen;
  uint32_t connections_max = 32;                // one more is closed at once
  uint64_t head_patience_ns = 10'000'000'000;   // from a head's first byte to its last
  uint64_t idle_patience_ns = 120'000'000'000;  // between requests
  uint64_t send_patience_ns = 30'000'000'000;   // of one response
};

class HttpServer {
 public:
  // Both outlive it.
  HttpServer(Doors& doors, HttpHandler& handler, HttpOptions options);
  HttpServer(const HttpServer&) = delete;
  ~HttpServer();  // stop() has completed

  // Errors as Network::listen; the Reporter was told.
  Task<Result<void>> start();
  Task<void> stop();

 private:
  struct Connection;

  Task<void> accept_loop(SocketId listener);
  Task<void> serve(SocketId socket);
  Task<void> converse(Connection& connection);
  Task<bool> read_request(Connection& connection);
  Task<size_t> receive(Connection& connection, uint64_t deadline_ns);
  Task<bool> respond(Connection& connection, const HttpResponse& response, bool head_only,
                     bool keep_alive);
  Task<void> let_go(Connection& connection);

  Doors& doors_;
  HttpHandler& handler_;
  HttpOptions options_;
  std::vector<SocketId> listeners_;
  std::set<uint32_t> sockets_;  // of connections
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace penstock::http
