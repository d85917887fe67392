// Stream sockets, non-blocking, watched by an epoll instance.
//
// A request is tried at once; one that would block stays with its socket until the kernel says that the socket has
// changed. Sockets are watched edge-triggered from the moment they have a descriptor: no call per request.
#pragma once

#include <string>

#include "io/arena_pools.h"
#include "io/fifo.h"
#include "io/network.h"
#include "io/slot_table.h"

namespace penstock {

class EpollNetwork final : public Network {
 public:
  EpollNetwork(int epoll_descriptor, const ArenaPools& pools, uint32_t sockets_max)
      : epoll_descriptor_(epoll_descriptor), pools_(pools), sockets_(sockets_max) {}
  ~EpollNetwork() override;  // closes what was left open

  void submit(NetworkRequest& request) override;
  void shut_down(SocketId socket) override;
  std::string peer_of(SocketId socket) const override;

  // For the backend's poll.
  bool has_ready() const { return !ready_.empty(); }
  uint64_t complete_ready();
  void on_event(uint32_t socket_id, uint32_t events);  // of a socket that may be gone by now

 private:
  struct Socket {
    int descriptor = -1;
    bool shut_down = false;
    NetworkRequest* reading = nullptr;  // a receive or an accept that waits
    NetworkRequest* writing = nullptr;  // a send or a connect that waits
    uint32_t pending_count = 0;
  };
  void complete_later(NetworkRequest& request, int64_t result);
  int64_t add_socket(int descriptor, SocketId& added);
  void drop_socket(SocketId socket);

  void attempt(NetworkRequest& request);
  int64_t try_accept(NetworkRequest& request);
  int64_t try_receive(NetworkRequest& request);
  int64_t try_send(NetworkRequest& request);
  void end(NetworkRequest& request, int64_t result);

  int64_t listen(NetworkRequest& request);
  void connect(NetworkRequest& request);
  void end_connect(NetworkRequest& request);
  void close(NetworkRequest& request);

  int epoll_descriptor_;
  const ArenaPools& pools_;
  SlotTable<Socket> sockets_;
  Fifo<NetworkRequest> ready_;  // network_private[0]: the result
};

}  // namespace penstock
