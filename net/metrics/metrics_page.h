// The page of /metrics: every family is documented in docs/metrics.md, and a test compares the two.
#pragma once

#include <cstddef>
#include <string>

#include "net/metrics/host_figures.h"
#include "net/metrics/node_figures.h"

namespace penstock::metrics {

// Beyond these counts, in the order of the names, topics and groups are added up into one, "(other)": no client makes
// the page longer than that.
struct PageLimits {
  size_t topics_max = 1000;
  size_t lags_max = 1000;  // pairs of group and topic
};
inline constexpr const char* kOther = "(other)";  // no topic can have this name

std::string write_page(const NodeFigures& node, HostFigures& host, const Readiness& readiness,
                       const PageLimits& limits);

}  // namespace penstock::metrics
