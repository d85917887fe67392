// Fetch sessions (KIP-227): what a client reads is remembered, so that it need not say it again, and is told only what
// has changed.
//
// A session belongs to the reactor it was made on. A client that comes back by another reactor's connection is told
// that there is no such session, and begins anew: this is what it does after a restart, too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "io/event.h"
#include "net/kafka/fetch/fetch_partitions.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

struct FetchSession {
  FetchSession(Engine& engine, bool by_id) : partitions(engine, by_id) {}

  // The epoch after this one; it wraps to 1.
  static int32_t next_epoch(int32_t epoch) { return epoch == INT32_MAX ? 1 : epoch + 1; }

  FetchPartitions partitions;
  int32_t id = 0;     // 0: it lasts for one request
  int32_t epoch = 0;  // of the next request
  bool ended = false;
  bool busy = false;  // a request is in it
  WaitQueue free;
  uint64_t made_ns = 0;
  uint64_t used_ns = 0;
  size_t counted = 0;  // of its partitions, in the sum of all sessions
};

// The sessions of one reactor. Bounded: by their number, and by the partitions of them all.
class FetchSessions {
 public:
  using Session = std::shared_ptr<FetchSession>;
  struct Options {
    uint32_t session_count_max = 1000;  // of the whole node; each reactor has its part of them
    size_t partition_count_max = 200'000;
    uint64_t stale_ns =
        120'000'000'000;  // unused for so long, or so old, it makes room for another
  };

  FetchSessions(Engine& engine, Options options);
  FetchSessions(const FetchSessions&) = delete;
  ~FetchSessions();  // close() has completed

  size_t count() const { return sessions_.size(); }

  // One that lasts for a request; entered.
  Session begin(bool by_id);
  // That of a request which goes on with it; entered: whoever is in it is sent away. Or why there is none.
  Task<Result<Session>> enter(int32_t id, int32_t epoch, bool by_id, KafkaError& error);
  // Ends the request's part. A session that is not kept is no more.
  Task<void> leave(Session session);

  // Gives it an id, for requests to come. False: there is no room.
  bool keep(const Session& session);
  // After its partitions have changed. False: there are too many, and it has been ended.
  bool recount(const Session& session);
  void end(int32_t id);

  Task<void> close();

 private:
  Session find_replaceable(size_t partition_count) const;
  Task<void> close_when_free(Session session);
  int32_t free_id();

  Engine& engine_;
  Options options_;
  size_t session_count_max_;
  std::map<int32_t, Session> sessions_;
  size_t partition_count_ = 0;
  TaskGroup tasks_;
};

}  // namespace penstock::kafka
