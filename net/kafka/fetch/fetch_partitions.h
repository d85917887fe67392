// The partitions that a fetch reads: of one request, or of a session that goes on from request to request.
//
// It knows which of them may have something to say, and looks only at those: the rest is watched (ReadSet). What was
// served goes to the end of the queue, so that one busy partition does not keep the others out of an answer.
//
// On one reactor, by one request at a time. `engine` outlives it; close() before it is destroyed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/read_set.h"
#include "net/kafka/messages/fetch.h"

namespace penstock::kafka {

class FetchPartitions {
 public:
  // `by_id`: topics are told apart by their ids, and answered so.
  FetchPartitions(Engine& engine, bool by_id);
  FetchPartitions(const FetchPartitions&) = delete;

  bool by_id() const { return by_id_; }
  size_t count() const { return count_; }
  size_t highest_count() const { return entries_.size(); }

  // Adds what is new in `request`, changes what is known, and drops what it forgets.
  Task<void> update(const FetchRequest& request);

  // What was found in one partition, for the answer under construction.
  struct Found {
    KafkaError error = KafkaError::none;
    int64_t high_watermark = -1;
    int64_t log_start = -1;
    bool operator==(const Found&) const = default;
  };
  // One answer under construction: filled anew by each look, so that nothing is held while a request is parked.
  struct Look {
    struct Batches {
      uint32_t slot = 0;
      std::vector<IoSlice> pieces;
      TopicId topic;
      uint64_t record_count = 0;
      uint64_t size_bytes = 0;
    };
    ReadSet::Limit limit;
    std::vector<Batches> batches;
    std::vector<Buffer> kept;
    std::vector<std::pair<uint32_t, FetchResponse::EpochEndOffset>> diverged;
    std::vector<std::pair<uint32_t, LeaderEpoch>>
        led_otherwise;    // whom the client takes for a leader is none
    bool failed = false;  // some partition has an error: answer at once
    bool busy = false;    // for want of memory: look again soon
  };

  // Looks at all that may have something to say. With `watch`, those that have nothing are not looked at again before
  // they have.
  Task<void> look(Look& look, bool watch);
  // Until there may be something; see ReadSet::wait().
  Task<void> wait(size_t more_bytes, uint64_t deadline_ns, Engine::WaitCancel& given_up) {
    return reads_.wait(more_bytes, deadline_ns, given_up);
  }
  void interrupt() { reads_.interrupt(); }

  // Puts what was found into `response`: of all partitions, or of those where the client does not know it yet.
  // `response` refers to `look` and to this.
  void answer(const Look& look, bool only_changes, bool committed_only, int32_t node_id,
              FetchResponse& response);

  Task<void> close() { return reads_.close(); }

 private:
  struct FetchedTopic {
    std::string name;  // of a topic by id: empty until it was there
    Uuid id;           // zero for a topic by name
    uint32_t partition_count = 0;
  };
  struct Entry {
    bool live = false;
    bool queued = false;   // in queue_
    bool touched = false;  // in touched_
    uint32_t topic = 0;    // in topics_
    int32_t index = 0;
    int32_t current_leader_epoch = -1;
    int32_t last_fetched_epoch = -1;
    int32_t size_bytes_max = 0;
    int64_t fetch_offset = 0;
    std::optional<PartitionKey> key;  // as it was read last
    Found found;                      // by the last look
    Found told;                       // to the client
  };
  using Place = std::pair<uint32_t, int32_t>;  // topic, index

  static std::string key_of(bool by_id, std::string_view name, const Uuid& id);
  uint32_t topic_of(std::string_view name, const Uuid& id);
  void put(uint32_t topic, const FetchRequest::Partition& wanted);
  std::optional<uint32_t> find(std::string_view name, const Uuid& id, int32_t index) const;
  void drop(uint32_t slot, std::vector<ReadSet::Watched>& watched);
  void queue(uint32_t slot);
  void touch(uint32_t slot);
  KafkaError resolve(Entry& entry);
  void prepare(uint32_t slot, Look& look, std::vector<ReadSet::Read>& reads);
  bool take(ReadSet::Read& read, Look& look);
  FetchResponse::Partition describe(const Entry& entry, bool committed_only) const;

  Engine& engine_;
  bool by_id_;
  ReadSet reads_;
  std::vector<FetchedTopic> topics_;
  std::vector<uint32_t> free_topics_;
  std::map<std::string, uint32_t, std::less<>> topics_by_key_;
  std::vector<Entry> entries_;  // by slot
  std::vector<uint32_t> free_slots_;
  std::map<Place, uint32_t> slots_;
  size_t count_ = 0;
  std::vector<uint32_t> queue_;    // what the next look looks at, in this order
  std::vector<uint32_t> touched_;  // what was looked at since the last answer
};

}  // namespace penstock::kafka
