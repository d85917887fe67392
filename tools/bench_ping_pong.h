// The measure of a produce request's latency: a server that takes a frame, writes its bytes durably over those of a file,
// and answers that all is well. It checks nothing and keeps nothing, but sleeps and spins as a broker does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/event.h"
#include "io/reactor.h"

namespace penstock {

// Called from one foreign thread.
class PingPongServer {
 public:
  struct Options {
    std::string file;  // made by it
    uint32_t frame_bytes_max = 0;
    int core = 0;
  };
  // It listens on a port of its own. Nothing, and `wrong` says why, if it cannot. `reporter` outlives it.
  static std::unique_ptr<PingPongServer> start(const Options& options, Reporter& reporter,
                                               std::string& wrong);
  PingPongServer(const PingPongServer&) = delete;
  ~PingPongServer();

  const NetworkAddress& address() const { return address_; }

 private:
  struct Stop : Message {
    PingPongServer* server = nullptr;
  };

  explicit PingPongServer(Options options) : options_(std::move(options)) {}
  Task<void> main(Doors& doors);
  Task<void> serve(Doors& doors, FileId file, std::span<std::byte> memory);
  Task<bool> answer(Doors& doors, std::span<const std::byte> frame);

  Options options_;
  NetworkAddress address_;
  std::unique_ptr<Reactors> reactors_;
  Stop stop_;

  // The reactor's.
  Network* network_ = nullptr;
  SocketId listener_;
  SocketId socket_;
  uint64_t position_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result<void>> started_;
};

}  // namespace penstock
