// The bytes of one partition's log on their way to the disk, and those kept in memory for readers of the tail.
//
// Frames are placed into chunks, aligned blocks that mirror a stretch of a segment; the WriteQueue asks for writes of
// whole disk blocks from them. Three log positions move along: placed >= written >= flushed. `written` is the end of the
// unbroken prefix of completed writes, `flushed` of what a completed flush (or a durable write) covered.
// The last block may be partial: it is written as it is, and again with what follows. While such a write is in flight
// nothing is placed (one block, one write in flight, and its bytes stay put); a large write closes it with a pad frame
// instead, so that placing goes on.
// A frame that must lie in one piece goes to a new chunk where the last one has no room for it. That chunk then begins
// with the last one's partial block, whose bytes move along: nothing on the disk is wasted. A partial block outlives its
// chunk, so that a log among thousands, whose chunks are soon evicted, need not read it back.
//
// A large frame that arrived in memory of the right alignment is linked: that memory becomes a chunk.
//
// Owned by its Partition; only on its reactor. Close order: drain(), then destroy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/ring_queue.h"
#include "engine/segment.h"
#include "io/doors.h"

namespace penstock {

class LogWriter;
class WriteQueue;
class FlushStream;

// One write in flight.
struct LogWrite {
  DiskRequest request;
  LogWriter* writer = nullptr;
  Segment* segment = nullptr;
  uint64_t chunk_number = 0;
  uint64_t log_end = 0;
  uint64_t end_position = 0;  // in the segment, whole blocks
  bool open_block = false;    // its last block is partial and will be written again
  bool done = false;
  uint64_t submitted_ns = 0;  // of a durable one
};

class LogWriter {
 public:
  // What the writer tells its partition. Called from completions, never inside a call to the writer.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void log_progressed() = 0;                // written or flushed moved
    virtual void log_failed(Error error) = 0;         // final: nothing more will be written
    virtual FrameHeader log_pad_header() = 0;         // a pad frame's, but for its payload bytes
    virtual uint64_t log_frame_seed() = 0;            // the active segment's generation
    virtual bool wants_flush_now() const = 0;         // someone waits for the flush
    virtual uint32_t log_frames_waiting() const = 0;  // to be placed next; an estimate
  };

  LogWriter(Doors& doors, WriteQueue& queue, FlushStream& flushes, Owner& owner);
  LogWriter(const LogWriter&) = delete;
  ~LogWriter();  // nothing in flight, no flush round covers it

  // Starts at the end of `segment`, all of which (and of all before it) is written and flushed.
  void start_at(Segment& segment);

  // The next frame goes to `segment`; the one before it stays as it is, with no pad frame behind it.
  void move_to(const Segment& segment);

  // Whether a frame of `frame_bytes` can be placed at once at `segment`'s end.
  bool ready(const Segment& segment, uint64_t frame_bytes) const;
  // Makes it so: waits for memory, reads the tail block back. Error::busy, io, fenced.
  Task<Result<void>> prepare(Segment& segment, uint64_t frame_bytes);

  // Copies a frame's payload to where it will lie at the end of `segment`, which is ready for it, and answers its XXH3-64
  // checksum, computed on the way if `checksum` is wanted. place() with the header must follow before anything else.
  uint64_t copy_payload(Segment& segment, std::span<const std::byte> payload, bool checksum);

  // The same without a copy, for a large payload that lies in `memory` with the room of a frame header before it, at the
  // start of a disk block, and that of the padding behind it: its memory becomes the log's, with all that lies around the
  // payload. False: it has to be copied.
  static constexpr size_t kLinkBytesMin = 48 << 10;
  bool may_link(std::span<const std::byte> payload, const Buffer& memory) const;
  // After it place() must follow, with no wait between; before, what goes before the frame is padded to a whole block.
  Task<Result<void>> link(Segment& segment, std::span<const std::byte> payload,
                          const Buffer& memory);

  // As copy_payload() for a caller who fills the payload in: makes room for a frame in one piece. What is answered lies in the
  // log's memory and is the caller's until place() or release(); meanwhile nothing else is placed.
  Task<Result<std::span<std::byte>>> reserve(Segment& segment, size_t payload_bytes);
  void release();

  // Puts `header` before the payload that is there now, and queues the frame for writing.
  void place(Segment& segment, std::span<const std::byte> header, size_t payload_bytes);

  uint64_t placed() const { return placed_; }
  uint64_t written() const { return written_; }
  uint64_t flushed() const { return flushed_; }
  bool failed() const { return failed_; }
  void fail(Error error);  // final: nothing more is written; what is in flight still completes

  // Waits until all that was placed is written and flushed (or the log has failed).
  Task<Result<void>> drain();

  // After drain(): forgets everything from position `position` of `segment` on, which is now the last segment.
  void cut(Segment& segment, uint64_t position);

  // Memory that mirrors `segment` from `position` on, as far as one chunk goes; empty if it is only on disk. The buffer
  // is a reference of its own.
  struct Cached {
    Buffer buffer;
    std::span<const std::byte> bytes;
  };
  Cached cached(const Segment& segment, uint64_t position) const;
  // The lowest position of `segment` that is in memory with all after it; its end if none is.
  uint64_t cached_from(const Segment& segment) const;

  // Frees the oldest chunk if all in it is written. False: nothing to free now.
  bool evict_oldest_chunk();
  void forget_chunks(const Segment& segment);  // it is being dropped

  bool idle() const { return in_flight_.empty() && placed_ == flushed_; }

 private:
  friend class WriteQueue;
  friend class FlushStream;

  struct Chunk {
    std::byte* data() const { return buffer.data() + skipped; }
    size_t size() const { return buffer.size() - skipped; }
    std::span<std::byte> bytes() const { return {data(), size()}; }

    Buffer buffer;
    size_t skipped = 0;  // whole disk blocks at the buffer's start that are not the chunk's
    Segment* segment = nullptr;
    uint64_t position = 0;    // in the segment
    uint64_t filled = 0;      // bytes placed
    uint64_t submitted = 0;   // bytes handed to the disk
    uint64_t frames_end = 0;  // log position: the end of the last frame with bytes in here
  };

  uint64_t room(const Segment& segment) const;
  uint64_t own_bytes(uint64_t number) const;
  bool ready_in_one_piece(const Segment& segment, uint64_t frame_bytes) const;
  Task<Result<void>> add_chunk(Segment& segment, uint64_t frame_bytes);
  Task<Result<void>> push_tail_chunk(Segment& segment, Buffer buffer);
  void keep_tail(const Chunk& chunk);
  void drop_tail();
  void push_chunk(Chunk chunk);
  void drop_empty_tail(const Segment& segment);
  static uint64_t pad_bytes(const Segment& segment);
  void place_pad(Segment& segment, uint64_t pad_bytes);
  void place_around(std::span<const std::byte> header, uint64_t from, uint64_t end);
  void advance(Segment& segment, uint64_t bytes);
  template <class With>
  void for_each_piece(uint64_t skip, uint64_t length, With with);

  // WriteQueue's: the next write, at most `bytes_max` long, or null if there is none now.
  LogWrite* next_write(uint64_t bytes_max);
  bool has_unsubmitted() const;
  uint64_t unsubmitted_bytes() const;
  void drop_front_chunk();
  void write_done(LogWrite& write);

  // FlushStream's.
  void flush_done(uint64_t target);
  void flush_failed();

  Doors& doors_;
  WriteQueue& queue_;
  FlushStream& flushes_;
  Owner& owner_;
  RingQueue<Chunk> chunks_;
  uint64_t place_chunk_ = 0;   // the number of the chunk where the next byte goes
  uint64_t submit_chunk_ = 0;  // ... where the next write starts
  RingQueue<LogWrite*> in_flight_;
  uint64_t placed_ = kLogPositionFirst;
  uint64_t written_ = kLogPositionFirst;
  uint64_t flushed_ = kLogPositionFirst;
  const Segment* active_ = nullptr;       // where the next frame goes
  std::vector<Segment*> dirty_segments_;  // completed writes wait for a flush
  std::vector<std::byte> tail_;  // of the active segment's partial last block, if no chunk has it
  uint64_t tail_number_ = 0;     // WriteQueue's, of a tail that is kept
  bool open_block_in_flight_ = false;
  bool gained_chunk_ = false;  // by what is preparing: it is not to be evicted
  bool reserved_ = false;
  bool failed_ = false;
  bool queued_ = false;        // in the WriteQueue
  bool has_much_ = false;      // ... in its line of large ones
  bool flush_listed_ = false;  // in the FlushStream's list
  uint32_t flush_rounds_ = 0;  // rounds under way that cover this writer
  LogWriter* next_queued_ = nullptr;
  LogWriter* previous_queued_ = nullptr;
  WaitQueue progress_;
};

}  // namespace penstock
