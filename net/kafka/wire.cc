#include "net/kafka/wire.h"

#include <algorithm>
#include <limits>

namespace penstock::kafka {

namespace {

constexpr size_t kLengthPrefixBytes = 4;
constexpr uint32_t kStringBytesMax = std::numeric_limits<int16_t>::max();
constexpr uint32_t kArrayCountMax = std::numeric_limits<int32_t>::max();

void write_big_endian(uint32_t value, std::byte* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

// Bytes of the multi-byte character at `text`, 0 if it is none.
size_t multibyte_length(std::string_view text) {
  const auto at = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  size_t length = 0;
  uint32_t smallest = 0;  // a smaller one would be an overlong form
  uint32_t value = 0;
  if ((lead & 0xe0) == 0xc0) {
    length = 2, smallest = 0x80, value = lead & 0x1f;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3, smallest = 0x800, value = lead & 0x0f;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4, smallest = 0x10000, value = lead & 0x07;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (at(i) & 0x3f);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < smallest || value > 0x10ffff || surrogate ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    // Names are ASCII nearly always: eight characters at a time.
    uint64_t eight = 0;
    if (text.size() >= sizeof(eight)) {
      std::memcpy(&eight, text.data(), sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        text.remove_prefix(sizeof(eight));
        continue;
      }
    }
    const size_t length = static_cast<uint8_t>(text[0]) < 0x80 ? 1 : multibyte_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

size_t Records::size_bytes() const {
  size_t total = 0;
  for (const IoSlice& piece : pieces()) total += piece.length_bytes;
  return total;
}

std::span<const std::byte> Records::bytes() const {
  check(pieces().size() == 1);
  return {pieces()[0].bytes, pieces()[0].length_bytes};
}

bool Records::operator==(const Records& other) const {
  if (size_bytes() != other.size_bytes()) return false;
  const std::span<const IoSlice> theirs = other.pieces();
  size_t their_piece = 0;
  size_t their_position = 0;
  for (const IoSlice& piece : pieces()) {
    for (size_t done = 0; done < piece.length_bytes;) {
      const IoSlice& their = theirs[their_piece];
      const size_t length =
          std::min(piece.length_bytes - done, their.length_bytes - their_position);
      if (length != 0 &&
          std::memcmp(piece.bytes + done, their.bytes + their_position, length) != 0) {
        return false;
      }
      done += length;
      their_position += length;
      if (their_position == their.length_bytes) {
        ++their_piece;
        their_position = 0;
      }
    }
  }
  return true;
}

const char* name_of(DecodeFault fault) {
  switch (fault) {
    case DecodeFault::none: return "none";
    case DecodeFault::truncated: return "truncated";
    case DecodeFault::bad_length: return "bad_length";
    case DecodeFault::bad_varint: return "bad_varint";
    case DecodeFault::null_not_allowed: return "null_not_allowed";
    case DecodeFault::too_many_tags: return "too_many_tags";
    case DecodeFault::tags_out_of_order: return "tags_out_of_order";
    case DecodeFault::bad_utf8: return "bad_utf8";
    case DecodeFault::over_budget: return "over_budget";
    case DecodeFault::trailing_bytes: return "trailing_bytes";
  }
  return "unknown";
}

Result<void> Decoder::result() const {
  if (ok()) return {};
  return fault_ == DecodeFault::over_budget ? Error::too_large : Error::corrupt;
}

void Decoder::fail(DecodeFault fault) {
  if (ok()) fault_ = fault;
  next_ = end_;
}

void Decoder::expect_end() {
  if (left_bytes() != 0) fail(DecodeFault::trailing_bytes);
}

uint32_t Decoder::unsigned_varint() {
  uint32_t value = 0;
  for (int i = 0; i < 5; ++i) {
    const auto byte = integer<uint8_t>();
    if (!ok()) return 0;
    if (i == 4 && byte > 0x0f) break;  // a sixth byte, or bits above the 32nd
    value |= static_cast<uint32_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  fail(DecodeFault::bad_varint);
  return 0;
}

Uuid Decoder::uuid() {
  Uuid value;
  const std::span<const std::byte> from = take(value.bytes.size());
  if (ok()) std::copy(from.begin(), from.end(), value.bytes.begin());
  return value;
}

std::span<const std::byte> Decoder::take(size_t size_bytes) {
  if (size_bytes > left_bytes()) {
    fail(DecodeFault::truncated);
    return {};
  }
  const std::span<const std::byte> taken(next_, size_bytes);
  next_ += size_bytes;
  return taken;
}

std::optional<std::string_view> Decoder::string(bool flexible) {
  const int64_t length = flexible ? int64_t{unsigned_varint()} - 1 : integer<int16_t>();
  if (!ok() || length == -1) return std::nullopt;
  if (length < 0 || length > kStringBytesMax) {
    fail(DecodeFault::bad_length);
    return std::nullopt;
  }
  const std::span<const std::byte> taken = take(static_cast<size_t>(length));
  if (!ok()) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(taken.data()), taken.size());
  if (!is_utf8(text)) {
    fail(DecodeFault::bad_utf8);
    return std::nullopt;
  }
  return text;
}

std::optional<std::span<const std::byte>> Decoder::bytes(bool flexible) {
  const int64_t length = flexible ? int64_t{unsigned_varint()} - 1 : integer<int32_t>();
  if (!ok() || length == -1) return std::nullopt;
  if (length < 0) {
    fail(DecodeFault::bad_length);
    return std::nullopt;
  }
  const std::span<const std::byte> taken = take(static_cast<size_t>(length));
  if (!ok()) return std::nullopt;
  return taken;
}

std::optional<uint32_t> Decoder::array_count(bool flexible, size_t element_bytes_min) {
  const int64_t count = flexible ? int64_t{unsigned_varint()} - 1 : integer<int32_t>();
  if (!ok() || count == -1) return std::nullopt;
  if (count < 0) {
    fail(DecodeFault::bad_length);
    return std::nullopt;
  }
  // Below 2^32 times a struct's few bytes: the product cannot wrap.
  if (static_cast<uint64_t>(count) * element_bytes_min > left_bytes()) {
    fail(DecodeFault::truncated);
    return std::nullopt;
  }
  return static_cast<uint32_t>(count);
}

bool Decoder::charge(size_t size_bytes) {
  if (size_bytes > budget_bytes_) {
    fail(DecodeFault::over_budget);
    return false;
  }
  budget_bytes_ -= size_bytes;
  return true;
}

const std::byte* Decoder::enter(uint32_t size_bytes) {
  const std::byte* outer_end = end_;
  if (size_bytes > left_bytes()) {
    fail(DecodeFault::truncated);
  } else {
    end_ = next_ + size_bytes;
  }
  return outer_end;
}

void Decoder::leave(const std::byte* outer_end) {
  expect_end();
  end_ = outer_end;
  if (!ok()) next_ = end_;
}

Encoder::Encoder(size_t size_bytes_max)
    : size_bytes_max_(std::min<size_t>(size_bytes_max, kArrayCountMax)) {
  own_.reserve(256);
  own_.resize(kLengthPrefixBytes);
}

void Encoder::fail(Error error) {
  if (!failed_) error_ = error;
  failed_ = true;
}

bool Encoder::reserve(size_t size_bytes) {
  if (failed_) return false;
  if (size_bytes > size_bytes_max_ - size_bytes_) {
    fail(Error::too_large);
    return false;
  }
  size_bytes_ += size_bytes;
  return true;
}

void Encoder::copy(std::span<const std::byte> bytes) {
  if (reserve(bytes.size())) own_.insert(own_.end(), bytes.begin(), bytes.end());
}

void Encoder::unsigned_varint(uint32_t value) {
  std::array<std::byte, 5> bytes;
  size_t length = 0;
  while (value >= 0x80) {
    bytes[length++] = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  bytes[length++] = static_cast<std::byte>(value);
  copy({bytes.data(), length});
}

void Encoder::string(std::optional<std::string_view> value, bool flexible) {
  const size_t length = value ? value->size() : 0;
  if (length > kStringBytesMax) return fail(Error::too_large);
  if (flexible) {
    unsigned_varint(value ? static_cast<uint32_t>(length) + 1 : 0);
  } else {
    integer(value ? static_cast<int16_t>(length) : int16_t{-1});
  }
  if (value) copy(std::as_bytes(std::span(*value)));
}

void Encoder::records(const std::optional<Records>& value, bool flexible) {
  if (!value) return array_count(std::nullopt, flexible);
  array_count(value->size_bytes(), flexible);
  for (const IoSlice& piece : value->pieces()) {
    if (piece.length_bytes < kReferenceBytesMin) {
      copy({piece.bytes, piece.length_bytes});
    } else if (reserve(piece.length_bytes)) {
      references_.push_back({.own_position = own_.size(), .bytes = piece});
    }
  }
}

void Encoder::array_count(std::optional<size_t> count, bool flexible) {
  if (count && *count > kArrayCountMax) return fail(Error::too_large);
  if (flexible) {
    unsigned_varint(count ? static_cast<uint32_t>(*count) + 1 : 0);
  } else {
    integer(count ? static_cast<int32_t>(*count) : int32_t{-1});
  }
}

void Encoder::insert_size(size_t begin) {
  if (failed_) return;
  check(begin >= kLengthPrefixBytes && begin <= own_.size());
  check(references_.empty() || references_.back().own_position <= begin);
  const size_t value_bytes = own_.size() - begin;
  unsigned_varint(static_cast<uint32_t>(value_bytes));
  std::rotate(own_.begin() + static_cast<ptrdiff_t>(begin),
              own_.begin() + static_cast<ptrdiff_t>(begin + value_bytes), own_.end());
}

Result<OutgoingFrame> Encoder::finish() && {
  if (failed_) return error_;
  write_big_endian(static_cast<uint32_t>(size_bytes_), own_.data());

  OutgoingFrame frame;
  frame.own_ = std::move(own_);
  frame.size_bytes_ = kLengthPrefixBytes + size_bytes_;
  frame.slices_.reserve(2 * references_.size() + 1);
  size_t position = 0;
  const auto add_own_until = [&frame, &position](size_t end) {
    if (end > position) frame.slices_.push_back({frame.own_.data() + position, end - position});
    position = end;
  };
  for (const Reference& reference : references_) {
    add_own_until(reference.own_position);
    frame.slices_.push_back(reference.bytes);
  }
  add_own_until(frame.own_.size());
  return frame;
}

}  // namespace penstock::kafka
