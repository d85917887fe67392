// The options of `serve` that concern fetches, by Kafka's names.
#pragma once

#include "net/kafka/server.h"
#include "tools/command_line.h"

namespace penstock {

// `server` outlives the parsing.
void add_fetch_options(CLI::App& serve, kafka::ServerOptions& server);

}  // namespace penstock
