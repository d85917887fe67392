// One client's connection: cuts requests out of its bytes, has them answered, and sends the answers in order.
//
// Produce requests that follow each other are worked on side by side (their appends keep their order); every other
// request begins when all before it are done. Meanwhile small ones behind it are received, so that the end of the client
// is seen even behind a fetch that is parked. What a client can make the server hold is bounded: by the number and the
// bytes of its requests under way, and its socket is read no further beyond that. Memory for a request grows with the
// bytes that arrived, not with the size it claims. A client that is over a quota is muted: it gets its answers, and nothing
// more of it is begun for a while. Owned by Server::serve(); on its reactor.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/ring_queue.h"
#include "io/event.h"
#include "io/fair_mutex.h"
#include "net/kafka/handlers.h"
#include "net/kafka/received_frame.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

class Connection {
 public:
  Connection(Server& server, SocketId socket, NetworkAddress advertised);
  Connection(const Connection&) = delete;

  // Until the client or the server ends it. The socket is still to be closed.
  Task<void> run();

  // From outside: nothing more is read, requests under way are waited for.
  void end() { give_up(); }
  // Whether nothing has been asked since `since_ns`, and nothing is owed.
  bool idle(uint64_t since_ns) const {
    return between_requests_ && !broken_ && exchanges_.empty() && sending_bytes_ == 0 &&
           active_ns_ < since_ns;
  }
  // Whether the client has had time enough for what it is being sent.
  bool reads_too_slowly(uint64_t now_ns) const;

 private:
  // A request from its first byte to the last of its answer.
  struct Exchange {
    ReceivedFrame frame;
    std::string client_id;
    RequestHeader header;
    Answer answer;
    bool answered = false;
  };

  Task<void> read_requests();
  Task<bool> read_length(uint32_t& size_bytes);
  Task<bool> read_frame(uint32_t size_bytes, ReceivedFrame& frame);
  Task<bool> receive_exactly(std::span<std::byte> bytes);
  void accept(std::unique_ptr<Exchange> exchange);
  void begin_next();
  Task<void> answer(Exchange& exchange);
  Task<void> write_answers();
  void give_up();
  void mute(uint64_t duration_ns);
  Task<void> unmute();
  bool muted() const { return muted_until_ns_ != 0; }
  bool may_receive(uint32_t size_bytes) const;
  bool would_wait() const;
  bool reads_behind() const;

  Server& server_;
  Doors& doors_;
  SocketId socket_;
  NetworkAddress advertised_;
  std::array<std::byte, 4> length_{};
  RingQueue<std::unique_ptr<Exchange>> exchanges_;  // in the order of the requests
  uint64_t pending_bytes_ = 0;
  uint64_t next_ = 0;              // in exchanges_: the first that has not begun
  uint32_t unanswered_count_ = 0;  // of those that have
  bool only_produce_ = true;       // ... all are Produce requests
  bool beginning_ = false;
  bool reading_ = true;
  bool broken_ = false;
  bool between_requests_ = false;
  uint64_t active_ns_;          // when the last request was complete, or the last answer sent
  uint64_t unsent_bytes_ = 0;   // of answers
  uint64_t sending_bytes_ = 0;  // of these, what the kernel has; 0: nothing is being sent
  uint64_t sending_since_ns_ = 0;
  uint64_t muted_until_ns_ = 0;  // its client is over a quota; 0: it is not
  size_t batch_place_ = 0;       // where in its large requests the record batch begins
  RequestMemory::Waiter memory_waiter_;
  Timer patience_;
  Engine::WaitCancel client_gone_;
  FairMutex produce_order_;
  WaitQueue changed_;  // answered, sent, or ended
  TaskGroup tasks_;
};

}  // namespace penstock::kafka
