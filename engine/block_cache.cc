#include "engine/block_cache.h"

#include <algorithm>

namespace penstock {

BlockCache::BlockCache(Doors& doors, Options options)
    : doors_(doors), options_(options), bytes_max_(doors.buffers.size_bytes() / 4) {
  doors_.buffers.add_hoarder(*this);
}

BlockCache::~BlockCache() {
  check(blocks_.empty() && in_flight_bytes_ == 0);
  doors_.buffers.remove_hoarder(*this);
}

bool BlockCache::contains(const Segment& segment, uint64_t position) const {
  return blocks_.contains(key_of(segment, position));
}

// 0: it may not be kept.
uint64_t BlockCache::length_of(uint64_t position, End end) const {
  if (position + options_.block_bytes <= end.position) return options_.block_bytes;
  if (!end.final || position >= end.position) return 0;
  return block_ceiling(end.position) - position;
}

void BlockCache::read_ahead(Segment& segment, uint64_t position, uint64_t last, End end) {
  constexpr size_t kWaitingMax = 64;
  // Who reads in order asks for much the same again: it is one range still, from here on.
  waiting_.remove_if([&](const Range& waiting) {
    if (&*waiting.pin != &segment) return false;
    if (position > waiting.last || last < waiting.position) return false;
    last = std::max(last, waiting.last);
    return true;
  });
  Range range(segment, position / options_.block_bytes * options_.block_bytes, last, end);
  while (start_next(range)) {
  }
  const bool left = range.position < std::min(range.last, end.position);
  if (left && in_flight_bytes_ > 0 && waiting_.size() < kWaitingMax) {
    waiting_.emplace_back(segment, range.position, range.last, end);
  }
}

// Whether there may be more to do for `range` at once.
bool BlockCache::start_next(Range& range) {
  const uint64_t last = std::min(range.last, range.end.position);
  while (range.position < last && contains(*range.pin, range.position)) {
    range.position += options_.block_bytes;
  }
  if (range.position >= last) return false;
  if (in_flight_bytes_ + options_.block_bytes > options_.flight_bytes_max) return false;
  if (start(*range.pin, key_of(*range.pin, range.position), range.end, true) == nullptr) {
    range.position = last;  // no memory, or the end of what may be kept: nobody waits for it
    return false;
  }
  ++figures_.read_ahead_count;
  range.position += options_.block_bytes;
  return true;
}

// One block for each of those who wait, in turn.
void BlockCache::start_waiting() {
  while (!waiting_.empty()) {
    Range& range = waiting_.front();
    const bool started = start_next(range);
    if (range.position >= std::min(range.last, range.end.position)) {
      waiting_.pop_front();
    } else if (started) {
      waiting_.splice(waiting_.end(), waiting_, waiting_.begin());
    } else {
      return;
    }
  }
}

Task<std::shared_ptr<const BlockCache::Block>> BlockCache::get(Segment& segment, uint64_t position,
                                                               End end) {
  const Key key = key_of(segment, position);
  std::shared_ptr<Block> block;
  const auto found = blocks_.find(key);
  if (found != blocks_.end()) {
    block = found->second;
    ++figures_.hit_count;
  } else {
    ++figures_.miss_count;
    block = start(segment, key, end, false);
  }
  if (!block) co_return std::shared_ptr<const Block>();
  if (block->in_flight) {
    co_await block->waiting.wait();
    co_await doors_.scheduler.yield();  // what has come back with it is followed by new reads first
  }
  if (block->filled_bytes == 0) co_return std::shared_ptr<const Block>();
  if (block->listed()) used_.use(*block);
  co_return std::shared_ptr<const Block>(std::move(block));
}

// Memory that others may want more is not taken for what nobody has asked for.
bool BlockCache::make_room(uint64_t bytes, bool ahead) {
  while (kept_bytes_ + bytes > bytes_max_) {
    if (!evict_oldest()) return false;
  }
  const uint64_t pool_bytes = doors_.buffers.size_bytes();
  const auto scarce = [&](uint64_t left) { return doors_.buffers.free_bytes() < bytes + left; };
  while (kept_bytes_ + bytes > options_.least_bytes && scarce(pool_bytes / 4)) {
    if (!evict_oldest()) break;
  }
  while (scarce(pool_bytes / 8)) {
    if (!evict_oldest()) return !ahead;
  }
  return true;
}

std::shared_ptr<BlockCache::Block> BlockCache::start(Segment& segment, Key key, End end,
                                                     bool ahead) {
  const uint64_t length = length_of(key.second, end);
  if (length == 0 || !segment.file.valid()) return nullptr;
  if (!make_room(options_.block_bytes, ahead)) return nullptr;
  Result<Buffer> buffer = doors_.buffers.allocate(length);
  if (!buffer.ok()) return nullptr;
  auto block = std::make_shared<Block>();
  block->file_number = key.first;
  block->position = key.second;
  block->buffer = std::move(buffer).value();
  block->cache = this;
  block->pin.emplace(segment);
  block->in_flight = block;
  DiskRequest& request = block->request;
  request.operation = DiskOperation::read;
  request.file = segment.file;
  request.position = key.second;
  request.bytes = block->buffer.data();
  request.length_bytes = length;
  request.owner = block.get();
  request.on_complete = [](DiskRequest& done) {
    Block& completed = *static_cast<Block*>(done.owner);
    completed.cache->finish(completed);
  };
  blocks_.emplace(key, block);
  kept_bytes_ += block->buffer.size();
  in_flight_bytes_ += length;
  doors_.disk.submit(request);
  return block;
}

void BlockCache::finish(Block& block) {
  const std::shared_ptr<Block> self = std::move(block.in_flight);
  in_flight_bytes_ -= block.request.length_bytes;
  const auto found = blocks_.find({block.file_number, block.position});
  const bool forgotten = found == blocks_.end() || found->second != self;
  const bool whole =
      !block.request.failed && block.request.done_bytes == block.request.length_bytes;
  if (!forgotten && whole) {
    block.filled_bytes = block.request.done_bytes;
    used_.use(block);
  } else if (!forgotten) {
    drop(block);
  }
  block.waiting.wake_all();
  block.pin.reset();
  start_waiting();
  if (in_flight_bytes_ == 0) idle_.wake_all();
}

// Out of the list; whoever reads it keeps it as long as that takes.
void BlockCache::drop(Block& block) {
  used_.remove(block);
  kept_bytes_ -= block.buffer.size();
  blocks_.erase({block.file_number, block.position});
}

bool BlockCache::evict_oldest() {
  Block* const oldest = used_.oldest();
  if (oldest == nullptr) return false;
  drop(*oldest);
  return true;
}

void BlockCache::let_go(const Segment& segment, uint64_t from, uint64_t last) {
  auto next = blocks_.lower_bound(key_of(segment, from));
  const Key end = key_of(segment, last);
  while (next != blocks_.end() && next->first < end) {
    Block& block = *(next++)->second;
    if (!block.in_flight) drop(block);
  }
}

void BlockCache::forget(uint64_t file_number) {
  waiting_.remove_if(
      [&](const Range& range) { return range.pin->state.file_number == file_number; });
  for (auto next = blocks_.lower_bound({file_number, 0});
       next != blocks_.end() && next->first.first == file_number;) {
    Block& block = *(next++)->second;
    drop(block);
  }
}

Task<void> BlockCache::close() {
  waiting_.clear();
  while (in_flight_bytes_ > 0) co_await idle_.wait();
  co_await doors_.scheduler.yield();  // the read that woke us is still on the stack
  while (evict_oldest()) {
  }
}

bool BlockReader::has(uint64_t position, uint64_t bytes) const {
  return !blocks_.empty() && position >= blocks_.front()->position &&
         position + bytes <= blocks_.back()->position + blocks_.back()->filled_bytes;
}

Task<bool> BlockReader::load(uint64_t position, uint64_t bytes) {
  std::erase_if(blocks_, [position](const auto& block) {
    return block->position > position || block->position + block->filled_bytes <= position;
  });
  while (!has(position, bytes)) {
    const uint64_t next =
        blocks_.empty() ? position : blocks_.back()->position + blocks_.back()->filled_bytes;
    std::shared_ptr<const BlockCache::Block> block = co_await cache_.get(segment_, next, end_);
    const bool goes_on =
        block && block->position <= next && next < block->position + block->filled_bytes;
    if (!goes_on) co_return false;
    blocks_.push_back(std::move(block));
  }
  co_return true;
}

}  // namespace penstock
