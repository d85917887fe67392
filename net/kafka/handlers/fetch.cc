#include "net/kafka/messages/fetch.h"

#include <algorithm>
#include <utility>

#include "net/kafka/fetch/fetch_session.h"
#include "net/kafka/handlers.h"
#include "net/kafka/quotas/throttle.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int32_t kWaitMsMax = 600'000;  // connections.max.idle.ms: nobody waits longer
// Who asks for so many partitions holds a part of the memory of all requests, and not for long.
constexpr size_t kLargeBytes = 64 << 10;
constexpr int32_t kLargeWaitMsMax = 1'000;
constexpr size_t kPartitionsMax = 100'000;
constexpr uint64_t kBusyPauseNs = 10'000'000;
constexpr int16_t kIdsSince = 13;
constexpr int16_t kEndpointsSince = 16;
constexpr int32_t kNewSession = 0;  // session epochs that are none
constexpr int32_t kNoSession = -1;

size_t count_partitions(const FetchRequest& body) {
  size_t count = 0;
  for (const FetchRequest::Topic& topic : body.topics) count += topic.partitions.size();
  return count;
}

Result<Answer> answer_error(const Request& request, KafkaError error) {
  FetchResponse response;
  response.error_code = error;
  return answer_with(request, response);
}

// The session that the request goes on with, or one for it alone.
Task<Result<FetchSessions::Session>> find_session(Request& request, const FetchRequest& body,
                                                  KafkaError& error) {
  FetchSessions& sessions = request.server.fetch_sessions();
  const bool by_id = request.header.api_version >= kIdsSince;
  if (body.session_epoch != kNewSession && body.session_epoch != kNoSession) {
    co_return co_await sessions.enter(body.session_id, body.session_epoch, by_id, error);
  }
  // Who begins anew, or wants none any more, is done with the old one.
  if (body.session_id != 0) sessions.end(body.session_id);
  co_return sessions.begin(by_id);
}

// For who has fetched more than its quota: nothing now. What it has not been told it is told the next time.
Result<Answer> answer_later(const Request& request, int32_t session_id, uint64_t muted_ns) {
  FetchResponse response;
  response.session_id = session_id;
  response.throttle_time_ms = throttle_ms_of(muted_ns);
  Result<Answer> answer = answer_with(request, response);
  if (answer.ok()) answer.value().muted_ns = muted_ns;
  return answer;
}

// Less where clients have much that they do not read, and for who has a quota.
size_t answer_bytes_max(const Request& request, const FetchRequest& body) {
  const Server& server = request.server;
  const int32_t limit = std::min(body.size_bytes_max, server.options().fetch_bytes_max);
  const uint64_t allowed = std::min(server.answer_bytes_max(), quota_bytes_max(request));
  return static_cast<size_t>(std::min(static_cast<uint64_t>(limit), allowed));
}

// Looks until there is enough, an error, or no time left; parked meanwhile.
Task<void> gather(Request& request, const FetchRequest& body, FetchSession& session,
                  FetchPartitions::Look& look) {
  Clock& clock = request.server.engine().doors().clock;
  const int32_t wait_ms_max = request.frame.size() > kLargeBytes ? kLargeWaitMsMax : kWaitMsMax;
  const uint64_t wait_ms = static_cast<uint64_t>(std::clamp(body.wait_ms_max, 0, wait_ms_max));
  const uint64_t deadline_ns = clock.monotonic_ns() + wait_ms * 1'000'000;
  const int32_t epoch = session.epoch;
  bool watch = session.id != 0;  // for one answer it pays only if there is something to wait for
  for (;;) {
    look = {};
    look.limit.size_bytes_max = answer_bytes_max(request, body);
    // Nobody waits for more than an answer may hold.
    const size_t enough = std::min(static_cast<size_t>(std::max(body.size_bytes_min, 0)),
                                   std::max<size_t>(look.limit.size_bytes_max, 1));
    co_await session.partitions.look(look, watch);
    const uint64_t now_ns = clock.monotonic_ns();
    const bool over = now_ns >= deadline_ns || request.client_gone.cancelled || session.ended ||
                      session.epoch != epoch;
    if (look.failed || look.limit.size_bytes >= enough || over) co_return;
    if (session.partitions.count() == 0) co_return;
    const size_t missing = enough - look.limit.size_bytes;
    const uint64_t until_ns =
        look.busy ? std::min(deadline_ns, now_ns + kBusyPauseNs) : deadline_ns;
    look = {};  // parked, it holds no buffer
    if (std::exchange(watch, true)) {
      co_await session.partitions.wait(missing, until_ns, request.client_gone);
    }
  }
}

Task<Result<Answer>> answer_in(Request& request, const FetchRequest& body,
                               FetchSessions::Session session) {
  FetchSessions& sessions = request.server.fetch_sessions();
  const bool goes_on = session->id != 0;
  const int32_t epoch = session->epoch;
  co_await session->partitions.update(body);
  if (goes_on && session->partitions.count() == 0) {  // nothing is left of it
    sessions.end(session->id);
    co_return answer_with(request, FetchResponse{});
  }
  if (goes_on && !sessions.recount(session)) {
    co_return answer_error(request, KafkaError::fetch_session_id_not_found);
  }
  FetchPartitions::Look look;
  co_await gather(request, body, *session, look);
  const uint64_t muted_ns = co_await throttle_fetch(request, look.limit.size_bytes);
  if (goes_on && session->ended) {
    co_return answer_error(request, KafkaError::fetch_session_id_not_found);
  }
  if (session->epoch != epoch) {  // another request has gone on with the session meanwhile
    co_return answer_error(request, KafkaError::invalid_fetch_session_epoch);
  }
  if (muted_ns > 0) co_return answer_later(request, session->id, muted_ns);
  if (!goes_on && body.session_epoch == kNewSession) sessions.keep(session);
  FetchResponse response;
  response.session_id = session->id;
  const int32_t node_id = request.server.options().node_id;
  session->partitions.answer(look, goes_on, body.isolation_level == 1, node_id, response);
  if (request.header.api_version >= kEndpointsSince && !look.led_otherwise.empty()) {
    response.node_endpoints.push_back(
        {node_id, request.advertised.host, request.advertised.port, std::nullopt});
  }
  Result<Answer> answer = answer_with(request, response);
  if (!answer.ok()) co_return answer;
  answer.value().kept = std::move(look.kept);
  for (const FetchPartitions::Look::Batches& sent : look.batches) {
    request.server.figures().count_sent(sent.topic, sent.record_count, sent.size_bytes);
  }
  co_return answer;
}

}  // namespace

Task<Result<Answer>> handle_fetch(Request& request) {
  const Result<FetchRequest> decoded = body_of<FetchRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const FetchRequest& body = decoded.value();
  if (body.size_bytes_max < 0 || count_partitions(body) > kPartitionsMax) {
    co_return answer_error(request, KafkaError::invalid_request);
  }
  KafkaError error = KafkaError::none;
  const Result<FetchSessions::Session> session = co_await find_session(request, body, error);
  if (!session.ok()) co_return answer_error(request, error);
  Result<Answer> answer = co_await answer_in(request, body, session.value());
  co_await request.server.fetch_sessions().leave(session.value());
  co_return answer;
}

}  // namespace penstock::kafka
