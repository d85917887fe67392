// What whoever looks after a node asks it: /metrics, /healthz and /readyz.
//
// On the reactor of its HttpServer; the figures come from all of them.
#pragma once

#include "io/fair_mutex.h"
#include "net/http/http_server.h"
#include "net/metrics/metrics_page.h"

namespace penstock::metrics {

class StatusPages final : public http::HttpHandler {
 public:
  // All outlive it.
  StatusPages(Doors& doors, FiguresBoard& board, HostFigures& host, PageLimits limits)
      : doors_(doors), board_(board), host_(host), limits_(limits) {}

  Task<http::HttpResponse> handle(const http::HttpRequest& request) override;

 private:
  Task<http::HttpResponse> metrics();
  Task<http::HttpResponse> readiness();

  Doors& doors_;
  FiguresBoard& board_;
  HostFigures& host_;
  PageLimits limits_;
  FairMutex gathering_;  // one page at a time: they are large
};

}  // namespace penstock::metrics
