#include "tools/bench_ping_pong.h"

#include <fmt/format.h>

#include <cstring>

#include "net/kafka/frame_reader.h"
#include "net/kafka/message.h"
#include "net/kafka/messages/produce.h"
#include "tools/bench_lone_write.h"

namespace penstock {
namespace {

constexpr uint64_t kFileBytes = 64 << 20;

// What a broker answers: partition 0 took it.
Result<kafka::OutgoingFrame> success(std::span<const std::byte> request) {
  kafka::Decoder decoder(request);
  const Result<kafka::RequestHeader> header = kafka::decode_request_header(decoder);
  if (!header.ok()) return header.error();
  kafka::ProduceResponse response;
  response.topics.push_back({"", {kafka::ProduceResponse::Partition{}}});
  return kafka::encode_response(header.value().correlation_id, header.value().api_version,
                                response);
}

}  // namespace

std::unique_ptr<PingPongServer> PingPongServer::start(const Options& options, Reporter& reporter,
                                                      std::string& wrong) {
  std::unique_ptr<PingPongServer> server(new PingPongServer(options));
  Reactors::Options reactors;
  reactors.cores = {options.core};
  reactors.huge_pages = false;
  Result<std::unique_ptr<Reactors>> created = Reactors::create(reactors, reporter);
  if (!created.ok()) {
    wrong = fmt::format("no thread for the ping-pong server on core {}: {}", options.core,
                        name_of(created.error()));
    return nullptr;
  }
  server->reactors_ = std::move(created).value();
  PingPongServer* const started = server.get();
  server->reactors_->start([started](Doors& doors) { return started->main(doors); });
  std::unique_lock lock(server->mutex_);
  server->changed_.wait(lock, [started] { return started->started_.has_value(); });
  if (server->started_->ok()) return server;
  wrong = fmt::format("the ping-pong server cannot start: {}", name_of(server->started_->error()));
  lock.unlock();
  return nullptr;
}

PingPongServer::~PingPongServer() {
  stop_.server = this;
  stop_.run = [](Message& message) {
    PingPongServer& server = *static_cast<Stop&>(message).server;
    if (server.network_ == nullptr) return;
    server.network_->shut_down(server.listener_);
    if (server.socket_.valid()) server.network_->shut_down(server.socket_);
  };
  if (!reactors_) return;
  reactors_->post(0, stop_);
  reactors_->join();
}

Task<void> PingPongServer::main(Doors& doors) {
  Result<void> outcome = co_await lay_out_bench_file(doors, options_.file, kFileBytes);
  Result<Buffer> memory =
      doors.buffers.allocate(block_ceiling(size_t{options_.frame_bytes_max} + sizeof(uint32_t)));
  if (outcome.ok() && !memory.ok()) outcome = memory.error();
  address_.host = "127.0.0.1";
  const Result<SocketAndPort> listener = co_await doors.network.listen(address_);
  if (outcome.ok() && !listener.ok()) outcome = listener.error();
  if (listener.ok()) {
    network_ = &doors.network;
    listener_ = listener.value().socket;
    address_.port = listener.value().port;
  }
  const Result<FileId> file = co_await doors.disk.open(options_.file, FileOptions{});
  if (outcome.ok() && !file.ok()) outcome = file.error();
  {
    const std::lock_guard lock(mutex_);
    started_ = outcome;
    changed_.notify_all();
  }
  while (outcome.ok()) {
    const Result<SocketAndPort> accepted = co_await doors.network.accept(listener_);
    if (!accepted.ok()) break;
    socket_ = accepted.value().socket;
    co_await serve(doors, file.value(), memory.value().bytes());
    (void)co_await doors.network.close(std::exchange(socket_, SocketId{}));
  }
  network_ = nullptr;
  if (file.ok()) (void)co_await doors.disk.close(file.value());
  if (listener.ok()) (void)co_await doors.network.close(listener_);
}

// One frame after the other, each at the front of `memory`, from where it is written in whole blocks.
Task<void> PingPongServer::serve(Doors& doors, FileId file, std::span<std::byte> memory) {
  size_t filled = 0;
  for (;;) {
    const kafka::FrameCut cut = kafka::cut_frame(
        memory.first(filled), kafka::FrameLimits{.size_bytes_max = options_.frame_bytes_max});
    if (cut.state == kafka::FrameCut::State::refused) co_return;
    if (cut.state == kafka::FrameCut::State::incomplete) {
      const Result<uint64_t> received =
          co_await doors.network.receive(socket_, memory.subspan(filled));
      if (!received.ok() || received.value() == 0) co_return;
      filled += received.value();
      continue;
    }
    const size_t write_bytes = block_ceiling(cut.stream_bytes);
    if (position_ + write_bytes > kFileBytes) position_ = 0;
    const Result<uint64_t> written =
        co_await doors.disk.write(file, position_, memory.first(write_bytes), true);
    position_ += write_bytes;
    if (!written.ok() || !co_await answer(doors, cut.frame)) co_return;
    std::memmove(memory.data(), memory.data() + cut.stream_bytes, filled - cut.stream_bytes);
    filled -= cut.stream_bytes;
  }
}

Task<bool> PingPongServer::answer(Doors& doors, std::span<const std::byte> frame) {
  const Result<kafka::OutgoingFrame> encoded = success(frame);
  if (!encoded.ok()) co_return false;
  const std::span<const IoSlice> slices = encoded.value().slices();
  const Result<uint64_t> sent = co_await doors.network.send(socket_, slices);
  co_return sent.ok();
}

}  // namespace penstock
