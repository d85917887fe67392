// One group of Kafka's consumer protocol (KIP-848): the coordinator says who reads what, and every member comes to it
// at its own pace, by heartbeats. No I/O: what must be stored it tells (`take_store`), and time passes when somebody
// calls.
//
// A change of members, subscriptions or topics begins a new epoch of the group; for it a target is computed for every
// member. A member first gives back what is not its any more, then has the group's epoch, and gets what it is to have
// as soon as no other member has it: so no partition is ever two members'.
//
// Owned by a GroupCoordinator's entry and called only on its reactor. After every call the owner looks at take_store()
// and next_deadline_ns(); nothing is answered before what was changed is stored. `clock` and `settings` outlive it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/clock.h"
#include "net/kafka/groups/assignor.h"
#include "net/kafka/groups/catalog_view.h"
#include "net/kafka/groups/consumer_group_requests.h"
#include "net/kafka/groups/consumer_group_state.h"
#include "net/kafka/groups/group_settings.h"
#include "net/kafka/groups/offsets_log.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

class ConsumerGroup {
 public:
  static constexpr uint64_t kNoDeadline = std::numeric_limits<uint64_t>::max();

  ConsumerGroup(std::string id, Clock& clock, const GroupSettings& settings);
  // From the log: the members have a session's time to be heard of.
  ConsumerGroup(std::string id, Clock& clock, const GroupSettings& settings,
                ConsumerGroupState state);
  ConsumerGroup(const ConsumerGroup&) = delete;

  bool has_members() const { return !state_.members.empty(); }
  bool is_stable() const;  // all have what they are to have
  const char* state_name() const;
  ConsumerGroupDescription describe(const CatalogView& catalog) const;
  size_t memory_bytes() const;

  // Whoever joins has an id.
  ConsumerHeartbeatAnswer heartbeat(const ConsumerHeartbeat& heartbeat, const CatalogView& catalog);
  // An administrator ends a static member.
  KafkaError remove_instance(std::string_view instance_id);

  // Lets the time pass that has passed.
  void advance();
  uint64_t next_deadline_ns() const;

  // Whether who says so may commit or fetch offsets.
  KafkaError admit_commit(std::string_view member_id, int32_t epoch) const;
  KafkaError admit_fetch(const std::optional<std::string_view>& member_id, int32_t epoch) const;
  bool is_subscribed_to(std::string_view topic) const;

  // The records that the owner is to append, in the order of the calls. Those that cannot be appended come again with
  // the next call.
  struct RecordName {
    ConsumerRecordKind kind = ConsumerRecordKind::group;
    std::string name;
    std::strong_ordering operator<=>(const RecordName& other) const;
    bool operator==(const RecordName& other) const = default;
  };
  struct Store {
    std::vector<RecordName> names;
    std::vector<NewGroupRecord> records;
  };
  bool has_store() const { return !unstored_.empty(); }
  Result<Store> take_store();
  void store_failed(const std::vector<RecordName>& names);
  // Something that was answered may not be stored.
  bool is_behind() const { return behind_; }

  // The end of the group, which has no members (checked): records without values.
  Result<Store> end() const;

 private:
  using Members = std::map<std::string, ConsumerMember, std::less<>>;
  // A member, or why there is none.
  struct Admission {
    ConsumerMember* member = nullptr;
    KafkaError error = KafkaError::none;
    std::string message;
    bool is_new = false;
  };

  // Membership (consumer_group.cc).
  static Admission refuse(KafkaError error, std::string message);
  Admission check_wish(const ConsumerHeartbeat& heartbeat) const;
  Admission admit_join(const ConsumerHeartbeat& heartbeat);
  Admission admit_known(const ConsumerHeartbeat& heartbeat);
  Admission find_member(const ConsumerHeartbeat& heartbeat);
  Admission rejoin(ConsumerMember& member, const ConsumerHeartbeat& heartbeat);
  static bool resubscribes(const ConsumerMember& member, const ConsumerHeartbeat& heartbeat);
  ConsumerMember& add_member(std::string_view member_id);
  ConsumerMember& replace_member(std::string_view old_id, std::string_view new_id);
  void remove_member(Members::iterator at);
  ConsumerHeartbeatAnswer leave(const ConsumerHeartbeat& heartbeat);
  void leave_for_now(ConsumerMember& member);
  // True: its subscription is another one now.
  bool update_member(ConsumerMember& member, const ConsumerHeartbeat& heartbeat);
  ConsumerHeartbeatAnswer answer_to(const ConsumerHeartbeat& heartbeat, ConsumerMember& member);
  void touch(ConsumerMember& member) const;
  void expect_revocation(ConsumerMember& member) const;

  // Subscriptions and targets (consumer_group_targets.cc).
  void begin_epoch();
  void members_left();
  void count_subscription(const ConsumerMember& member, bool added);
  // True: another set of topics, or of their partitions.
  bool refresh_topics(const CatalogView& catalog, const std::string& pattern);
  bool are_topics_current(const CatalogView& catalog, const std::string& pattern) const;
  void look_through(const CatalogView& catalog, const std::string& pattern);
  template <class Visit>
  void for_each_subscribed(Visit visit) const;
  std::vector<TopicId> topics_of(const ConsumerMember& member) const;
  void compute_targets();
  Assignor chosen_assignor() const;

  // From what a member has to what it is to have (consumer_group_reconcile.cc).
  void reconcile(ConsumerMember& member, const ConsumerHeartbeat& heartbeat);
  void move_towards_target(ConsumerMember& member, const ConsumerHeartbeat& heartbeat);
  void take_free_ones(ConsumerMember& member, const PartitionSet& kept);
  bool is_held(const TopicId& topic, int32_t partition) const;
  void hold(const PartitionSet& partitions, bool held);
  void hold_all_of(const ConsumerMember& member, bool held);

  // What is to be stored (consumer_group_store.cc).
  void want_store(ConsumerRecordKind kind, std::string name = {});
  void want_store_of(const std::string& member_id);

  const std::string id_;
  Clock& clock_;
  const GroupSettings& settings_;
  ConsumerGroupState state_;
  std::map<std::string, std::string, std::less<>> static_members_;  // instance id to member id
  std::map<std::string, uint32_t, std::less<>> subscribers_;  // to a topic by its name: how many
  std::map<std::string, uint32_t, std::less<>> pattern_users_;
  std::map<TopicId, std::map<int32_t, uint32_t>> held_;  // by how many members, given back or not
  std::optional<uint64_t> catalog_revision_;             // looked at last
  bool subscriptions_changed_ = false;                   // since then
  std::set<RecordName> unstored_;
  bool behind_ = false;
};

}  // namespace penstock::kafka
