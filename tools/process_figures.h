// What the kernel counts of this process, for its metrics.
#pragma once

#include "net/metrics/host_figures.h"

namespace penstock {

class ProcessHost final : public metrics::HostFigures {
 public:
  metrics::ProcessFigures process() override;
  std::string version() const override;
  std::string compiler() const override;
};

}  // namespace penstock
