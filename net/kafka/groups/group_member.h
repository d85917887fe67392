// One member of a group. Owned by its Group.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/kafka/groups/group_requests.h"

namespace penstock::kafka {

struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;  // of a static member
  std::string client_id;
  std::string client_host;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;  // those it prefers first
  std::vector<std::byte> assignment;

  bool is_new = true;                 // has not been part of a generation
  bool awaiting_join = false;         // has joined the next generation
  bool owes_sync = false;             // is of this generation and has not asked for its assignment
  ParkedJoin* parked_join = nullptr;  // null while it waits, too, if its client is gone
  ParkedSync* parked_sync = nullptr;
  uint64_t session_deadline_ns = 0;              // monotonic
  std::optional<JoinAnswer> answer_when_stored;  // of a static member that took its place back

  bool is_static() const { return instance_id.has_value(); }
  // What waits for the group is alive.
  bool is_held() const { return parked_join != nullptr || parked_sync != nullptr; }

  // Null: it cannot work with that one.
  const std::vector<std::byte>* metadata_for(std::string_view protocol) const {
    const auto found = std::ranges::find(protocols, protocol, &GroupProtocol::name);
    return found == protocols.end() ? nullptr : &found->metadata;
  }

  size_t memory_bytes() const {
    constexpr size_t kEntryBytes = 64;  // of the maps that lead here
    size_t bytes = sizeof(GroupMember) + 2 * (id.size() + kEntryBytes) + client_id.size() +
                   client_host.size() + assignment.size();
    if (instance_id) bytes += 2 * (instance_id->size() + kEntryBytes);
    for (const GroupProtocol& protocol : protocols) {
      bytes += sizeof protocol + protocol.name.size() + protocol.metadata.size();
    }
    return bytes;
  }
};

}  // namespace penstock::kafka
