#include "tools/hdr_log.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "io/check.h"

namespace penstock {
namespace {

constexpr uint32_t kCookieV2 = 0x1c849313;
constexpr uint32_t kCookieV2Compressed = 0x1c849314;
constexpr uint32_t kDigits = 3;

template <class T>
void put(std::vector<std::byte>& bytes, T value) {
  for (size_t i = sizeof(T); i > 0; --i) {
    bytes.push_back(static_cast<std::byte>(value >> (8 * (i - 1))));
  }
}

// Seven bits a byte, the lowest first; of a negative number the zig-zag form.
void put_varint(std::vector<std::byte>& bytes, int64_t value) {
  auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  constexpr int kWholeBytes = 8;  // the ninth has all its bits
  for (int i = 0; i < kWholeBytes; ++i) {
    if (rest < 0x80) {
      bytes.push_back(static_cast<std::byte>(rest));
      return;
    }
    bytes.push_back(static_cast<std::byte>((rest & 0x7f) | 0x80));
    rest >>= 7;
  }
  bytes.push_back(static_cast<std::byte>(rest));
}

// A run of empty buckets is one negative number.
std::vector<std::byte> encode_counts(const LatencyHistogram& histogram) {
  std::vector<std::byte> bytes;
  const auto counts = histogram.counts();
  const size_t end = LatencyHistogram::bucket_of(histogram.max()) + 1;
  for (size_t bucket = 0; bucket < end;) {
    size_t empty = 0;
    while (bucket + empty < end && counts[bucket + empty] == 0) ++empty;
    if (empty > 1) {
      put_varint(bytes, -static_cast<int64_t>(empty));
      bucket += empty;
    } else {
      put_varint(bytes, static_cast<int64_t>(counts[bucket]));
      ++bucket;
    }
  }
  return bytes;
}

std::string base64(const std::vector<std::byte>& bytes) {
  constexpr const char* kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      const bool used = i + k <= bytes.size();
      text += used ? kLetters[group >> (18 - 6 * k) & 0x3f] : '=';
    }
  }
  return text;
}

}  // namespace

std::vector<std::byte> encode_hdr(const LatencyHistogram& histogram) {
  const std::vector<std::byte> counts = encode_counts(histogram);
  std::vector<std::byte> bytes;
  put(bytes, kCookieV2);
  put(bytes, static_cast<uint32_t>(counts.size()));
  put(bytes, uint32_t{0});  // no bucket stands for another
  put(bytes, kDigits);
  put(bytes, uint64_t{1});
  put(bytes, LatencyHistogram::kValueMax);
  put(bytes, std::bit_cast<uint64_t>(1.0));  // values are whole ones
  bytes.insert(bytes.end(), counts.begin(), counts.end());
  return bytes;
}

std::string hdr_text(const LatencyHistogram& histogram) {
  const std::vector<std::byte> plain = encode_hdr(histogram);
  uLongf length = compressBound(plain.size());
  std::vector<std::byte> packed(length);
  check(compress(reinterpret_cast<Bytef*>(packed.data()), &length,
                 reinterpret_cast<const Bytef*>(plain.data()), plain.size()) == Z_OK);
  std::vector<std::byte> bytes;
  put(bytes, kCookieV2Compressed);
  put(bytes, static_cast<uint32_t>(length));
  bytes.insert(bytes.end(), packed.begin(), packed.begin() + static_cast<ptrdiff_t>(length));
  return base64(bytes);
}

std::unique_ptr<HdrLog> HdrLog::create(const std::string& path, double start_seconds) {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return nullptr;
  std::unique_ptr<HdrLog> log(new HdrLog(file));
  const std::string head = fmt::format(
      "#[Histogram log format version 1.3]\n#[StartTime: {:.3f} (seconds since epoch)]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
      start_seconds);
  log->failed_ = std::fputs(head.c_str(), file) < 0;
  return log;
}

void HdrLog::add(const LatencyHistogram& histogram, double begin_seconds, double length_seconds) {
  const std::string line =
      fmt::format("{:.3f},{:.3f},{:.3f},{}\n", begin_seconds, length_seconds,
                  static_cast<double>(histogram.max()) / 1e6, hdr_text(histogram));
  failed_ |= std::fputs(line.c_str(), file_.get()) < 0;
}

bool HdrLog::close() {
  failed_ |= std::fclose(file_.release()) != 0;
  return !failed_;
}

}  // namespace penstock
