#include "engine/flush_stream.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock {

FlushStream::FlushStream(Doors& doors, Options options, FlushListener& listener)
    : doors_(doors), options_(options), listener_(listener), files_(doors.disk) {
  timer_.owner = this;
  timer_.fire = [](Timer& timer) {
    FlushStream& stream = *static_cast<FlushStream*>(timer.owner);
    stream.wanted_ = true;
    stream.start();
  };
}

FlushStream::~FlushStream() { check(!running_ && !timer_.armed() && !quiet_file_.valid()); }

Task<Result<void>> FlushStream::open(const std::string& quiet_path) {
  if (!options_.shared) co_return Result<void>();
  const Result<FileId> file = co_await doors_.disk.open(quiet_path, FileOptions{.write = false});
  if (!file.ok()) co_return file.error();
  quiet_file_ = file.value();
  co_return Result<void>();
}

Task<Result<void>> FlushStream::write(std::span<const DiskRequest> requests, bool over_written) {
  const bool joins = options_.shared && over_written;
  const uint64_t failures = listener_.failure_count();
  DiskBatch writes(doors_.disk);
  for (DiskRequest request : requests) {
    request.durable = !joins;
    writes.add(request);
  }
  const Result<void> written = co_await writes;
  if (!written.ok() && !joins) listener_.flush_failed(written.error());
  if (!written.ok() || !joins) co_return written;
  co_await next_round();
  // Also another's that failed since: it took these bytes along.
  if (listener_.failure_count() != failures) co_return Error::io;
  co_return Result<void>();
}

// One that begins after this, to its end.
Task<void> FlushStream::next_round() {
  const uint64_t round = begun_count_ + 1;
  wanted_round_ = round;
  wanted_ = true;
  start();
  while (done_count_ < round) co_await round_done_.wait();
}

void FlushStream::note(LogWriter& writer, bool now) {
  if (!writer.flush_listed_) {
    writer.flush_listed_ = true;
    listed_.push_back(&writer);
  }
  if (now) {
    wanted_ = true;
    start();
  } else if (!running_ && !timer_.armed() && !closing_) {
    doors_.clock.arm(timer_, doors_.clock.monotonic_ns() + options_.interval_ns);
  }
}

void FlushStream::remove(LogWriter& writer) {
  if (!writer.flush_listed_) return;
  writer.flush_listed_ = false;
  std::erase(listed_, &writer);
}

void FlushStream::start() {
  if (running_) return;
  running_ = true;
  doors_.clock.cancel(timer_);
  tasks_.spawn(rounds());
}

// The first line lets all completions of this turn be seen before the flush is submitted.
Task<void> FlushStream::rounds() {
  co_await doors_.scheduler.yield();
  while (wanted_ && asked()) {
    co_await gather();
    wanted_ = false;
    const Result<void> flushed = co_await flush_files();
    // What is resumed for one writer may drain another: that waits for its own turn, else it would be listed for bytes
    // that are flushed.
    std::vector<Covered> done = std::exchange(round_, {});
    if (flushed.ok()) {
      for (const Covered& covered : done) covered.writer->flush_done(covered.target);
    } else {
      doors_.reporter.report(Severity::error,
                             fmt::format("a flush failed: {}", name_of(flushed.error())));
      listener_.flush_failed(flushed.error());
      for (const Covered& covered : done) covered.writer->flush_failed();
    }
    ++done_count_;
    round_done_.wake_all();
    done.clear();
    round_ = std::move(done);  // keeps its memory for the next round
  }
  running_ = false;
  if (!listed_.empty() && !closing_ && !timer_.armed()) {
    doors_.clock.arm(timer_, doors_.clock.monotonic_ns() + options_.interval_ns);
  }
}

// What is still being written would have to wait for this flush and for one of its own. For a part of a flush's time it is
// waited for: fewer flushes, which each cover more, and less time for all.
Task<void> FlushStream::gather() {
  constexpr uint64_t kGatherNsMax = 500'000;
  const uint64_t until_ns =
      doors_.clock.monotonic_ns() + std::min(kGatherNsMax, last_duration_ns_ / 2);
  while (writes_under_way_ > 0) {
    if (!co_await gathered_.wait_until(doors_.clock, until_ns)) break;
  }
}

Task<Result<void>> FlushStream::flush_files() {
  fresh_.clear();
  files_.clear();
  ++begun_count_;
  bool by_all = wanted_round_ == begun_count_;
  for (LogWriter* writer : listed_) {
    writer->flush_listed_ = false;
    if (writer->failed_) continue;
    ++writer->flush_rounds_;
    round_.push_back({writer, writer->written_});
    for (Segment* segment : writer->dirty_segments_) {
      if (options_.shared && segment->completed_bytes <= segment->mapped_bytes) {
        by_all = true;
        continue;
      }
      files_.add({.operation = DiskOperation::flush, .file = segment->file});
      fresh_.push_back({segment, segment->completed_bytes});
    }
    writer->dirty_segments_.clear();
  }
  listed_.clear();
  if (fresh_.empty() && by_all) {
    files_.add({.operation = DiskOperation::flush, .file = quiet_file_});
  }
  const uint64_t began_ns = doors_.clock.monotonic_ns();
  const Result<void> flushed = co_await files_;
  last_duration_ns_ = doors_.clock.monotonic_ns() - began_ns;
  count(last_duration_ns_, flushed.ok());
  if (!flushed.ok()) co_return flushed.error();
  for (const Mapping& mapping : fresh_) {
    mapping.segment->mapped_bytes =
        std::max(mapping.segment->mapped_bytes, mapping.completed_bytes);
  }
  co_return Result<void>();
}

Task<void> FlushStream::close() {
  closing_ = true;
  doors_.clock.cancel(timer_);
  co_await tasks_.wait_empty();
  if (quiet_file_.valid()) (void)co_await doors_.disk.close(std::exchange(quiet_file_, FileId{}));
}

}  // namespace penstock
