#include "tools/bench_node.h"

#include <algorithm>

namespace penstock {

struct BenchNode::WorkMessage : Message {
  BenchNode* node = nullptr;
  const Work* work = nullptr;
  Engine* engine = nullptr;

  Task<void> perform() {
    {
      Task<void> task = (*work)(*engine);
      co_await task;
    }
    node->arrive();  // the message is gone from here on
  }
};

struct BenchNode::ParkMessage : Message {
  BenchNode* node = nullptr;
};

// What belongs to one reactor.
struct BenchNode::Member {
  struct Stop : Message {
    bool wanted = false;
    WaitQueue waiting;
  };
  Engine* engine = nullptr;
  WorkMessage work;
  ParkMessage park;
  Stop stop;
};

BenchNode::BenchNode(Options options)
    : options_(std::move(options)), group_(options_.engine, options_.reactors.reactor_count) {
  for (uint32_t i = 0; i < options_.reactors.reactor_count; ++i) {
    members_.push_back(std::make_unique<Member>());
    Member& member = *members_.back();
    member.work.node = this;
    member.work.run = [](Message& message) { spawn(static_cast<WorkMessage&>(message).perform()); };
    member.park.node = this;
    member.park.run = [](Message& message) {
      BenchNode& node = *static_cast<ParkMessage&>(message).node;
      node.arrive();
      std::unique_lock lock(node.mutex_);
      node.changed_.wait(lock, [&node] { return !node.parked_; });
      lock.unlock();
      node.arrive();
    };
    member.stop.run = [](Message& message) {
      auto& stop = static_cast<Member::Stop&>(message);
      stop.wanted = true;
      stop.waiting.wake_all();
    };
  }
}

Result<std::unique_ptr<BenchNode>> BenchNode::start(Options options, Reporter& reporter) {
  std::unique_ptr<BenchNode> node(new BenchNode(std::move(options)));
  Result<std::unique_ptr<Reactors>> reactors = Reactors::create(node->options_.reactors, reporter);
  if (!reactors.ok()) return reactors.error();
  node->reactors_ = std::move(reactors).value();
  BenchNode* const started = node.get();
  node->reactors_->start([started](Doors& doors) { return started->main(doors); });
  node->wait_arrived(node->reactor_count());
  if (!node->started_.ok()) return node->started_.error();
  return node;
}

BenchNode::~BenchNode() {
  if (!reactors_) return;
  for (uint32_t i = 0; i < reactor_count(); ++i) reactors_->post(i, members_[i]->stop);
  reactors_->join();
}

Task<void> BenchNode::main(Doors& doors) {
  Member& member = *members_[doors.scheduler.reactor_index()];
  Engine engine(doors, group_);
  member.engine = &engine;
  const Result<void> opened = co_await engine.start();
  if (!opened.ok()) {
    const std::lock_guard lock(mutex_);
    started_ = opened;
  }
  arrive();
  if (!opened.ok()) co_return;
  while (!member.stop.wanted) co_await member.stop.waiting.wait();
  co_await engine.stop();
}

void BenchNode::arrive() {
  const std::lock_guard lock(mutex_);
  ++arrived_count_;
  changed_.notify_all();
}

void BenchNode::wait_arrived(uint32_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, count] { return arrived_count_ == count; });
  arrived_count_ = 0;
}

void BenchNode::run_on(uint32_t first, uint32_t count, const Work& work) {
  for (uint32_t i = first; i < first + count; ++i) {
    members_[i]->work.work = &work;
    members_[i]->work.engine = members_[i]->engine;
    reactors_->post(i, members_[i]->work);
  }
  wait_arrived(count);
}

void BenchNode::run(uint32_t reactor, const Work& work) { run_on(reactor, 1, work); }

void BenchNode::run_on_all(const Work& work) { run_on(0, reactor_count(), work); }

void BenchNode::park() {
  {
    const std::lock_guard lock(mutex_);
    parked_ = true;
  }
  for (uint32_t i = 0; i < reactor_count(); ++i) reactors_->post(i, members_[i]->park);
  wait_arrived(reactor_count());
}

// Returns when all have left: who parked them again before that would wait for those who never went on.
void BenchNode::unpark() {
  {
    const std::lock_guard lock(mutex_);
    parked_ = false;
    changed_.notify_all();
  }
  wait_arrived(reactor_count());
}

}  // namespace penstock
