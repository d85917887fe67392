#include "tools/bench_bare_loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "engine/checksum.h"
#include "io/uring/ring.h"
#include "tools/bench_batches.h"

namespace penstock {
namespace {

std::string error_text(int number) { return std::generic_category().message(number); }

}  // namespace

// One run of the loop, on its own thread.
class BenchBareLoop::Pass {
 public:
  struct Limit {
    double seconds = 0;  // or
    uint64_t bytes = 0;
  };
  Pass(BenchBareLoop& loop, Work work, Limit limit) : loop_(loop), work_(work), limit_(limit) {}

  void run();
  const BenchWindow& window() const { return window_; }
  const std::string& wrong() const { return wrong_; }

 private:
  struct Slot {
    std::span<std::byte> bytes;
    uint64_t block = 0;
    uint64_t hash = 0;
  };
  static constexpr uint32_t kFile = 0;
  static constexpr uint32_t kFlushed = 1;

  bool set_up();
  bool over() const;
  bool wants_flush() const { return unflushed_ && !flushing_ && loop_.flushed_; }
  bool start();
  void flush();
  void take(const Completion& completion);
  void finish(Slot& slot, int32_t result);
  void fail(std::string text) {
    if (wrong_.empty()) wrong_ = std::move(text);
  }

  BenchBareLoop& loop_;
  Work work_;
  Limit limit_;
  std::unique_ptr<Ring> ring_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  uint64_t started_bytes_ = 0;
  uint32_t under_way_ = 0;
  bool unflushed_ = false;
  bool flushing_ = false;
  double began_ = 0;
  BenchWindow window_;
  std::string wrong_;
};

bool BenchBareLoop::Pass::set_up() {
  if (loop_.core_ >= 0 && !pin_to(loop_.core_)) {
    fail(fmt::format("the bare loop cannot run on core {}", loop_.core_));
    return false;
  }
  Result<std::unique_ptr<Ring>> ring = Ring::make(loop_.settings_.queue_depth + 1, loop_.reporter_);
  if (!ring.ok()) {
    fail("the bare loop has no io_uring here");
    return false;
  }
  ring_ = std::move(ring).value();
  ring_->register_buffers(loop_.arena_.bytes());
  ring_->register_files(static_cast<uint32_t>(loop_.descriptors_.size()));
  for (uint32_t i = 0; i < loop_.descriptors_.size(); ++i) {
    if (!ring_->set_file(i, loop_.descriptors_[i])) {
      fail("the bare loop cannot register its files");
      return false;
    }
  }
  slots_.resize(loop_.settings_.queue_depth);
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].bytes = loop_.arena_.bytes().subspan(i * loop_.block_bytes_, loop_.block_bytes_);
    free_.push_back(&slots_[i]);
  }
  return true;
}

bool BenchBareLoop::Pass::over() const {
  if (!wrong_.empty()) return true;
  if (limit_.bytes > 0) return started_bytes_ >= limit_.bytes;
  return monotonic_seconds() - began_ >= limit_.seconds;
}

void BenchBareLoop::Pass::run() {
  if (!set_up()) return;
  constexpr uint64_t kForeverNs = uint64_t{1} << 40;
  const double cpu_began = process_cpu_seconds();
  began_ = monotonic_seconds();
  bool ended = false;
  while (!ended || under_way_ > 0 || flushing_ || wants_flush()) {
    while (!ended && start()) ended = over();
    if (wants_flush()) flush();
    ring_->enter(kForeverNs);
    while (ring_->ready_count() > 0) take(ring_->take_completion());
    ended = ended || over();
  }
  window_.seconds = monotonic_seconds() - began_;
  window_.cpu_seconds = process_cpu_seconds() - cpu_began;
}

// False: nothing is free for it now.
bool BenchBareLoop::Pass::start() {
  io_uring_sqe* const entry = free_.empty() ? nullptr : ring_->take_entry();
  if (entry == nullptr) return false;
  Slot& slot = *free_.back();
  free_.pop_back();
  slot.block = loop_.next_block_;
  loop_.next_block_ = (loop_.next_block_ + 1) % loop_.hashes_.size();
  if (work_ == Work::append) {
    BenchBatches::fill(loop_.next_number_++, slot.bytes);
    slot.hash = xxh3_64(slot.bytes, slot.block);
  }
  const int buffer = ring_->buffer_index(slot.bytes.data(), slot.bytes.size());
  const auto length = static_cast<unsigned>(slot.bytes.size());
  const uint64_t position = slot.block * slot.bytes.size();
  if (work_ == Work::append) {
    io_uring_prep_write(entry, kFile, slot.bytes.data(), length, position);
    if (buffer >= 0) entry->opcode = IORING_OP_WRITE_FIXED;
  } else {
    io_uring_prep_read(entry, kFile, slot.bytes.data(), length, position);
    if (buffer >= 0) entry->opcode = IORING_OP_READ_FIXED;
  }
  if (buffer >= 0) entry->buf_index = static_cast<uint16_t>(buffer);
  entry->flags |= IOSQE_FIXED_FILE;
  Ring::mark(entry, CompletionOf::disk, &slot);
  started_bytes_ += slot.bytes.size();
  ++under_way_;
  return true;
}

void BenchBareLoop::Pass::flush() {
  io_uring_sqe* const entry = ring_->take_entry();
  if (entry == nullptr) return;  // the next time
  io_uring_prep_fsync(entry, kFlushed, IORING_FSYNC_DATASYNC);
  entry->flags |= IOSQE_FIXED_FILE;
  Ring::mark(entry, CompletionOf::disk, nullptr);
  flushing_ = true;
  unflushed_ = false;
}

void BenchBareLoop::Pass::take(const Completion& completion) {
  if (completion.request != nullptr) {
    finish(*static_cast<Slot*>(completion.request), completion.result);
    return;
  }
  flushing_ = false;
  if (completion.result < 0) fail("a flush failed: " + error_text(-completion.result));
}

void BenchBareLoop::Pass::finish(Slot& slot, int32_t result) {
  --under_way_;
  free_.push_back(&slot);
  if (result < 0 || static_cast<size_t>(result) != slot.bytes.size()) {
    fail(fmt::format("block {} of {}: {}", slot.block, loop_.path_,
                     result < 0 ? error_text(-result) : "a part of it only"));
    return;
  }
  window_.bytes += slot.bytes.size();
  ++window_.operations;
  uint64_t& written = loop_.hashes_[slot.block];
  if (work_ == Work::append) {
    written = slot.hash;
    unflushed_ = true;
  } else if (xxh3_64(slot.bytes, slot.block) != written) {
    fail(fmt::format("block {} of {} differs from what was written", slot.block, loop_.path_));
  }
}

// The flush is of a file that is not written to, as the engine's is: the blocks are in place, and only the disk has
// something to flush.
BenchBareLoop::BenchBareLoop(Work work, const BenchSettings& settings, uint64_t block_bytes,
                             BenchNode& node, BenchReporter& reporter)
    : work_(work),
      settings_(settings),
      block_bytes_(block_ceiling(block_bytes)),
      flushed_(settings.durability == "flushed"),
      core_(settings.cores.empty() ? (settings.reactors == 0 ? 0 : -1) : settings.cores.front()),
      node_(node),
      reporter_(reporter),
      path_(settings.data_directory + "/bare-loop"),
      arena_({.size_bytes = settings.queue_depth * block_bytes_,
              .huge_pages = node.reactors().buffers_in_huge_pages()}),
      // Twice as many as are under way: no block is written twice at one time.
      hashes_(std::max<uint64_t>(settings.log_bytes / block_bytes_,
                                 uint64_t{2} * settings.queue_depth)) {}

std::string BenchBareLoop::wrong_with(const BenchSettings& settings, uint64_t block_bytes) {
  if (!settings.bare_loop) return {};
  if (settings.reactors > 1 || settings.cores.size() > 1) {
    return "--bare-loop is a measure of one core: one of --cores";
  }
  if (settings.queue_depth * block_ceiling(block_bytes) > settings.memory_bytes) {
    return fmt::format("{} blocks of {} bytes under way in --bare-loop are more than --memory={}",
                       settings.queue_depth, block_ceiling(block_bytes), settings.memory_bytes);
  }
  return {};
}

BenchBareLoop::~BenchBareLoop() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

std::string BenchBareLoop::lay_out() {
  constexpr mode_t kMode = 0600;
  const std::array<std::string, 2> paths = {path_, path_ + ".flush"};
  for (size_t i = 0; i < paths.size(); ++i) {
    const int direct = i == 0 ? O_DIRECT : 0;
    descriptors_[i] = ::open(paths[i].c_str(), O_RDWR | O_CREAT | O_CLOEXEC | direct, kMode);
    if (descriptors_[i] < 0) return paths[i] + ": " + error_text(errno);
  }
  BenchWindow window;
  if (std::string wrong = run_pass(Work::append, 0, file_bytes(), window); !wrong.empty()) {
    return wrong;
  }
  return ::fsync(descriptors_[0]) == 0 ? "" : path_ + ": " + error_text(errno);
}

std::string BenchBareLoop::measure(BenchResult& result) {
  BenchWindow window;
  std::string wrong = run_pass(work_, settings_.window_ms, 0, window);
  result.add_bare_window(window);
  return wrong;
}

std::string BenchBareLoop::verify() {
  BenchWindow window;
  return run_pass(Work::read, 0, file_bytes(), window);
}

std::string BenchBareLoop::run_pass(Work work, uint64_t window_ms, uint64_t bytes,
                                    BenchWindow& window) {
  constexpr double kMsPerSecond = 1000;
  Pass pass(*this, work,
            {.seconds = static_cast<double>(window_ms) / kMsPerSecond, .bytes = bytes});
  node_.park();
  std::thread([&pass] { pass.run(); }).join();
  node_.unpark();
  window = pass.window();
  return pass.wrong();
}

std::string BenchBareLoop::description() const {
  const char* const work = work_ == Work::read ? "read, hashed"
                           : flushed_          ? "filled, hashed, written, flushed"
                                               : "filled, hashed, written";
  return fmt::format("blocks of {} bytes, {} at one time, {}: a loop without an engine",
                     block_bytes_, settings_.queue_depth, work);
}

}  // namespace penstock
