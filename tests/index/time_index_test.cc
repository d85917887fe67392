#include "index/time_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace penstock {
namespace {

struct Frame {
  int64_t timestamp_ms;
  uint64_t position;
  uint64_t base_offset;
};

TimeIndex index_of(const std::vector<Frame>& frames, const TimeIndex::Options& options) {
  TimeIndex index(options);
  for (const Frame& frame : frames) {
    index.add(frame.timestamp_ms, frame.position, {frame.base_offset});
  }
  return index;
}

// The first frame at or above `timestamp_ms`, by looking at all.
const Frame* scan(const std::vector<Frame>& frames, int64_t timestamp_ms) {
  for (const Frame& frame : frames) {
    if (frame.timestamp_ms >= timestamp_ms) return &frame;
  }
  return nullptr;
}

void expect_found(const TimeIndex& index, const std::vector<Frame>& frames, int64_t timestamp_ms) {
  const Frame* frame = scan(frames, timestamp_ms);
  const auto found = index.find(timestamp_ms);
  ASSERT_EQ(found.has_value(), frame != nullptr) << timestamp_ms;
  if (frame == nullptr) return;
  ASSERT_LE(found->first_position, frame->position) << timestamp_ms;
  ASSERT_GE(found->last_position, frame->position) << timestamp_ms;
  const auto first = std::find_if(frames.begin(), frames.end(), [&found](const Frame& one) {
    return one.position == found->first_position;
  });
  ASSERT_NE(first, frames.end());
  ASSERT_EQ(found->base_offset.value, first->base_offset);
}

std::vector<Frame> random_frames(std::mt19937_64& random, size_t count) {
  std::vector<Frame> frames;
  int64_t time = 1000000;
  uint64_t position = 4096;
  uint64_t offset = 50;
  for (size_t i = 0; i < count; ++i) {
    time += static_cast<int64_t>(random() % 100);
    int64_t timestamp_ms = time;
    if (random() % 4 == 0) timestamp_ms -= static_cast<int64_t>(random() % 5000);
    if (random() % 500 == 0) timestamp_ms += 20000;  // a clock ahead of all others
    if (random() % 50 == 0) timestamp_ms = -1;       // no timestamp
    frames.push_back({timestamp_ms, position, offset});
    position += 8 * (1 + random() % 8000);
    offset += 1 + random() % 1000;
  }
  return frames;
}

TEST(TimeIndex, FindsWhereATimeWasFirstReached) {
  TimeIndex index({.entries_max = 16, .group_bytes = 1});
  index.add(100, 4096, {0});
  index.add(50, 5000, {10});
  index.add(200, 6000, {20});
  index.add(200, 7000, {30});

  const TimeIndex::Range first{{0}, 4096, 4096};
  const TimeIndex::Range second{{20}, 6000, 6000};
  EXPECT_EQ(index.find(-1), first);
  EXPECT_EQ(index.find(50), first);
  EXPECT_EQ(index.find(100), first);
  EXPECT_EQ(index.find(101), second);
  EXPECT_EQ(index.find(200), second);
  EXPECT_EQ(index.find(201), std::nullopt);
  EXPECT_EQ(index.max_timestamp_ms(), 200);
  EXPECT_EQ(index.entry_count(), 2u);
}

TEST(TimeIndex, AnEmptyIndexFindsNothing) {
  const TimeIndex index;
  EXPECT_EQ(index.find(0), std::nullopt);
  EXPECT_EQ(index.max_timestamp_ms(), std::nullopt);
}

TEST(TimeIndex, FramesThatDoNotRaiseTheTimeNeedNoEntry) {
  TimeIndex index;
  index.add(1000, 4096, {0});
  for (uint64_t i = 1; i < 1000000; ++i) index.add(999, 4096 + i * 65536, {i});
  EXPECT_EQ(index.entry_count(), 1u);
  const TimeIndex::Range only{{0}, 4096, 4096};
  EXPECT_EQ(index.find(1000), only);
}

TEST(TimeIndex, AnswersLikeAScanWhateverTheTimes) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    const auto frames = random_frames(random, 2000);
    const TimeIndex index =
        index_of(frames, {.entries_max = 2 + random() % 200, .group_bytes = 1 + random() % 100000});
    for (int probe = 0; probe < 300; ++probe) {
      const int64_t about = frames[random() % frames.size()].timestamp_ms;
      expect_found(index, frames, about + static_cast<int64_t>(random() % 3) - 1);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    }
    expect_found(index, frames, -2);
    expect_found(index, frames, int64_t{1} << 60);
  }
}

TEST(TimeIndex, MemoryIsBoundedAndWhatALookupScansStaysInProportion) {
  TimeIndex index({.entries_max = 1024, .group_bytes = 4096});
  const uint64_t frame_bytes = 1024;
  const uint64_t count = (256 << 20) / frame_bytes;
  for (uint64_t i = 0; i < count; ++i) {
    index.add(static_cast<int64_t>(i), i * frame_bytes, {i});
    ASSERT_LE(index.entry_count(), 1024u);
  }
  EXPECT_LE(index.memory_bytes(), 1024 * 32u);
  for (uint64_t i = 0; i < count; i += 997) {
    const auto found = index.find(static_cast<int64_t>(i));
    ASSERT_TRUE(found.has_value());
    ASSERT_LE(found->first_position, i * frame_bytes);
    ASSERT_GE(found->last_position, i * frame_bytes);
    ASSERT_LE(found->last_position - found->first_position, 512 * 1024u);
  }
}

TEST(TimeIndex, TruncatesAndTellsFromWhereToAddAgain) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    const auto frames = random_frames(random, 1000);
    TimeIndex index =
        index_of(frames, {.entries_max = 2 + random() % 300, .group_bytes = 1 + random() % 300000});
    const size_t cut = random() % frames.size();
    const uint64_t again_from = index.truncate(frames[cut].position);
    ASSERT_LE(again_from, frames[cut].position);

    std::vector<Frame> left(frames.begin(), frames.begin() + static_cast<ptrdiff_t>(cut));
    for (const Frame& frame : left) {
      if (frame.position < again_from) continue;
      index.add(frame.timestamp_ms, frame.position, {frame.base_offset});
    }
    int64_t max_timestamp_ms = -2;
    for (const Frame& frame : left)
      max_timestamp_ms = std::max(max_timestamp_ms, frame.timestamp_ms);
    ASSERT_EQ(index.max_timestamp_ms().value_or(-2), max_timestamp_ms) << "seed " << seed;

    uint64_t offset = frames[cut].base_offset;
    uint64_t position = frames[cut].position;
    for (int more = 0; more < 100; ++more) {
      left.push_back({1000000 + static_cast<int64_t>(random() % 200000), position, offset++});
      index.add(left.back().timestamp_ms, position, {left.back().base_offset});
      position += 4096;
    }
    for (const Frame& frame : left) {
      expect_found(index, left, frame.timestamp_ms);
      expect_found(index, left, frame.timestamp_ms + 1);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    }
  }
}

TEST(TimeIndex, ACutBehindTheLastRiseAsksForNothing) {
  TimeIndex index;
  index.add(1000, 4096, {0});
  for (uint64_t i = 1; i < 100; ++i) index.add(500, 4096 + i * 100000, {i});
  EXPECT_EQ(index.truncate(4096 + 100000), 4096u + 100000);
  EXPECT_EQ(index.max_timestamp_ms(), 1000);
}

TEST(TimeIndex, ComesBackFromItsBytes) {
  std::mt19937_64 random(71);
  const auto frames = random_frames(random, 3000);
  const TimeIndex::Options options{.entries_max = 100, .group_bytes = 1000};
  const TimeIndex index = index_of(frames, options);
  auto parsed = TimeIndex::parse(index.serialize(), options);
  ASSERT_TRUE(parsed.ok());
  for (const Frame& frame : frames) {
    ASSERT_EQ(parsed.value().find(frame.timestamp_ms), index.find(frame.timestamp_ms));
  }
  parsed.value().add(int64_t{1} << 50, frames.back().position + 8, {1 << 30});
  EXPECT_EQ(parsed.value().max_timestamp_ms(), int64_t{1} << 50);
  ASSERT_TRUE(TimeIndex::parse(TimeIndex(options).serialize(), options).ok());
}

TEST(TimeIndex, BytesOfNoIndexAreRefused) {
  const TimeIndex::Options options{.entries_max = 4, .group_bytes = 8};
  TimeIndex index(options);
  for (uint64_t i = 0; i < 3; ++i) index.add(static_cast<int64_t>(100 + i), 4096 + i * 100, {i});
  const auto bytes = index.serialize();
  ASSERT_TRUE(TimeIndex::parse(bytes, options).ok());
  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(TimeIndex::parse(std::span(bytes).first(length), options).ok()) << length;
  }
  EXPECT_FALSE(TimeIndex::parse(bytes, {.entries_max = 2, .group_bytes = 8}).ok());

  // Header 24 bytes, then timestamp, first and last position, base offset of each group.
  const auto with = [&bytes](size_t at, uint64_t value) {
    auto changed = bytes;
    for (size_t i = 0; i < 8; ++i) changed[at + i] = static_cast<std::byte>(value >> (8 * i));
    return changed;
  };
  EXPECT_FALSE(TimeIndex::parse(with(0, 0), options).ok());      // magic
  EXPECT_FALSE(TimeIndex::parse(with(8, 0), options).ok());      // groups of no size
  EXPECT_FALSE(TimeIndex::parse(with(16, 4200), options).ok());  // ends before its last group
  EXPECT_FALSE(TimeIndex::parse(with(56, 100), options).ok());   // times repeat
  EXPECT_FALSE(TimeIndex::parse(with(64, 4096), options).ok());  // positions repeat
  EXPECT_FALSE(TimeIndex::parse(with(72, 4195), options).ok());  // a group ends before it begins
  EXPECT_FALSE(TimeIndex::parse(with(72, 4296), options).ok());  // wider than groups are
  EXPECT_FALSE(TimeIndex::parse(with(80, 0), options).ok());     // offsets repeat
}

}  // namespace
}  // namespace penstock
