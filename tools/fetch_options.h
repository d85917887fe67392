// The options of `serve` that concern fetches, by Kafka's names.
#pragma once

#include "net/kafka/server.h"
#include "tools/command.h"

namespace penstock {

// `server` outlives the parsing.
void add_fetch_options(const Command& serve, kafka::ServerOptions& server);

}  // namespace penstock
