// One node: the engines and servers of its reactors, and how they start and stop together.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "io/event.h"
#include "net/http/http_server.h"
#include "net/kafka/server.h"
#include "net/metrics/status_pages.h"
#include "tools/process_figures.h"

namespace penstock {

// A reactor's wait for the end, posted to it by the main thread.
struct StopMessage : Message {
  StopMessage() {
    run = [](Message& message) {
      auto& stop = static_cast<StopMessage&>(message);
      stop.wanted = true;
      stop.waiting.wake_all();
    };
  }
  bool wanted = false;
  WaitQueue waiting;
};

// One node: what its reactors share, each touching only its own part.
class Node {
 public:
  // `http` is served by reactor 0.
  Node(EngineOptions engine, kafka::ServerOptions server, kafka::ConnectionLimits connections,
       const kafka::QuotaSettings& quotas, const kafka::GroupSettings& groups,
       http::HttpOptions http, uint32_t reactor_count)
      : group_(std::move(engine), reactor_count),
        coordinators_(groups, reactor_count),
        census_(connections),
        quota_meters_(quotas, reactor_count),
        server_options_(std::move(server)),
        http_options_(std::move(http)),
        board_(reactor_count),
        stops_(reactor_count) {}

  // A reactor's main: opens, serves until told to stop, closes.
  Task<void> run(Doors& doors);

  StopMessage& stop_message(uint32_t reactor) { return stops_[reactor]; }

  // For the main thread: waits until every reactor serves or has failed. False: one has failed, stop the others.
  bool wait_started();

 private:
  Task<void> serve(Doors& doors, metrics::FiguresBoard::Slot& slot, Result<void> told);
  void report_started(const Result<void>& result);

  EngineGroup group_;
  kafka::GroupCoordinators coordinators_;
  kafka::ConnectionCensus census_;
  kafka::QuotaMeters quota_meters_;
  kafka::ServerOptions server_options_;
  http::HttpOptions http_options_;
  metrics::FiguresBoard board_;
  ProcessHost host_;
  std::vector<StopMessage> stops_;
  std::mutex mutex_;
  std::condition_variable started_;
  size_t started_count_ = 0;
  size_t failed_count_ = 0;
};

}  // namespace penstock
