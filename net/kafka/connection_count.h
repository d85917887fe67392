// The connections of all of a node's servers together.
#pragma once

#include <cstdint>

#include "io/task.h"

namespace penstock::kafka {

// Shared by the servers of all reactors; called on reactor 0 only.
class ConnectionCount {
 public:
  // False: there are as many as may be. Either way leave() follows.
  Task<bool> enter(int32_t count_max) {
    ++count_;
    co_return count_ <= count_max;
  }
  Task<void> leave() {
    --count_;
    co_return;
  }

 private:
  int32_t count_ = 0;
};

}  // namespace penstock::kafka
