#include "io/buffers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace penstock {
namespace {

class Buffers : public testing::Test {
 protected:
  static constexpr size_t kPoolBytes = 8 << 20;
  BufferArena arena_{{.size_bytes = kPoolBytes, .huge_pages = false}};
  BufferPool pool_{arena_.bytes()};
};

TEST_F(Buffers, CutsBlocksOfTheNextPowerOfTwo) {
  for (const size_t wanted : {size_t{1}, size_t{4096}, size_t{4097}, size_t{1} << 20}) {
    const auto buffer = pool_.allocate(wanted);
    ASSERT_TRUE(buffer.ok());
    EXPECT_GE(buffer.value().size(), wanted);
    EXPECT_LE(buffer.value().size(), std::max<size_t>(4096, wanted * 2));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.value().data()) % 4096, 0u);
  }
  EXPECT_EQ(pool_.allocate(BufferPool::kBlockBytesMax + 1).error(), Error::too_large);
}

TEST_F(Buffers, AnswersBusyWhenFullAndJoinsWhatComesBack) {
  std::vector<Buffer> blocks;
  for (;;) {
    auto block = pool_.allocate(4096);
    if (!block.ok()) {
      EXPECT_EQ(block.error(), Error::busy);
      break;
    }
    blocks.push_back(std::move(block).value());
  }
  EXPECT_EQ(blocks.size(), kPoolBytes / 4096);
  EXPECT_EQ(pool_.free_bytes(), 0u);
  std::shuffle(blocks.begin(), blocks.end(), std::mt19937(1));
  blocks.clear();
  EXPECT_EQ(pool_.free_bytes(), kPoolBytes);
  const auto first = pool_.allocate(BufferPool::kBlockBytesMax);
  const auto second = pool_.allocate(BufferPool::kBlockBytesMax);
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(second.ok());
}

TEST_F(Buffers, NeverGiveTheSameBytesTwice) {
  std::mt19937 random(2);
  std::vector<Buffer> held;
  for (int time = 0; time < 20'000; ++time) {
    if (!held.empty() && random() % 2 == 0) {
      const size_t index = random() % held.size();
      const auto bytes = held[index].bytes();
      EXPECT_EQ(bytes.front(), bytes.back()) << "another block's holder wrote here";
      std::swap(held[index], held.back());
      held.pop_back();
      continue;
    }
    auto block = pool_.allocate(size_t{4096} << random() % 8);
    if (!block.ok()) continue;
    const std::byte mark = std::byte(time & 0xff);
    block.value().bytes().front() = mark;
    block.value().bytes().back() = mark;
    held.push_back(std::move(block).value());
  }
}

TEST_F(Buffers, StayUntilTheLastReferenceGoes) {
  Buffer first = pool_.allocate(4096).value();
  Buffer second = first.share();
  EXPECT_EQ(first.data(), second.data());
  first.reset();
  EXPECT_EQ(pool_.free_bytes(), kPoolBytes - 4096);
  second.reset();
  EXPECT_EQ(pool_.free_bytes(), kPoolBytes);
}

TEST_F(Buffers, ComeBackFromAnotherThreadAtTheNextAllocation) {
  std::vector<Buffer> blocks;
  blocks.push_back(pool_.allocate(BufferPool::kBlockBytesMax).value());
  blocks.push_back(pool_.allocate(BufferPool::kBlockBytesMax).value());
  EXPECT_EQ(pool_.allocate(1).error(), Error::busy);
  std::thread([&blocks] { blocks.clear(); }).join();
  EXPECT_TRUE(pool_.allocate(1).ok());
}

TEST_F(Buffers, StopTheProcessThatFreesAPinnedOne) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Buffer whole = pool_.allocate(64 << 10).value();
  const auto inside = whole.bytes().subspan(20'000, 30'000);
  pool_.pin_block(inside);
  EXPECT_DEATH(whole.reset(), "buffers.cc");
  pool_.unpin_block(inside);
  whole.pin();
  whole.unpin();
  EXPECT_DEATH(whole.unpin(), "buffers.cc");
  EXPECT_DEATH(pool_.pin_block({whole.data(), whole.size() + 1}), "buffers.cc");
  whole.reset();
  EXPECT_DEATH(pool_.pin_block(inside), "buffers.cc");
}

}  // namespace
}  // namespace penstock
