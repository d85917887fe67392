#include "tools/bench_batches.h"

#include <algorithm>
#include <cstring>

#include "engine/record_batch.h"
#include "io/check.h"

namespace penstock {
namespace {

constexpr uint64_t kStep = 0x9E3779B97F4A7C15;

// Neighbours' bytes are to have nothing in common.
uint64_t scramble(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

// A cache line at a time, in as many vectors of `kLanes` words as it takes, each word a step ahead of the one before it: as
// fast as memory takes them. Vectors wider than the processor's would go through the stack.
template <size_t kLanes>
[[gnu::always_inline]] inline void fill_words(uint64_t number, std::span<std::byte> to) {
  using Words [[gnu::vector_size(kLanes * sizeof(uint64_t))]] = uint64_t;
  constexpr size_t kVectors = 8 / kLanes;
  Words words[kVectors];
  uint64_t word = scramble(number + 1);
  for (size_t i = 0; i < 8; ++i, word += kStep) words[i / kLanes][i % kLanes] = word;
  std::byte* const bytes = to.data();
  size_t position = 0;
  for (; position + sizeof words <= to.size(); position += sizeof words) {
    for (size_t i = 0; i < kVectors; ++i) {
      std::memcpy(bytes + position + i * sizeof(Words), &words[i], sizeof(Words));
      words[i] += 8 * kStep;
    }
  }
  std::memcpy(bytes + position, words, to.size() - position);
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] void fill_avx512(uint64_t number, std::span<std::byte> to) {
  fill_words<8>(number, to);
}
[[gnu::target("avx2")]] void fill_avx2(uint64_t number, std::span<std::byte> to) {
  fill_words<4>(number, to);
}
#endif

std::vector<std::byte> kafka_batch(uint64_t number, uint32_t record_count,
                                   const BenchBatches::Options& options) {
  RecordBatchBuilder builder{{}};
  std::vector<std::byte> value(options.record_bytes);
  for (uint32_t i = 0; i < record_count; ++i) {
    const uint64_t record_number = number * record_count + i;
    BenchBatches::fill(record_number, value);
    RecordBatchBuilder::NewRecord record;
    record.timestamp_ms = options.timestamp_ms;
    // All keys are of one length, and so all batches.
    uint64_t key = 0;
    if (options.key_count > 0) {
      key = scramble(record_number) % options.key_count;
      record.key = std::as_bytes(std::span(&key, 1));
    }
    record.value = value;
    builder.add(record);
  }
  return builder.build();
}

// As many records as fit, one at least.
uint32_t records_that_fit(const BenchBatches::Options& options) {
  uint32_t count = std::max<uint32_t>(1, options.batch_bytes / options.record_bytes);
  while (count > 1 && kafka_batch(0, count, options).size() > options.batch_bytes) --count;
  return count;
}

}  // namespace

BenchBatches::BenchBatches(const Options& options)
    : options_(options), payload_bytes_(options.batch_bytes) {
  if (options_.source == Source::kafka) {
    record_count_ = records_that_fit(options_);
    payload_bytes_ = static_cast<uint32_t>(kafka_batch(0, record_count_, options_).size());
  }
  if (options_.source == Source::filled) return;
  const uint64_t fill_working_set =
      (options_.working_set_bytes + payload_bytes_ - 1) / payload_bytes_;
  prepared_count_ = std::max<uint64_t>(options_.batches_min, fill_working_set);
  prepared_.resize(prepared_count_ * payload_bytes_);
  for (uint64_t number = 0; number < prepared_count_; ++number) {
    if (options_.source == Source::kafka) {
      prepare_kafka(number);
    } else {
      fill(number, prepared(number));
    }
  }
}

void BenchBatches::prepare_kafka(uint64_t number) {
  const std::vector<std::byte> batch = kafka_batch(number, record_count_, options_);
  check(batch.size() == payload_bytes_);
  std::memcpy(prepared(number).data(), batch.data(), batch.size());
}

FrameKind BenchBatches::kind() const {
  return options_.source == Source::kafka ? FrameKind::kafka_batch : FrameKind::opaque;
}

// As compiled for the processor that it runs on: with the oldest one's stores it took three fifths of a bench's CPU.
void BenchBatches::fill(uint64_t number, std::span<std::byte> to) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return fill_avx512(number, to);
  if (__builtin_cpu_supports("avx2")) return fill_avx2(number, to);
#endif
  fill_words<2>(number, to);
}

bool BenchBatches::is_filled(std::span<const std::byte> bytes) {
  uint64_t last = 0;
  for (size_t position = 0; position + sizeof last <= bytes.size(); position += sizeof last) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + position, sizeof word);
    if (position != 0 && word != last + kStep) return false;
    last = word;
  }
  return bytes.size() >= sizeof last;
}

std::span<std::byte> BenchBatches::prepared(uint64_t number) {
  check(prepared_count_ > 0);
  return {prepared_.data() + number % prepared_count_ * payload_bytes_, payload_bytes_};
}

// Of whom only the beginning is looked at no more is filled: the rest would only take the processor's caches.
std::span<const std::byte> BenchBatches::expected(uint64_t number, uint64_t end) {
  if (options_.source != Source::filled) return prepared(number).first(end);
  if (scratch_number_ != number || scratch_bytes_ < end) {
    scratch_.resize(payload_bytes_);
    scratch_bytes_ = scratch_number_ == number ? payload_bytes_ : end;
    scratch_number_ = number;
    fill(number, std::span(scratch_).first(scratch_bytes_));
  }
  return std::span(scratch_).first(end);
}

bool BenchBatches::matches(uint64_t number, uint64_t position, std::span<const std::byte> bytes) {
  if (position + bytes.size() > payload_bytes_) return false;
  const std::span<const std::byte> wanted =
      expected(number, position + bytes.size()).subspan(position);
  if (options_.source != Source::kafka) {
    return std::memcmp(bytes.data(), wanted.data(), bytes.size()) == 0;
  }
  constexpr uint64_t kFreeEnd = 16;  // base offset, length and leader epoch come before it
  for (uint64_t i = 0; i < bytes.size() && position + i < kFreeEnd; ++i) {
    const bool length = position + i >= 8 && position + i < 12;
    if (length && bytes[i] != wanted[i]) return false;
  }
  const uint64_t skipped =
      std::min<uint64_t>(bytes.size(), kFreeEnd - std::min(position, kFreeEnd));
  return std::memcmp(bytes.data() + skipped, wanted.data() + skipped, bytes.size() - skipped) == 0;
}

}  // namespace penstock
