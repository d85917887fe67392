#include "tools/log_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace penstock {
namespace {

constexpr int64_t kLastDayMs = 253'402'300'799'999;  // of the year 9999

uint8_t byte_at(std::span<const std::byte> bytes, size_t i) {
  return static_cast<uint8_t>(bytes[i]);
}

// Length of the UTF-8 character that begins at `i`, 0 if none does. Overlong forms and surrogates are none.
size_t utf8_length(std::span<const std::byte> bytes, size_t i) {
  const uint8_t first = byte_at(bytes, i);
  if (first < 0x80) return 1;
  size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || i + length > bytes.size()) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte_at(bytes, i + k) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte_at(bytes, i + 1);
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  return length;
}

}  // namespace

const char* name_of(FrameKind kind) {
  switch (kind) {
    case FrameKind::kafka_batch: return "kafka_batch";
    case FrameKind::packets: return "packets";
    case FrameKind::opaque: return "opaque";
    case FrameKind::pad: return "pad";
    case FrameKind::index: return "index";
  }
  return "unknown";
}

const char* name_of(Codec codec) {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::gzip: return "gzip";
    case Codec::snappy: return "snappy";
    case Codec::lz4: return "lz4";
    case Codec::zstd: return "zstd";
  }
  return "unknown";
}

std::string utc_time(int64_t wall_ms) {
  if (wall_ms < 0 || wall_ms > kLastDayMs) return fmt::format("{}", wall_ms);
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), wall_ms % 1000);
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string quoted(std::span<const std::byte> bytes) {
  std::string text = "\"";
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = utf8_length(bytes, i);
    const uint8_t first = byte_at(bytes, i);
    if (first == '"' || first == '\\') {
      text += '\\';
      text += static_cast<char>(first);
    } else if (length == 0 || first < 0x20 || first == 0x7F) {
      text += fmt::format("\\x{:02x}", first);
    } else {
      text += as_text(bytes.subspan(i, length));
    }
    i += std::max<size_t>(length, 1);
  }
  return text + '"';
}

bool is_utf8(std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = utf8_length(bytes, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string base64(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? byte_at(bytes, i + k) : 0);
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

}  // namespace penstock
