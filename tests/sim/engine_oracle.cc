#include "tests/sim/engine_oracle.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::sim {

void PartitionOracle::broken(const std::string& what) {
  verdict_.broken(fmt::format("{}: {}", name_, what));
}

void PartitionOracle::sent(uint64_t id, uint64_t record_count, uint64_t hash,
                           std::optional<uint64_t> given_offset) {
  sent_[id] = {record_count, hash, given_offset, std::nullopt};
}

bool PartitionOracle::is_known(const SeenBatch& batch) {
  if (dead_.contains(batch.id)) {
    broken(fmt::format("batch {} is back at offset {} after it was cut or lost", batch.id,
                       batch.base_offset));
    return false;
  }
  const auto found = sent_.find(batch.id);
  if (found == sent_.end()) {
    broken(fmt::format("batch {} at offset {} was never sent", batch.id, batch.base_offset));
    return false;
  }
  const Sent& sent = found->second;
  if (sent.hash != batch.hash || sent.record_count != batch.record_count) {
    broken(fmt::format("batch {} at offset {} has other bytes than were sent", batch.id,
                       batch.base_offset));
    return false;
  }
  if (sent.given_offset && *sent.given_offset != batch.base_offset) {
    broken(fmt::format("batch {} is at offset {}, was given {}", batch.id, batch.base_offset,
                       *sent.given_offset));
    return false;
  }
  if (sent.base_offset && *sent.base_offset != batch.base_offset) {
    broken(fmt::format("batch {} is at offset {} and at {}", batch.id, batch.base_offset,
                       *sent.base_offset));
    return false;
  }
  return true;
}

// Puts a batch where it was acknowledged or seen; nothing else may be there.
void PartitionOracle::place(uint64_t id, uint64_t base_offset) {
  Sent& sent = sent_[id];
  sent.base_offset = base_offset;
  const uint64_t end = base_offset + sent.record_count;
  const auto [at, fresh] = log_.emplace(base_offset, id);
  if (!fresh && at->second != id) {
    broken(fmt::format("offset {} was given to batch {} and to batch {}", base_offset, at->second,
                       id));
    return;
  }
  const auto next = std::next(at);
  if (next != log_.end() && next->first < end) {
    broken(
        fmt::format("batch {} at offset {} overlaps the next at {}", id, base_offset, next->first));
  }
  if (at != log_.begin()) {
    const auto previous = std::prev(at);
    if (previous->first + sent_[previous->second].record_count > base_offset) {
      broken(fmt::format("batch {} at offset {} overlaps the one before at {}", id, base_offset,
                         previous->first));
    }
  }
  log_end_floor_ = std::max(log_end_floor_, end);
  if (durability_ == Durability::flushed) firm_end_ = std::max(firm_end_, end);
  if (durability_ != Durability::buffered) written_end_ = std::max(written_end_, end);
}

void PartitionOracle::acknowledged(uint64_t id, uint64_t base_offset) {
  const Sent& sent = sent_[id];
  if (!is_known({id, base_offset, sent.record_count, sent.hash})) return;
  place(id, base_offset);
}

void PartitionOracle::seen(const SeenBatch& batch) {
  if (is_known(batch)) place(batch.id, batch.base_offset);
}

void PartitionOracle::seen_during_cut(const SeenBatch& batch) {
  if (dead_.contains(batch.id)) return;
  const auto found = sent_.find(batch.id);
  if (found == sent_.end()) {
    broken(fmt::format("batch {} at offset {} was never sent", batch.id, batch.base_offset));
  } else if (found->second.hash != batch.hash) {
    broken(fmt::format("batch {} at offset {} has other bytes than were sent", batch.id,
                       batch.base_offset));
  }
}

void PartitionOracle::seen_offsets(const PartitionOffsets& offsets, uint64_t log_start_before) {
  if (offsets.log_start.value < log_start_before) {
    broken(fmt::format("the log start went back from {} to {}", log_start_before,
                       offsets.log_start.value));
  }
  if (offsets.log_end < offsets.high_watermark) broken("the high watermark is beyond the log end");
}

void PartitionOracle::prefix_done(uint64_t offset) {
  log_start_ = std::max(log_start_, offset);
  log_end_floor_ = std::max(log_end_floor_, log_start_);
}

void PartitionOracle::cut_started(uint64_t offset) {
  cut_from_ = std::min(cut_from_.value_or(offset), offset);
  ++cut_count_;
}

// All batches that end beyond it, and all that nobody was told about, are gone for good.
void PartitionOracle::bury_from(uint64_t offset) {
  for (auto at = sent_.begin(); at != sent_.end();) {
    const std::optional<uint64_t> base = at->second.base_offset;
    const bool stays = base && *base + at->second.record_count <= offset;
    if (!stays) dead_.insert(at->first);
    if (!stays && base) log_.erase(*base);
    at = stays ? std::next(at) : sent_.erase(at);
  }
}

void PartitionOracle::cut_done(uint64_t offset, uint64_t log_end) {
  if (log_end > offset) {
    broken(fmt::format("the log ends at {} after it was cut at {}", log_end, offset));
  }
  cut_from_.reset();
  ++cut_count_;
  bury_from(log_end);
  firm_end_ = written_end_ = log_end_floor_ = log_end;
}

void PartitionOracle::reset_started(uint64_t offset) {
  resets_.insert(offset);
  ++cut_count_;
}

void PartitionOracle::reset_done(uint64_t offset) {
  bury_from(0);
  log_start_ = firm_end_ = written_end_ = log_end_floor_ = offset;
  log_starts_.clear();
  resets_.clear();
  ++cut_count_;
}

void PartitionOracle::crashed(Crash kind) {
  const bool kept = kind == Crash::kill || kind == Crash::power_keep_all;
  if (!kept) written_end_ = firm_end_;
}

// What the last death must have left. A cut under way takes the whole batch that it falls into.
uint64_t PartitionOracle::required_end() {
  const uint64_t end = std::max(firm_end_, written_end_);
  if (!cut_from_ || *cut_from_ >= end) return end;
  const auto after = log_.upper_bound(*cut_from_);
  if (after == log_.begin()) return std::min(end, *cut_from_);
  const auto& [base, id] = *std::prev(after);
  return base + sent_[id].record_count > *cut_from_ ? base : *cut_from_;
}

// A reset under way when the node died is done or not; there is nothing between.
bool PartitionOracle::was_reset(const PartitionOffsets& offsets) {
  const uint64_t start = offsets.log_start.value;
  const bool done = resets_.contains(start) && offsets.log_end.value == start;
  if (done) reset_done(start);
  return done;
}

void PartitionOracle::recovered(const PartitionOffsets& offsets,
                                const std::vector<SeenBatch>& batches) {
  const uint64_t start = offsets.log_start.value;
  const uint64_t end = offsets.high_watermark.value;
  lost_last_time_ = 0;
  if (!was_reset(offsets)) {
    if (start != log_start_ && !(log_starts_.contains(start) && start > log_start_)) {
      broken(fmt::format("the log start is {}, not {}", start, log_start_));
    }
    const uint64_t required = required_end();
    if (end < required) broken(fmt::format("the log ends at {}, not at {}", end, required));
    uint64_t at = batches.empty() ? start : std::min(start, batches.front().base_offset);
    for (const SeenBatch& batch : batches) {
      if (!is_known(batch)) break;
      const auto known = log_.find(batch.base_offset);
      if (known != log_.end() && known->second != batch.id && batch.base_offset < required) {
        broken(fmt::format("offset {} holds batch {}, not {}", batch.base_offset, batch.id,
                           known->second));
      }
      if (batch.base_offset < at || (batch.base_offset > at && !gaps_)) {
        broken(fmt::format("batch {} is at offset {}, the one before ended at {}", batch.id,
                           batch.base_offset, at));
      }
      at = batch.base_offset + batch.record_count;
    }
    if (at != end && !gaps_) broken(fmt::format("the log ends at {}, its batches at {}", end, at));
  } else if (!batches.empty()) {
    broken("a log that was reset has batches");
  }
  std::set<uint64_t> there;
  for (const SeenBatch& batch : batches) there.insert(batch.id);
  const uint64_t required = required_end();
  for (const auto& [base, id] : log_) {
    const bool below = base + sent_[id].record_count <= start;
    if (!below && base + sent_[id].record_count <= required && !there.contains(id)) {
      broken(fmt::format("batch {} at offset {} is missing", id, base));
    }
  }
  for (auto at = sent_.begin(); at != sent_.end();) {
    const bool stays = there.contains(at->first);
    if (!stays) {
      const bool expired =
          at->second.base_offset && *at->second.base_offset + at->second.record_count <= start;
      lost_last_time_ += expired ? 0 : 1;
      dead_.insert(at->first);
    }
    at = stays ? std::next(at) : sent_.erase(at);
  }
  log_.clear();
  log_start_ = start;
  log_starts_.clear();
  cut_from_.reset();
  resets_.clear();
  firm_end_ = written_end_ = log_end_floor_ = end;
  for (const SeenBatch& batch : batches) {
    if (sent_.contains(batch.id)) place(batch.id, batch.base_offset);
  }
  firm_end_ = written_end_ = end;
}

}  // namespace penstock::sim
