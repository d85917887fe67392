// What a reactor gives the code that runs on it: every way to the world, and its memory.
#pragma once

#include "io/buffers.h"
#include "io/clock.h"
#include "io/disk.h"
#include "io/network.h"
#include "io/random.h"
#include "io/report.h"
#include "io/scheduler.h"

namespace penstock {

// One per reactor; outlives all that runs there.
struct Doors {
  Disk& disk;
  Network& network;
  Clock& clock;
  Random& random;
  Scheduler& scheduler;
  BufferPool& buffers;
  Reporter& reporter;
};

}  // namespace penstock
