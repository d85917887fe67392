#include "net/kafka/fetch/fetch_session.h"

#include <algorithm>

namespace penstock::kafka {

FetchSessions::FetchSessions(Engine& engine, Options options)
    : engine_(engine),
      options_(options),
      session_count_max_(
          options.session_count_max == 0
              ? 0
              : std::max(options.session_count_max / engine.doors().scheduler.reactor_count(),
                         1u)) {}

FetchSessions::~FetchSessions() { check(sessions_.empty() && tasks_.live_count() == 0); }

FetchSessions::Session FetchSessions::begin(bool by_id) {
  auto session = std::make_shared<FetchSession>(engine_, by_id);
  session->busy = true;
  return session;
}

Task<Result<FetchSessions::Session>> FetchSessions::enter(int32_t id, int32_t epoch, bool by_id,
                                                          KafkaError& error) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    error = KafkaError::fetch_session_id_not_found;
    co_return Error::not_found;
  }
  const Session session = found->second;
  error = KafkaError::invalid_fetch_session_epoch;
  if (session->epoch != epoch) co_return Error::invalid_argument;
  if (session->partitions.by_id() != by_id) {
    error = KafkaError::fetch_session_topic_id_error;
    co_return Error::invalid_argument;
  }
  const int32_t next = FetchSession::next_epoch(epoch);
  session->epoch = next;
  session->used_ns = engine_.doors().clock.monotonic_ns();
  while (session->busy && session->epoch == next) {
    session->partitions.interrupt();  // who is parked in it may have left before this returns
    if (session->busy) co_await session->free.wait();
  }
  if (session->epoch != next) co_return Error::invalid_argument;  // another came after us
  if (session->ended) {
    error = KafkaError::fetch_session_id_not_found;
    co_return Error::not_found;
  }
  session->busy = true;
  error = KafkaError::none;
  co_return session;
}

Task<void> FetchSessions::leave(Session session) {
  if (session->id == 0) co_await session->partitions.close();
  session->busy = false;
  session->free.wake_all();
}

// Kafka's choice: one that nobody has used for long; else, among those that have been there for long, the smallest, if
// the new one is larger.
FetchSessions::Session FetchSessions::find_replaceable(size_t partition_count) const {
  const uint64_t now_ns = engine_.doors().clock.monotonic_ns();
  Session idlest;
  Session smallest;
  for (const auto& [id, session] : sessions_) {
    if (session->busy) continue;
    if (!idlest || session->used_ns < idlest->used_ns) idlest = session;
    if (now_ns - session->made_ns <= options_.stale_ns) continue;
    if (!smallest || session->counted < smallest->counted) smallest = session;
  }
  if (idlest && now_ns - idlest->used_ns > options_.stale_ns) return idlest;
  return smallest && smallest->counted < partition_count ? smallest : nullptr;
}

// Tells which reactor made it, so that no client meets another's session.
int32_t FetchSessions::free_id() {
  const uint32_t reactors = engine_.doors().scheduler.reactor_count();
  for (;;) {
    uint64_t id = engine_.doors().random.next() % INT32_MAX;
    id = id / reactors * reactors + engine_.doors().scheduler.reactor_index();
    if (id == 0 || id > INT32_MAX) continue;
    if (!sessions_.contains(static_cast<int32_t>(id))) return static_cast<int32_t>(id);
  }
}

bool FetchSessions::keep(const Session& session) {
  const size_t count = session->partitions.highest_count();
  if (count == 0 || count > options_.partition_count_max || session_count_max_ == 0) return false;
  while (sessions_.size() >= session_count_max_ ||
         partition_count_ + count > options_.partition_count_max) {
    const Session replaced = find_replaceable(count);
    if (!replaced) return false;
    end(replaced->id);
  }
  session->id = free_id();
  session->epoch = 1;
  session->made_ns = session->used_ns = engine_.doors().clock.monotonic_ns();
  session->counted = count;
  partition_count_ += count;
  sessions_[session->id] = session;
  return true;
}

bool FetchSessions::recount(const Session& session) {
  if (session->ended) return false;
  const size_t count = session->partitions.highest_count();
  partition_count_ += count - session->counted;
  session->counted = count;
  if (partition_count_ <= options_.partition_count_max) return true;
  end(session->id);
  return false;
}

void FetchSessions::end(int32_t id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const Session session = found->second;
  sessions_.erase(found);
  partition_count_ -= session->counted;
  session->ended = true;
  session->partitions.interrupt();
  tasks_.spawn(close_when_free(session));
}

Task<void> FetchSessions::close_when_free(Session session) {
  while (session->busy) co_await session->free.wait();
  co_await session->partitions.close();
}

Task<void> FetchSessions::close() {
  while (!sessions_.empty()) end(sessions_.begin()->first);
  co_await tasks_.wait_empty();
  co_await engine_.doors().scheduler.yield();  // the last of them may still be on the stack
}

}  // namespace penstock::kafka
