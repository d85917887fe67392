// What AlterConfigs and IncrementalAlterConfigs have in common: one resource's changes, checked and made.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/config_changes.h"
#include "net/kafka/config_description.h"
#include "net/kafka/handlers.h"

namespace penstock::kafka {

// Names in `changes` that come twice are refused. The strings outlive the task.
Task<Refusal> alter_resource(Request& request, int8_t type, std::string_view name,
                             ConfigChanges changes, bool validate_only);

// Of a resource's name: which of the node's scopes it is. Nothing: neither this node nor all nodes.
std::optional<std::string> node_scope_of(const Request& request, std::string_view name);

}  // namespace penstock::kafka
