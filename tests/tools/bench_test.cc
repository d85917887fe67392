// The parts of `penstock bench` that need no disk: its options, its batches, and what it says of its rounds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "engine/record_batch.h"
#include "tools/bench_batches.h"
#include "tools/bench_directory.h"
#include "tools/bench_fio.h"
#include "tools/bench_options.h"
#include "tools/bench_result.h"
#include "tools/child_process.h"
#include "tools/command.h"
#include "tools/huge_pages.h"

namespace penstock {
namespace {

std::string parsed_duration(std::string text) {
  return to_milliseconds(text).empty() ? text : "refused";
}

TEST(BenchOptions, TakeADurationWithItsUnit) {
  EXPECT_EQ(parsed_duration("500ms"), "500");
  EXPECT_EQ(parsed_duration("7s"), "7000");
  EXPECT_EQ(parsed_duration("2m"), "120000");
}

TEST(BenchOptions, RefuseADurationThatIsNone) {
  for (const char* text : {"", "7", "s", "7 s", "-7s", "7h", "1.5s", "9999999999s"}) {
    EXPECT_EQ(parsed_duration(text), "refused") << text;
  }
}

TEST(BenchOptions, ShowSizesAsTheyAreGiven) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(4024), "4024");
  EXPECT_EQ(size_text(256 << 10), "256KiB");
  EXPECT_EQ(size_text(uint64_t{20} << 30), "20GiB");
}

TEST(BenchOptions, MakeAsManyRoundsAsTheDurationHasWindows) {
  BenchSettings settings;
  settings.duration_ms = 7000;
  settings.window_ms = 500;
  settings.against = "fio";
  EXPECT_EQ(settings.round_count(), 7u);
  settings.against = "none";
  EXPECT_EQ(settings.round_count(), 14u);
  settings.duration_ms = 1;
  EXPECT_EQ(settings.round_count(), 1u);
}

TEST(BenchOptions, RefuseMoreUnderWayThanMemoryHasRoomFor) {
  BenchSettings settings;
  EXPECT_EQ(wrong_with(settings), "");
  settings.queue_depth = 1000;
  EXPECT_NE(wrong_with(settings).find("--memory"), std::string::npos);
  settings.queue_depth = 1;
  settings.window_ms = 10'000;
  EXPECT_NE(wrong_with(settings).find("--duration"), std::string::npos);
}

TEST(BenchOptions, KeepOneAppendUnderWayWhereOneWriteIsWanted) {
  BenchSettings settings;
  settings.queue_depth = 1;
  EXPECT_EQ(settings.appends_under_way(), 1u);
  settings.queue_depth = 8;
  EXPECT_GT(settings.appends_under_way(), 8u);
  settings.appends = 3;
  EXPECT_EQ(settings.appends_under_way(), 3u);
}

TEST(BenchBatches, DifferFromEachOtherInEveryBlock) {
  std::set<std::vector<std::byte>> blocks;
  std::vector<std::byte> batch(64 << 10);
  for (uint64_t number = 0; number < 16; ++number) {
    BenchBatches::fill(number, batch);
    for (size_t position = 0; position < batch.size(); position += 4096) {
      blocks.emplace(batch.begin() + static_cast<ptrdiff_t>(position),
                     batch.begin() + static_cast<ptrdiff_t>(position) + 4096);
    }
  }
  EXPECT_EQ(blocks.size(), 16u * 16u);
}

TEST(BenchBatches, AreToldFromEachOtherWhereverABitDiffers) {
  BenchBatches batches({.batch_bytes = 4093});
  std::vector<std::byte> bytes(4093);
  BenchBatches::fill(5, bytes);
  EXPECT_TRUE(batches.matches(5, 0, bytes));
  EXPECT_TRUE(batches.matches(5, 100, std::span(bytes).subspan(100)));
  EXPECT_FALSE(batches.matches(6, 0, bytes));
  EXPECT_FALSE(batches.matches(5, 1, std::span(bytes).subspan(2)));
  for (const size_t position : {size_t{0}, size_t{2000}, size_t{4092}}) {
    bytes[position] ^= std::byte{1};
    EXPECT_FALSE(batches.matches(5, 0, bytes)) << position;
    bytes[position] ^= std::byte{1};
  }
}

TEST(BenchBatches, AreKnownByThemselves) {
  std::vector<std::byte> bytes(4096);
  EXPECT_FALSE(BenchBatches::is_filled(bytes));
  BenchBatches::fill(77, bytes);
  EXPECT_TRUE(BenchBatches::is_filled(bytes));
  bytes[4000] ^= std::byte{1};
  EXPECT_FALSE(BenchBatches::is_filled(bytes));
}

TEST(BenchBatches, PreparedOnesFillTheWorkingSet) {
  BenchBatches batches({.source = BenchBatches::Source::prepared,
                        .batch_bytes = 1 << 20,
                        .working_set_bytes = 64 << 20});
  EXPECT_GE(batches.working_set_bytes(), uint64_t{64} << 20);
  const std::span<std::byte> some = batches.prepared(3);
  EXPECT_TRUE(batches.matches(3, 0, some));
  EXPECT_FALSE(batches.matches(4, 0, some));
}

TEST(BenchBatches, KafkaOnesAreWhatAProducerMaySend) {
  BenchBatches batches({.source = BenchBatches::Source::kafka,
                        .batch_bytes = 64 << 10,
                        .record_bytes = 1 << 10,
                        .working_set_bytes = 1 << 20});
  EXPECT_EQ(batches.record_count(), 63u);  // each has some bytes of its own beside its value
  EXPECT_LE(batches.payload_bytes(), 64u << 10);
  const std::span<std::byte> batch = batches.prepared(2);
  ASSERT_TRUE(RecordBatch::parse(batch, {}).ok());
  RecordBatch::set_base_offset(batch, {1234});
  RecordBatch::set_leader_epoch(batch, 7);
  EXPECT_TRUE(batches.matches(2, 0, batch));  // what an append sets is not compared
  std::vector<std::byte> changed(batch.begin(), batch.end());
  for (const size_t position : {size_t{9}, size_t{16}, size_t{20}, changed.size() - 1}) {
    changed[position] ^= std::byte{1};
    EXPECT_FALSE(batches.matches(2, 0, changed)) << position;
    changed[position] ^= std::byte{1};
  }
}

TEST(BenchBatches, KafkaOnesHaveAsManyKeysAsAskedFor) {
  BenchBatches batches({.source = BenchBatches::Source::kafka,
                        .batch_bytes = 64 << 10,
                        .record_bytes = 1 << 10,
                        .key_count = 7,
                        .working_set_bytes = 1 << 20});
  std::set<std::vector<std::byte>> keys;
  for (uint64_t number = 0; number < 8; ++number) {
    const ParsedBatch batch = RecordBatch::parse(batches.prepared(number), {});
    ASSERT_TRUE(batch.ok());
    RecordReader reader = batch.value().reader();
    while (const std::optional<Record> record = reader.next()) {
      ASSERT_TRUE(record->key.has_value());
      keys.emplace(record->key->begin(), record->key->end());
    }
  }
  EXPECT_EQ(keys.size(), 7u);
}

TEST(BenchResult, TakesTheMedianOfTheRoundsRatios) {
  BenchResult result("append");
  for (const double engine : {90.0, 50.0, 70.0}) result.add_round(engine, 100);
  EXPECT_DOUBLE_EQ(result.ratio(), 0.7);
  const nlohmann::ordered_json json = result.json();
  EXPECT_DOUBLE_EQ(json["ratio"], 0.7);
  EXPECT_DOUBLE_EQ(json["ratio_min"], 0.5);
  EXPECT_DOUBLE_EQ(json["ratio_max"], 0.9);
  EXPECT_EQ(json["rounds"].size(), 3u);
}

TEST(BenchResult, SaysThatARestlessReferenceIsNoMeasure) {
  BenchResult steady("append");
  BenchResult restless("append");
  for (int round = 0; round < 8; ++round) {
    steady.add_round(100, 100 + round);
    restless.add_round(100, round % 2 == 0 ? 100 : 140);
  }
  steady.check_rounds(500);
  restless.check_rounds(500);
  EXPECT_TRUE(steady.json()["valid"]);
  EXPECT_FALSE(restless.json()["valid"]);
  EXPECT_NE(restless.json()["invalid_because"].dump().find("spreads over"), std::string::npos);
}

TEST(BenchResult, SaysThatFewOrShortRoundsAreNoMeasure) {
  BenchResult few("append");
  for (int round = 0; round < 6; ++round) few.add_round(1, 1);
  few.check_rounds(500);
  EXPECT_FALSE(few.json()["valid"]);
  BenchResult brief("append");
  for (int round = 0; round < 7; ++round) brief.add_round(1, 1);
  brief.check_rounds(100);
  EXPECT_FALSE(brief.json()["valid"]);
}

TEST(BenchResult, HasNoRatioWithoutAReference) {
  BenchResult result("append");
  result.add_window({.bytes = 1000, .operations = 1, .seconds = 0.5, .cpu_seconds = 0.25});
  const nlohmann::ordered_json json = result.json();
  EXPECT_TRUE(json["ratio"].is_null());
  EXPECT_TRUE(json["reference_bytes_per_second"].is_null());
  EXPECT_EQ(json["bytes_per_second"], 2000);
  EXPECT_DOUBLE_EQ(json["cpu_fraction"], 0.5);
}

class BenchDirectory : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::filesystem::path path_;
};

TEST_F(BenchDirectory, IsRefusedWithSomebodyElsesData) {
  std::ofstream(path_ / "letters") << "dear";
  const std::optional<std::string> wrong = prepare_bench_directory(path_);
  ASSERT_TRUE(wrong.has_value());
  EXPECT_NE(wrong->find("other data"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path_ / "letters"));
}

TEST_F(BenchDirectory, IsEmptiedOfWhatABenchHasLeft) {
  ASSERT_FALSE(prepare_bench_directory(path_).has_value());
  std::filesystem::create_directories(path_ / "engine");
  ASSERT_FALSE(prepare_bench_directory(path_).has_value());
  EXPECT_FALSE(std::filesystem::exists(path_ / "engine"));
}

TEST_F(BenchDirectory, IsMadeWhereThereIsNone) {
  EXPECT_FALSE(prepare_bench_directory(path_ / "a" / "b").has_value());
  EXPECT_TRUE(std::filesystem::is_directory(path_ / "a" / "b"));
}

TEST(BenchFio, IsGivenTheSameBlockDepthCoreAndMemory) {
  const FioReference fio({.pattern = FioReference::Pattern::overwrite,
                          .file = "/a b/c",
                          .block_bytes = 65536,
                          .depth = 32,
                          .core = 3,
                          .huge_pages = true});
  const std::string command = fio.command();
  for (const char* part : {"--rw=write", "--bs=65536", "--iodepth=32", "--cpus_allowed=3",
                           "--mem=shmhuge", "--direct=1", "'--filename=/a b/c'"}) {
    EXPECT_NE(command.find(part), std::string::npos) << part;
  }
}

TEST(ChildProcess, IsReadLineByLineAndTellsItsStatus) {
  auto child = ChildProcess::start({"sh", "-c", "echo one; echo two; exit 3"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child.value()->read_line(), "one");
  EXPECT_EQ(child.value()->read_line(), "two");
  EXPECT_EQ(child.value()->read_line(), std::nullopt);
  EXPECT_EQ(child.value()->wait(), 3);
}

TEST(ChildProcess, IsKilledAndNotWaitedForInVain) {
  auto child = ChildProcess::start({"sleep", "1000"});
  ASSERT_TRUE(child.ok());
  child.value()->kill();
  EXPECT_EQ(child.value()->wait(), 128 + 9);
}

TEST(ChildProcess, IsNotFoundWhereThereIsNoSuchProgram) {
  auto child = ChildProcess::start({"no-such-program-anywhere"});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error(), Error::not_found);
}

TEST(HugePages, AreCountedFromTheBuffers) {
  EXPECT_EQ(huge_pages_command(128 << 20), "sysctl vm.nr_hugepages=64");
  EXPECT_EQ(huge_pages_command((2 << 20) + 1), "sysctl vm.nr_hugepages=2");
}

}  // namespace
}  // namespace penstock
