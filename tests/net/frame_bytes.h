// Frames as plain bytes, and frames written down as hexadecimal text.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "net/kafka/wire.h"

namespace penstock::test {

using Bytes = std::vector<std::byte>;

// All slices, in order.
inline Bytes joined(const kafka::OutgoingFrame& frame) {
  Bytes bytes;
  for (const IoSlice& slice : frame.slices()) {
    bytes.insert(bytes.end(), slice.bytes, slice.bytes + slice.length_bytes);
  }
  return bytes;
}

// Without the length in front.
inline std::span<const std::byte> body_of(const Bytes& frame) {
  return std::span(frame).subspan(4);
}

// "00 1f 'abc'": pairs of hexadecimal digits, and text in quotes. Blanks do not count.
inline Bytes bytes_of(std::string_view notation) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes bytes;
  for (size_t i = 0; i < notation.size(); ++i) {
    if (notation[i] == ' ') continue;
    if (notation[i] == '\'') {
      for (++i; notation[i] != '\''; ++i) bytes.push_back(static_cast<std::byte>(notation[i]));
    } else {
      bytes.push_back(static_cast<std::byte>(digit(notation[i]) << 4 | digit(notation[i + 1])));
      ++i;
    }
  }
  return bytes;
}

}  // namespace penstock::test
