// One io_uring: set up with the best flags the kernel has, its buffers and files registered where that is allowed.
//
// Belongs to the reactor's thread, which makes it, submits to it and destroys it.
#pragma once

#include <liburing.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/figures.h"
#include "io/report.h"
#include "io/result.h"

namespace penstock {

// Whose completion it is: kept in the low bits of the user data, above them the request's address.
enum class CompletionOf : uint64_t { disk, network, doorbell };

struct Completion {
  CompletionOf of;
  void* request;
  int32_t result;  // >= 0, or -errno
};

class Ring {
 public:
  // Error::unsupported where io_uring is missing, forbidden or too old; `reporter` is told why.
  static Result<std::unique_ptr<Ring>> make(uint32_t queue_depth, Reporter& reporter);
  Ring(const Ring&) = delete;
  ~Ring();

  // May fail, then the ring works without: reported.
  void register_buffers(std::span<std::byte> arena);
  void register_files(uint32_t capacity);
  bool has_registered_buffers() const { return registered_.data() != nullptr; }
  bool has_registered_files() const { return registered_file_count_ > 0; }

  // The number under which the kernel knows these bytes, or -1.
  int buffer_index(const std::byte* bytes, size_t length_bytes) const;
  // Makes `slot` of the registered files mean `descriptor` (-1: nothing). False: use the descriptor itself.
  bool set_file(uint32_t slot, int descriptor);

  bool supports(int operation) const { return supported_[static_cast<size_t>(operation)]; }

  // An entry to fill, or null when the queue stays full even after a submission: keep the request for later.
  io_uring_sqe* take_entry();
  static void mark(io_uring_sqe* entry, CompletionOf of, void* request);

  // Submits what was filled in.
  void submit();
  // The same, and waits at most `timeout_ns` for a completion (0: does not).
  void enter(uint64_t timeout_ns);
  uint32_t ready_count() const { return io_uring_cq_ready(&ring_); }
  Completion take_completion();  // there is one

  const RingFigures& figures() const { return figures_; }

 private:
  explicit Ring(Reporter& reporter) : reporter_(reporter) {}
  Error give_up(const char* what, int error_number);
  int set_up(uint32_t queue_depth);
  bool probe();
  void note(int result);

  // Registered buffers hold at most 1 GiB each; pools' blocks do not cross this boundary.
  static constexpr size_t kRegisteredBytesMax = 1 << 30;

  Reporter& reporter_;
  io_uring ring_{};
  bool set_up_ = false;
  std::array<bool, 256> supported_{};
  std::span<std::byte> registered_;
  uint32_t registered_file_count_ = 0;
  uint32_t failure_count_ = 0;
  RingFigures figures_;
};

}  // namespace penstock
