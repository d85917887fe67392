// A node's disk behind its door: buffers in flight, order, faults, crashes with requests in flight, locks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_world.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kBlock = kDiskBlockBytes;
constexpr uint64_t kSecond = 1'000'000'000;

Task<Result<FileId>> create_durably(Doors& doors, std::string path, char letter,
                                    uint64_t block_count) {
  const FileOptions options{.create = true};
  const Result<FileId> file = co_await doors.disk.open(path, options);
  if (!file.ok()) co_return file.error();
  Result<Buffer> buffer = doors.buffers.allocate(block_count * kBlock);
  if (!buffer.ok()) co_return buffer.error();
  std::memset(buffer.value().data(), letter, block_count * kBlock);
  const auto bytes = buffer.value().bytes().first(block_count * kBlock);
  const Result<uint64_t> wrote = co_await doors.disk.write(file.value(), 0, bytes);
  if (!wrote.ok()) co_return wrote.error();
  const Result<uint64_t> flushed = co_await doors.disk.flush(file.value());
  if (!flushed.ok()) co_return flushed.error();
  const std::string root = "/";
  const Result<uint64_t> named = co_await doors.disk.flush_directory(root);
  if (!named.ok()) co_return named.error();
  co_return file.value();
}

Task<Result<uint64_t>> write_letters(Doors& doors, FileId file, uint64_t block,
                                     uint64_t block_count, char letter, bool durable = false) {
  Result<Buffer> buffer = doors.buffers.allocate(block_count * kBlock);
  if (!buffer.ok()) co_return buffer.error();
  std::memset(buffer.value().data(), letter, block_count * kBlock);
  const auto bytes = buffer.value().bytes().first(block_count * kBlock);
  co_return co_await doors.disk.write(file, block * kBlock, bytes, durable);
}

Task<void> write_and_forget(Doors& doors, FileId file, uint64_t block, uint64_t block_count,
                            char letter) {
  (void)co_await write_letters(doors, file, block, block_count, letter);
}

Task<Result<uint64_t>> flush(Doors& doors, FileId file) {
  co_return co_await doors.disk.flush(file);
}

Task<Result<uint64_t>> close(Doors& doors, FileId file) {
  co_return co_await doors.disk.close(file);
}

Task<Result<FileId>> lock(Doors& doors, std::string path) {
  co_return co_await doors.disk.lock(path);
}

Task<Result<FileId>> open(Doors& doors, std::string path) {
  const FileOptions options;
  co_return co_await doors.disk.open(path, options);
}

Task<Result<uint64_t>> read(Doors& doors, FileId file, uint64_t position, std::span<std::byte> to) {
  co_return co_await doors.disk.read(file, position, to);
}

Task<Result<std::vector<std::string>>> list(Doors& doors) {
  const std::string root = "/";
  std::vector<DirectoryEntry> entries;
  const Result<uint64_t> listed = co_await doors.disk.list(root, entries);
  if (!listed.ok()) co_return listed.error();
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : entries) names.push_back(entry.name);
  co_return names;
}

// A letter per block, '?' for one of several.
std::string blocks(SimDisk& disk, const std::string& path) {
  const std::vector<std::byte> bytes = disk.contents(path);
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kBlock) {
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    const bool same =
        std::all_of(begin, begin + kBlock, [&](std::byte each) { return each == *begin; });
    const char letter = static_cast<char>(*begin);
    text += !same ? '?' : letter == 0 ? '.' : letter;
  }
  return text;
}

class SimDiskTest : public ::testing::Test {
 protected:
  SimDiskTest() : node(world.add_node({.reactor_count = 2})) {}

  Doors& doors() { return world.doors(node); }
  SimDisk& disk() { return world.disk(node); }
  FileId durable_file(const std::string& path, char letter, uint64_t block_count) {
    return world.call(node, 0, [&] { return create_durably(doors(), path, letter, block_count); })
        ->value();
  }
  void start_write(FileId file, uint64_t block, uint64_t block_count, char letter) {
    Doors& to = doors();
    world.start(node, 0, [&to, file, block, block_count, letter] {
      return write_and_forget(to, file, block, block_count, letter);
    });
  }
  bool run_until_in_flight(size_t count) {
    return world.run_until([&] { return disk().in_flight_count() == count; }, kSecond) ==
           RunEnd::done;
  }

  SimWorld world{1};
  uint32_t node;
};

using SimDiskDeathTest = SimDiskTest;

TEST_F(SimDiskTest, AReadSeesPoisonUntilItCompletes) {
  const FileId file = durable_file("/f", 'a', 2);
  Result<Buffer> buffer = doors().buffers.allocate(2 * kBlock);
  std::memset(buffer.value().data(), 'x', 2 * kBlock);
  bool done = false;
  DiskRequest request{.operation = DiskOperation::read,
                      .file = file,
                      .bytes = buffer.value().data(),
                      .length_bytes = 2 * kBlock};
  request.owner = &done;
  request.on_complete = [](DiskRequest& completed) { *static_cast<bool*>(completed.owner) = true; };
  doors().disk.submit(request);
  EXPECT_FALSE(done);
  EXPECT_NE(buffer.value().data()[0], std::byte{'x'});
  EXPECT_NE(buffer.value().data()[0], std::byte{'a'});
  ASSERT_EQ(world.run_until([&] { return done; }, kSecond), RunEnd::done);
  EXPECT_EQ(request.done_bytes, 2 * kBlock);
  EXPECT_EQ(buffer.value().data()[2 * kBlock - 1], std::byte{'a'});
}

TEST_F(SimDiskTest, AReadIsShortOnlyAtTheEndOfTheFile) {
  const FileId file = durable_file("/f", 'a', 2);
  Result<Buffer> buffer = doors().buffers.allocate(4 * kBlock);
  const auto to = buffer.value().bytes();
  EXPECT_EQ(world.call(node, 0, [&] { return read(doors(), file, kBlock, to); })->value(), kBlock);
  EXPECT_EQ(world.call(node, 0, [&] { return read(doors(), file, 2 * kBlock, to); })->value(), 0u);
}

TEST_F(SimDiskTest, RequestsCompleteOutOfOrder) {
  const FileId file = durable_file("/f", 'a', 32);
  std::vector<uint64_t> completed;
  disk().on_completion(
      [&](const DiskRequest& request, int64_t) { completed.push_back(request.position); });
  for (uint64_t block = 0; block < 32; ++block) start_write(file, block, 1, 'b');
  ASSERT_EQ(world.run_until([&] { return completed.size() == 32; }, kSecond), RunEnd::done);
  EXPECT_FALSE(std::is_sorted(completed.begin(), completed.end()));
}

TEST_F(SimDiskTest, AReadThatRacesWithAWriteMaySeeAnySectorOfIt) {
  bool mixed = false;
  Result<Buffer> buffer = doors().buffers.allocate(kBlock);
  const auto to = buffer.value().bytes();
  for (int round = 0; round < 30; ++round) {
    const std::string path = "/f" + std::to_string(round);
    const FileId file = durable_file(path, 'a', 1);
    start_write(file, 0, 1, 'b');
    ASSERT_TRUE(world.call(node, 0, [&] { return read(doors(), file, 0, to); })->ok());
    const auto old_count = std::count(to.begin(), to.end(), std::byte{'a'});
    EXPECT_EQ(old_count + std::count(to.begin(), to.end(), std::byte{'b'}), 4096);
    mixed |= old_count > 0 && old_count < 4096;
    world.run_for(kSecond);
  }
  EXPECT_TRUE(mixed);
}

TEST_F(SimDiskTest, AListHasNoOrder) {
  std::set<std::vector<std::string>> orders;
  for (int name = 0; name < 5; ++name) durable_file("/" + std::to_string(name), 'a', 1);
  for (int round = 0; round < 20; ++round) {
    orders.insert(world.call(node, 0, [&] { return list(doors()); })->value());
  }
  EXPECT_GT(orders.size(), 5u);
}

TEST_F(SimDiskTest, MisalignedDirectRequestsAreRefusedAsByTheKernel) {
  const FileId file = durable_file("/f", 'a', 2);
  Result<Buffer> buffer = doors().buffers.allocate(2 * kBlock);
  const auto bytes = buffer.value().bytes();
  const auto error_of = [&](uint64_t position, std::span<std::byte> to) {
    return world.call(node, 0, [&] { return read(doors(), file, position, to); })->error();
  };
  EXPECT_EQ(error_of(512, bytes.first(kBlock)), Error::unsupported);
  EXPECT_EQ(error_of(0, bytes.first(512)), Error::unsupported);
  EXPECT_EQ(error_of(0, bytes.subspan(512, kBlock)), Error::unsupported);
}

TEST_F(SimDiskDeathTest, AWriteWhoseBytesChangeInFlightStopsTheTest) {
  const FileId file = durable_file("/f", 'a', 1);
  Result<Buffer> buffer = doors().buffers.allocate(kBlock);
  std::memset(buffer.value().data(), 'b', kBlock);
  DiskRequest request{.operation = DiskOperation::write,
                      .file = file,
                      .bytes = buffer.value().data(),
                      .length_bytes = kBlock};
  request.on_complete = [](DiskRequest&) {};
  doors().disk.submit(request);
  buffer.value().data()[17] = std::byte{'c'};
  EXPECT_DEATH(world.run_for(kSecond), "seed 1 at .*changed while it was in flight");
  buffer.value().data()[17] = std::byte{'b'};
  world.run_for(kSecond);
}

TEST_F(SimDiskDeathTest, FreeingABufferInFlightStopsTheTest) {
  const FileId file = durable_file("/f", 'a', 1);
  Result<Buffer> buffer = doors().buffers.allocate(kBlock);
  DiskRequest request{.operation = DiskOperation::read,
                      .file = file,
                      .bytes = buffer.value().data(),
                      .length_bytes = kBlock};
  request.on_complete = [](DiskRequest&) {};
  doors().disk.submit(request);
  EXPECT_DEATH(buffer.value().reset(), "check failed at .*buffers.cc");
  world.run_for(kSecond);
  buffer.value().reset();
}

TEST_F(SimDiskDeathTest, TwoWritesToOneBlockStopTheTest) {
  const FileId file = durable_file("/f", 'a', 4);
  start_write(file, 0, 2, 'b');
  ASSERT_TRUE(run_until_in_flight(1));
  start_write(file, 2, 1, 'b');
  ASSERT_TRUE(run_until_in_flight(2));
  start_write(file, 1, 1, 'b');
  EXPECT_DEATH(world.run_for(kSecond), "two writes are in flight to one block");
}

TEST_F(SimDiskDeathTest, AFileIsUsedOnItsOwnReactorAndUntilItIsClosed) {
  const FileId file = durable_file("/f", 'a', 1);
  EXPECT_DEATH(world.call(node, 1, [&] { return flush(world.doors(node, 1), file); }),
               "another reactor");
  EXPECT_DEATH(world.call(node, 1, [&] { return flush(world.doors(node, 0), file); }),
               "a door was used from another reactor");
  ASSERT_TRUE(world.call(node, 0, [&] { return close(doors(), file); })->ok());
  EXPECT_DEATH(world.call(node, 0, [&] { return flush(doors(), file); }), "not open");
}

// Faults.

TEST_F(SimDiskTest, TheNthOperationFails) {
  const FileId file = durable_file("/f", 'a', 4);
  const auto write = [&](uint64_t block) {
    return *world.call(node, 0, [&] { return write_letters(doors(), file, block, 1, 'b'); });
  };
  disk().fail_nth(DiskOperation::write, 2, DiskFault::io);
  disk().fail_nth(3, DiskFault::full);
  EXPECT_TRUE(write(0).ok());
  EXPECT_EQ(write(1).error(), Error::io);
  EXPECT_EQ(write(2).error(), Error::disk_full);
  EXPECT_TRUE(write(3).ok());
  EXPECT_EQ(blocks(disk(), "/f").substr(2), "ab");
  EXPECT_EQ(disk().operation_count(DiskOperation::write), 5u);
}

TEST_F(SimDiskTest, FaultsComeAtTheirRate) {
  const FileId file = durable_file("/f", 'a', 1);
  disk().set_io_error_ratio(0.2);
  int failed = 0;
  for (int round = 0; round < 200; ++round) {
    failed += world.call(node, 0, [&] { return flush(doors(), file); })->ok() ? 0 : 1;
  }
  EXPECT_GT(failed, 20);
  EXPECT_LT(failed, 60);
}

TEST_F(SimDiskTest, AWriteTheDeviceLostClaimsToBeDone) {
  const FileId file = durable_file("/f", 'a', 1);
  disk().fail_nth(1, DiskFault::lost);
  EXPECT_TRUE(world.call(node, 0, [&] { return write_letters(doors(), file, 0, 1, 'b'); })->ok());
  EXPECT_EQ(blocks(disk(), "/f"), "a");
}

TEST_F(SimDiskTest, AStalledRequestTakesLonger) {
  const FileId file = durable_file("/f", 'a', 1);
  disk().fail_nth(1, DiskFault::stall);
  const uint64_t before_ns = world.now_ns();
  EXPECT_TRUE(world.call(node, 0, [&] { return flush(doors(), file); })->ok());
  EXPECT_GE(world.now_ns() - before_ns, SimDisk::Options().stall_ns / 2);
}

TEST_F(SimDiskTest, AFailedFlushIsFollowedByOnesThatSucceedWithoutTheData) {
  const FileId file = durable_file("/f", 'a', 1);
  EXPECT_TRUE(world.call(node, 0, [&] { return write_letters(doors(), file, 0, 1, 'b'); })->ok());
  disk().fail_nth(1, DiskFault::io);
  EXPECT_EQ(world.call(node, 0, [&] { return flush(doors(), file); })->error(), Error::io);
  EXPECT_TRUE(world.call(node, 0, [&] { return flush(doors(), file); })->ok());
  world.crash(node, Crash::power_keep_all);
  EXPECT_EQ(blocks(disk(), "/f"), "a");
}

TEST_F(SimDiskTest, ACapacityRunsOut) {
  const FileId file = durable_file("/f", 'a', 4);
  disk().set_capacity(4 * kBlock);
  EXPECT_EQ(world.call(node, 0, [&] { return write_letters(doors(), file, 4, 1, 'b'); })->error(),
            Error::disk_full);
  EXPECT_EQ(disk().free_bytes(), 0u);
}

TEST_F(SimDiskTest, DamageAtRestIsRead) {
  const FileId file = durable_file("/f", 'a', 3);
  disk().flip_bit("/f", 5, 1);
  EXPECT_EQ(disk().contents("/f")[5], std::byte{'a' ^ 2});
  disk().truncate("/f", 2 * kBlock);
  EXPECT_EQ(disk().contents("/f").size(), 2 * kBlock);
  disk().make_unreadable("/f", kBlock, 1);
  Result<Buffer> buffer = doors().buffers.allocate(kBlock);
  const auto to = buffer.value().bytes();
  EXPECT_EQ(world.call(node, 0, [&] { return read(doors(), file, kBlock, to); })->error(),
            Error::io);
  EXPECT_TRUE(world.call(node, 0, [&] { return read(doors(), file, 0, to); })->ok());
}

// Crashes.

TEST_F(SimDiskTest, AKillKeepsWhatCompletedAndPowerLossDoesNot) {
  const FileId file = durable_file("/f", 'a', 1);
  EXPECT_TRUE(world.call(node, 0, [&] { return write_letters(doors(), file, 0, 1, 'b'); })->ok());
  world.crash(node, Crash::kill);
  EXPECT_EQ(blocks(disk(), "/f"), "b");
  world.restart(node);
  EXPECT_TRUE(world.is_up(node));
  world.crash(node, Crash::power_lose_all);  // it was never flushed since
  EXPECT_EQ(blocks(disk(), "/f"), "a");
}

TEST_F(SimDiskTest, AWriteInFlightAtAKillMayHappenWhollyPartlyOrNot) {
  std::set<char> firsts;
  bool partly = false;
  for (int round = 0; round < 60; ++round) {
    const std::string path = "/f" + std::to_string(round);
    const FileId file = durable_file(path, 'a', 4);
    start_write(file, 0, 4, 'b');
    ASSERT_TRUE(run_until_in_flight(1));
    world.crash(node, Crash::kill);
    const std::string after = blocks(disk(), path);
    if (after == "aaaa" || after == "bbbb") firsts.insert(after[0]);
    partly |= after != "aaaa" && after != "bbbb";
    world.restart(node);
  }
  EXPECT_EQ(firsts, (std::set<char>{'a', 'b'}));
  EXPECT_TRUE(partly);
}

TEST_F(SimDiskTest, AWriteInFlightAtAPowerCutMayLandButNotIfAllIsLost) {
  std::set<std::string> outcomes;
  for (int round = 0; round < 80; ++round) {
    const bool lose_all = round % 2 == 0;
    const std::string path = "/f" + std::to_string(round);
    const FileId file = durable_file(path, 'a', 2);
    start_write(file, 0, 2, 'b');
    ASSERT_TRUE(run_until_in_flight(1));
    world.crash(node, lose_all ? Crash::power_lose_all : Crash::power);
    if (lose_all) {
      EXPECT_EQ(blocks(disk(), path), "aa");
    } else {
      outcomes.insert(blocks(disk(), path));
    }
    world.restart(node);
  }
  EXPECT_TRUE(outcomes.contains("aa"));
  EXPECT_TRUE(outcomes.contains("bb"));
  EXPECT_GT(outcomes.size(), 2u);
}

TEST_F(SimDiskTest, AFlushInFlightMayHaveHappenedButNotIfAllIsLost) {
  std::set<std::string> outcomes;
  for (int round = 0; round < 80; ++round) {
    const bool lose_all = round % 2 == 0;
    const std::string path = "/f" + std::to_string(round);
    const FileId file = durable_file(path, 'a', 1);
    ASSERT_TRUE(world.call(node, 0, [&] { return write_letters(doors(), file, 0, 1, 'b'); })->ok());
    DiskRequest request{.operation = DiskOperation::flush, .file = file};
    doors().disk.submit(request);
    world.crash(node, lose_all ? Crash::power_lose_all : Crash::power);
    if (lose_all) {
      EXPECT_EQ(blocks(disk(), path), "a");
    } else {
      outcomes.insert(blocks(disk(), path));
    }
    world.restart(node);
  }
  EXPECT_TRUE(outcomes.contains("a"));
  EXPECT_TRUE(outcomes.contains("b"));
}

TEST_F(SimDiskTest, ACrashCanBeSetAtAnyOperation) {
  const FileId file = durable_file("/f", 'a', 1);
  disk().at_nth(2, [&] { world.crash(node, Crash::power_lose_all); });
  EXPECT_TRUE(world.call(node, 0, [&] { return write_letters(doors(), file, 0, 1, 'b'); })->ok());
  EXPECT_FALSE(world.call(node, 0, [&] { return flush(doors(), file); }).has_value());
  EXPECT_FALSE(world.is_up(node));
  EXPECT_EQ(blocks(disk(), "/f"), "a");
  world.restart(node);
  EXPECT_TRUE(world.call(node, 0, [&] { return open(doors(), "/f"); })->ok());
}

TEST_F(SimDiskTest, ALockHoldsUntilItIsClosedOrItsHolderIsGone) {
  const auto take = [&](uint32_t reactor) {
    return *world.call(node, reactor, [&] { return lock(world.doors(node, reactor), "/lock"); });
  };
  const Result<FileId> held = take(0);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(take(1).error(), Error::locked);
  ASSERT_TRUE(world.call(node, 0, [&] { return close(doors(), held.value()); })->ok());
  ASSERT_TRUE(take(1).ok());

  world.crash(node, Crash::power_keep_all);
  world.restart(node);
  EXPECT_TRUE(take(0).ok());  // a power cut leaves no process behind
}

TEST_F(SimDiskTest, AKilledProcessMayHoldItsLockALittleLonger) {
  bool lingered = false;
  for (int round = 0; round < 20; ++round) {
    const auto take = [&] { return *world.call(node, 0, [&] { return lock(doors(), "/lock"); }); };
    ASSERT_TRUE(take().ok());
    world.crash(node, Crash::kill);
    world.restart(node);
    lingered |= !take().ok();
    world.run_for(SimDisk::Options().lock_linger_ns_max);
    ASSERT_TRUE(take().ok() || lingered);
    world.crash(node, Crash::power_keep_all);
    world.restart(node);
  }
  EXPECT_TRUE(lingered);
}

}  // namespace
}  // namespace penstock::sim
