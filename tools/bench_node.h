// Reactors and their engines without a network, driven from the main thread: what `penstock bench` measures.
//
// All calls come from one foreign thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "io/event.h"
#include "io/reactor.h"

namespace penstock {

class BenchNode {
 public:
  struct Options {
    Reactors::Options reactors;
    EngineOptions engine;
  };
  using Work = std::function<Task<void>(Engine&)>;

  // Opens the directory. A failure has been told to `reporter`, which outlives the node. Error: as of Reactors::create
  // and Engine::start.
  static Result<std::unique_ptr<BenchNode>> start(Options options, Reporter& reporter);
  BenchNode(const BenchNode&) = delete;
  ~BenchNode();  // stops the engines as a server does, and waits for that

  uint32_t reactor_count() const { return reactors_->count(); }
  const Reactors& reactors() const { return *reactors_; }

  // Runs `work` on one reactor, or on all at once, and waits until it is done. Its tasks keep nothing of the engine.
  void run(uint32_t reactor, const Work& work);
  void run_on_all(const Work& work);

  // Stops the reactors' threads where they stand, whatever their poll mode, until unpark(): somebody else is measured.
  // What was given to the kernel goes on.
  void park();
  void unpark();

 private:
  struct Member;
  struct WorkMessage;
  struct ParkMessage;

  explicit BenchNode(Options options);
  Task<void> main(Doors& doors);
  void run_on(uint32_t first, uint32_t count, const Work& work);
  void arrive();
  void wait_arrived(uint32_t count);

  Options options_;
  EngineGroup group_;
  std::unique_ptr<Reactors> reactors_;
  std::vector<std::unique_ptr<Member>> members_;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t arrived_count_ = 0;
  Result<void> started_;
  bool parked_ = false;
};

}  // namespace penstock
