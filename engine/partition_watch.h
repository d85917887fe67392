// Who is told when a partition changes, without being asked again and again.
//
// A watch belongs to whoever watches, who is called back on the partition's reactor, in the middle of whatever changes
// it: the callback may note and post, and neither resumes anybody nor adds or removes a watch of this partition. A watch
// leaves its partition when it is destroyed, and the partition all of its watches when it closes.
#pragma once

#include <cstdint>

namespace penstock {

class PartitionWatches;

class PartitionWatch {
 public:
  PartitionWatch() = default;
  PartitionWatch(const PartitionWatch&) = delete;
  PartitionWatch& operator=(const PartitionWatch&) = delete;
  virtual ~PartitionWatch() { leave(); }

  // The high watermark moved; `position` is where in the log it is now, in bytes.
  virtual void partition_grew(uint64_t position) = 0;
  // Anything else: its log start, its epoch, records taken away; or it is about to close.
  virtual void partition_changed() = 0;

  bool watching() const { return next_ != this; }
  void leave() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

 private:
  friend class PartitionWatches;
  PartitionWatch* next_ = this;
  PartitionWatch* previous_ = this;
};

// All watches of one partition.
class PartitionWatches {
 public:
  ~PartitionWatches() { release(); }

  void add(PartitionWatch& watch) {
    watch.leave();
    watch.previous_ = ring_.previous_;
    watch.next_ = &ring_;
    ring_.previous_->next_ = &watch;
    ring_.previous_ = &watch;
  }
  void tell_growth(uint64_t position) {
    for (PartitionWatch* watch = ring_.next_; watch != &ring_; watch = watch->next_) {
      watch->partition_grew(position);
    }
  }
  void tell_change() {
    for (PartitionWatch* watch = ring_.next_; watch != &ring_; watch = watch->next_) {
      watch->partition_changed();
    }
  }
  void release() {
    while (ring_.watching()) ring_.next_->leave();
  }

 private:
  struct Ring : PartitionWatch {
    void partition_grew(uint64_t) override {}
    void partition_changed() override {}
  };
  Ring ring_;
};

}  // namespace penstock
