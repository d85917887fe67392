#include "tools/kafka_load.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <utility>

#include "tools/listen_address.h"

namespace penstock {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kPatienceNs = 30 * kNsPerSecond;

uint64_t monotonic_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

// Connections are dealt out to the leaders, and each leader's partitions to its connections; where there are more
// connections than partitions, some share one.
bool KafkaLoad::connect() {
  std::map<std::pair<std::string, uint16_t>, std::vector<int32_t>> by_leader;
  for (size_t i = 0; i < leaders_.size(); ++i) {
    by_leader[{leaders_[i].host, leaders_[i].port}].push_back(static_cast<int32_t>(i));
  }
  const size_t each = std::max<size_t>(1, options_.connections / by_leader.size());
  for (const auto& [leader, partitions] : by_leader) {
    NetworkAddress address;
    address.host = leader.first;
    address.port = leader.second;
    for (size_t i = 0; i < each; ++i) {
      Result<std::unique_ptr<KafkaConnection>> connection = KafkaConnection::connect(address);
      if (!connection.ok()) {
        fail(fmt::format("nobody answers at {}", address_text(address)));
        return false;
      }
      Link link;
      link.connection = std::move(connection).value();
      for (size_t k = i % partitions.size(); k < partitions.size(); k += each) {
        link.partitions.push_back(partitions[k]);
      }
      links_.push_back(std::move(link));
    }
  }
  return true;
}

uint64_t KafkaLoad::due_ns(const Run& run) const {
  if (options_.rate <= 0) return 0;
  return run.began_ns + static_cast<uint64_t>(static_cast<double>(run.request_count) *
                                              static_cast<double>(kNsPerSecond) / options_.rate);
}

BenchWindow KafkaLoad::run(uint64_t milliseconds, LatencyHistogram& latency) {
  Run run;
  run.latency = &latency;
  run.began_ns = run.answered_ns = monotonic_ns();
  run.deadline_ns = run.began_ns + milliseconds * kNsPerMs;
  const double cpu_began = process_cpu_seconds();
  for (uint64_t now_ns = run.began_ns; failure_.empty(); now_ns = monotonic_ns()) {
    send_all(run, now_ns);
    if (now_ns >= run.deadline_ns && all_answered()) break;
    if (now_ns > std::max(run.answered_ns, run.deadline_ns) + kPatienceNs) {
      fail("the broker does not answer any more");
    }
    wait(run, now_ns);
    for (Link& link : links_) {
      if (!link.pending.empty()) receive(link, run);
    }
  }
  run.window.seconds =
      static_cast<double>(monotonic_ns() - run.began_ns) / static_cast<double>(kNsPerSecond);
  run.window.cpu_seconds = process_cpu_seconds() - cpu_began;
  return failure_.empty() ? run.window : BenchWindow{};
}

bool KafkaLoad::all_answered() const {
  return std::ranges::all_of(links_, [](const Link& link) { return link.pending.empty(); });
}

// Goes round the connections until none of them takes any more; the next time it begins where it stopped.
void KafkaLoad::send_all(Run& run, uint64_t now_ns) {
  for (size_t idle = 0; idle < links_.size() && failure_.empty();) {
    Link& link = links_[next_link_++ % links_.size()];
    if (!link.frame && !begin_request(link, run, now_ns)) {
      ++idle;
      continue;
    }
    if (!link.connection->send_some(*link.frame, link.sent_bytes)) {
      fail("the connection broke while a request was sent");
    } else if (link.sent_bytes == link.frame->size_bytes()) {
      link.frame.reset();
      idle = 0;
    } else {
      ++idle;
    }
  }
}

bool KafkaLoad::begin_request(Link& link, Run& run, uint64_t now_ns) {
  const uint64_t due = due_ns(run);
  if (due > now_ns || std::max(due, run.began_ns) >= run.deadline_ns) return false;
  if (options_.rate <= 0 && now_ns >= run.deadline_ns) return false;
  if (link.pending.size() >= options_.in_flight) return false;
  std::optional<Request> request = make_request(link.partitions);
  if (!request) return false;
  link.frame = std::move(request->frame);
  link.sent_bytes = 0;
  link.pending.push_back({due != 0 ? due : now_ns, request->partition});
  ++run.request_count;
  return true;
}

void KafkaLoad::wait(const Run& run, uint64_t now_ns) {
  std::vector<pollfd> all;
  for (const Link& link : links_) {
    const auto events = static_cast<short>(POLLIN | (link.frame ? POLLOUT : 0));
    all.push_back({link.connection->descriptor(), events, 0});
  }
  constexpr uint64_t kWaitNsMax = 100 * kNsPerMs;
  uint64_t until_ns = now_ns + kWaitNsMax;
  if (now_ns < run.deadline_ns) until_ns = std::min(until_ns, run.deadline_ns);
  if (options_.rate > 0 && due_ns(run) > now_ns) until_ns = std::min(until_ns, due_ns(run));
  const uint64_t wait_ns = options_.spin ? 0 : until_ns - now_ns;
  const timespec timeout{static_cast<time_t>(wait_ns / kNsPerSecond),
                         static_cast<long>(wait_ns % kNsPerSecond)};
  (void)ppoll(all.data(), all.size(), &timeout, nullptr);
}

void KafkaLoad::receive(Link& link, Run& run) {
  if (!link.connection->receive_some()) {
    fail("the broker closed a connection");
    return;
  }
  while (const auto frame = link.connection->next_frame()) {
    if (link.pending.empty()) {
      fail("an answer came that nobody had asked for");
      return;
    }
    const Pending pending = link.pending.front();
    link.pending.pop_front();
    const std::optional<uint64_t> bytes = take_answer(pending.partition, *frame);
    if (!bytes) return;
    run.answered_ns = monotonic_ns();
    run.latency->record(run.answered_ns - pending.intended_ns);
    run.window.bytes += *bytes;
    ++run.window.operations;
  }
}

}  // namespace penstock
