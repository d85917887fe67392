// One partition: its segments, offsets, epochs and watermarks, and everybody who waits for them.
//
// Owned by a PartitionStore and called only on its reactor, so it takes no locks. What appends, rolls, cuts or closes
// is serialized by one FairMutex; reads run beside it. Nothing below the log start or at and above the high watermark
// is ever shown to a reader, and the high watermark never passes what has the topic's durability.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/block_cache.h"
#include "engine/figures.h"
#include "engine/frame_scanner.h"
#include "engine/journal.h"
#include "engine/log_writer.h"
#include "engine/open_segments.h"
#include "engine/partition_producers.h"
#include "engine/partition_watch.h"
#include "engine/ring_queue.h"
#include "engine/segment.h"
#include "engine/segment_files.h"
#include "engine/topic.h"
#include "engine/wake_queue.h"
#include "io/event.h"
#include "io/fair_mutex.h"

namespace penstock {

class Partition;
class Compaction;

// What partitions of one store share.
struct PartitionServices {
  Doors& doors;
  Journal& journal;
  SegmentFiles& files;
  WriteQueue& queue;
  FlushStream& flushes;
  OpenSegments& open_segments;
  BlockCache& blocks;
  WakeQueue& wakes;
  PlacedFigures& placed;
  ReadFigures& reads;
  ProducerPool& producers;
  FlushListener& failures;
  uint64_t checkpoint_bytes = 1 << 20;  // a checkpoint is due after so many; the store adjusts it
};

struct PartitionOffsets {
  Offset log_start;
  Offset high_watermark;  // the end of what readers see
  Offset log_end;         // the next offset to be given out
  LeaderEpoch leader_epoch;
  LeaderEpoch log_start_epoch;  // of the record at the log start
};

struct AppendResult {
  Offset base_offset;
  int64_t append_time_ms = 0;
  Offset log_start;
  Durability durability = Durability::flushed;  // what it has
  uint32_t record_count = 0;                    // as appended
  uint32_t payload_bytes = 0;
  bool duplicate = false;  // it was appended before: this is what was answered then
};

// One frame's worth of records on their way into a log. `payload` is changed in place for kafka_batch: base offset and
// leader epoch (and, for LogAppendTime, the timestamps). It stays put until the append is done.
struct NewFrame {
  FrameKind kind = FrameKind::kafka_batch;
  std::span<std::byte> payload;
  uint32_t record_count = 1;
  uint32_t offset_span = 1;
  int64_t max_timestamp_ms = -1;
  std::optional<Offset> given_offset;  // a follower's append: at least the log end; gaps are kept
  std::optional<LeaderEpoch> given_epoch;  // ... with the leader's epoch; else the partition's own
  // The block that the payload lies in, if all of it but the payload may be overwritten from now on: a large payload that
  // is aligned to be written from there becomes part of the log without a copy.
  const Buffer* memory = nullptr;
  ProducerStamp producer;  // of an idempotent producer's batch; checked but for a follower's append
};

// Room for one frame's payload in the log's own memory. While it is held nothing else is appended to its partition:
// fill it in at once and commit it; destroyed without that, it is given up. On the partition's reactor.
class FrameReservation {
 public:
  FrameReservation(FrameReservation&& other) noexcept
      : partition_(std::exchange(other.partition_, nullptr)), payload_(other.payload_) {}
  FrameReservation& operator=(FrameReservation&&) = delete;
  ~FrameReservation();

  std::span<std::byte> payload() const { return payload_; }  // in one piece

 private:
  friend class Partition;
  FrameReservation() = default;

  Partition* partition_ = nullptr;
  std::span<std::byte> payload_;
};

// Consecutive payload bytes, as they lie in memory.
struct ReadSlice {
  Buffer buffer;  // keeps the bytes alive
  std::span<const std::byte> bytes;
};

struct ReadResult {
  std::vector<ReadSlice> slices;  // payloads back to back
  size_t size_bytes = 0;
  uint64_t record_count = 0;
  Offset next_offset;  // after the last frame read; the asked one if there was none
  PartitionOffsets offsets;
};

struct OffsetAndTimestamp {
  Offset offset;
  int64_t timestamp_ms = -1;
  LeaderEpoch leader_epoch;
};

// Where the log of a leader epoch ends.
struct EpochEnd {
  LeaderEpoch epoch;
  Offset end_offset;
};

struct EpochEndAndOffsets {
  std::optional<EpochEnd> end;
  PartitionOffsets offsets;
};

// Where damage was found, and why it is not a torn tail.
struct Damage {
  std::string path;
  PartitionKey key;
  uint64_t position = 0;
  Offset offset;  // the next one after the last good frame before it
  std::string reason;
};

class Partition : private LogWriter::Owner {
 public:
  // `state` is the journal's; open() makes it serve. For a partition that the journal does not know, `state` is empty.
  Partition(PartitionServices& services, const PartitionState& state, TopicConfig config);
  Partition(const Partition&) = delete;
  ~Partition() override;  // close() has completed

  // Recovery: finds the log's end, flushes what it keeps and cuts what it does not. Error::corrupt: `damage()` says
  // where, and nothing was changed. After an error everything answers it; the Reporter was told.
  Task<Result<void>> open();
  const std::optional<Damage>& damage() const { return damage_; }
  // Whether it serves: what open() answered, and Error::closed before and after.
  Result<void> usable() const;

  // Recovery's look at the log without its changes, and at all that it would not look at: finds any damage. Leaves no
  // file open.
  Task<Result<void>> inspect();

  // See Engine::append. Error::too_large, busy, disk_full (try again later), io, fenced, closed; of a producer's batch
  // also out_of_sequence, stale_producer_epoch. A batch that was appended before is not appended again: it is answered
  // as it was then, when it has its topic's durability.
  Task<Result<AppendResult>> append(const NewFrame& frame);

  // The same without a copy: the payload is filled in where it will be written from. commit() takes the reservation,
  // whatever it answers; `frame.payload` is the reserved bytes.
  Task<Result<FrameReservation>> reserve(size_t payload_bytes);
  Task<Result<AppendResult>> commit(FrameReservation& reservation, NewFrame frame);

  Task<Result<ReadResult>> read(Offset offset, size_t max_bytes);
  Task<Result<std::optional<OffsetAndTimestamp>>> find_timestamp(int64_t timestamp_ms);
  Task<Result<std::optional<OffsetAndTimestamp>>> find_max_timestamp();

  PartitionOffsets offsets() const;
  const AppendFigures& figures() const { return appended_; }  // since it was opened
  // Told of all changes that a reader may see, and of the end, with which it leaves.
  void add_watch(PartitionWatch& watch) { watches_.add(watch); }
  void tell_watches() { watches_.tell_change(); }
  // The end, in bytes of the log, of what may be visible.
  uint64_t visible_log_position() const;

  // The last epoch up to `epoch` that has records, and the end of its log: the start of the next one, or the log end.
  // `epoch` itself where that is the current one or before the first. Nothing for one that is not known yet.
  std::optional<EpochEnd> end_offset_for_epoch(LeaderEpoch epoch) const;
  // From now on this node appends in `epoch`. Error::fenced: a later one is known.
  Result<void> set_leader_epoch(LeaderEpoch epoch);

  // Drops all batches at and above `offset` (whole batches: the one that holds it too). Durable when done.
  Task<Result<void>> truncate_suffix(Offset offset);
  // Moves the log start to `offset`; segments below are recycled. Error::offset_out_of_range above the high watermark.
  Task<Result<void>> truncate_prefix(Offset offset);
  // Drops everything; the next offset is `offset`.
  Task<Result<void>> reset(Offset offset);

  // Retention: drops the segments at the front, whole ones, that are older than the topic keeps records, or without
  // which the log still has as many bytes as it keeps. The active segment goes too, when it is the last that is left
  // and too old. What cannot be done now is due again.
  bool retention_due() const;
  Task<void> enforce_retention();

  // The idempotent producers it knows, by id; those that appended nothing for long are forgotten.
  PartitionProducers::States producers() const;
  void expire_producers();
  // Compaction: whether there is enough to be done for a pass, and how much of the log nobody has looked at yet.
  struct CompactionNeed {
    bool due = false;
    double dirty_ratio = 0;
  };
  CompactionNeed compaction_need() const;
  bool compaction_refused() const { return compaction_refused_; }  // a pass met damage: no more
  // A compacted log's active segment ends when it is old enough, also if nothing more comes: until then its records are
  // not compacted.
  bool idle_roll_due() const;
  Task<void> roll_if_due();

  // Writes a checkpoint if everything is flushed and the last one is out of date.
  void checkpoint_if_idle();

  void set_config(TopicConfig config) { config_ = std::move(config); }
  const TopicConfig& config() const { return config_; }
  const PartitionKey& key() const { return key_; }

  // Flushes, checkpoints, closes files. With `remove`, the files go to the pool instead.
  Task<void> close(bool remove = false);

  // A write or flush of this log or of its device failed: final.
  void fence(Error error) { writer_.fail(error); }
  uint64_t log_bytes() const;  // frames of all its segments
  bool has_unflushed() const { return !writer_.idle(); }

 private:
  class AppendWait;
  struct PendingFrame {
    uint64_t log_end = 0;
    Offset next_offset;
    AppendWait* waiter = nullptr;
  };
  struct FrameEnd {
    uint64_t log_position = 0;
    Offset next_offset;
  };
  enum class State : uint8_t { closed, open, refused, closing };

  // LogWriter::Owner
  void log_progressed() override;
  void log_failed(Error error) override;
  FrameHeader log_pad_header() override;
  uint64_t log_frame_seed() override { return active_seed_; }
  bool wants_flush_now() const override;
  uint32_t log_frames_waiting() const override { return mutex_.waiting_count(); }

  // Appending (partition.cc).
  friend class FrameReservation;
  static constexpr uint64_t kAcknowledged = UINT64_MAX;  // a frame that nobody has to wait for
  Task<Result<uint64_t>> place(const NewFrame& frame, AppendResult& result);
  Result<void> may_append(const NewFrame& frame) const;
  Task<Result<void>> make_room(uint64_t frame_bytes, uint64_t pad_bytes = 0);
  Task<Result<bool>> settle_payload(const NewFrame& frame, uint64_t frame_bytes);
  FrameHeader begin_frame(const NewFrame& frame);
  uint64_t end_frame(const FrameHeader& header, AppendResult& result);
  Task<Result<AppendResult>> acknowledged(uint64_t number, AppendResult& result);
  void abandon(FrameReservation& reservation);
  void stamp_batch(const NewFrame& frame, FrameHeader& header);
  Task<Result<void>> roll(uint64_t frame_bytes);
  void prepare_next_if_due();
  Task<void> prepare_next(size_t size_class);
  Task<void> put_next_back();
  Task<Result<SegmentFiles::Prepared>> next_file(uint64_t bytes_min);
  Task<Result<void>> open_for_writing(Segment& segment);
  size_t next_size_class() const;
  void seal_flushed_segments();
  void seal(Segment& segment);
  void checkpoint();
  void start_segment_seed();

  // Idempotent producers (partition_idempotence.cc).
  struct FoundBatch {
    ProducerStamp stamp;
    ProducedBatch batch;
  };
  Result<std::optional<uint64_t>> find_duplicate(const NewFrame& frame, AppendResult& result);
  uint64_t number_of(const ProducedBatch& batch) const;
  void note_produced(const NewFrame& frame, const FrameHeader& header);
  void restore_producers();
  void replay_producer(const FrameScanner::Frame& frame);
  std::vector<JournalRecord> producer_records(Offset end);
  void journal_producers(Offset end);
  Task<Result<void>> cut_producers(size_t segment_index, uint64_t position, Offset end);
  Task<Result<void>> find_batches(Segment& segment, uint64_t position, Offset end,
                                  std::vector<int64_t>& wanted, std::vector<FoundBatch>& found);

  // Retention (partition_retention.cc).
  bool roll_due() const;
  size_t expired_count() const;
  bool is_expired(size_t index, uint64_t kept_bytes) const;
  Task<Result<void>> expire_all(std::vector<std::unique_ptr<Segment>>& dropped);

  // Compacting (partition_compaction.cc).
  friend class Compaction;
  struct Cleanable {
    Offset dirty_from;         // below it there is one record per key already
    size_t segment_count = 0;  // at the front: those that may be compacted
    uint64_t clean_bytes = 0;
    uint64_t dirty_bytes = 0;
    int64_t dirty_since_ms = INT64_MAX;
  };
  Cleanable cleanable(int64_t now_ms) const;
  uint64_t segment_bytes_max() const;
  bool is_settled(size_t index, int64_t now_ms) const;

  // Cutting and dropping (partition_truncate.cc).
  Task<Result<void>> move_log_start(Offset offset, std::vector<std::unique_ptr<Segment>>& dropped);
  Task<Result<void>> cut_at(size_t segment_index, uint64_t position, Offset next_offset);
  Task<void> drop_segment(Segment& segment);
  Task<Result<void>> truncate_suffix_locked(Offset offset);
  Task<Result<void>> drop_all(std::optional<Offset> next_offset);

  // Recovery (partition_recovery.cc).
  // How far beyond a stop the search for flushed frames goes at least; and where no checkpoint tells how far it must: a
  // frame of the default maximum size, and more.
  static constexpr uint64_t kSearchBytesMin = 128 << 10;
  static constexpr uint64_t kSearchBytesUnknown = 1280 << 10;
  struct Scan;
  Task<Result<void>> open_segments();
  Task<void> close_segments();
  Task<Result<void>> open_or_note_damage(Segment& segment);
  Task<Result<void>> check_frames(Segment& segment);
  Task<Result<void>> scan_segment(Segment& segment, Scan& scan);
  Task<Result<void>> judge_stop(size_t index, FrameScanner& scanner, const Scan& scan);
  Task<Result<void>> scan_segments(Scan& scan);
  Task<Result<void>> settle(const Scan& scan);
  Error note_damage(const Segment& segment, uint64_t position, std::string reason);

  // Reading (partition_read.cc).
  struct Gather;
  Task<Result<ReadResult>> read_once(Offset offset, size_t max_bytes);
  size_t count_before(Offset offset) const;
  Segment* find_segment(Offset offset) const;
  Task<Result<void>> index_earlier_frames(Segment& segment);
  struct GuessReach {
    uint64_t before_bytes = 0;  // looked at before a guessed place
    uint64_t window_bytes = 0;  // read at a time
  };
  static GuessReach guess_reach(const Segment& segment, const Segment::ReadEnd& from,
                                size_t max_bytes);
  Task<Result<uint64_t>> search_earlier_frames(Segment& segment, Gather& gather,
                                               Segment::ReadEnd from);
  struct Walked {
    Segment::ReadEnd to;
    bool found = false;  // the frame there holds the offset, or is the first behind it
  };
  Task<Walked> walk_blocks(Segment& segment, Offset offset);
  static void note_read_end(Segment& segment, Offset next_offset, uint64_t position);
  Task<Result<std::optional<uint64_t>>> find_frame(Segment& segment, Gather& gather);
  Task<Result<void>> open_file(Segment& segment);
  Error tell_damage(Segment& segment, uint64_t position, std::string_view reason = {});
  uint64_t readable_end(const Segment& segment) const;
  bool take_frame(const FrameHeader& header, Gather& gather) const;
  void gather_cached(Segment& segment, Gather& gather);
  Task<Result<void>> gather_cold(Segment& segment, Gather& gather);
  Task<void> gather_blocks(Segment& segment, Gather& gather);
  std::optional<FrameHeader> header_in_blocks(const Segment& segment, const BlockReader& reader,
                                              uint64_t position) const;
  BlockCache::End settled_end(const Segment& segment) const;
  void join_stream(Segment& segment, Gather& gather) const;
  uint32_t run_at_end_before(const Segment& segment, uint64_t reach) const;
  void read_ahead(Segment& segment, const Gather& gather);
  void read_next_ahead(const Segment& segment, uint64_t bytes);
  Task<void> open_ahead(Segment& segment, uint64_t bytes);
  void let_go_behind(const Segment& segment, const Segment::ReadStream& stream, uint64_t before);
  bool copy_cached(const Segment& segment, uint64_t position, std::span<std::byte> to) const;

  PartitionServices& services_;
  PartitionKey key_;
  Checkpoint checkpoint_;  // as the journal had it at open
  TopicConfig config_;
  State state_ = State::closed;
  std::optional<Damage> damage_;
  Error refusal_{};  // State::refused
  std::optional<Error> fenced_;

  std::vector<std::unique_ptr<Segment>> segments_;  // ascending; the last is the active one
  LogWriter writer_;
  uint64_t active_seed_ = 0;
  uint64_t active_since_ns_ = 0;
  std::unique_ptr<SegmentFiles::Prepared> next_file_;  // for the next roll
  bool preparing_next_ = false;
  bool opening_ahead_ = false;
  TaskGroup background_;

  Offset log_start_;
  Offset log_end_;
  Offset high_watermark_;
  LeaderEpoch leader_epoch_;
  std::vector<EpochStart> epochs_;
  size_t epochs_journaled_ = 0;
  int64_t last_append_time_ms_ = 0;

  RingQueue<PendingFrame> pending_;  // placed and not flushed
  uint64_t acknowledged_ = 0;  // number in pending_ of the first frame that is not visible yet
  FrameEnd flushed_end_;       // the last frame's that is flushed
  uint64_t checkpointed_ = 0;  // log position of the last checkpoint
  // How far recovery would search beyond a stop. A frame that needs much more gets a checkpoint as soon as it is flushed.
  uint64_t search_bytes_ = kSearchBytesUnknown;
  uint64_t widened_end_ = 0;   // log position: that frame's end; 0: there is none
  uint64_t sealed_count_ = 0;  // segments at the front whose seal is in the journal

  AppendFigures appended_;
  std::unique_ptr<PartitionProducers> producers_;  // null: there are none

  uint64_t cut_count_ = 0;  // readers that slept through a cut begin anew

  Offset compacted_end_;
  int64_t tombstones_due_ms_ = INT64_MAX;
  bool compaction_refused_ = false;

  FairMutex mutex_;
  PartitionWatches watches_;
};

inline FrameReservation::~FrameReservation() {
  if (partition_ != nullptr) partition_->abandon(*this);
}

}  // namespace penstock
