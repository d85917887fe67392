#include "tools/node.h"

namespace penstock {

Task<void> Node::run(Doors& doors) {
  Engine engine(doors, group_);
  const Result<void> opened = co_await engine.start();
  if (!opened.ok()) {
    report_started(opened);
    co_return;
  }
  kafka::GroupCoordinator groups(engine, coordinators_);  // other reactors call it until all stop
  co_await groups.start();
  {
    kafka::Server server(engine, groups, server_options_);
    const Result<void> listening = co_await server.start();
    report_started(listening);
    StopMessage& stop = stops_[doors.scheduler.reactor_index()];
    while (listening.ok() && !stop.wanted) co_await stop.waiting.wait();
    co_await server.stop();
  }
  co_await groups.stop();
  co_await engine.stop();
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
