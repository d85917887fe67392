#include "net/metrics/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "net/metrics/prometheus_text.h"
#include "net/metrics/topic_page.h"

namespace penstock::metrics {
namespace {

using kafka::ApiKey;

// One sample for each reactor.
template <class Value>
void per_reactor(PrometheusText& text, const NodeFigures& node, std::string_view name,
                 std::string_view type, std::string_view help, Value value) {
  text.family(name, type, help);
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    text.sample({{"reactor", fmt::format("{}", i)}}, value(node.reactors[i]));
  }
}

void write_process(PrometheusText& text, HostFigures& host) {
  const ProcessFigures process = host.process();
  text.family("penstock_build_info", "gauge", "The program; always 1.");
  text.sample({{"version", host.version()}, {"compiler", host.compiler()}}, 1);
  text.family("process_resident_memory_bytes", "gauge", "Memory in use.");
  text.sample(process.resident_bytes);
  text.family("process_virtual_memory_bytes", "gauge", "Addresses in use.");
  text.sample(process.virtual_bytes);
  text.family("process_open_fds", "gauge", "Open descriptors.");
  text.sample(process.open_descriptor_count);
  text.family("process_max_fds", "gauge", "How many may be open.");
  text.sample(process.descriptor_count_max);
  text.family("process_cpu_seconds_total", "counter", "Processor time, of user and system.");
  text.seconds({}, process.cpu_ns);
  text.family("process_start_time_seconds", "gauge", "Since 1970.");
  text.seconds({}, process.start_time_ms * 1'000'000);
}

void write_readiness(PrometheusText& text, const NodeFigures& node, const Readiness& readiness) {
  text.family("penstock_ready", "gauge", "1: everything is recovered and clients are let in.");
  text.sample(readiness.ready ? 1 : 0);
  text.family("penstock_recovery_partitions", "gauge", "Partitions found at the start.");
  text.sample(readiness.recovery.partition_count);
  text.family("penstock_recovery_partitions_opened", "gauge",
              "Of these, those that are recovered or refused.");
  text.sample(readiness.recovery.opened_count);
  text.family("penstock_recovery_partitions_refused", "gauge",
              "Of these, those that are damaged and serve nothing.");
  text.sample(readiness.recovery.refused_count);
  uint64_t duration_ns = 0;
  for (const ReactorFigures& reactor : node.reactors) {
    duration_ns = std::max(duration_ns, reactor.engine.recovery.duration_ns);
  }
  text.family("penstock_recovery_seconds", "gauge",
              "From the start until all partitions were recovered; 0 before.");
  text.seconds({}, duration_ns);
}

void write_loops(PrometheusText& text, const NodeFigures& node) {
  per_reactor(text, node, "penstock_reactor_turns_total", "counter", "Turns of the loop.",
              [](const ReactorFigures& r) { return r.scheduler.loop.turn_count; });
  text.family("penstock_reactor_busy_seconds_total", "counter",
              "Time in turns in which something happened, without the waiting.");
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    text.seconds({{"reactor", fmt::format("{}", i)}}, node.reactors[i].scheduler.loop.busy_ns);
  }
  text.family("penstock_reactor_stalls_total", "counter",
              "Turns that kept all else on their reactor waiting for longer than that.");
  constexpr std::array kLimits = {"0.001", "0.01", "0.1"};
  static_assert(kLimits.size() == LoopFigures::kStallNs.size());
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    for (size_t limit = 0; limit < kLimits.size(); ++limit) {
      text.sample({{"reactor", fmt::format("{}", i)}, {"longer_than_seconds", kLimits[limit]}},
                  node.reactors[i].scheduler.loop.stall_counts[limit]);
    }
  }
  per_reactor(text, node, "penstock_ring_submissions_total", "counter",
              "Requests handed to the kernel through the ring.",
              [](const ReactorFigures& r) { return r.scheduler.ring.submitted_count; });
  per_reactor(text, node, "penstock_ring_completions_total", "counter",
              "Requests that the kernel has completed.",
              [](const ReactorFigures& r) { return r.scheduler.ring.completed_count; });
  per_reactor(text, node, "penstock_ring_enters_total", "counter", "System calls of the ring.",
              [](const ReactorFigures& r) { return r.scheduler.ring.enter_count; });
  per_reactor(text, node, "penstock_ring_in_flight", "gauge",
              "Requests that the kernel has and has not completed.",
              [](const ReactorFigures& r) { return r.scheduler.ring.in_flight_count(); });
}

void write_disk(PrometheusText& text, const NodeFigures& node) {
  per_reactor(text, node, "penstock_disk_reads_total", "counter", "Reads of files.",
              [](const ReactorFigures& r) { return r.disk.read_count; });
  per_reactor(text, node, "penstock_disk_read_bytes_total", "counter", "Bytes read from files.",
              [](const ReactorFigures& r) { return r.disk.read_bytes; });
  per_reactor(text, node, "penstock_disk_writes_total", "counter", "Writes to files.",
              [](const ReactorFigures& r) { return r.disk.write_count; });
  per_reactor(text, node, "penstock_disk_written_bytes_total", "counter", "Bytes written to files.",
              [](const ReactorFigures& r) { return r.disk.written_bytes; });
  per_reactor(text, node, "penstock_disk_failures_total", "counter",
              "Reads, writes and flushes that failed.",
              [](const ReactorFigures& r) { return r.disk.failure_count; });
  text.family("penstock_flush_duration_seconds", "histogram",
              "Device flushes, and lone writes that were durable by themselves.");
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    text.histogram({{"reactor", fmt::format("{}", i)}}, node.reactors[i].engine.flushes.durations);
  }
  per_reactor(text, node, "penstock_flush_failures_total", "counter", "Flushes that failed.",
              [](const ReactorFigures& r) { return r.engine.flushes.failure_count; });
  per_reactor(text, node, "penstock_writes_in_flight_bytes", "gauge",
              "Bytes of logs on their way to the disk.",
              [](const ReactorFigures& r) { return r.engine.writes_in_flight_bytes; });
  per_reactor(text, node, "penstock_log_placed_bytes_total", "counter",
              "Bytes of payloads that became part of a log.",
              [](const ReactorFigures& r) { return r.engine.placed.bytes; });
  per_reactor(text, node, "penstock_log_linked_bytes_total", "counter",
              "Of these, bytes that were not copied for it.",
              [](const ReactorFigures& r) { return r.engine.placed.linked_bytes; });
  per_reactor(text, node, "penstock_segments_open", "gauge", "Segment files that are open.",
              [](const ReactorFigures& r) { return r.engine.open_segment_count; });
  per_reactor(text, node, "penstock_segment_pool_files", "gauge",
              "Segment files that wait to be used again.",
              [](const ReactorFigures& r) { return r.engine.pool_file_count; });
  per_reactor(text, node, "penstock_segment_pool_bytes", "gauge", "What these take of the disk.",
              [](const ReactorFigures& r) { return r.engine.pool_bytes; });
}

void write_cleaner(PrometheusText& text, const NodeFigures& node) {
  per_reactor(text, node, "penstock_cleaner_passes_total", "counter",
              "Compactions of a partition that came to their end.",
              [](const ReactorFigures& r) { return r.engine.cleaner.pass_count; });
  per_reactor(text, node, "penstock_cleaner_failures_total", "counter",
              "Compactions of a partition that did not.",
              [](const ReactorFigures& r) { return r.engine.cleaner.failed_count; });
  per_reactor(text, node, "penstock_cleaner_read_bytes_total", "counter",
              "Bytes of logs that compaction read.",
              [](const ReactorFigures& r) { return r.engine.cleaner.read_bytes; });
  per_reactor(text, node, "penstock_cleaner_written_bytes_total", "counter",
              "Bytes of logs that compaction wrote.",
              [](const ReactorFigures& r) { return r.engine.cleaner.written_bytes; });
  per_reactor(text, node, "penstock_cleaner_removed_records_total", "counter",
              "Records that compaction removed.",
              [](const ReactorFigures& r) { return r.engine.cleaner.removed_record_count; });
  per_reactor(text, node, "penstock_cleaner_replaced_segments_total", "counter",
              "Segments that compaction replaced.",
              [](const ReactorFigures& r) { return r.engine.cleaner.replaced_segment_count; });
  per_reactor(text, node, "penstock_cleaner_key_map_bytes", "gauge",
              "Memory for keys in compactions under way.",
              [](const ReactorFigures& r) { return r.engine.cleaner.key_bytes; });
  per_reactor(text, node, "penstock_cleaner_partitions_refused", "gauge",
              "Partitions that cannot be compacted because their log is damaged.",
              [](const ReactorFigures& r) { return r.engine.cleaner.refused_partition_count; });
}

void write_memory(PrometheusText& text, const NodeFigures& node) {
  per_reactor(text, node, "penstock_buffers_bytes", "gauge", "The reactor's pool of buffers.",
              [](const ReactorFigures& r) { return r.buffer_bytes; });
  per_reactor(text, node, "penstock_buffers_free_bytes", "gauge", "What of it is free.",
              [](const ReactorFigures& r) { return r.buffer_free_bytes; });
  per_reactor(text, node, "penstock_tail_bytes", "gauge", "Logs' ends in memory.",
              [](const ReactorFigures& r) { return r.engine.tail_bytes; });
  per_reactor(text, node, "penstock_block_cache_bytes", "gauge", "Blocks of segments in memory.",
              [](const ReactorFigures& r) { return r.engine.blocks.kept_bytes; });
  per_reactor(text, node, "penstock_block_cache_hits_total", "counter",
              "Blocks that were in memory, or on their way, when they were wanted.",
              [](const ReactorFigures& r) { return r.engine.blocks.hit_count; });
  per_reactor(text, node, "penstock_block_cache_misses_total", "counter", "Blocks that were not.",
              [](const ReactorFigures& r) { return r.engine.blocks.miss_count; });
  per_reactor(text, node, "penstock_block_cache_read_ahead_total", "counter",
              "Blocks that were read before anybody wanted them.",
              [](const ReactorFigures& r) { return r.engine.blocks.read_ahead_count; });
  text.family("penstock_reads_total", "counter",
              "Reads of partitions that found records, by where these came from.");
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    const std::string reactor = fmt::format("{}", i);
    const ReadFigures& reads = node.reactors[i].engine.reads;
    text.sample({{"reactor", reactor}, {"from", "memory"}}, reads.memory_count);
    text.sample({{"reactor", reactor}, {"from", "disk"}}, reads.disk_count);
  }
}

void write_network(PrometheusText& text, const NodeFigures& node) {
  per_reactor(text, node, "penstock_network_received_bytes_total", "counter",
              "Bytes received on all sockets.",
              [](const ReactorFigures& r) { return r.network.received_bytes; });
  per_reactor(text, node, "penstock_network_sent_bytes_total", "counter",
              "Bytes sent on all sockets.",
              [](const ReactorFigures& r) { return r.network.sent_bytes; });
  per_reactor(text, node, "penstock_connections", "gauge", "Connections of Kafka clients.",
              [](const ReactorFigures& r) { return r.server.connection_count; });
  per_reactor(text, node, "penstock_connections_accepted_total", "counter",
              "Connections accepted, of all kinds.",
              [](const ReactorFigures& r) { return r.network.accepted_count; });
  text.family("penstock_connections_ended_total", "counter",
              "Connections that the node ended: over a limit, idle, or not taking their answers.");
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    const std::string reactor = fmt::format("{}", i);
    const kafka::ServerFigures& server = node.reactors[i].server;
    text.sample({{"reactor", reactor}, {"reason", "limit"}}, server.connection_refused_count);
    text.sample({{"reactor", reactor}, {"reason", "idle"}}, server.connection_idle_count);
    text.sample({{"reactor", reactor}, {"reason", "slow"}}, server.connection_slow_count);
  }
  per_reactor(text, node, "penstock_request_memory_bytes", "gauge",
              "Memory of requests that have begun to arrive and are not answered.",
              [](const ReactorFigures& r) { return r.request_bytes; });
  per_reactor(text, node, "penstock_request_memory_waiting", "gauge",
              "Requests that are read no further before there is memory again.",
              [](const ReactorFigures& r) { return r.request_waiting_count; });
  per_reactor(text, node, "penstock_unsent_bytes", "gauge",
              "Bytes of answers that are made and that the kernel has not taken.",
              [](const ReactorFigures& r) { return r.unsent_bytes; });
}

struct NodeApi {
  kafka::ApiFigures sum;
  std::vector<uint64_t> counts;  // by reactor
};

std::map<ApiKey, NodeApi> add_up_apis(const NodeFigures& node) {
  std::map<ApiKey, NodeApi> apis;
  for (size_t i = 0; i < node.reactors.size(); ++i) {
    for (size_t key = 0; key < kafka::ServerFigures::kApisMax; ++key) {
      const kafka::ApiFigures& figures = node.reactors[i].server.apis()[key];
      const uint64_t count = figures.durations.count();
      if (count == 0) continue;
      NodeApi& api = apis[static_cast<ApiKey>(key)];
      api.counts.resize(node.reactors.size());
      api.counts[i] = count;
      api.sum.request_bytes += figures.request_bytes;
      api.sum.response_bytes += figures.response_bytes;
      api.sum.durations.add(figures.durations);
    }
  }
  return apis;
}

void write_throttling(PrometheusText& text, const NodeFigures& node) {
  constexpr std::array<std::string_view, kafka::kQuotaKinds> kKinds = {"produce", "fetch"};
  std::array<kafka::ThrottledFigures, kafka::kQuotaKinds> sums{};
  for (const ReactorFigures& reactor : node.reactors) {
    for (size_t kind = 0; kind < sums.size(); ++kind) {
      sums[kind].count += reactor.server.throttled()[kind].count;
      sums[kind].wait_ns += reactor.server.throttled()[kind].wait_ns;
    }
  }
  text.family("penstock_throttled_requests_total", "counter",
              "Requests after which their client had to wait, over a quota.");
  for (size_t kind = 0; kind < sums.size(); ++kind) {
    text.sample({{"kind", kKinds[kind]}}, sums[kind].count);
  }
  text.family("penstock_throttle_seconds_total", "counter", "How long these had to wait.");
  for (size_t kind = 0; kind < sums.size(); ++kind) {
    text.seconds({{"kind", kKinds[kind]}}, sums[kind].wait_ns);
  }
}

void write_requests(PrometheusText& text, const NodeFigures& node) {
  const std::map<ApiKey, NodeApi> apis = add_up_apis(node);
  text.family("penstock_requests_total", "counter", "Requests answered.");
  for (const auto& [key, api] : apis) {
    for (size_t i = 0; i < api.counts.size(); ++i) {
      text.sample({{"api", name_of(key)}, {"reactor", fmt::format("{}", i)}}, api.counts[i]);
    }
  }
  text.family("penstock_request_duration_seconds", "histogram",
              "From a request's last byte to its answer, before that is sent.");
  for (const auto& [key, api] : apis) text.histogram({{"api", name_of(key)}}, api.sum.durations);
  text.family("penstock_request_bytes_total", "counter", "Bytes of requests.");
  for (const auto& [key, api] : apis) text.sample({{"api", name_of(key)}}, api.sum.request_bytes);
  text.family("penstock_response_bytes_total", "counter", "Bytes of answers.");
  for (const auto& [key, api] : apis) text.sample({{"api", name_of(key)}}, api.sum.response_bytes);

  std::map<std::pair<ApiKey, kafka::KafkaError>, uint64_t> errors;
  for (const ReactorFigures& reactor : node.reactors) {
    for (const auto& [which, count] : reactor.server.errors()) errors[which] += count;
  }
  text.family("penstock_request_errors_total", "counter",
              "Error codes in answers: one answer may have many.");
  for (const auto& [which, count] : errors) {
    text.sample({{"api", name_of(which.first)}, {"error", name_of(which.second)}}, count);
  }
}

}  // namespace

std::string write_page(const NodeFigures& node, HostFigures& host, const Readiness& readiness,
                       const PageLimits& limits) {
  PrometheusText text;
  write_process(text, host);
  write_readiness(text, node, readiness);
  write_loops(text, node);
  write_disk(text, node);
  write_cleaner(text, node);
  write_memory(text, node);
  write_network(text, node);
  write_requests(text, node);
  write_throttling(text, node);
  write_topics(text, node, limits);
  write_groups(text, node, limits);
  return text.take();
}

}  // namespace penstock::metrics
