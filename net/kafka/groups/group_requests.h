// What members ask of their group, and what it answers, apart from the wire: they travel between reactors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/event.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

// Who says that it is which member. A dynamic member has no instance id.
struct MemberIdentity {
  std::string_view member_id;
  std::optional<std::string_view> instance_id;
};

// One assignor a member can work with, and what it tells the leader's.
struct GroupProtocol {
  std::string name;
  std::vector<std::byte> metadata;
  bool operator==(const GroupProtocol&) const = default;
};

// Strings are borrowed for the call.
struct JoinWish {
  MemberIdentity identity;  // without a member id: a new member
  std::string_view client_id;
  std::string_view client_host;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  std::string_view protocol_type;
  std::vector<GroupProtocol> protocols;
  bool id_required = false;  // a new dynamic member hears its id first, and joins with it
  bool may_skip_assignment =
      false;  // a static leader that comes back understands `skip_assignment`
};

struct JoinAnswer {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::vector<std::byte> metadata;
  };
  KafkaError error = KafkaError::none;
  int32_t generation = -1;
  std::string protocol_type;
  std::string protocol_name;
  std::string leader_id;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<Member> members;  // for the leader
};

struct SyncWish {
  struct Assignment {
    std::string_view member_id;
    std::vector<std::byte> assignment;
  };
  MemberIdentity identity;
  int32_t generation = -1;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  std::vector<Assignment> assignments;  // from the leader
};

struct SyncAnswer {
  KafkaError error = KafkaError::none;
  std::string protocol_type;
  std::string protocol_name;
  std::vector<std::byte> assignment;
};

struct GroupDescription {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::vector<std::byte> metadata;
    std::vector<std::byte> assignment;
  };
  KafkaError error = KafkaError::none;
  std::string state;
  std::string protocol_type;
  std::string protocol_name;
  std::vector<Member> members;
};

// A request that waits for its group, on the group's reactor. Whoever made it keeps it until there is an answer.
template <class Answer>
struct Parked {
  std::optional<Answer> answer;
  WaitQueue answered;
};
using ParkedJoin = Parked<JoinAnswer>;
using ParkedSync = Parked<SyncAnswer>;

}  // namespace penstock::kafka
