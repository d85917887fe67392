// The part of the page that grows with what clients make: topics and groups, up to a limit.
#pragma once

#include "net/metrics/metrics_page.h"
#include "net/metrics/prometheus_text.h"

namespace penstock::metrics {

void write_topics(PrometheusText& text, const NodeFigures& node, const PageLimits& limits);
void write_groups(PrometheusText& text, const NodeFigures& node, const PageLimits& limits);

}  // namespace penstock::metrics
