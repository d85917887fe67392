// Kafka's primitive types on the wire: a bounded reader of received bytes, and a writer that can refer to record
// batches where they lie. Big endian. What a message is made of stands in `fields.h` and `messages/`.
//
// Both keep the first thing that went wrong and turn every later call into a cheap no-op, so that code which walks a
// message asks once, at the end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "io/network.h"
#include "io/result.h"

namespace penstock::kafka {

struct Uuid {
  std::array<std::byte, 16> bytes{};
  bool operator==(const Uuid&) const = default;
};

// Record batches, borrowed: whoever made it keeps the bytes (and the list of pieces) in place. Decoded records are
// one piece of the received frame; records to send may be gathered from many places.
class Records {
 public:
  Records() = default;
  explicit Records(std::span<const std::byte> bytes) : single_{bytes.data(), bytes.size()} {}
  explicit Records(std::span<const IoSlice> pieces) : pieces_(pieces) {}

  std::span<const IoSlice> pieces() const {
    return pieces_.empty() ? std::span<const IoSlice>(&single_, 1) : pieces_;
  }
  size_t size_bytes() const;
  // Of decoded records: there is one piece (checked).
  std::span<const std::byte> bytes() const;

  bool operator==(const Records& other) const;  // the same bytes, however they are cut

 private:
  IoSlice single_;
  std::span<const IoSlice> pieces_;
};

// Why received bytes are not a message. For counters and rate-limited logs; the sender is told INVALID_REQUEST at most.
enum class DecodeFault : uint8_t {
  none,
  truncated,          // a length or a count claims more than the frame holds
  bad_length,         // below -1, or above what its type may have
  bad_varint,         // longer than 5 bytes, or more than 32 bits
  null_not_allowed,   // null where this version has none
  too_many_tags,      // more than Decoder::kTagsMax in one struct
  tags_out_of_order,  // twice the same, or descending
  bad_utf8,
  over_budget,  // would take more memory than the frame's size justifies
  trailing_bytes,
};
const char* name_of(DecodeFault fault);

// Reads one frame. Strings and records it hands out point into `bytes`, which outlive them. Copying it is cheap and
// makes an independent reader at the same place.
class Decoder {
 public:
  static constexpr uint32_t kTagsMax = 256;     // per struct; the sender may not be known yet
  static constexpr size_t kBudgetFactor = 8;    // decoded memory per byte of the frame, ...
  static constexpr size_t kBudgetSlack = 4096;  // ... and on top, so that tiny names do not count

  explicit Decoder(std::span<const std::byte> bytes)
      : next_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        budget_bytes_(bytes.size() * kBudgetFactor + kBudgetSlack) {}

  bool ok() const { return fault_ == DecodeFault::none; }
  DecodeFault fault() const { return fault_; }
  // Error::too_large over budget, Error::corrupt for every other fault.
  Result<void> result() const;
  size_t left_bytes() const { return static_cast<size_t>(end_ - next_); }

  // Keeps the first fault; nothing is left to read afterwards.
  void fail(DecodeFault fault);
  // Whatever is unread is a fault.
  void expect_end();

  template <class T>
    requires std::is_integral_v<T>
  T integer() {
    if (left_bytes() < sizeof(T)) {
      fail(DecodeFault::truncated);
      return 0;
    }
    std::make_unsigned_t<T> value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<std::make_unsigned_t<T>>((uint64_t{value} << 8) |
                                                   std::to_integer<uint64_t>(next_[i]));
    }
    next_ += sizeof(T);
    return static_cast<T>(value);
  }
  uint32_t unsigned_varint();
  Uuid uuid();

  // Null is std::nullopt, and so is a fault. `flexible` chooses the compact form of the length.
  std::optional<std::string_view> string(bool flexible);
  std::optional<std::span<const std::byte>> bytes(bool flexible);
  // How many elements of at least `element_bytes_min` each follow; they fit into what is left.
  std::optional<uint32_t> array_count(bool flexible, size_t element_bytes_min);

  // Before memory is allocated for what is decoded. False, and a fault, over budget.
  bool charge(size_t size_bytes);

  // Reads only the next `size_bytes` until leave(), which insists that all of them were read or skipped.
  // The value is for leave().
  const std::byte* enter(uint32_t size_bytes);
  void skip_rest() { next_ = end_; }
  void leave(const std::byte* outer_end);

 private:
  std::span<const std::byte> take(size_t size_bytes);

  const std::byte* next_;
  const std::byte* end_;
  size_t budget_bytes_;
  DecodeFault fault_ = DecodeFault::none;
};

// An encoded frame, length prefix included, ready for Network::send. It owns what was copied into it; record batches
// it refers to must stay where they are until the send is done.
class OutgoingFrame {
 public:
  OutgoingFrame(OutgoingFrame&&) = default;
  OutgoingFrame& operator=(OutgoingFrame&&) = default;

  std::span<const IoSlice> slices() const { return slices_; }
  size_t size_bytes() const { return size_bytes_; }

 private:
  friend class Encoder;
  OutgoingFrame() = default;

  std::vector<std::byte> own_;
  std::vector<IoSlice> slices_;  // into own_'s memory, which a move keeps, and elsewhere
  size_t size_bytes_ = 0;
};

// Writes one frame. A frame over `size_bytes_max` (its length prefix not counted) is Error::too_large, and nothing
// past that size is allocated.
class Encoder {
 public:
  // Smaller pieces of records are copied: that costs less than one more slice in the send.
  static constexpr size_t kReferenceBytesMin = 1024;

  explicit Encoder(size_t size_bytes_max);

  bool ok() const { return !failed_; }
  void fail(Error error);

  template <class T>
    requires std::is_integral_v<T>
  void integer(T value) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    std::array<std::byte, sizeof(T)> bytes;
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes[i] = static_cast<std::byte>((uint64_t{bits} >> (8 * (sizeof(T) - 1 - i))) & 0xff);
    }
    copy(bytes);
  }
  void unsigned_varint(uint32_t value);
  void uuid(const Uuid& value) { copy(value.bytes); }

  // std::nullopt is null. Error::too_large above what the length field can say.
  void string(std::optional<std::string_view> value, bool flexible);
  void records(const std::optional<Records>& value, bool flexible);
  void array_count(std::optional<size_t> count, bool flexible);

  // A tagged field says its size first: write its value, then insert_size() at the place it began. The value holds
  // no records.
  size_t position() const { return own_.size(); }
  void insert_size(size_t begin);

  // Sets the length prefix. The encoder is spent.
  Result<OutgoingFrame> finish() &&;

 private:
  struct Reference {
    size_t own_position;  // it stands before this byte of own_
    IoSlice bytes;
  };

  bool reserve(size_t size_bytes);
  void copy(std::span<const std::byte> bytes);

  std::vector<std::byte> own_;  // begins with the length prefix
  std::vector<Reference> references_;
  size_t size_bytes_ = 0;  // without the length prefix
  size_t size_bytes_max_;
  Error error_{};
  bool failed_ = false;
};

// Whether `text` is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace penstock::kafka
