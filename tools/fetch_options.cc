#include "tools/fetch_options.h"

#include <limits>

namespace penstock {

void add_fetch_options(const Command& serve, kafka::ServerOptions& server) {
  serve
      .add_option("--fetch.max.bytes", server.fetch_bytes_max,
                  "The most that one answer to a fetch brings.")
      .type_name("bytes")
      .between(1024, std::numeric_limits<int32_t>::max())
      .capture_default_str();
  serve
      .add_option("--max.incremental.fetch.session.cache.slots",
                  server.fetch_sessions.session_count_max,
                  "Fetch sessions that are kept, over all reactors. 0: none.")
      .type_name("count")
      .between(0, 1'000'000)
      .capture_default_str();
}

}  // namespace penstock
