#include "engine/read_set.h"

#include <algorithm>
#include <map>
#include <utility>

namespace penstock {

// What is read on one reactor. All but the notice's arrival happens there.
class ReadSet::Share {
 public:
  Share(ReadSet& set, Engine& owner, uint32_t home) : owner_(owner), home_(home) {
    notice_.set = &set;
    notice_.run = [](Message& message) { static_cast<Notice&>(message).arrive(); };
  }

  Engine& owner() const { return owner_; }

  // Home: whether a notice has come since; to be passed on with the next call.
  bool take_arrived() { return std::exchange(notice_.arrived, false); }
  bool arrived() const { return notice_.arrived; }

  Task<void> read(bool arrived, const std::vector<Read*>& reads, Limit& limit, bool watch);
  Task<void> take_changed(bool arrived, std::vector<uint32_t>& slots);
  Task<void> tell_after(bool arrived, uint64_t bytes);
  Task<void> forget(bool arrived, const std::vector<Watched>& slots);
  // Value: whether a notice is on its way still.
  Task<bool> close(bool arrived);

 private:
  struct Watch : PartitionWatch {
    void partition_grew(uint64_t position) override {
      const uint64_t before = std::exchange(seen_position, position);
      share->changed(*this, position > before ? position - before : kAtOnce);
    }
    void partition_changed() override { share->changed(*this, kAtOnce); }

    Share* share = nullptr;
    uint32_t slot = 0;
    PartitionKey key;
    uint64_t seen_position = 0;
    bool changed = false;
  };
  struct Notice : Message {
    void arrive() {
      arrived = true;
      set->told_ = true;
      if (set->waiting_ != nullptr) set->waiting_->wake_all();
    }
    ReadSet* set = nullptr;
    bool arrived = false;  // home's
  };
  static constexpr uint64_t kAtOnce = uint64_t{1} << 40;
  static constexpr size_t kReadsPerTurn = 256;

  void changed(Watch& watch, uint64_t bytes) {
    if (!std::exchange(watch.changed, true)) changed_slots_.push_back(watch.slot);
    changed_bytes_ += bytes;
    tell();
  }
  void tell() {
    if (notice_out_ || changed_slots_.empty() || changed_bytes_ < tell_after_bytes_) return;
    notice_out_ = true;
    owner_.doors().scheduler.post(home_, notice_);
  }
  void note_arrival(bool arrived) {
    if (arrived) notice_out_ = false;
  }
  void watch(Partition& partition, const Read& read);
  Task<void> read_one(Read& read, Limit& limit, bool watched);

  Engine& owner_;
  uint32_t home_;
  std::map<uint32_t, Watch> watches_;  // by slot
  std::vector<uint32_t> changed_slots_;
  uint64_t changed_bytes_ = 0;
  uint64_t tell_after_bytes_ = 1;
  bool notice_out_ = false;  // posted, and not known to have arrived
  Notice notice_;
};

void ReadSet::Share::watch(Partition& partition, const Read& read) {
  Watch& watch = watches_[read.slot];
  watch.share = this;
  watch.slot = read.slot;
  if (!watch.watching() || watch.key != read.key) partition.add_watch(watch);
  watch.key = read.key;
  watch.seen_position = partition.visible_log_position();
}

Task<void> ReadSet::Share::read_one(Read& read, Limit& limit, bool watched) {
  const Result<std::shared_ptr<Partition>> partition = owner_.local(read.key);
  if (!partition.ok()) {
    read.result = partition.error();
    co_return;
  }
  Partition& here = *partition.value();
  const Result<void> usable = here.usable();
  if (!usable.ok()) {
    read.result = usable.error();
    co_return;
  }
  if (watched) watch(here, read);
  read.offsets = here.offsets();
  read.offsets_known = true;
  ReadResult nothing;
  nothing.offsets = read.offsets;
  nothing.next_offset = read.offset;
  if (read.last_epoch) {
    read.epoch_end = here.end_offset_for_epoch(*read.last_epoch);
    read.diverged = !read.epoch_end || read.epoch_end->epoch < *read.last_epoch ||
                    read.epoch_end->end_offset < read.offset;
  }
  const bool some_read = limit.size_bytes > 0;
  read.passed_over = limit.left() == 0 && some_read;
  // What was placed and is not visible yet is not out of range: it will come.
  const bool to_come =
      read.offset > read.offsets.high_watermark && read.offset <= read.offsets.log_end;
  if (read.diverged || read.passed_over || to_come) {
    read.result = std::move(nothing);
    co_return;
  }
  read.result = co_await here.read(read.offset, std::min(limit.left(), read.size_bytes_max));
  if (!read.result.ok()) co_return;
  read.offsets = read.result.value().offsets;
  if (some_read && read.result.value().size_bytes > limit.left()) {  // one large batch
    read.passed_over = true;
    read.result = std::move(nothing);
    co_return;
  }
  limit.size_bytes += read.result.value().size_bytes;
}

Task<void> ReadSet::Share::read(bool arrived, const std::vector<Read*>& reads, Limit& limit,
                                bool watch) {
  note_arrival(arrived);
  size_t count = 0;
  for (Read* read : reads) {
    co_await read_one(*read, limit, watch);
    if (++count % kReadsPerTurn == 0) co_await owner_.doors().scheduler.yield();
  }
}

Task<void> ReadSet::Share::take_changed(bool arrived, std::vector<uint32_t>& slots) {
  note_arrival(arrived);
  for (const uint32_t slot : changed_slots_) {
    const auto found = watches_.find(slot);
    if (found == watches_.end()) continue;  // forgotten since
    found->second.changed = false;
    slots.push_back(slot);
  }
  changed_slots_.clear();
  changed_bytes_ = 0;
  tell_after_bytes_ = 1;
  co_return;
}

Task<void> ReadSet::Share::tell_after(bool arrived, uint64_t bytes) {
  note_arrival(arrived);
  tell_after_bytes_ = bytes;
  tell();
  co_return;
}

Task<void> ReadSet::Share::forget(bool arrived, const std::vector<Watched>& slots) {
  note_arrival(arrived);
  for (const Watched& watched : slots) {
    const auto found = watches_.find(watched.slot);
    if (found == watches_.end()) continue;
    if (found->second.changed) std::erase(changed_slots_, watched.slot);
    watches_.erase(found);
  }
  co_return;
}

Task<bool> ReadSet::Share::close(bool arrived) {
  note_arrival(arrived);
  watches_.clear();
  changed_slots_.clear();
  co_return notice_out_;
}

ReadSet::ReadSet(Engine& engine) : engine_(engine), shares_(engine.group_.reactor_count()) {}

ReadSet::~ReadSet() {
  check(std::ranges::all_of(shares_, [](const auto& share) { return share == nullptr; }));
}

ReadSet::Share& ReadSet::share_of(uint32_t reactor) {
  std::unique_ptr<Share>& share = shares_[reactor];
  if (!share) {
    const uint32_t home = engine_.doors().scheduler.reactor_index();
    share = std::make_unique<Share>(*this, *engine_.group_.engines_[reactor], home);
  }
  return *share;
}

template <class Function>
auto ReadSet::on_owner(Share& share, Function function) {
  const uint32_t reactor = share.owner().doors().scheduler.reactor_index();
  return call_on(engine_.doors().scheduler, reactor, function);
}

Task<void> ReadSet::read(std::vector<Read>& reads, Limit& limit, bool watch) {
  const Engine::CallGuard guard(engine_);
  std::vector<std::pair<uint32_t, std::vector<Read*>>> by_owner;
  for (Read& read : reads) {
    const Result<void> known = engine_.known(read.key);
    if (!known.ok()) {
      read.result = known.error();
      continue;
    }
    const uint32_t owner = engine_.owner_of(read.key);
    auto of_owner = std::ranges::find(by_owner, owner, [](const auto& one) { return one.first; });
    if (of_owner == by_owner.end()) {
      of_owner = by_owner.insert(by_owner.end(), {owner, {}});
    }
    of_owner->second.push_back(&read);
  }
  for (const auto& [reactor, its_reads] : by_owner) {
    Share* const share = &share_of(reactor);
    const std::vector<Read*>* const here = &its_reads;
    Limit* const limited = &limit;
    const bool arrived = share->take_arrived();
    co_await on_owner(*share, [share, arrived, here, limited, watch] {
      return share->read(arrived, *here, *limited, watch);
    });
  }
}

Task<std::vector<uint32_t>> ReadSet::take_changed() {
  const bool all = std::exchange(raised_, false);
  told_ = false;
  std::vector<uint32_t> slots;
  std::vector<uint32_t>* const taken = &slots;
  for (size_t i = 0; i < shares_.size(); ++i) {
    Share* const share = shares_[i].get();
    if (share == nullptr || (!all && !share->arrived())) continue;
    const bool arrived = share->take_arrived();
    co_await on_owner(*share,
                      [share, arrived, taken] { return share->take_changed(arrived, *taken); });
  }
  co_return slots;
}

Task<void> ReadSet::wait(size_t more_bytes, uint64_t deadline_ns, Engine::WaitCancel& given_up) {
  if (more_bytes > 1) {
    // Each reactor sees only its own share of what comes.
    const uint64_t each = std::max<uint64_t>(more_bytes / shares_.size(), 1);
    raised_ = true;
    for (size_t i = 0; i < shares_.size(); ++i) {
      Share* const share = shares_[i].get();
      if (share == nullptr) continue;
      const bool arrived = share->take_arrived();
      co_await on_owner(*share,
                        [share, arrived, each] { return share->tell_after(arrived, each); });
    }
  }
  waiting_ = &given_up.waiting;
  while (!told_ && !given_up.cancelled) {
    if (!co_await given_up.waiting.wait_until(engine_.doors().clock, deadline_ns)) break;
  }
  waiting_ = nullptr;
}

void ReadSet::interrupt() {
  told_ = true;
  if (waiting_ != nullptr) waiting_->wake_all();
}

Task<void> ReadSet::forget(const std::vector<Watched>& slots) {
  std::map<uint32_t, std::vector<Watched>> by_owner;
  for (const Watched& watched : slots) by_owner[engine_.owner_of(watched.key)].push_back(watched);
  for (const auto& [reactor, its] : by_owner) {
    Share* const share = shares_[reactor].get();
    if (share == nullptr) continue;
    const std::vector<Watched>* const here = &its;
    const bool arrived = share->take_arrived();
    co_await on_owner(*share, [share, arrived, here] { return share->forget(arrived, *here); });
  }
}

Task<void> ReadSet::close() {
  for (std::unique_ptr<Share>& share : shares_) {
    if (!share) continue;
    for (;;) {
      Share* const closing = share.get();
      const bool arrived = closing->take_arrived();
      if (!co_await on_owner(*closing, [closing, arrived] { return closing->close(arrived); })) {
        break;
      }
      co_await engine_.doors().scheduler.yield();  // the notice is on its way
    }
    share.reset();
  }
}

}  // namespace penstock
