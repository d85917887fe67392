// Stream sockets through an io_uring. They are blocking ones: the ring waits for them, and would answer EAGAIN to a
// request on a non-blocking socket.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <string>

#include "io/arena_pools.h"
#include "io/fifo.h"
#include "io/network.h"
#include "io/slot_table.h"
#include "io/uring/ring.h"

namespace penstock {

class UringNetwork final : public Network {
 public:
  UringNetwork(Ring& ring, const ArenaPools& pools, uint32_t sockets_max)
      : ring_(ring), pools_(pools), sockets_(sockets_max) {}
  ~UringNetwork() override;  // closes what was left open

  void submit(NetworkRequest& request) override;
  void shut_down(SocketId socket) override;
  std::string peer_of(SocketId socket) const override;

  // For the backend's poll.
  bool has_ready() const { return !ready_.empty(); }
  uint64_t complete_ready();
  void start_waiting();  // those that found the submission queue full
  void complete(NetworkRequest& request, int32_t result);

 private:
  struct Socket {
    int descriptor = -1;
    bool shut_down = false;
    uint32_t pending_count = 0;
    msghdr message{};  // of the send in flight
    iovec rest{};      // its partly sent slice
  };
  void complete_later(NetworkRequest& request, int result);
  void listen(NetworkRequest& request);
  void begin_accept(NetworkRequest& request);
  void begin_connect(NetworkRequest& request);
  void start(NetworkRequest& request);
  bool prepare(NetworkRequest& request);
  void fill(io_uring_sqe* entry, NetworkRequest& request);
  void fill_send(io_uring_sqe* entry, NetworkRequest& request);
  bool resume(NetworkRequest& request, int32_t result);
  void end(NetworkRequest& request, int64_t result);
  void end_accept(NetworkRequest& request, int64_t result);
  void end_connect(NetworkRequest& request, int64_t result);
  void end_transfer(NetworkRequest& request, int64_t result);

  Ring& ring_;
  const ArenaPools& pools_;
  SlotTable<Socket> sockets_;
  Fifo<NetworkRequest> waiting_;
  Fifo<NetworkRequest> ready_;
};

}  // namespace penstock
