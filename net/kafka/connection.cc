#include "net/kafka/connection.h"

#include <algorithm>
#include <utility>

namespace penstock::kafka {

Connection::Connection(Server& server, SocketId socket, NetworkAddress advertised)
    : server_(server),
      doors_(server.engine().doors()),
      socket_(socket),
      advertised_(std::move(advertised)) {
  patience_.owner = this;
  patience_.fire = [](Timer& timer) { static_cast<Connection*>(timer.owner)->patience_over(); };
}

void Connection::give_up() {
  broken_ = true;
  doors_.network.shut_down(socket_);
  changed_.wake_all();
}

// An idle connection is ended some time; a half request sooner.
void Connection::await_request() {
  between_requests_ = true;
  const int64_t idle_ms_max = server_.options().connections_idle_ms_max;
  if (idle_ms_max < 0) return;
  doors_.clock.arm(patience_,
                   doors_.clock.monotonic_ns() + static_cast<uint64_t>(idle_ms_max) * 1'000'000);
}

// Who waits for an answer is not idle.
void Connection::patience_over() {
  if (between_requests_ && !exchanges_.empty()) return await_request();
  give_up();
}

Task<void> Connection::run() {
  tasks_.spawn(write_answers());
  co_await read_requests();
  reading_ = false;
  client_gone_.cancel();
  changed_.wake_all();
  co_await tasks_.wait_empty();
  co_await doors_.scheduler.yield();  // the last task is still on the stack
}

Task<void> Connection::read_requests() {
  while (!broken_) {
    uint32_t size_bytes = 0;
    if (!co_await read_length(size_bytes)) co_return;
    // A request alone may be as large as the limit; others wait until there is room beside those under way.
    const ServerOptions& options = server_.options();
    while (!broken_ && !exchanges_.empty() &&
           (exchanges_.size() >= options.pipelined_requests_max ||
            pending_bytes_ + size_bytes > options.pipelined_bytes_max)) {
      co_await changed_.wait();
    }
    if (broken_) co_return;
    auto exchange = std::make_unique<Exchange>();
    doors_.clock.arm(patience_, doors_.clock.monotonic_ns() + options.request_patience_ns);
    const bool whole = co_await read_frame(size_bytes, exchange->frame);
    doors_.clock.cancel(patience_);
    if (!whole) co_return;
    accept(std::move(exchange));
  }
}

Task<bool> Connection::receive_exactly(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const Result<uint64_t> received = co_await doors_.network.receive(socket_, bytes);
    if (!received.ok() || received.value() == 0) co_return false;
    bytes = bytes.subspan(received.value());
  }
  co_return true;
}

// Between requests a connection costs these four bytes.
Task<bool> Connection::read_length(uint32_t& size_bytes) {
  await_request();
  const bool received = co_await receive_exactly(length_);
  doors_.clock.cancel(patience_);
  between_requests_ = false;
  if (!received) co_return false;
  const FrameCut cut = cut_frame(length_, server_.options().frames);
  if (cut.state == FrameCut::State::refused) co_return false;
  size_bytes = static_cast<uint32_t>(cut.stream_bytes - length_.size());
  co_return true;
}

Task<bool> Connection::read_frame(uint32_t size_bytes, ReceivedFrame& frame) {
  const Result<void> begun = co_await frame.begin(doors_, size_bytes);
  if (!begun.ok()) co_return false;
  while (!frame.complete()) {
    if (frame.room().empty()) {
      const Result<void> grown = co_await frame.grow(doors_);
      if (!grown.ok()) co_return false;
    }
    const Result<uint64_t> received = co_await doors_.network.receive(socket_, frame.room());
    if (!received.ok() || received.value() == 0) co_return false;
    frame.filled(received.value());
  }
  co_return true;
}

void Connection::accept(std::unique_ptr<Exchange> exchange) {
  Decoder decoder(exchange->frame.bytes());
  const Result<RequestHeader> header = decode_request_header(decoder);
  if (!header.ok()) return give_up();
  exchange->header = header.value();
  pending_bytes_ += exchange->frame.size_bytes();
  exchanges_.push_back(std::move(exchange));
  begin_next();
}

// As many as may be under way together. One that is answered at once makes room for the next.
void Connection::begin_next() {
  if (std::exchange(beginning_, true))
    return;  // an answer inside the loop: the loop goes on with it
  while (!broken_ && next_ < exchanges_.end_number()) {
    Exchange& exchange = *exchanges_[next_];
    const bool produce = exchange.header.api_key == ApiKey::produce;
    if (unanswered_count_ > 0 && !(produce && only_produce_)) break;
    only_produce_ = produce;
    ++unanswered_count_;
    ++next_;
    tasks_.spawn(answer(exchange));
  }
  beginning_ = false;
}

Task<void> Connection::answer(Exchange& exchange) {
  Request request{server_,      advertised_, exchange.header, exchange.frame.bytes(),
                  client_gone_, socket_,     produce_order_};
  const uint64_t began_ns = doors_.clock.monotonic_ns();
  Result<Answer> answer = co_await handle_request(request);
  --unanswered_count_;
  if (answer.ok()) {
    const auto& frame = answer.value().frame;
    server_.figures().count_request(exchange.header.api_key, exchange.frame.size_bytes(),
                                    frame ? frame->size_bytes() : 0,
                                    doors_.clock.monotonic_ns() - began_ns);
  }
  if (answer.ok()) {
    exchange.answer = std::move(answer).value();
  } else {
    give_up();
  }
  exchange.answered = true;
  begin_next();
  changed_.wake_all();
}

// Answers that are ready together go out together.
Task<void> Connection::write_answers() {
  while (reading_ || unanswered_count_ > 0 || !exchanges_.empty()) {
    std::vector<std::unique_ptr<Exchange>> ready;
    std::vector<IoSlice> slices;
    while (!exchanges_.empty() && exchanges_.front()->answered) {
      ready.push_back(exchanges_.pop_front());
      const std::optional<OutgoingFrame>& frame = ready.back()->answer.frame;
      if (!frame) continue;
      const std::span<const IoSlice> pieces = frame->slices();
      slices.insert(slices.end(), pieces.begin(), pieces.end());
    }
    if (ready.empty()) {
      if (!reading_ && unanswered_count_ == 0) co_return;
      co_await changed_.wait();
      continue;
    }
    if (!slices.empty() && !broken_) {
      const std::span<const IoSlice> all(slices);
      const Result<uint64_t> sent = co_await doors_.network.send(socket_, all);
      if (!sent.ok()) give_up();
    }
    for (const std::unique_ptr<Exchange>& exchange : ready) {
      pending_bytes_ -= exchange->frame.size_bytes();
    }
    ready.clear();
    changed_.wake_all();
  }
}

}  // namespace penstock::kafka
