// Makes values of any message from a seed, out of the same declaration that makes its codec.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "net/kafka/codec.h"
#include "net/kafka/fields.h"
#include "net/kafka/wire.h"

namespace penstock::test {

// Owns what the messages it made point to.
class MessageGenerator {
 public:
  enum class Kind : uint8_t {
    random,  // of every sort, nulls and empty ones among them
    empty,   // all strings, arrays and records empty, but not null
    null,    // null where the version allows it, otherwise empty
    large,   // records that the encoder refers to instead of copying; extreme numbers
  };

  MessageGenerator(uint64_t seed, Kind kind) : random_(seed), kind_(kind) {}

  template <class M>
  M make(int16_t version) {
    M message;
    fill(version, false, message);
    return message;
  }

 private:
  template <class T>
  struct FillFields {
    MessageGenerator& generator;
    int16_t version;
    T& value;

    template <class Member>
    void operator()(Member T::*member, kafka::FieldRule rule = {}) {
      if (!rule.present_in(version)) return;
      generator.fill(version, rule.nullable_in(version), value.*member);
    }
  };

  uint64_t below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }

  template <class T>
  void fill(int16_t version, bool nullable, T& value) {
    using namespace kafka::codec_detail;
    if constexpr (std::is_same_v<T, bool>) {
      value = below(2) == 1;
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      fill(version, false, number);
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, double>) {
      const double extremes[] = {0,
                                 1,
                                 -1,
                                 0.5,
                                 std::numeric_limits<double>::max(),
                                 std::numeric_limits<double>::infinity()};
      value = extremes[below(6)];
    } else if constexpr (std::is_integral_v<T>) {
      using Limits = std::numeric_limits<T>;
      const T extremes[] = {0, 1, -1, Limits::min(), Limits::max()};
      value =
          kind_ == Kind::large || below(3) == 0 ? extremes[below(5)] : static_cast<T>(random_());
    } else if constexpr (std::is_same_v<T, kafka::Uuid>) {
      for (std::byte& byte : value.bytes) byte = static_cast<std::byte>(random_());
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      value = text();
    } else if constexpr (std::is_same_v<T, kafka::Records>) {
      value = records();
    } else if constexpr (kIsVector<T>) {
      value.resize(kind_ == Kind::empty || kind_ == Kind::null ? 0 : below(4));
      for (auto& element : value) fill(version, false, element);
    } else if constexpr (kIsOptional<T>) {
      const bool is_null =
          nullable && (kind_ == Kind::null || (kind_ != Kind::empty && below(3) == 0));
      if (is_null) {
        value.reset();
      } else {
        value = typename T::value_type{};
        fill(version, false, *value);
      }
    } else {
      FillFields<T> fields{*this, version, value};
      T::describe(fields);
    }
  }

  std::string_view text() {
    if (kind_ == Kind::empty || kind_ == Kind::null) return "";
    constexpr std::string_view kPieces[] = {
        "topic", "-", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x9f", "0123456789abcdef", "\n"};
    std::string& text = texts_.emplace_back();
    for (uint64_t left = below(kind_ == Kind::large ? 60 : 6); left > 0; --left) {
      text += kPieces[below(std::size(kPieces))];
    }
    return text;
  }

  kafka::Records records() {
    if (kind_ == Kind::empty || kind_ == Kind::null)
      return kafka::Records(std::span<const std::byte>());
    std::vector<IoSlice>& pieces = pieces_.emplace_back(1 + below(3));
    for (IoSlice& piece : pieces) {
      std::vector<std::byte>& bytes = bytes_.emplace_back(
          below(kind_ == Kind::large ? 4 * kafka::Encoder::kReferenceBytesMin : 64));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
      piece = {bytes.data(), bytes.size()};
    }
    return kafka::Records(std::span<const IoSlice>(pieces));
  }

  std::mt19937_64 random_;
  Kind kind_;
  std::deque<std::string> texts_;
  std::deque<std::vector<std::byte>> bytes_;
  std::deque<std::vector<IoSlice>> pieces_;
};

}  // namespace penstock::test
