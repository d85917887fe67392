// Little-endian fields in and out of bytes, for our own formats on disk.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace penstock {

static_assert(std::endian::native == std::endian::little, "the formats are written as they lie");

template <class T>
T load(const std::byte* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(std::byte* to, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
}

// Appends fields to a growing buffer.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const size_t at = out_.size();
    out_.resize(at + sizeof value);
    store(out_.data() + at, value);
  }
  // A u32 length, then the bytes.
  void put_string(std::string_view text) {
    put(static_cast<uint32_t>(text.size()));
    const auto bytes = std::as_bytes(std::span(text));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

 private:
  std::vector<std::byte>& out_;
};

// Reads fields back; the first that does not fit makes it fail for good, and all later reads give zero.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    if (failed_ || bytes_.size() < sizeof(T)) {
      failed_ = true;
      return T{};
    }
    const T value = load<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  std::string get_string() {
    const uint32_t length = get<uint32_t>();
    if (failed_ || bytes_.size() < length) {
      failed_ = true;
      return {};
    }
    std::string text(reinterpret_cast<const char*>(bytes_.data()), length);
    bytes_ = bytes_.subspan(length);
    return text;
  }

  size_t remaining() const { return bytes_.size(); }
  bool failed() const { return failed_; }
  bool complete() const { return !failed_ && bytes_.empty(); }  // all read, nothing over

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

}  // namespace penstock
