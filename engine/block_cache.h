// Blocks of cold segment files in memory: read ahead of whoever reads in order, and shared by all who read one place.
//
// A block is an aligned stretch of a file, read once, by whoever asks first; all others wait for that read. Only bytes
// that will not change are asked for: the block with a log's end is not, and whoever cuts a file or gives it up
// forgets its blocks first. A read in flight pins its segment. Blocks live in the reactor's pool, up to a share of it,
// and are given up when those who read in order are past them, or, the ones not used for longest first, when others want
// the memory; the tail's memory is never taken for what is only read ahead.
// Owned by a PartitionStore; only on its reactor. Close order: every segment is closed, then close().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/figures.h"
#include "engine/recency.h"
#include "engine/segment.h"
#include "io/doors.h"
#include "io/event.h"

namespace penstock {

struct BlockUse {};  // a list that blocks stand in: see BlockCache

class BlockCache : private BufferPool::Hoarder {
 public:
  struct Options {
    uint64_t block_bytes = 256 << 10;
    uint64_t ahead_bytes_max = 8 << 20;   // of one reader: what it has not come to yet
    uint64_t flight_bytes_max = 3 << 20;  // with more in flight nothing is read ahead for now
    uint64_t least_bytes = 4 << 20;       // it grows no further while the pool is short of memory
  };
  struct Block : RecencyLink<BlockUse> {
    std::span<const std::byte> bytes() const { return buffer.bytes().first(filled_bytes); }

    uint64_t file_number = 0;
    uint64_t position = 0;
    Buffer buffer;
    uint64_t filled_bytes = 0;  // nothing until it is read, or if that failed

    // The cache's, while it is being read.
    BlockCache* cache = nullptr;
    DiskRequest request;
    std::optional<SegmentPin> pin;
    std::shared_ptr<Block> in_flight;  // itself
    WaitQueue waiting;
  };
  // What of a file may be kept: whole blocks below `position`, and if nothing is written behind it, the last one too.
  struct End {
    uint64_t position = 0;
    bool final = false;
  };

  BlockCache(Doors& doors, Options options);
  BlockCache(const BlockCache&) = delete;
  ~BlockCache() override;  // close() has completed

  uint64_t block_bytes() const { return options_.block_bytes; }
  // How far ahead of one reader is worth reading: what is not used soon goes before it is used.
  uint64_t ahead_bytes_max() const { return std::min(options_.ahead_bytes_max, bytes_max_ / 4); }
  uint64_t bytes_max() const { return bytes_max_; }

  // Whether the block around `position` is here or on its way.
  bool contains(const Segment& segment, uint64_t position) const;

  // Reads the blocks of [position, last) ahead that are not here and may be kept, as far as memory goes: as many at once
  // as there may be in flight, the others whenever one has come back. The segment is pinned and its file open.
  void read_ahead(Segment& segment, uint64_t position, uint64_t last, End end);

  // The block around `position`, once it is read. Null: it may not be kept, there is no memory for it, or the read
  // failed: whoever reads it some other way learns which. The segment is pinned.
  Task<std::shared_ptr<const Block>> get(Segment& segment, uint64_t position, End end);

  // Nobody is expected to read [from, last) soon: the memory of the blocks that lie in it is free for what comes next,
  // while it is still in the processor's caches.
  void let_go(const Segment& segment, uint64_t from, uint64_t last);

  // The file's bytes are about to change. Who waits for a block of it gets none.
  void forget(uint64_t file_number);

  uint64_t kept_bytes() const { return kept_bytes_; }
  const BlockCacheFigures& figures() const { return figures_; }  // but for the bytes

  Task<void> close();  // waits for the reads under way, and keeps nothing

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // file number, position
  // What is to be read ahead when fewer reads are in flight.
  struct Range {
    Range(Segment& segment, uint64_t from, uint64_t to, End known_end)
        : pin(segment), position(from), last(to), end(known_end) {}
    SegmentPin pin;
    uint64_t position;
    uint64_t last;
    End end;
  };
  Key key_of(const Segment& segment, uint64_t position) const {
    return {segment.state.file_number, position / options_.block_bytes * options_.block_bytes};
  }
  uint64_t length_of(uint64_t position, End end) const;
  std::shared_ptr<Block> start(Segment& segment, Key key, End end, bool ahead);
  bool start_next(Range& range);
  void start_waiting();
  bool make_room(uint64_t bytes, bool ahead);
  bool evict_oldest();
  bool give_back() override { return evict_oldest(); }
  void drop(Block& block);
  void finish(Block& block);

  Doors& doors_;
  Options options_;
  uint64_t bytes_max_;
  std::map<Key, std::shared_ptr<Block>> blocks_;
  RecencyList<Block, BlockUse> used_;  // those that are read
  uint64_t kept_bytes_ = 0;            // with those in flight
  uint64_t in_flight_bytes_ = 0;
  std::list<Range> waiting_;  // only while something is in flight
  WaitQueue idle_;
  BlockCacheFigures figures_;
};

// A stretch of a segment out of the cache, block after block.
class BlockReader {
 public:
  BlockReader(BlockCache& cache, Segment& segment, BlockCache::End end)
      : cache_(cache), segment_(segment), end_(end) {}
  BlockReader(const BlockReader&) = delete;

  // Whether all of [position, position + bytes) is at hand.
  bool has(uint64_t position, uint64_t bytes) const;
  // Makes it so, and lets go of what lies before it. False: see BlockCache::get.
  Task<bool> load(uint64_t position, uint64_t bytes);

  // What is at hand there, piece by piece; the buffer is the piece's.
  template <class With>
  void for_each_piece(uint64_t position, uint64_t bytes, With with) const {
    for (const auto& block : blocks_) {
      if (bytes == 0) return;
      if (position >= block->position + block->filled_bytes) continue;
      const uint64_t skip = position - block->position;
      const uint64_t length = std::min(bytes, block->filled_bytes - skip);
      with(block->buffer, block->bytes().subspan(skip, length));
      position += length;
      bytes -= length;
    }
  }

 private:
  BlockCache& cache_;
  Segment& segment_;
  BlockCache::End end_;
  std::vector<std::shared_ptr<const BlockCache::Block>> blocks_;  // one after the other
};

}  // namespace penstock
