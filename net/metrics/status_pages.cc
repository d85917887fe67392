#include "net/metrics/status_pages.h"

#include <fmt/format.h>

#include "net/metrics/prometheus_text.h"

namespace penstock::metrics {

Task<http::HttpResponse> StatusPages::handle(const http::HttpRequest& request) {
  if (request.path == "/metrics") co_return co_await metrics();
  if (request.path == "/readyz") co_return co_await readiness();
  http::HttpResponse response;
  if (request.path == "/healthz") {
    response.body = "alive\n";
  } else {
    response.status = 404;
    response.body = "Here are /metrics, /healthz and /readyz.\n";
  }
  co_return response;
}

Task<http::HttpResponse> StatusPages::metrics() {
  co_await gathering_.lock();
  const Readiness readiness = co_await look_at_readiness(doors_.scheduler, board_);
  http::HttpResponse response;
  {
    const NodeFigures node = co_await gather(doors_.scheduler, board_);
    response.body = write_page(node, host_, readiness, limits_);
  }
  gathering_.unlock();
  response.content_type = PrometheusText::kContentType;
  co_return response;
}

Task<http::HttpResponse> StatusPages::readiness() {
  const Readiness now = co_await look_at_readiness(doors_.scheduler, board_);
  http::HttpResponse response;
  if (!now.ready) response.status = 503;
  response.body = fmt::format(
      "{}\npartitions found: {}\npartitions opened: {}\nof these refused: {}\n"
      "reactors that accept clients: {} of {}\n",
      now.ready ? "ready" : "not ready", now.recovery.partition_count, now.recovery.opened_count,
      now.recovery.refused_count, now.accepting_count, now.reactor_count);
  co_return response;
}

}  // namespace penstock::metrics
