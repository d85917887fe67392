#include "net/http/http_server.h"

#include <fmt/format.h>

#include <array>

namespace penstock::http {
namespace {

constexpr uint64_t kAcceptPauseNs = 50'000'000;  // out of descriptors: others must close first
constexpr uint64_t kLetGoPatienceNs = 100'000'000;
constexpr size_t kLetGoBytesMax = 64 << 10;

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Bad Request";
  }
}

}  // namespace

struct HttpServer::Connection {
  Connection(Doors& doors, SocketId socket_in) : socket(socket_in), network(doors.network) {
    patience.owner = this;
    patience.fire = [](Timer& timer) {
      auto& connection = *static_cast<Connection*>(timer.owner);
      connection.network.shut_down(connection.socket);
    };
  }

  SocketId socket;
  Network& network;
  Timer patience;
  RequestReader reader;
  std::array<std::byte, 2048> buffer;
  std::span<const std::byte> unread;  // in the buffer
};

HttpServer::HttpServer(Doors& doors, HttpHandler& handler, HttpOptions options)
    : doors_(doors), handler_(handler), options_(std::move(options)) {}

HttpServer::~HttpServer() { check(sockets_.empty() && tasks_.live_count() == 0); }

Task<Result<void>> HttpServer::start() {
  for (const NetworkAddress& address : options_.listen) {
    const Result<SocketAndPort> listener = co_await doors_.network.listen(address);
    if (!listener.ok()) {
      doors_.reporter.report(Severity::error,
                             fmt::format("cannot listen on {}:{} for HTTP: {}", address.host,
                                         address.port, name_of(listener.error())));
      co_return listener.error();
    }
    listeners_.push_back(listener.value().socket);
    tasks_.spawn(accept_loop(listener.value().socket));
  }
  co_return Result<void>();
}

Task<void> HttpServer::accept_loop(SocketId listener) {
  while (!stopping_) {
    const Result<SocketAndPort> accepted = co_await doors_.network.accept(listener);
    if (accepted.ok()) {
      tasks_.spawn(serve(accepted.value().socket));
    } else if (accepted.error() == Error::busy) {
      co_await doors_.clock.sleep_for(kAcceptPauseNs);
    } else if (stopping_) {
      break;
    }
  }
}

Task<void> HttpServer::serve(SocketId socket) {
  if (!stopping_ && sockets_.size() < options_.connections_max) {
    sockets_.insert(socket.value);
    const auto connection = std::make_unique<Connection>(doors_, socket);
    co_await converse(*connection);
    doors_.clock.cancel(connection->patience);
    sockets_.erase(socket.value);
  }
  (void)co_await doors_.network.close(socket);
}

Task<void> HttpServer::converse(Connection& connection) {
  while (!stopping_) {
    const bool whole = co_await read_request(connection);
    if (!whole) co_return;
    RequestReader& reader = connection.reader;
    if (reader.state() == RequestReader::State::refused) {
      HttpResponse refusal;
      refusal.status = reader.refusal_status();
      refusal.body = fmt::format("{}\n", reason_of(refusal.status));
      const bool sent = co_await respond(connection, refusal, false, false);
      if (sent) co_await let_go(connection);
      co_return;
    }
    const bool head_only = reader.request().method == "HEAD";
    const bool keep_alive = reader.request().keep_alive && !stopping_;
    HttpResponse response;
    if (head_only || reader.request().method == "GET") {
      response = co_await handler_.handle(reader.request());
    } else {
      response.status = 405;
      response.body = "GET and HEAD are served.\n";
    }
    const bool sent = co_await respond(connection, response, head_only, keep_alive);
    if (!sent || !keep_alive) co_return;
    reader.next();
  }
}

// False: the peer has gone, or was too slow.
Task<bool> HttpServer::read_request(Connection& connection) {
  RequestReader& reader = connection.reader;
  uint64_t deadline_ns = doors_.clock.monotonic_ns() + options_.idle_patience_ns;
  while (reader.state() == RequestReader::State::reading) {
    const bool began = reader.untouched();
    if (connection.unread.empty()) {
      const size_t received = co_await receive(connection, deadline_ns);
      if (received == 0) co_return false;
      connection.unread = std::span(connection.buffer).first(received);
    }
    if (began) deadline_ns = doors_.clock.monotonic_ns() + options_.head_patience_ns;
    connection.unread = connection.unread.subspan(reader.feed(connection.unread));
  }
  co_return true;
}

// 0: the end, whichever.
Task<size_t> HttpServer::receive(Connection& connection, uint64_t deadline_ns) {
  doors_.clock.arm(connection.patience, deadline_ns);
  const Result<uint64_t> received =
      co_await doors_.network.receive(connection.socket, connection.buffer);
  doors_.clock.cancel(connection.patience);
  co_return received.ok() ? received.value() : 0;
}

Task<bool> HttpServer::respond(Connection& connection, const HttpResponse& response, bool head_only,
                               bool keep_alive) {
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "Connection: {}\r\n{}\r\n",
      response.status, reason_of(response.status), response.content_type, response.body.size(),
      keep_alive ? "keep-alive" : "close", response.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  std::vector<IoSlice> pieces;
  pieces.push_back({reinterpret_cast<const std::byte*>(head.data()), head.size()});
  if (!head_only && !response.body.empty()) {
    const auto* const body = reinterpret_cast<const std::byte*>(response.body.data());
    pieces.push_back({body, response.body.size()});
  }
  doors_.clock.arm(connection.patience, doors_.clock.monotonic_ns() + options_.send_patience_ns);
  const std::span<const IoSlice> all(pieces);
  const Result<uint64_t> sent = co_await doors_.network.send(connection.socket, all);
  doors_.clock.cancel(connection.patience);
  co_return sent.ok();
}

// A socket closed with unread bytes is reset, and the peer may never see why: so what it still sends is read for a while.
Task<void> HttpServer::let_go(Connection& connection) {
  const uint64_t deadline_ns = doors_.clock.monotonic_ns() + kLetGoPatienceNs;
  size_t left = kLetGoBytesMax;
  while (left > 0 && doors_.clock.monotonic_ns() < deadline_ns) {
    const size_t received = co_await receive(connection, deadline_ns);
    if (received == 0) co_return;
    left -= std::min(left, received);
  }
}

Task<void> HttpServer::stop() {
  stopping_ = true;
  for (const SocketId listener : listeners_) doors_.network.shut_down(listener);
  for (const uint32_t socket : sockets_) doors_.network.shut_down({socket});
  co_await tasks_.wait_empty();
  co_await doors_.scheduler.yield();  // the last task is still on the stack
  for (const SocketId listener : listeners_) (void)co_await doors_.network.close(listener);
  listeners_.clear();
}

}  // namespace penstock::http
