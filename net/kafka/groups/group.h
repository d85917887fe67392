// One consumer group: its members, generations and rebalances, as Kafka's classic protocol has them, and its committed
// offsets. No I/O: what must be stored it tells (`take_store`), what waits for it lies parked with it, and time passes
// when somebody calls.
//
//   empty -> preparing_rebalance -> completing_rebalance -> stable -> preparing_rebalance ...
//
// In `preparing_rebalance` members join: until all that are known have, or their time is up. Then there is a new
// generation, and in `completing_rebalance` the group waits for its leader's assignments to be given and stored.
//
// Owned by a GroupCoordinator and called only on its reactor. After every call the owner looks at take_woken(),
// take_store() and next_deadline_ns(). `clock` and `settings` outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/clock.h"
#include "net/kafka/groups/group_member.h"
#include "net/kafka/groups/group_offsets.h"
#include "net/kafka/groups/group_records.h"
#include "net/kafka/groups/group_requests.h"
#include "net/kafka/groups/group_settings.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

enum class GroupState : uint8_t {
  empty,
  preparing_rebalance,
  completing_rebalance,
  stable,
  dead,  // being deleted
};
// As DescribeGroups and ListGroups say it.
const char* name_of(GroupState state);

class Group {
 public:
  static constexpr uint64_t kNoDeadline = std::numeric_limits<uint64_t>::max();

  Group(std::string id, Clock& clock, const GroupSettings& settings);
  Group(const Group&) = delete;
  ~Group();  // nobody is parked here

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  int32_t generation() const { return generation_; }
  const std::string& protocol_type() const { return protocol_type_; }
  bool has_members() const { return !members_.empty(); }
  size_t member_count() const { return members_.size(); }
  GroupDescription describe() const;
  size_t memory_bytes() const { return memory_bytes_ + offsets_.memory_bytes(); }

  // `parked` is answered, now or later. `new_member_id` is for a member that has none yet.
  void join(const JoinWish& wish, std::string new_member_id, ParkedJoin& parked);
  void sync(const SyncWish& wish, ParkedSync& parked);
  KafkaError heartbeat(const MemberIdentity& identity, int32_t generation);
  KafkaError leave(const MemberIdentity& identity);

  // The clients of these are gone: they are answered, and their members live on for a session's time.
  void abandon(ParkedJoin& parked);
  void abandon(ParkedSync& parked);
  // Answers everything parked: the node stops.
  void abandon_all();

  // Lets the time pass that has passed.
  void advance();
  uint64_t next_deadline_ns() const;

  // What has been answered since the last call, to be woken; the answers stand.
  std::vector<WaitQueue*> take_woken() { return std::exchange(woken_, {}); }

  // A record of the group that the owner is to append, in the order of the calls, and then to report.
  struct Store {
    enum class Reason : uint8_t { assignments, emptiness, static_member };
    Reason reason = Reason::emptiness;
    int32_t generation = 0;
    std::string member_id;                 // of the static member
    Result<std::vector<std::byte>> value;  // of the group's record
  };
  std::vector<Store> take_store() { return std::exchange(stores_, {}); }
  void stored(const Store& store, KafkaError error);

  // Whether `identity` may commit offsets. A member that may has shown that it is alive.
  KafkaError admit_commit(const MemberIdentity& identity, int32_t generation);
  // Whether the group may forget its place in `topic` now.
  KafkaError admit_forgetting() const;
  bool is_subscribed_to(std::string_view topic) const;

  GroupOffsets& offsets() { return offsets_; }
  const GroupOffsets& offsets() const { return offsets_; }
  struct TopicPartition {
    std::string topic;
    int32_t partition = 0;
  };
  // The offsets whose time is over at `now_ms` (wall).
  std::vector<TopicPartition> expired_offsets(int64_t now_ms) const;

  // Nothing in it is worth keeping: no members, no ids given out, no offsets.
  bool is_unused() const;
  // It has a record in the log.
  bool is_stored() const { return stored_; }

  // Deletion, in two steps: nobody joins meanwhile. Only without members (checked).
  void kill();
  void revive();

  // At start, from the log: the members have a session's time to be heard of, and the next generation is far enough
  // from this one that none which was begun and not stored is given out again.
  void restore(const GroupMetadataValue& value);

 private:
  using Members = std::map<std::string, GroupMember, std::less<>>;

  // Membership (group.cc).
  KafkaError check_identity(const MemberIdentity& identity) const;
  GroupMember& member_of(const MemberIdentity& identity);
  bool has_room_for(const MemberIdentity& identity) const;
  bool can_work_with(const JoinWish& wish) const;
  static void set_wish(GroupMember& member, const JoinWish& wish);
  GroupMember& add_member(const JoinWish& wish, std::string member_id);
  void update_member(GroupMember& member, const JoinWish& wish);
  void remove_member(Members::iterator at);
  void count_protocols(const GroupMember& member, bool added);
  void give_id(std::string member_id, int32_t session_timeout_ms);
  bool forget_given_id(std::string_view member_id);
  void touch(GroupMember& member);

  // Joining (group_join.cc).
  void join_new(const JoinWish& wish, std::string new_member_id, ParkedJoin& parked);
  void join_known(const JoinWish& wish, ParkedJoin& parked);
  void begin_membership(const JoinWish& wish, std::string member_id, ParkedJoin& parked);
  void replace_static_member(const JoinWish& wish, std::string new_member_id, ParkedJoin& parked);
  void park(GroupMember& member, ParkedJoin& parked);
  void refuse(ParkedJoin& parked, KafkaError error, std::string_view member_id);
  void refuse(ParkedSync& parked, KafkaError error);
  void answer(ParkedJoin& parked, JoinAnswer answer);
  void answer(ParkedSync& parked, SyncAnswer answer);
  JoinAnswer generation_answer(const GroupMember& member, bool with_members) const;

  // Rebalancing (group_rebalance.cc).
  void rebalance();
  void complete_join_if_all_are_here();
  void join_time_is_up();
  void complete_join();
  bool elect_leader();
  std::string choose_protocol() const;
  void begin_generation();
  void end_syncs(KafkaError error);
  void give_assignments();
  void set_assignment(GroupMember& member, std::vector<std::byte> assignment);
  SyncAnswer assignment_answer(const GroupMember& member) const;
  void expire_given_ids(uint64_t now_ns);
  void expire_members(uint64_t now_ns);
  void expire_owed_syncs();
  int32_t rebalance_timeout_ms() const;
  void want_store(Store::Reason reason, std::string member_id = {});
  GroupMetadataValue metadata() const;

  const std::string id_;
  Clock& clock_;
  const GroupSettings& settings_;
  GroupState state_ = GroupState::empty;
  int32_t generation_ = 0;
  int32_t generation_step_ = 1;
  std::string protocol_type_;  // empty: offsets were committed by consumers that are no members
  std::string protocol_name_;
  std::string leader_id_;
  int64_t state_timestamp_ms_ = -1;  // of the last record
  bool stored_ = false;

  Members members_;
  std::map<std::string, std::string, std::less<>> static_members_;  // instance id to member id
  std::map<std::string, uint64_t, std::less<>> given_ids_;  // not joined yet; monotonic deadline
  std::map<std::string, uint32_t, std::less<>> protocol_counts_;  // how many members can
  size_t awaiting_join_count_ = 0;

  // Of preparing_rebalance.
  uint64_t join_deadline_ns_ = kNoDeadline;
  bool initial_delay_ = false;  // the group was empty: others are likely to follow soon
  bool joined_meanwhile_ = false;
  uint64_t initial_delay_left_ms_ = 0;
  // Of completing_rebalance and stable.
  uint64_t sync_deadline_ns_ = kNoDeadline;
  std::map<std::string, std::vector<std::byte>> proposed_;  // by the leader, being stored
  bool storing_assignments_ = false;

  GroupOffsets offsets_;
  size_t memory_bytes_ = 0;
  std::vector<WaitQueue*> woken_;
  std::vector<Store> stores_;
};

}  // namespace penstock::kafka
