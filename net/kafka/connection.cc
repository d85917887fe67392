#include "net/kafka/connection.h"

#include <algorithm>
#include <utility>

namespace penstock::kafka {

Connection::Connection(Server& server, SocketId socket, NetworkAddress advertised)
    : server_(server),
      doors_(server.engine().doors()),
      socket_(socket),
      advertised_(std::move(advertised)),
      active_ns_(doors_.clock.monotonic_ns()) {
  patience_.owner = this;
  patience_.fire = [](Timer& timer) { static_cast<Connection*>(timer.owner)->give_up(); };
}

void Connection::give_up() {
  broken_ = true;
  doors_.network.shut_down(socket_);
  memory_waiter_.give_up();
  changed_.wake_all();
}

bool Connection::reads_too_slowly(uint64_t now_ns) const {
  const ServerOptions& options = server_.options();
  if (broken_ || sending_bytes_ == 0) return false;
  const uint64_t allowed_ns =
      options.send_patience_ns + sending_bytes_ * 1'000'000'000 / options.send_bytes_per_s_min;
  return now_ns - sending_since_ns_ > allowed_ns;
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
    while (!broken_ && !may_receive(size_bytes)) co_await changed_.wait();
    if (broken_) co_return;
    auto exchange = std::make_unique<Exchange>();
    doors_.clock.arm(patience_,
                     doors_.clock.monotonic_ns() + server_.options().request_patience_ns);
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

// Whether there is room for one more request. Each thing that is waited for is this connection's own to end.
bool Connection::may_receive(uint32_t size_bytes) const {
  if (reads_behind()) return false;
  if (exchanges_.empty() && !muted()) return true;  // a request alone may be as large as the limit
  const ServerOptions& options = server_.options();
  if (exchanges_.size() >= options.pipelined_requests_max) return false;
  if (would_wait()) {
    return !server_.request_memory().scarce() &&
           pending_bytes_ + size_bytes <= options.waiting_bytes_max;
  }
  return pending_bytes_ + size_bytes <= options.pipelined_bytes_max;
}

// Whether one more request could not begin, or only if it is a Produce. What it waits for may be parked for minutes, and
// must not keep for so long what all share.
bool Connection::would_wait() const {
  return muted() || next_ < exchanges_.end_number() || (unanswered_count_ > 0 && !only_produce_);
}

// What a client does not read holds memory of ours: then nothing more is done for it.
bool Connection::reads_behind() const { return unsent_bytes_ > server_.unsent_bytes_max(); }

// Between requests a connection costs these four bytes.
Task<bool> Connection::read_length(uint32_t& size_bytes) {
  between_requests_ = true;
  const bool received = co_await receive_exactly(length_);
  between_requests_ = false;
  if (!received) co_return false;
  const FrameCut cut = cut_frame(length_, server_.options().frames);
  if (cut.state == FrameCut::State::refused) co_return false;
  size_bytes = static_cast<uint32_t>(cut.stream_bytes - length_.size());
  co_return true;
}

Task<bool> Connection::read_frame(uint32_t size_bytes, ReceivedFrame& frame) {
  frame.begin(size_bytes, size_bytes < Engine::kLinkedBatchBytesMin ? 0 : batch_place_);
  while (!frame.complete()) {
    if (frame.room().empty()) {
      const Result<void> grown =
          co_await frame.grow(doors_, server_.request_memory(), memory_waiter_);
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
  if (header.value().client_id) {  // a large batch may become the log's with what lies before it
    exchange->client_id = *header.value().client_id;
    exchange->header.client_id = exchange->client_id;
  }
  active_ns_ = doors_.clock.monotonic_ns();
  pending_bytes_ += exchange->frame.size_bytes();
  exchanges_.push_back(std::move(exchange));
  begin_next();
}

// As many as may be under way together. One that is answered at once makes room for the next.
void Connection::begin_next() {
  if (std::exchange(beginning_, true))
    return;  // an answer inside the loop: the loop goes on with it
  while (!broken_ && !muted() && !reads_behind() && next_ < exchanges_.end_number()) {
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
  Request request{
      server_,      advertised_, exchange.header, exchange.frame.bytes(), exchange.frame.block(),
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
    if (exchange.answer.batch_place != 0) batch_place_ = exchange.answer.batch_place;
    if (exchange.answer.muted_ns > 0) mute(exchange.answer.muted_ns);
    const size_t answer_bytes = exchange.answer.frame ? exchange.answer.frame->size_bytes() : 0;
    unsent_bytes_ += answer_bytes;
    server_.add_unsent(static_cast<int64_t>(answer_bytes));
  } else {
    give_up();
  }
  exchange.answered = true;
  begin_next();
  changed_.wake_all();
}

// Clients are told to wait, and need not believe it.
void Connection::mute(uint64_t duration_ns) {
  const bool unmutes = muted();
  muted_until_ns_ = std::max(muted_until_ns_, doors_.clock.monotonic_ns() + duration_ns);
  if (!unmutes) tasks_.spawn(unmute());
}

// Who has gone, and has left nothing to begin, is not waited for.
Task<void> Connection::unmute() {
  const auto needed = [this] { return reading_ || next_ < exchanges_.end_number(); };
  while (!broken_ && needed() && doors_.clock.monotonic_ns() < muted_until_ns_) {
    (void)co_await changed_.wait_until(doors_.clock, muted_until_ns_);
  }
  muted_until_ns_ = 0;
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
      if (!reading_ && unanswered_count_ == 0 && !muted()) co_return;
      co_await changed_.wait();
      continue;
    }
    if (!slices.empty() && !broken_) {
      sending_since_ns_ = doors_.clock.monotonic_ns();
      for (const IoSlice& slice : slices) sending_bytes_ += slice.length_bytes;
      const std::span<const IoSlice> all(slices);
      const Result<uint64_t> sent = co_await doors_.network.send(socket_, all);
      sending_bytes_ = 0;
      active_ns_ = doors_.clock.monotonic_ns();
      if (!sent.ok()) give_up();
    }
    for (const std::unique_ptr<Exchange>& exchange : ready) {
      pending_bytes_ -= exchange->frame.size_bytes();
      const size_t answer_bytes = exchange->answer.frame ? exchange->answer.frame->size_bytes() : 0;
      unsent_bytes_ -= answer_bytes;
      server_.add_unsent(-static_cast<int64_t>(answer_bytes));
    }
    ready.clear();
    begin_next();
    changed_.wake_all();
  }
}

}  // namespace penstock::kafka
