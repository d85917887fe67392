// One reader of many partitions, wherever they live: reads those it asks for, and learns which of them have something
// new without asking all of them.
//
// The reader numbers its partitions: a slot each. A slot that was read with `watch` is watched from then on by the
// partition's own reactor, which notes what changes and tells the reader's reactor once, until the reader comes and takes
// what was noted. So a thousand quiet partitions cost nothing, and a busy one costs a message for each look.
//
// Used on one reactor, its home, by one task at a time (interrupt() apart). The engine outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace penstock {

class ReadSet {
 public:
  explicit ReadSet(Engine& engine);
  ReadSet(const ReadSet&) = delete;
  ~ReadSet();  // close() has completed

  struct Read {
    uint32_t slot = 0;
    PartitionKey key;
    Offset offset;
    size_t size_bytes_max = 0;
    std::optional<LeaderEpoch> last_epoch;  // what was read before `offset` was of this one

    // What came of it; empty at the log's end. Errors as Engine::read().
    Result<ReadResult> result = Error::busy;
    PartitionOffsets offsets;
    bool offsets_known = false;
    bool passed_over = false;  // the limit was reached before it: only its offsets are told
    bool diverged = false;     // the log of last_epoch ends before `offset`, or is not known
    std::optional<EpochEnd> epoch_end;  // ... where it ends
  };
  // Of one answer, over all reads that go into it.
  struct Limit {
    size_t size_bytes_max = 0;
    size_t size_bytes = 0;  // read so far
    size_t left() const { return size_bytes_max > size_bytes ? size_bytes_max - size_bytes : 0; }
  };

  // Reads within the limit, though always one batch at least; the first read's owner comes first, and each owner's in
  // their order.
  Task<void> read(std::vector<Read>& reads, Limit& limit, bool watch);

  // The watched slots that may have changed since they were read, each once.
  Task<std::vector<uint32_t>> take_changed();

  // Completes when about `more_bytes` have been added to what is watched, or something else has changed; at the
  // deadline; when `given_up` is cancelled; when interrupted.
  Task<void> wait(size_t more_bytes, uint64_t deadline_ns, Engine::WaitCancel& given_up);
  // Ends the wait, or the next one at once.
  void interrupt();

  // No longer watched: the slots may be given to others.
  struct Watched {
    uint32_t slot = 0;
    PartitionKey key;
  };
  Task<void> forget(const std::vector<Watched>& slots);
  Task<void> close();

 private:
  class Share;

  Share& share_of(uint32_t reactor);
  template <class Function>
  auto on_owner(Share& share, Function function);

  Engine& engine_;
  std::vector<std::unique_ptr<Share>> shares_;  // by reactor; null where nothing was read yet
  WaitQueue* waiting_ = nullptr;
  bool told_ = false;    // by some share, since it was last looked at
  bool raised_ = false;  // the shares tell only when many bytes have come
};

}  // namespace penstock
