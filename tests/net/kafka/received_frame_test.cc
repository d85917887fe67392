#include "net/kafka/received_frame.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/file_io.h"
#include "tests/sim/sim_world.h"

namespace penstock::kafka {
namespace {

std::byte byte_at(size_t place) { return static_cast<std::byte>(place % 251); }

// As the bytes of a socket come: never more at once than `piece_bytes`.
Task<bool> fill(Doors& doors, RequestMemory& memory, ReceivedFrame& frame, size_t piece_bytes) {
  RequestMemory::Waiter waiter;
  size_t filled = 0;
  while (!frame.complete()) {
    if (frame.room().empty()) {
      const Result<void> grown = co_await frame.grow(doors, memory, waiter);
      if (!grown.ok()) co_return false;
    }
    const std::span<std::byte> room = frame.room();
    const size_t count = std::min(piece_bytes, room.size());
    for (size_t i = 0; i < count; ++i) room[i] = byte_at(filled + i);
    filled += count;
    frame.filled(count);
  }
  co_return true;
}

// One frame, received whole.
class AFrame {
 public:
  AFrame(uint32_t size_bytes, size_t place, uint64_t memory_bytes = 64 << 20)
      : memory_(memory_bytes) {
    const uint32_t node = world_.add_node();
    frame_.begin(size_bytes, place);
    const auto filled = world_.call(
        node, 0, [&, node] { return fill(world_.doors(node), memory_, frame_, 3'000); });
    EXPECT_EQ(filled, true);
  }

  ReceivedFrame& operator*() { return frame_; }
  bool holds_what_came() {
    const std::span<const std::byte> bytes = frame_.bytes();
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != byte_at(i)) return false;
    }
    return bytes.size() == frame_.size_bytes();
  }
  // Where the frame's byte `place` lies in its block.
  size_t in_block(size_t place) {
    return static_cast<size_t>(frame_.bytes().data() - frame_.block()->data()) + place;
  }

 private:
  sim::SimWorld world_{1};
  RequestMemory memory_;
  ReceivedFrame frame_;
};

TEST(ReceivedFrame, HasABatchWhereTheLogWantsIt) {
  for (const uint32_t size_bytes : {70'000u, 128u << 10, 200'000u, 1u << 20, 3'000'000u}) {
    for (const size_t place :
         {size_t{60}, Engine::kBatchPlace, size_t{73}, size_t{4'095}, kDiskBlockBytes,
          kDiskBlockBytes + Engine::kBatchPlace, size_t{40'000}}) {
      AFrame frame(size_bytes, place);
      ASSERT_NE((*frame).block(), nullptr);
      EXPECT_EQ(frame.in_block(place) % kDiskBlockBytes, Engine::kBatchPlace)
          << size_bytes << " " << place;
      EXPECT_LT(frame.in_block(0), kDiskBlockBytes);
      EXPECT_TRUE(frame.holds_what_came());
    }
  }
}

TEST(ReceivedFrame, KeepsThePlaceWhereItGrowsLittleByLittle) {
  AFrame frame(300'000, 100, 1'000);  // memory is scarce once it has begun
  EXPECT_EQ(frame.in_block(100) % kDiskBlockBytes, Engine::kBatchPlace);
  EXPECT_TRUE(frame.holds_what_came());
}

TEST(ReceivedFrame, BeginsWithItsBlockWhereNoPlaceIsKnown) {
  for (const uint32_t size_bytes : {20u, 4'096u, 70'000u, 1u << 20}) {
    AFrame frame(size_bytes, 0);
    EXPECT_EQ(frame.in_block(0), 0u);
    EXPECT_TRUE(frame.holds_what_came());
  }
}

TEST(ReceivedFrame, LiesElsewhereWhereNoBlockHasRoomForItAndWhatIsSkipped) {
  const auto largest = static_cast<uint32_t>(BufferPool::kBlockBytesMax);
  AFrame whole(largest, 0);
  EXPECT_NE((*whole).block(), nullptr);
  AFrame placed(largest, 100);
  EXPECT_EQ((*placed).block(), nullptr);
  EXPECT_TRUE(placed.holds_what_came());
}

}  // namespace
}  // namespace penstock::kafka
