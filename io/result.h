// A value, or what the caller can do about its absence.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include "io/check.h"

namespace penstock {

// What a caller can do. Texts and wire codes are made in `net` and `tools`.
enum class Error : uint8_t {
  busy,                  // a bounded resource is full: try again later
  io,                    // the device or the network failed
  disk_full,             // no space; may pass by itself
  corrupt,               // bytes failed their checksum or their structure
  not_found,             // no such file, topic or partition
  already_exists,        // create only what is not there
  offset_out_of_range,   // below the log start or above the high watermark
  segment_full,          // roll first
  too_large,             // over a configured limit
  invalid_argument,      // the caller's request makes no sense
  unsupported,           // this platform, format version or option is not supported
  fenced,                // the partition or the directory takes no more writes
  closed,                // the connection or the reactor is gone
  out_of_sequence,       // batches of this producer are missing before this one
  stale_producer_epoch,  // the producer has a successor
  locked,                // another process holds the directory
  timed_out,
  cancelled,
};

// The enumerator's name, for logs and tests.
const char* name_of(Error error);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, error) {}         // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  Error error() const {
    check(!ok());
    return *std::get_if<1>(&state_);
  }
  T& value() & {
    check(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    check(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    check(ok());
    return std::move(*std::get_if<0>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(error), ok_(false) {}  // NOLINT: implicit

  bool ok() const { return ok_; }
  Error error() const {
    check(!ok_);
    return error_;
  }

 private:
  Error error_{};
  bool ok_ = true;
};

}  // namespace penstock
