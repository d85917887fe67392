// The consumer groups of one reactor, and the way to all the others: any reactor reaches every group through its own
// GroupCoordinator.
//
// A group lives on the reactor that owns its partition of `__consumer_offsets`; that topic is made when it is first
// needed. What is acknowledged is flushed. start(), then stop() before the engine's; it is destroyed after the engine's
// stop(), when no other reactor calls any more. All calls are made on the coordinator's own reactor; arguments given by
// reference stay put until the task is done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "net/kafka/groups/consumer_group.h"
#include "net/kafka/groups/group.h"
#include "net/kafka/groups/group_requests.h"
#include "net/kafka/groups/group_settings.h"
#include "net/kafka/groups/offsets_log.h"

namespace penstock::kafka {

class GroupCoordinators;

struct NewOffset {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string_view metadata;
};

// Some partitions of one topic.
struct WantedOffsets {
  std::string_view topic;
  std::vector<int32_t> partitions;
};

struct FoundOffsets {
  std::string topic;
  std::vector<std::pair<int32_t, CommittedOffset>> partitions;
};

struct ListedGroup {
  std::string id;
  std::string protocol_type;
  const char* state = "";
  const char* type = "";  // of its protocol
};

// What one group has committed, and the state it is in.
struct GroupFigures {
  struct Topic {
    std::string name;
    std::vector<std::pair<int32_t, int64_t>> offsets;  // by partition
  };
  std::string id;
  GroupState state = GroupState::empty;
  std::vector<Topic> topics;
};

class GroupCoordinator {
 public:
  // Both outlive it.
  GroupCoordinator(Engine& engine, GroupCoordinators& all);
  GroupCoordinator(const GroupCoordinator&) = delete;
  ~GroupCoordinator();  // stop() has completed

  // Begins to read the groups from their partitions; until one is read its groups are answered
  // COORDINATOR_LOAD_IN_PROGRESS. Completes when the coordinators of all reactors have begun.
  Task<void> start();
  Task<void> stop();

  const GroupSettings& settings() const { return settings_; }

  // Makes the topic if there is none. Errors as Engine::create_topic.
  Task<Result<void>> ensure_offsets_topic();

  // `client_gone` ends the wait for the rest of the group.
  Task<JoinAnswer> join(std::string_view group_id, const JoinWish& wish,
                        Engine::WaitCancel& client_gone);
  Task<SyncAnswer> sync(std::string_view group_id, const SyncWish& wish,
                        Engine::WaitCancel& client_gone);
  Task<KafkaError> heartbeat(std::string_view group_id, MemberIdentity identity,
                             int32_t generation);
  struct LeaveAnswer {
    KafkaError error = KafkaError::none;
    std::vector<KafkaError> members;  // in the order of the request
  };
  Task<LeaveAnswer> leave(std::string_view group_id, const std::vector<MemberIdentity>& members);

  struct Commit {
    MemberIdentity identity;
    int32_t generation = -1;
    bool by_epoch = false;      // the client knows that `generation` may be a member's epoch
    int64_t retention_ms = -1;  // -1: the server's
    std::vector<NewOffset> offsets;
  };
  Task<KafkaError> commit(std::string_view group_id, const Commit& commit);

  // Without `wanted`: all. Partitions without an offset are left out. A member of the consumer protocol may say that it
  // is one.
  struct OffsetsReader {
    std::optional<std::string_view> member_id;
    int32_t epoch = -1;
  };
  struct OffsetsAnswer {
    KafkaError error = KafkaError::none;
    std::vector<FoundOffsets> topics;
  };
  Task<OffsetsAnswer> find_offsets(std::string_view group_id, OffsetsReader reader,
                                   const std::vector<WantedOffsets>* wanted);

  struct ForgetAnswer {
    KafkaError error = KafkaError::none;
    std::vector<KafkaError> topics;  // in the order of the request
  };
  Task<ForgetAnswer> forget_offsets(std::string_view group_id,
                                    const std::vector<WantedOffsets>& wanted);

  struct ListAnswer {
    KafkaError error = KafkaError::none;
    std::vector<ListedGroup> groups;
  };
  Task<ListAnswer> list();
  Task<GroupDescription> describe(std::string_view group_id);
  Task<KafkaError> remove(std::string_view group_id);

  // The groups of this reactor that have been read.
  std::vector<GroupFigures> figures() const;

  // The consumer protocol.
  Task<ConsumerHeartbeatAnswer> consumer_heartbeat(std::string_view group_id,
                                                   const ConsumerHeartbeat& heartbeat);
  Task<ConsumerGroupDescription> describe_consumer(std::string_view group_id);
  // For a client that has not made one of its own.
  std::string new_member_id();

  // The topic is gone, and so are all places in it.
  Task<void> forget_topic(std::string_view topic);

 private:
  // Where a group is kept.
  struct Place {
    PartitionKey partition;
    GroupCoordinator* owner = nullptr;
    uint32_t reactor = 0;
  };
  struct Entry;
  using EntryPointer = std::shared_ptr<Entry>;
  enum class PartitionState : uint8_t { loading, ready };

  Result<Place> place_of(std::string_view group_id) const;
  Task<Result<Place>> find_place(std::string_view group_id);
  template <class Answer, class Function>
  Task<Answer> on_owner(std::string_view group_id, Function function);
  template <class Answer, class Work>
  Task<Answer> wait_for(std::string_view group_id, Engine::WaitCancel& client_gone, Work work);

  // On the group's reactor.
  Task<JoinAnswer> join_here(PartitionKey partition, std::string_view group_id,
                             const JoinWish& wish, ParkedJoin& parked);
  Task<SyncAnswer> sync_here(PartitionKey partition, std::string_view group_id,
                             const SyncWish& wish, ParkedSync& parked);
  template <class Answer>
  Task<void> abandon_here(std::string_view group_id, Parked<Answer>& parked);
  Task<KafkaError> heartbeat_here(PartitionKey partition, std::string_view group_id,
                                  MemberIdentity identity, int32_t generation);
  Task<LeaveAnswer> leave_here(PartitionKey partition, std::string_view group_id,
                               const std::vector<MemberIdentity>& members);
  Task<KafkaError> commit_here(PartitionKey partition, std::string_view group_id,
                               const Commit& commit);
  Task<OffsetsAnswer> find_offsets_here(PartitionKey partition, std::string_view group_id,
                                        OffsetsReader reader,
                                        const std::vector<WantedOffsets>* wanted);
  Task<ForgetAnswer> forget_offsets_here(PartitionKey partition, std::string_view group_id,
                                         const std::vector<WantedOffsets>& wanted);
  Task<ListAnswer> list_here();
  Task<GroupDescription> describe_here(PartitionKey partition, std::string_view group_id);
  Task<KafkaError> remove_here(PartitionKey partition, std::string_view group_id);
  Task<void> forget_topic_here(std::string_view topic);

  // The consumer protocol (consumer_group_calls.cc).
  Task<ConsumerHeartbeatAnswer> consumer_heartbeat_here(PartitionKey partition,
                                                        std::string_view group_id,
                                                        const ConsumerHeartbeat& heartbeat);
  Task<ConsumerGroupDescription> describe_consumer_here(PartitionKey partition,
                                                        std::string_view group_id);
  ConsumerHeartbeatAnswer beat_here(PartitionKey partition, std::string_view group_id,
                                    const ConsumerHeartbeat& heartbeat);
  void become_consumer_group(Entry& entry, std::shared_ptr<ConsumerGroup> consumer);
  void become_classic_group(const EntryPointer& entry);
  Task<void> append_end(EntryPointer entry, std::vector<NewGroupRecord> records);
  Task<KafkaError> store_consumer(EntryPointer entry);
  Task<void> store_consumer_later(EntryPointer entry);
  CatalogView catalog();

  // Loading (group_loading.cc).
  Task<void> load_all();
  Task<KafkaError> make_ready(PartitionKey partition);
  Task<Result<void>> load(PartitionKey partition);

  // Keeping (group_coordinator.cc).
  EntryPointer find(std::string_view group_id) const;
  EntryPointer make_entry(PartitionKey partition, std::unique_ptr<Group> group);
  std::string new_member_id(const JoinWish& wish);
  void settle(const EntryPointer& entry);
  void count_memory(Entry& entry);
  void arm(Entry& entry);
  void erase(Entry& entry);
  bool is_full() const;
  Task<void> store(EntryPointer entry, Group::Store store);
  Task<KafkaError> erase_offsets(EntryPointer entry, std::vector<Group::TopicPartition> forgotten);
  Task<KafkaError> end_group(EntryPointer entry);
  void arm_sweep();
  Task<void> sweep();
  Task<void> sweep_group(EntryPointer entry);

  Engine& engine_;
  GroupCoordinators& all_;
  const GroupSettings& settings_;
  std::map<uint32_t, PartitionState> partitions_;  // of the offsets topic, those of this reactor
  std::map<std::string, EntryPointer, std::less<>> groups_;
  size_t memory_bytes_ = 0;
  CatalogWatch catalog_watch_;
  Timer sweep_timer_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

// What the coordinators of one node share: made by main(), before the reactors start.
class GroupCoordinators {
 public:
  GroupCoordinators(const GroupSettings& settings, uint32_t reactor_count)
      : settings_(settings), coordinators_(reactor_count) {}
  GroupCoordinators(const GroupCoordinators&) = delete;

  const GroupSettings& settings() const { return settings_; }
  uint32_t reactor_count() const { return static_cast<uint32_t>(coordinators_.size()); }

 private:
  friend class GroupCoordinator;
  Task<void> enlist(uint32_t reactor, GroupCoordinator* coordinator);

  const GroupSettings settings_;
  // Reactor 0's. It fills the list before it lets any coordinator use it.
  std::vector<GroupCoordinator*> coordinators_;
  uint32_t enlisted_count_ = 0;
  WaitQueue enlisting_;
};

// The code for an error of the offsets topic's partition.
KafkaError coordinator_error_of(Error error);

}  // namespace penstock::kafka
