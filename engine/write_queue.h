// Who writes next: the LogWriters of one store take turns, and together keep the disk busy but not flooded.
//
// Writes are submitted at the end of a turn of the loop, so that what was placed in one turn goes out together, and as
// others complete. A disk is as fast with few large writes in flight as with many small ones, and each costs CPU: so who
// has little waits while enough is in flight already, and collects more meanwhile; blocks grow where many write.
// Also owns the memory budget of chunks: what is on the disk already makes room for whoever wants memory. Owned by a
// PartitionStore; only on its reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/hashing_copy.h"
#include "engine/log_writer.h"
#include "io/doors.h"
#include "io/fair_mutex.h"

namespace penstock {

class WriteQueue : private BufferPool::Hoarder {
 public:
  struct Options {
    uint64_t in_flight_bytes_max = 4 << 20;
    uint64_t write_bytes_max = 512 << 10;
    uint64_t large_bytes_min = 256 << 10;          // who has as much does not wait for more
    uint64_t small_in_flight_bytes_max = 1 << 20;  // with more in flight, who has less waits
    uint32_t small_in_flight_count_max = 32;  // where many wait, so many may, of twice the bytes
    // Of the log's end in memory, over all writers: what is on the disk goes beyond that. The less memory the writes go
    // through, the more of it a processor's cache holds.
    uint64_t tail_bytes_max = 16 << 20;
  };
  WriteQueue(Doors& doors, Options options);
  WriteQueue(const WriteQueue&) = delete;
  ~WriteQueue() override;  // nothing queued, nothing in flight

  void enqueue(LogWriter& writer);  // it may have bytes to submit
  void remove(LogWriter& writer);   // it is going away; nothing of it is in flight

  // What a chunk is for; all sizes in bytes, those of chunks powers of two.
  struct ChunkDemand {
    uint64_t bytes = 0;        // of the frame that is placed next
    uint64_t frame_bytes = 0;  // of each that waits behind it, about
    size_t least = 0;
    size_t most = 0;
    const LogWriter::Owner& owner;
  };
  // A chunk's memory: of `most` bytes; where the logs' ends in memory have all they may, for those frames only that wait
  // for it by then; of `least` bytes where the pool has no more. Evicts the oldest chunks that are on disk. While there
  // is none and writes are under way it waits in line: more frames come meanwhile, for one larger write. Error::busy: for
  // ten seconds nobody in the line was served. Who needs little does not stand in it. chunk_pushed() is to follow.
  Task<Result<Buffer>> allocate_chunk(ChunkDemand demand);

  // A block from elsewhere becomes a chunk: what is on the disk goes instead. chunk_pushed() is to follow.
  void chunk_linked(size_t size_bytes);

  uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  uint64_t tail_bytes() const { return chunk_bytes_; }

  // One for all writers, each of which is done with it before it returns.
  HashingCopy& hashing_copy() { return hashing_copy_; }

 private:
  friend class LogWriter;
  struct Pump : Message {
    WriteQueue* queue = nullptr;
  };
  // Writers in the order they came, linked through themselves.
  struct Line {
    bool empty() const { return head == nullptr; }
    void push_back(LogWriter& writer);
    void remove(LogWriter& writer);
    LogWriter* head = nullptr;
    LogWriter* tail = nullptr;
  };

  void schedule();
  void pump();
  bool may_submit_small() const;
  LogWriter* next_writer();
  Line& line_of(const LogWriter& writer) { return writer.has_much_ ? large_ : small_; }
  LogWrite& take_write();
  void finished(const LogWrite& write);  // completed: its bytes are no longer in flight
  void give_back(LogWrite& write);       // nobody refers to it any more
  void chunk_written();                  // one more may be evicted
  void chunk_pushed(LogWriter& writer) { chunk_owners_.push_back(&writer); }
  void tail_kept(LogWriter& writer);     // it has kept its partial block
  void tail_dropped(LogWriter& writer);  // ... and has it no more
  Result<Buffer> try_allocate_chunk(const ChunkDemand& demand);
  Result<Buffer> allocate_beside_line(const ChunkDemand& demand);
  size_t size_for_waiting(const ChunkDemand& demand) const;
  void chunk_freed(size_t size_bytes) { chunk_bytes_ -= size_bytes; }
  bool give_back() override { return evict_one(chunk_owners_.size()); }
  bool evict_one(size_t tries_max);

  Doors& doors_;
  Options options_;
  Line small_;
  Line large_;
  uint32_t passed_small_count_ = 0;  // large writes since the last small one
  uint64_t in_flight_bytes_ = 0;
  uint32_t in_flight_count_ = 0;
  Pump pump_;
  bool scheduled_ = false;
  std::vector<std::unique_ptr<LogWrite>> writes_;
  std::vector<LogWrite*> free_writes_;
  uint64_t chunk_bytes_ = 0;
  WaitQueue written_;     // whoever is first in line for memory
  FairMutex allocating_;  // the line
  uint64_t served_ns_ = 0;
  HashingCopy hashing_copy_;
  RingQueue<LogWriter*> chunk_owners_;  // one entry per chunk, oldest first; null: gone
  RingQueue<LogWriter*> tail_owners_;   // of who has kept its partial block; the same
};

}  // namespace penstock
