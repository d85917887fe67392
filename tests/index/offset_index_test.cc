#include "index/offset_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace penstock {
namespace {

constexpr uint64_t kRunBytes = 256 * 1024;

struct Frame {
  uint64_t first;
  uint64_t last;
  uint64_t position;
  uint64_t bytes;
  uint64_t end() const { return position + bytes; }
};

OffsetIndex::Options options_at(uint64_t base_offset) {
  return {.base_offset = {base_offset}, .run_bytes_max = kRunBytes};
}

OffsetIndex index_of(const std::vector<Frame>& frames, const OffsetIndex::Options& options) {
  OffsetIndex index(options);
  for (const Frame& frame : frames) {
    EXPECT_TRUE(index.add({frame.first}, {frame.last}, frame.position, frame.bytes).ok());
  }
  return index;
}

// The frame that holds `offset`, or the next one: by looking at all of them from the place before which none can be.
const Frame& frame_for(const std::vector<Frame>& frames, uint64_t offset) {
  const auto found =
      std::lower_bound(frames.begin(), frames.end(), offset,
                       [](const Frame& frame, uint64_t wanted) { return frame.last < wanted; });
  return *found;
}

bool begins_a_frame(const std::vector<Frame>& frames, uint64_t position) {
  const auto found =
      std::lower_bound(frames.begin(), frames.end(), position,
                       [](const Frame& frame, uint64_t wanted) { return frame.position < wanted; });
  return found != frames.end() && found->position == position;
}

// What find() promises for one offset. `pad_bytes` is the most that may lie between two frames.
void expect_found(const OffsetIndex& index, const std::vector<Frame>& frames, uint64_t offset,
                  uint64_t pad_bytes = 0) {
  size_t accesses = 0;
  const auto found = index.find({offset}, &accesses);
  ASSERT_TRUE(found.ok()) << offset;
  const auto [position, length] = found.value();
  const Frame& frame = frame_for(frames, offset);
  ASSERT_TRUE(begins_a_frame(frames, position)) << offset;
  ASSERT_LE(position, frame.position) << offset;
  ASSERT_GE(position + length, frame.end()) << offset;
  ASSERT_LE(length, std::max(kRunBytes, frame.bytes) + pad_bytes) << offset;
  ASSERT_LE(accesses, 3u) << offset;
}

TEST(OffsetIndex, FindsTheRunThatHoldsAnOffset) {
  OffsetIndex index({.base_offset = {100}, .run_bytes_max = 1000});
  ASSERT_TRUE(index.add({100}, {109}, 4096, 600).ok());
  ASSERT_TRUE(index.add({110}, {119}, 4696, 400).ok());
  ASSERT_TRUE(index.add({120}, {120}, 5096, 8).ok());

  const OffsetIndex::Range first{4096, 1000};
  const OffsetIndex::Range second{5096, 8};
  EXPECT_EQ(index.find({100}).value(), first);
  EXPECT_EQ(index.find({119}).value(), first);
  EXPECT_EQ(index.find({120}).value(), second);
  EXPECT_EQ(index.find({99}).error(), Error::offset_out_of_range);
  EXPECT_EQ(index.find({121}).error(), Error::offset_out_of_range);
  EXPECT_EQ(index.next_offset(), Offset{121});
  EXPECT_EQ(index.end_position(), 5104u);
}

TEST(OffsetIndex, AnEmptyIndexFindsNothing) {
  const OffsetIndex index(options_at(5));
  EXPECT_EQ(index.find({5}).error(), Error::offset_out_of_range);
  EXPECT_EQ(index.find({0}).error(), Error::offset_out_of_range);
  EXPECT_EQ(index.next_offset(), Offset{5});
}

TEST(OffsetIndex, InAGapTheNextFrameAnswers) {
  OffsetIndex index({.base_offset = {10}, .run_bytes_max = 100});
  ASSERT_TRUE(index.add({20}, {29}, 4096, 100).ok());  // a gap at the front
  ASSERT_TRUE(index.add({1000000}, {1000001}, 4196, 100).ok());
  const OffsetIndex::Range first{4096, 100};
  const OffsetIndex::Range second{4196, 100};
  EXPECT_EQ(index.find({10}).value(), first);
  EXPECT_EQ(index.find({29}).value(), first);
  EXPECT_EQ(index.find({30}).value(), second);
  EXPECT_EQ(index.find({999999}).value(), second);
}

TEST(OffsetIndex, FramesThatDoNotAscendAreRefusedAndChangeNothing) {
  OffsetIndex index(options_at(100));
  EXPECT_EQ(index.add({99}, {120}, 4096, 100).error(), Error::corrupt);
  ASSERT_TRUE(index.add({100}, {109}, 4096, 100).ok());
  const uint64_t top = ~uint64_t{0};
  EXPECT_EQ(index.add({109}, {115}, 4196, 100).error(), Error::corrupt);  // overlaps in offsets
  EXPECT_EQ(index.add({110}, {115}, 4195, 100).error(), Error::corrupt);  // overlaps in bytes
  EXPECT_EQ(index.add({115}, {114}, 4196, 100).error(), Error::corrupt);
  EXPECT_EQ(index.add({110}, {top}, 4196, 100).error(), Error::corrupt);
  EXPECT_EQ(index.add({110}, {115}, 4196, 0).error(), Error::corrupt);
  EXPECT_EQ(index.add({110}, {115}, top - 50, 100).error(), Error::corrupt);
  EXPECT_EQ(index.next_offset(), Offset{110});
  EXPECT_EQ(index.end_position(), 4196u);
  EXPECT_EQ(index.find({110}).error(), Error::offset_out_of_range);
}

std::vector<Frame> random_frames(std::mt19937_64& random, uint64_t base, uint64_t pad_bytes) {
  std::vector<Frame> frames;
  uint64_t offset = base;
  uint64_t position = 4096;
  const auto up_to = [&random](int bits) {
    return 1 + random() % (uint64_t{1} << (random() % bits));
  };
  while (position < 24 << 20) {
    if (random() % 8 == 0) offset += up_to(40);  // compaction
    if (random() % 8 == 0 && pad_bytes > 0) position += random() % pad_bytes;
    const bool big = random() % 100 == 0;
    const uint64_t bytes = big ? 1 << 20 : 8 * up_to(15);
    const uint64_t records = random() % 3 == 0 ? 1 : up_to(20);
    frames.push_back({offset, offset + records - 1, position, bytes});
    offset += records;
    position += bytes;
  }
  return frames;
}

TEST(OffsetIndex, AnswersLikeAScanWhateverTheFrames) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const uint64_t base = random() % 1000000;
    const uint64_t pad_bytes = seed % 2 ? 0 : 4096;
    const auto frames = random_frames(random, base, pad_bytes);
    const OffsetIndex index = index_of(frames, options_at(base));
    for (const Frame& frame : frames) {
      expect_found(index, frames, frame.first, pad_bytes);
      expect_found(index, frames, frame.last, pad_bytes);
      if (frame.first > base) expect_found(index, frames, frame.first - 1, pad_bytes);
      expect_found(index, frames, frame.first + random() % (frame.last - frame.first + 1),
                   pad_bytes);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    }
    ASSERT_EQ(index.find({frames.back().last + 1}).error(), Error::offset_out_of_range);
  }
}

// Megabyte frames of one record beside frames of 100,000 records in 4 KiB: neither may make the other's lookups dear.
TEST(OffsetIndex, ADensityThatVariesAMillionFoldCostsNothing) {
  std::vector<Frame> frames;
  uint64_t offset = 0;
  uint64_t position = 4096;
  for (int i = 0; position < 250 << 20; ++i) {
    const bool big = i % 32 < 2;
    const uint64_t records = big ? 1 : 100000;
    const uint64_t bytes = big ? 1 << 20 : 4096;
    frames.push_back({offset, offset + records - 1, position, bytes});
    offset += records;
    position += bytes;
  }
  const OffsetIndex index = index_of(frames, options_at(0));
  for (const Frame& frame : frames) {
    expect_found(index, frames, frame.first);
    expect_found(index, frames, frame.last);
  }
  EXPECT_GT(offset, 300000000u);
  EXPECT_LT(index.memory_bytes(), 16 * 1024u);
}

TEST(OffsetIndex, ALookupTakesThreeAccessesForAThousandRecordsAndForABillion) {
  for (const uint64_t records : {uint64_t{1000}, uint64_t{1000000}, uint64_t{1000000000}}) {
    OffsetIndex index(options_at(0));
    const uint64_t frame_records = std::max<uint64_t>(1, records / 100000);
    uint64_t position = 4096;
    for (uint64_t offset = 0; offset < records; offset += frame_records) {
      ASSERT_TRUE(index.add({offset}, {offset + frame_records - 1}, position, 16 * 1024).ok());
      position += 16 * 1024;
    }
    std::mt19937_64 random(7);
    for (int probe = 0; probe < 10000; ++probe) {
      const uint64_t offset = random() % records;
      size_t accesses = 0;
      const auto found = index.find({offset}, &accesses);
      ASSERT_TRUE(found.ok());
      ASSERT_LE(accesses, 3u);
      const uint64_t frame = 4096 + offset / frame_records * 16 * 1024;
      ASSERT_LE(found.value().position, frame);
      ASSERT_GE(found.value().position + found.value().length_bytes, frame + 16 * 1024);
      ASSERT_LE(found.value().length_bytes, kRunBytes);
    }
  }
}

TEST(OffsetIndex, ItsSizeFollowsTheBytesAndNotTheRecords) {
  // The worst there is: frames that just fail to share a run.
  OffsetIndex index(options_at(0));
  uint64_t position = 4096;
  uint64_t offset = 0;
  while (position < 256 << 20) {
    const uint64_t bytes = offset % 2 ? kRunBytes : 8;
    ASSERT_TRUE(index.add({offset}, {offset}, position, bytes).ok());
    position += bytes;
    ++offset;
  }
  EXPECT_LE(index.run_count(), 2 * (256 << 20) / kRunBytes + 1);
  EXPECT_LE(index.memory_bytes(), 80 * 1024u);
}

TEST(OffsetIndex, TruncatesAtEveryFrameAndGoesOn) {
  std::mt19937_64 random(31);
  const auto frames = random_frames(random, 0, 0);
  const OffsetIndex whole = index_of(frames, options_at(0));
  for (size_t cut = 0; cut < frames.size(); cut += 1 + random() % 40) {
    OffsetIndex index = whole;
    const Offset next{cut == 0 ? 0 : frames[cut - 1].last + 1};
    index.truncate(frames[cut].position, next);
    ASSERT_EQ(index.next_offset(), next);
    ASSERT_EQ(index.find(next).error(), Error::offset_out_of_range);

    std::vector<Frame> left(frames.begin(), frames.begin() + static_cast<ptrdiff_t>(cut));
    uint64_t position = frames[cut].position;
    uint64_t offset = next.value;
    for (int more = 0; more < 100; ++more) {
      left.push_back({offset, offset + 9, position, 5000});
      ASSERT_TRUE(index.add({offset}, {offset + 9}, position, 5000).ok());
      offset += 10;
      position += 5000;
    }
    for (size_t at = cut < 50 ? 0 : cut - 50; at < left.size(); ++at) {
      expect_found(index, left, left[at].first);
      expect_found(index, left, left[at].last);
      if (testing::Test::HasFatalFailure()) FAIL() << "cut " << cut;
    }
  }
}

TEST(OffsetIndex, TruncatingAtTheEndChangesNothing) {
  OffsetIndex index(options_at(0));
  ASSERT_TRUE(index.add({0}, {9}, 4096, 100).ok());
  index.truncate(4196, {10});
  EXPECT_EQ(index.next_offset(), Offset{10});
  EXPECT_TRUE(index.find({9}).ok());
}

TEST(OffsetIndex, ComesBackFromItsBytes) {
  std::mt19937_64 random(41);
  const auto frames = random_frames(random, 777, 0);
  const OffsetIndex index = index_of(frames, options_at(777));
  auto parsed = OffsetIndex::parse(index.serialize(), options_at(777));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().next_offset(), index.next_offset());
  EXPECT_EQ(parsed.value().end_position(), index.end_position());
  for (const Frame& frame : frames) expect_found(parsed.value(), frames, frame.first);

  const OffsetIndex empty(options_at(777));
  ASSERT_TRUE(OffsetIndex::parse(empty.serialize(), options_at(777)).ok());
}

TEST(OffsetIndex, BytesOfNoIndexAreRefused) {
  OffsetIndex index({.base_offset = {10}, .run_bytes_max = 100});
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(index.add({10 + i}, {10 + i}, 4096 + 100 * i, 100).ok());
  }
  const auto bytes = index.serialize();
  const OffsetIndex::Options options{.base_offset = {10}, .run_bytes_max = 100};
  ASSERT_TRUE(OffsetIndex::parse(bytes, options).ok());

  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(OffsetIndex::parse(std::span(bytes).first(length), options).ok()) << length;
  }
  auto longer = bytes;
  longer.resize(bytes.size() + 16);
  EXPECT_FALSE(OffsetIndex::parse(longer, options).ok());
  EXPECT_FALSE(OffsetIndex::parse(bytes, options_at(11)).ok());

  // Header 24 bytes, then (offset, position) of each run.
  const auto with = [&bytes](size_t at, uint64_t value) {
    auto changed = bytes;
    for (size_t i = 0; i < 8; ++i) changed[at + i] = static_cast<std::byte>(value >> (8 * i));
    return changed;
  };
  EXPECT_FALSE(OffsetIndex::parse(with(0, 0), options).ok());      // magic
  EXPECT_FALSE(OffsetIndex::parse(with(8, 13), options).ok());     // ends before its last run
  EXPECT_FALSE(OffsetIndex::parse(with(16, 4396), options).ok());  // the same in bytes
  EXPECT_FALSE(OffsetIndex::parse(with(24, 9), options).ok());     // not the base offset
  EXPECT_FALSE(OffsetIndex::parse(with(40, 10), options).ok());    // offsets repeat
  EXPECT_FALSE(OffsetIndex::parse(with(48, 4096), options).ok());  // positions repeat
  EXPECT_FALSE(OffsetIndex::parse(with(56, ~uint64_t{0}), options).ok());  // descends after it
  EXPECT_FALSE(OffsetIndex::parse(with(64, 1), options).ok());
}

// Any answer of an index made of damaged bytes stays inside the bytes it says it covers.
TEST(OffsetIndex, DamagedBytesAreRefusedOrHarmless) {
  std::mt19937_64 random(51);
  const auto frames = random_frames(random, 0, 0);
  const auto bytes = index_of(frames, options_at(0)).serialize();
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    auto damaged = bytes;
    for (size_t hits = 1 + random() % 3; hits > 0; --hits) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    }
    const auto parsed = OffsetIndex::parse(damaged, options_at(0));
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    const OffsetIndex& index = parsed.value();
    for (int probe = 0; probe < 20; ++probe) {
      const auto found = index.find({random() % (frames.back().last + 1)});
      if (!found.ok()) continue;
      ASSERT_GT(found.value().length_bytes, 0u);
      ASSERT_LE(found.value().position + found.value().length_bytes, index.end_position());
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace penstock
