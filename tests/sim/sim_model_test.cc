// The storage model: what a flush covers, and what a power cut may do. Each rule has a test that fails without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/sim/sim_storage.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kBlock = kDiskBlockBytes;
constexpr Survival kNothing{};
constexpr Survival kEverything{.data = 1, .torn = 0, .conversion = 1, .size = 1, .names = 1};

std::vector<std::byte> filled(size_t size_bytes, char with) {
  return std::vector<std::byte>(size_bytes, static_cast<std::byte>(with));
}

// One letter per 512-byte sector: what stands there, '.' for zeros, '?' for a sector that is not all the same.
std::string sectors(const SimStorage& storage, uint64_t file) {
  constexpr size_t kSectorBytes = 512;
  std::vector<std::byte> bytes(storage.size_of(file));
  storage.read(file, 0, bytes);
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kSectorBytes) {
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    const auto end = begin + static_cast<ptrdiff_t>(std::min(kSectorBytes, bytes.size() - at));
    const bool same = std::all_of(begin, end, [&](std::byte each) { return each == *begin; });
    const char letter = static_cast<char>(*begin);
    text += !same ? '?' : letter == 0 ? '.' : letter;
  }
  return text;
}

// One letter per block, of blocks whose sectors agree.
std::string blocks(const SimStorage& storage, uint64_t file) {
  const std::string all = sectors(storage, file);
  std::string text;
  for (size_t at = 0; at < all.size(); at += kBlock / 512) {
    const std::string one = all.substr(at, kBlock / 512);
    text += one == std::string(one.size(), one[0]) ? one[0] : '?';
  }
  return text;
}

class SimStorageTest : public ::testing::Test {
 protected:
  explicit SimStorageTest(SimStorage::Options options = {}) : storage(options) {}

  // A file that is durable to its last bit: `text` has a letter per block.
  uint64_t durable_file(const std::string& path, const std::string& text) {
    const auto file = static_cast<uint64_t>(storage.create(path));
    for (size_t block = 0; block < text.size(); ++block) write(file, block, text[block]);
    storage.flush(file, storage.flush_point());
    storage.flush_directory(static_cast<uint64_t>(storage.find("/")), storage.flush_point());
    return file;
  }
  void write(uint64_t file, uint64_t block, char letter, bool durable = false) {
    EXPECT_EQ(storage.write(file, block * kBlock, filled(kBlock, letter), durable),
              static_cast<int64_t>(kBlock));
  }
  void flush(uint64_t file) { storage.flush(file, storage.flush_point()); }
  void flush_directory() { storage.flush_directory(1, storage.flush_point()); }

  SimStorage storage;
  SimRandom random{7};
};

class PerFileFlushTest : public SimStorageTest {
 protected:
  PerFileFlushTest() : SimStorageTest({.shared_flush = false}) {}
};

class SplitRenameTest : public SimStorageTest {
 protected:
  SplitRenameTest() : SimStorageTest({.split_renames = true}) {}
};

TEST_F(SimStorageTest, AnUnflushedWriteGoesBackToWhatTheBlockHeld) {
  const uint64_t file = durable_file("/f", "aaa");
  write(file, 1, 'b');
  EXPECT_EQ(blocks(storage, file), "aba");
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "aaa");
}

TEST_F(SimStorageTest, AnUnflushedWriteMaySurvive) {
  const uint64_t file = durable_file("/f", "aaa");
  write(file, 1, 'b');
  storage.cut_power({.data = 1}, random);
  EXPECT_EQ(blocks(storage, file), "aba");
}

TEST_F(SimStorageTest, TheBlocksOfAWriteSurviveEachByItself) {
  const uint64_t file = durable_file("/f", std::string(64, 'a'));
  storage.write(file, 0, filled(64 * kBlock, 'b'), false);
  storage.cut_power({.data = 0.5}, random);
  const std::string after = blocks(storage, file);
  EXPECT_GT(std::count(after.begin(), after.end(), 'a'), 10);
  EXPECT_GT(std::count(after.begin(), after.end(), 'b'), 10);
  EXPECT_EQ(std::count(after.begin(), after.end(), '?'), 0);
}

TEST_F(SimStorageTest, ATornBlockHoldsSectorsOfBothWrites) {
  const uint64_t file = durable_file("/f", "a");
  write(file, 0, 'b');
  storage.cut_power({.torn = 1}, random);
  const std::string after = sectors(storage, file);
  EXPECT_EQ(after.size(), 8u);
  EXPECT_GT(std::count(after.begin(), after.end(), 'a'), 0);
  EXPECT_GT(std::count(after.begin(), after.end(), 'b'), 0);
  EXPECT_EQ(
      std::count(after.begin(), after.end(), 'a') + std::count(after.begin(), after.end(), 'b'), 8);
}

TEST_F(SimStorageTest, OfTwoWritesToABlockTheEarlierMaySurviveTheLater) {
  bool earlier = false;
  bool later = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimStorage fresh({});
    const auto file = static_cast<uint64_t>(fresh.create("/f"));
    fresh.write(file, 0, filled(kBlock, 'a'), true);
    fresh.flush_directory(1, fresh.flush_point());
    fresh.write(file, 0, filled(kBlock, 'b'), false);
    fresh.write(file, 0, filled(kBlock, 'c'), false);
    SimRandom chance(seed);
    fresh.cut_power({.data = 0.5}, chance);
    earlier |= blocks(fresh, file) == "b";
    later |= blocks(fresh, file) == "c";
  }
  EXPECT_TRUE(earlier);
  EXPECT_TRUE(later);
}

TEST_F(SimStorageTest, AFlushCoversWhatCompletedBeforeItWasSubmitted) {
  const uint64_t file = durable_file("/f", "aa");
  write(file, 0, 'b');
  const uint64_t point = storage.flush_point();
  write(file, 1, 'b');
  storage.flush(file, point);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "ba");
}

TEST_F(SimStorageTest, AFlushDoesNotCoverALaterWriteToTheSameBlock) {
  const uint64_t file = durable_file("/f", "a");
  write(file, 0, 'b');
  const uint64_t point = storage.flush_point();
  write(file, 0, 'c');
  storage.flush(file, point);
  EXPECT_EQ(blocks(storage, file), "c");
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "b");
}

TEST_F(SimStorageTest, ALostExtentConversionReadsAsZerosThoughTheDataLanded) {
  const uint64_t file = durable_file("/f", "");
  storage.allocate(file, 4 * kBlock);
  flush(file);
  write(file, 1, 'a');
  storage.cut_power({.data = 1, .conversion = 0, .size = 1}, random);
  EXPECT_EQ(blocks(storage, file), "....");
}

TEST_F(SimStorageTest, AnUnflushedSizeIsTheOldSize) {
  const uint64_t file = durable_file("/f", "a");
  write(file, 1, 'b');
  storage.cut_power({.data = 1, .conversion = 1, .size = 0}, random);
  EXPECT_EQ(blocks(storage, file), "a");
  // And what lay beyond it does not come back when the file grows again.
  storage.truncate(file, 2 * kBlock);
  EXPECT_EQ(blocks(storage, file), "a.");
}

TEST_F(SimStorageTest, AnUnflushedAllocationIsUndone) {
  const uint64_t file = durable_file("/f", "");
  storage.allocate(file, 4 * kBlock);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(storage.size_of(file), 0u);
}

TEST_F(SimStorageTest, AFlushOfTheFileKeepsDataSizeAndExtents) {
  const uint64_t file = durable_file("/f", "");
  storage.allocate(file, 3 * kBlock);
  write(file, 0, 'a');
  write(file, 3, 'b');
  flush(file);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "a..b");
}

TEST_F(SimStorageTest, ASharedFlushCoversWrittenBlocksOfOtherFiles) {
  const uint64_t one = durable_file("/one", "a");
  const uint64_t two = durable_file("/two", "a");
  write(two, 0, 'b');
  flush(one);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, two), "b");
}

TEST_F(SimStorageTest, ASharedFlushCoversNeitherSizesNorExtentsOfOtherFiles) {
  const uint64_t one = durable_file("/one", "a");
  const uint64_t grown = durable_file("/grown", "a");
  const uint64_t fresh = durable_file("/fresh", "");
  storage.allocate(fresh, kBlock);
  flush(fresh);
  write(grown, 1, 'b');
  write(fresh, 0, 'b');
  flush(one);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, grown), "a");
  EXPECT_EQ(blocks(storage, fresh), ".");
}

TEST_F(SimStorageTest, ASharedFlushCoversOtherFilesOnlyUpToItsSubmission) {
  const uint64_t one = durable_file("/one", "a");
  const uint64_t two = durable_file("/two", "a");
  const uint64_t point = storage.flush_point();
  write(two, 0, 'b');
  storage.flush(one, point);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, two), "a");
}

TEST_F(PerFileFlushTest, CoversNothingOfOtherFiles) {
  const uint64_t one = durable_file("/one", "a");
  const uint64_t two = durable_file("/two", "a");
  write(two, 0, 'b');
  flush(one);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, two), "a");
}

TEST_F(SimStorageTest, ADurableWriteCoversItselfOnly) {
  const uint64_t file = durable_file("/f", "aaa");
  write(file, 0, 'b');
  write(file, 2, 'b', true);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "aab");
}

TEST_F(SimStorageTest, ADurableWriteTakesItsSizeAndExtentAlong) {
  const uint64_t file = durable_file("/f", "a");
  write(file, 2, 'b', true);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "a.b");
}

TEST_F(SimStorageTest, ADurableWriteInAFreshBlockLeavesOtherFreshBlocksPending) {
  const uint64_t file = durable_file("/f", "");
  storage.allocate(file, 3 * kBlock);
  flush(file);
  write(file, 0, 'a');
  write(file, 1, 'b', true);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), ".b.");
}

TEST_F(SimStorageTest, ADurableWriteIntoATruncatedBlockMakesTheTruncationDurable) {
  const uint64_t file = durable_file("/f", "aaa");
  storage.truncate(file, kBlock);
  storage.truncate(file, 3 * kBlock);
  write(file, 1, 'b', true);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "ab.");
}

TEST_F(SimStorageTest, AnUnflushedTruncationIsUndoneOrDone) {
  const uint64_t file = durable_file("/f", "aaa");
  storage.truncate(file, kBlock);
  EXPECT_EQ(blocks(storage, file), "a");
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "aaa");

  storage.truncate(file, kBlock);
  storage.cut_power({.size = 1}, random);
  EXPECT_EQ(blocks(storage, file), "a");
}

TEST_F(SimStorageTest, AWriteAfterALostTruncationDoesNotReachTheOldBlock) {
  const uint64_t file = durable_file("/f", "aa");
  storage.truncate(file, kBlock);
  write(file, 1, 'b');
  EXPECT_EQ(blocks(storage, file), "ab");
  storage.cut_power({.data = 1, .conversion = 1, .size = 0}, random);
  EXPECT_EQ(blocks(storage, file), "aa");
}

TEST_F(SimStorageTest, AFlushedTruncationIsFinal) {
  const uint64_t file = durable_file("/f", "aa");
  write(file, 1, 'b');
  storage.truncate(file, kBlock);
  flush(file);
  storage.truncate(file, 2 * kBlock);
  EXPECT_EQ(blocks(storage, file), "a.");
  storage.cut_power(kEverything, random);
  EXPECT_EQ(blocks(storage, file), "a.");
}

TEST_F(SimStorageTest, ATruncationWithinABlockLeavesZerosBehindIt) {
  const uint64_t file = durable_file("/f", "a");
  storage.truncate(file, 512);
  storage.truncate(file, kBlock);
  EXPECT_EQ(sectors(storage, file), "a.......");
  flush(file);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(sectors(storage, file), "a.......");
}

TEST_F(SimStorageTest, AFailedFlushLosesItsWritesAndTheNextOneSucceedsWithoutThem) {
  const uint64_t file = durable_file("/f", "aa");
  write(file, 0, 'b');
  const uint64_t point = storage.flush_point();
  write(file, 1, 'c');
  storage.fail_flush(file, point, random);
  flush(file);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(blocks(storage, file), "ac");
}

TEST_F(SimStorageTest, AFailedSharedFlushMayLoseTheWritesOfOtherFiles) {
  bool lost = false;
  bool kept = false;
  for (int round = 0; round < 50; ++round) {
    const uint64_t one = durable_file("/one" + std::to_string(round), "a");
    const uint64_t two = durable_file("/two" + std::to_string(round), "a");
    write(two, 0, 'b');
    storage.fail_flush(one, storage.flush_point(), random);
    flush(two);
    lost |= blocks(storage, two) == "a";
    kept |= blocks(storage, two) == "b";
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(kept);
}

TEST_F(SimStorageTest, AFailedWriteChangesOnlyBlocksThatWereWritten) {
  const uint64_t file = durable_file("/f", std::string(32, 'a'));
  storage.allocate(file, 64 * kBlock);
  storage.write_partly(file, 0, filled(64 * kBlock, 'b'), random);
  const std::string after = blocks(storage, file);
  EXPECT_NE(after.substr(0, 32), std::string(32, 'a'));
  EXPECT_NE(after.substr(0, 32), std::string(32, 'b'));
  EXPECT_EQ(after.substr(32), std::string(32, '.'));
}

// Names.

TEST_F(SimStorageTest, AFileWhoseDirectoryWasNotFlushedVanishes) {
  const auto file = static_cast<uint64_t>(storage.create("/f"));
  write(file, 0, 'a');
  flush(file);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(storage.find("/f"), -ENOENT);
}

TEST_F(SimStorageTest, AFlushedDirectoryKeepsNamesButNotContents) {
  const auto file = static_cast<uint64_t>(storage.create("/f"));
  write(file, 0, 'a');
  flush_directory();
  storage.cut_power(kNothing, random);
  ASSERT_EQ(storage.find("/f"), static_cast<int64_t>(file));
  EXPECT_EQ(storage.size_of(file), 0u);
}

TEST_F(SimStorageTest, ADirectoryFlushCoversNamesMadeBeforeItWasSubmitted) {
  storage.create("/early");
  const uint64_t point = storage.flush_point();
  storage.create("/late");
  storage.flush_directory(1, point);
  storage.cut_power(kNothing, random);
  EXPECT_GT(storage.find("/early"), 0);
  EXPECT_EQ(storage.find("/late"), -ENOENT);
}

TEST_F(SimStorageTest, ADirectoryFlushCoversItsOwnNamesOnly) {
  storage.make_directory("/d");
  flush_directory();
  storage.create("/d/f");
  storage.create("/g");
  storage.flush_directory(static_cast<uint64_t>(storage.find("/d")), storage.flush_point());
  storage.cut_power(kNothing, random);
  EXPECT_GT(storage.find("/d/f"), 0);
  EXPECT_EQ(storage.find("/g"), -ENOENT);
}

TEST_F(SimStorageTest, ADirectoryFlushTakesAlongEarlierChangesOfTheSameNames) {
  storage.make_directory("/d");
  flush_directory();
  storage.create("/f");
  storage.rename("/f", "/d/f");
  storage.flush_directory(static_cast<uint64_t>(storage.find("/d")), storage.flush_point());
  storage.cut_power(kEverything, random);
  EXPECT_GT(storage.find("/d/f"), 0);
  EXPECT_EQ(storage.find("/f"), -ENOENT);  // its creation came before the rename
}

TEST_F(SimStorageTest, AFileInALostDirectoryIsLostToo) {
  storage.make_directory("/d");
  storage.create("/d/f");
  storage.flush_directory(static_cast<uint64_t>(storage.find("/d")), storage.flush_point());
  storage.cut_power(kNothing, random);
  EXPECT_EQ(storage.find("/d/f"), -ENOENT);
}

TEST_F(SimStorageTest, AnUnflushedRemoveBringsTheFileBack) {
  const uint64_t file = durable_file("/f", "ab");
  storage.remove("/f");
  EXPECT_EQ(storage.find("/f"), -ENOENT);
  storage.cut_power(kNothing, random);
  ASSERT_EQ(storage.find("/f"), static_cast<int64_t>(file));
  EXPECT_EQ(blocks(storage, file), "ab");
}

TEST_F(SimStorageTest, AnUnflushedRenameLeavesBothOldFiles) {
  const uint64_t next = durable_file("/next", "n");
  const uint64_t current = durable_file("/current", "c");
  storage.rename("/next", "/current");
  EXPECT_EQ(storage.find("/current"), static_cast<int64_t>(next));
  storage.cut_power(kNothing, random);
  EXPECT_EQ(storage.find("/next"), static_cast<int64_t>(next));
  EXPECT_EQ(storage.find("/current"), static_cast<int64_t>(current));
}

TEST_F(SimStorageTest, NamesSurviveIndependentlyOfEachOther) {
  for (int name = 0; name < 64; ++name) storage.create("/" + std::to_string(name));
  storage.cut_power({.names = 0.5}, random);
  std::vector<DirectoryEntry> entries;
  storage.list("/", entries);
  EXPECT_GT(entries.size(), 10u);
  EXPECT_LT(entries.size(), 54u);
  EXPECT_NE(entries.back().name, std::to_string(entries.size() - 1));  // not a prefix of them
}

TEST_F(SimStorageTest, ALaterChangeOfANameDoesNotSurviveAnEarlierOne) {
  for (int round = 0; round < 100; ++round) {
    const uint64_t first = durable_file("/f", "1");
    storage.rename("/f", "/g");
    storage.create("/f");
    storage.cut_power({.names = 0.5}, random);
    // The new /f without the rename would have destroyed the only name of the first file.
    EXPECT_TRUE(storage.find("/f") == static_cast<int64_t>(first) ||
                storage.find("/g") == static_cast<int64_t>(first));
    for (const char* path : {"/f", "/g"}) storage.remove(path);
    flush_directory();
  }
}

TEST_F(SimStorageTest, ARenameNeverLosesTheFile) {
  for (int round = 0; round < 100; ++round) {
    const uint64_t file = durable_file("/f", "a");
    storage.rename("/f", "/g");
    storage.cut_power({.names = 0.5}, random);
    EXPECT_NE(storage.find("/f") == static_cast<int64_t>(file),
              storage.find("/g") == static_cast<int64_t>(file));
    for (const char* path : {"/f", "/g"}) storage.remove(path);
    flush_directory();
  }
}

TEST_F(SplitRenameTest, MayLeaveBothNamesOrNone) {
  bool both = false;
  bool none = false;
  for (int round = 0; round < 100; ++round) {
    durable_file("/f", "a");
    storage.rename("/f", "/g");
    storage.cut_power({.names = 0.5}, random);
    both |= storage.find("/f") > 0 && storage.find("/g") > 0;
    none |= storage.find("/f") < 0 && storage.find("/g") < 0;
    for (const char* path : {"/f", "/g"}) storage.remove(path);
    flush_directory();
  }
  EXPECT_TRUE(both);
  EXPECT_TRUE(none);
}

TEST_F(SimStorageTest, AnOpenFileOutlivesItsName) {
  const uint64_t file = durable_file("/f", "a");
  storage.opened(file);
  storage.remove("/f");
  flush_directory();
  EXPECT_EQ(blocks(storage, file), "a");
  const uint64_t free_before = storage.free_bytes();
  storage.closed(file);
  EXPECT_EQ(storage.free_bytes(), free_before + kBlock);
}

TEST_F(SimStorageTest, AnswersAsTheKernelDoes) {
  durable_file("/f", "a");
  storage.make_directory("/d");
  EXPECT_EQ(storage.create("/f"), -EEXIST);
  EXPECT_EQ(storage.create("/none/f"), -ENOENT);
  EXPECT_EQ(storage.create("/f/g"), -ENOTDIR);
  EXPECT_EQ(storage.make_directory("/d"), -EEXIST);
  EXPECT_EQ(storage.remove("/none"), -ENOENT);
  EXPECT_EQ(storage.remove("/d"), -EISDIR);
  EXPECT_EQ(storage.rename("/none", "/g"), -ENOENT);
  EXPECT_EQ(storage.rename("/f", "/d"), -EISDIR);
  EXPECT_EQ(storage.rename("/d", "/f"), -ENOTDIR);
  FileInfo info;
  EXPECT_EQ(storage.link("/f", "/d/second"), 0);
  EXPECT_EQ(storage.stat("d/second", info), 0);
  EXPECT_EQ(info.link_count, 2u);
  EXPECT_EQ(info.size_bytes, kBlock);
  EXPECT_EQ(info.kind, FileKind::regular);
}

TEST_F(SimStorageTest, SpaceRunsOutAndComesBack) {
  storage.set_capacity(8 * kBlock);
  const uint64_t file = durable_file("/f", "aa");
  EXPECT_EQ(storage.free_bytes(), 6 * kBlock);
  EXPECT_EQ(storage.allocate(file, 9 * kBlock), -ENOSPC);
  EXPECT_EQ(storage.allocate(file, 8 * kBlock), 0);
  write(file, 7, 'b');  // allocated: takes no more
  EXPECT_EQ(storage.write(file, 8 * kBlock, filled(kBlock, 'c'), false), -ENOSPC);
  EXPECT_EQ(storage.free_bytes(), 0u);
  storage.truncate(file, 3 * kBlock);
  EXPECT_EQ(storage.free_bytes(), 5 * kBlock);
  write(file, 3, 'd');
  EXPECT_EQ(storage.free_bytes(), 4 * kBlock);
}

TEST_F(SimStorageTest, APartialBlockWriteKeepsTheRestOfTheBlock) {
  const uint64_t file = durable_file("/f", "aa");
  storage.write(file, kBlock - 512, filled(1024, 'b'), false);
  EXPECT_EQ(sectors(storage, file), "aaaaaaabbaaaaaaa");
}

TEST_F(SimStorageTest, DamageAtRestIsDurable) {
  const uint64_t file = durable_file("/f", "aa");
  write(file, 0, 'b');
  storage.overwrite_at_rest(file, 512, filled(512, 'x'));
  storage.truncate_at_rest(file, kBlock);
  storage.cut_power(kNothing, random);
  EXPECT_EQ(sectors(storage, file), "bxbbbbbb");
}

}  // namespace
}  // namespace penstock::sim
