// Kafka's property names as options of `penstock serve`, and in its file.
#pragma once

#include "net/kafka/broker_config.h"
#include "tools/command.h"

namespace penstock {

// `config`, which outlives the parsing, is given what the command line says. Options of ours that say the same exclude
// Kafka's, or are other names for them.
// Called when all others have been added: what is there already is left to whoever did.
void add_broker_options(const Command& serve, kafka::BrokerConfig& config);

// Tells `config` of the options with Kafka's names that others have added, after the parsing.
void adopt_broker_options(const Command& serve, kafka::BrokerConfig& config);

}  // namespace penstock
