#include "tools/node.h"

namespace penstock {

// What tells of the node is there before the node is: it says how far the start has come.
Task<void> Node::run(Doors& doors) {
  metrics::FiguresBoard::Slot& slot = board_.slot(doors.scheduler.reactor_index());
  slot.doors = &doors;
  if (doors.scheduler.reactor_index() == 0) {
    metrics::StatusPages pages(doors, board_, host_, metrics::PageLimits());
    http::HttpServer http(doors, pages, http_options_);
    const Result<void> told = co_await http.start();
    co_await serve(doors, slot, told);
    co_await http.stop();
  } else {
    co_await serve(doors, slot, Result<void>());
  }
  slot.doors = nullptr;
}

// All engines start together, so this one does even if the node will not serve for want of `told`.
Task<void> Node::serve(Doors& doors, metrics::FiguresBoard::Slot& slot, Result<void> told) {
  Engine engine(doors, group_);
  slot.engine = &engine;
  const Result<void> opened = co_await engine.start();
  if (!opened.ok()) {
    slot.engine = nullptr;
    report_started(opened);
    co_return;
  }
  kafka::GroupCoordinator groups(engine, coordinators_);  // other reactors call it until all stop
  co_await groups.start();
  slot.groups = &groups;
  {
    kafka::Server server(engine, groups, census_, quota_meters_, server_options_);
    Result<void> listening = told;
    if (told.ok()) listening = co_await server.start();
    if (listening.ok()) slot.server = &server;
    report_started(listening);
    StopMessage& stop = stops_[doors.scheduler.reactor_index()];
    while (listening.ok() && !stop.wanted) co_await stop.waiting.wait();
    slot.server = nullptr;
    co_await server.stop();
  }
  slot.groups = nullptr;
  co_await groups.stop();
  co_await engine.stop();
  slot.engine = nullptr;
}

bool Node::wait_started() {
  std::unique_lock lock(mutex_);
  started_.wait(lock, [this] { return started_count_ == stops_.size(); });
  return failed_count_ == 0;
}

void Node::report_started(const Result<void>& result) {
  const std::lock_guard lock(mutex_);
  ++started_count_;
  if (!result.ok()) ++failed_count_;
  started_.notify_all();
}

}  // namespace penstock
