// A directory made by the engine on the real disk, damaged byte by byte: each place has to be named, and nothing else.
#include "tools/directory_walk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/record_batch.h"
#include "io/reactor.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

struct SeenFrame {
  std::string topic;
  uint32_t partition = 0;
  std::string path;
  FrameHeader header;
  uint64_t position = 0;
  bool whole = false;
};

class Collector : public LogVisitor {
 public:
  void topic(const Topic& topic) override { topics.push_back(topic.name); }
  void partition(const PartitionView& view) override {
    topic_ = view.topic;
    partition_ = view.state.key.partition;
  }
  void segment(const SegmentView& view) override {
    path_ = view.path;
    sealed[view.path] = view.state.sealed;
  }
  void frame(const FrameView& view) override {
    frames.push_back({topic_, partition_, path_, view.header, view.position, view.whole});
  }
  void finding(const Finding& finding) override {
    (finding.kind == Finding::Kind::damage ? damage : notes).push_back(finding);
  }

  // The batches of one topic, in the order of the log.
  std::vector<SeenFrame> batches(const std::string& topic, bool whole = true) const {
    std::vector<SeenFrame> found;
    for (const SeenFrame& frame : frames) {
      const bool batch = frame.header.kind == FrameKind::kafka_batch;
      if (frame.topic == topic && batch && frame.whole == whole) found.push_back(frame);
    }
    return found;
  }

  std::vector<std::string> topics;
  std::vector<SeenFrame> frames;
  std::map<std::string, bool> sealed;
  std::vector<Finding> damage;
  std::vector<Finding> notes;

 private:
  std::string topic_;
  uint32_t partition_ = 0;
  std::string path_;
};

class Silent final : public Reporter {
 public:
  void report(Severity /*severity*/, std::string_view /*text*/) override {}
};

std::vector<char> contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

constexpr uint32_t kBatchCount = 60;
constexpr uint32_t kRecordsPerBatch = 3;

class DirectoryWalkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "tools_test_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path data() const { return root_ / "data"; }
  fs::path crashed() const { return root_ / "crashed"; }

  static void run(const Reactors::Main& main) {
    static Silent silent;
    Reactors::Options options;
    options.buffer_bytes_per_reactor = 16 << 20;
    options.huge_pages = false;
    auto reactors = Reactors::create(options, silent);
    ASSERT_TRUE(reactors.ok());
    reactors.value()->run(main);
  }

  // Topic `orders`, one partition, kBatchCount batches over several segments; `other`, one batch. A copy of the files
  // taken while the engine runs is what a power failure would leave.
  void make_data() {
    EngineOptions options;
    options.data_directories = {data()};
    options.segment_class_bytes = {256 << 10};
    EngineGroup group(options, 1);
    run([&](Doors& doors) { return fill(doors, group, data(), crashed()); });
  }

  static Task<void> fill(Doors& doors, EngineGroup& group, fs::path data, fs::path crashed) {
    Engine engine(doors, group);
    const Result<void> started = co_await engine.start();
    EXPECT_TRUE(started.ok());
    for (const char* name : {"orders", "other"}) {
      TopicSpec spec;
      spec.name = name;
      const auto topic = co_await engine.create_topic(std::move(spec));
      EXPECT_TRUE(topic.ok());
      const PartitionKey key{topic.value()->id, 0};
      const uint32_t count = std::string_view(name) == "orders" ? kBatchCount : 1;
      for (uint32_t i = 0; i < count; ++i) {
        std::vector<std::byte> batch = make_batch(i);
        const Result<AppendResult> appended = co_await engine.append(key, batch);
        EXPECT_TRUE(appended.ok());
      }
    }
    fs::copy(data, crashed, fs::copy_options::recursive);
    co_await engine.stop();
  }

  static std::vector<std::byte> make_batch(uint32_t number) {
    RecordBatchBuilder builder(RecordBatchBuilder::Options{});
    const std::string value(4000, static_cast<char>('a' + number % 26));
    for (uint32_t i = 0; i < kRecordsPerBatch; ++i) {
      RecordBatchBuilder::NewRecord record;
      record.timestamp_ms = 1'700'000'000'000 + number;
      record.value = std::as_bytes(std::span(value));
      builder.add(record);
    }
    return builder.build();
  }

  static Task<void> walk_on(Doors& doors, DirectoryWalk::Options options, Collector& collector,
                            Result<void>& walked) {
    DirectoryWalk walk(doors, std::move(options), collector);
    walked = co_await walk.run();
  }
  static Collector walk(DirectoryWalk::Options options) {
    Collector collector;
    Result<void> walked = Error::closed;
    run([&](Doors& doors) { return walk_on(doors, options, collector, walked); });
    EXPECT_TRUE(walked.ok());
    return collector;
  }
  static Collector walk(const fs::path& directory) {
    DirectoryWalk::Options options;
    options.directory = directory;
    return walk(options);
  }

  static void flip(const fs::path& path, uint64_t position) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(position));
    const int before = file.get();
    ASSERT_NE(before, EOF) << path << " has no byte " << position;
    file.seekp(static_cast<std::streamoff>(position));
    file.put(static_cast<char>(before ^ 0x40));
  }

  fs::path find(const fs::path& directory, const std::string& begin) const {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(begin) && !name.ends_with("-b")) return entry.path();
    }
    ADD_FAILURE() << "no " << begin;
    return {};
  }

  fs::path root_;
};

TEST_F(DirectoryWalkTest, FindsEveryRecordAndNoDamage) {
  make_data();
  for (const fs::path& directory : {data(), crashed()}) {
    const Collector seen = walk(directory);
    EXPECT_TRUE(seen.damage.empty()) << seen.damage.front().reason;
    EXPECT_EQ(seen.topics, (std::vector<std::string>{"orders", "other"}));
    const std::vector<SeenFrame> batches = seen.batches("orders");
    ASSERT_EQ(batches.size(), kBatchCount);
    for (uint32_t i = 0; i < kBatchCount; ++i) {
      EXPECT_EQ(batches[i].header.base_offset.value, uint64_t{i} * kRecordsPerBatch);
      EXPECT_EQ(batches[i].header.record_count, kRecordsPerBatch);
    }
    EXPECT_EQ(seen.batches("other").size(), 1u);
    EXPECT_NE(batches.front().path, batches.back().path) << "the tests need several segments";
  }
}

TEST_F(DirectoryWalkTest, ChangesNoByteAndNoName) {
  make_data();
  const auto snapshot = [&] {
    std::map<std::string, std::vector<char>> files;
    for (const auto& entry : fs::recursive_directory_iterator(crashed())) {
      if (entry.is_regular_file()) files[entry.path()] = contents(entry.path());
    }
    return files;
  };
  const auto before = snapshot();
  EXPECT_TRUE(walk(crashed()).damage.empty());
  EXPECT_EQ(snapshot(), before);
}

TEST_F(DirectoryWalkTest, LooksAtOneTopicOnlyIfAsked) {
  make_data();
  DirectoryWalk::Options options;
  options.directory = data();
  options.topic = "other";
  const Collector seen = walk(options);
  EXPECT_EQ(seen.batches("other").size(), 1u);
  EXPECT_TRUE(seen.batches("orders").empty());
}

TEST_F(DirectoryWalkTest, NamesADamagedPayloadAndGoesOnBehindIt) {
  make_data();
  const SeenFrame victim = walk(data()).batches("orders")[7];
  flip(victim.path, victim.position + kFrameHeaderBytes + 2000);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  const Finding& damage = seen.damage.front();
  EXPECT_EQ(damage.topic, "orders");
  EXPECT_EQ(damage.partition, 0u);
  EXPECT_EQ(damage.offset, victim.header.base_offset);
  EXPECT_EQ(damage.path, victim.path);
  EXPECT_EQ(damage.position, victim.position);
  EXPECT_NE(damage.reason.find("payload"), std::string::npos) << damage.reason;
  EXPECT_EQ(seen.batches("orders").size(), kBatchCount - 1);
  EXPECT_EQ(seen.batches("orders", false).size(), 1u);
}

TEST_F(DirectoryWalkTest, NamesADamagedFrameHeaderAndGoesOnBehindIt) {
  make_data();
  const SeenFrame victim = walk(data()).batches("orders")[7];
  flip(victim.path, victim.position + 17);  // in its base offset

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().offset, victim.header.base_offset);
  EXPECT_EQ(seen.damage.front().position, victim.position);
  EXPECT_NE(seen.damage.front().reason.find("header"), std::string::npos);
  EXPECT_EQ(seen.batches("orders").size(), kBatchCount - 1);
}

TEST_F(DirectoryWalkTest, NamesEachOfSeveralDamagedPlaces) {
  make_data();
  const std::vector<SeenFrame> batches = walk(data()).batches("orders");
  for (const size_t i : {3u, 4u, 30u}) flip(batches[i].path, batches[i].position + 100);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 3u);
  EXPECT_EQ(seen.damage[1].position, batches[4].position);
  EXPECT_EQ(seen.damage[2].path, batches[30].path);
}

TEST_F(DirectoryWalkTest, CallsTheLastFrameOfACrashATornTail) {
  make_data();
  const SeenFrame last = walk(crashed()).batches("orders").back();
  flip(last.path, last.position + kFrameHeaderBytes + 2000);

  const Collector seen = walk(crashed());
  EXPECT_TRUE(seen.damage.empty()) << seen.damage.front().reason;
  // The crash has also left the file made ready for the next segment, which no journal knows yet.
  const auto told = std::ranges::find(seen.notes, last.path, &Finding::path);
  ASSERT_NE(told, seen.notes.end());
  EXPECT_EQ(told->position, last.position);
  EXPECT_EQ(told->offset, last.header.base_offset);
}

TEST_F(DirectoryWalkTest, CallsItDamageWhereALaterFrameKnowsThatItWasFlushed) {
  make_data();
  const std::vector<SeenFrame> batches = walk(crashed()).batches("orders");
  const SeenFrame& victim = batches[batches.size() - 3];
  ASSERT_EQ(victim.path, batches.back().path);
  ASSERT_FALSE(walk(crashed()).sealed.at(victim.path));
  flip(victim.path, victim.position + 3);

  const Collector seen = walk(crashed());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().position, victim.position);
  EXPECT_EQ(seen.damage.front().offset, victim.header.base_offset);
}

TEST_F(DirectoryWalkTest, CallsItDamageBelowTheCheckpointOfACleanStop) {
  make_data();
  const SeenFrame last = walk(data()).batches("orders").back();
  flip(last.path, last.position + kFrameHeaderBytes + 2000);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_NE(seen.damage.front().reason.find("checkpoint"), std::string::npos);
}

TEST_F(DirectoryWalkTest, NamesADamagedHeaderBlockOfASegment) {
  make_data();
  const SeenFrame frame = walk(data()).batches("orders")[7];
  flip(frame.path, 50);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().path, frame.path);
  EXPECT_EQ(seen.damage.front().position, 0u);
  EXPECT_EQ(seen.batches("orders").size(), kBatchCount);
}

TEST_F(DirectoryWalkTest, NamesASegmentThatIsCutShort) {
  make_data();
  const SeenFrame victim = walk(data()).batches("orders")[7];
  fs::resize_file(victim.path, victim.position + 100);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().offset, victim.header.base_offset);
  EXPECT_EQ(seen.damage.front().path, victim.path);
}

TEST_F(DirectoryWalkTest, NamesASegmentThatIsCutShortBehindItsFrames) {
  make_data();
  for (const fs::path& directory : {data(), crashed()}) {
    const SeenFrame last = walk(directory).batches("other").back();
    const uint64_t end = last.position + last.header.frame_bytes();
    fs::resize_file(last.path, (end + 4095) / 4096 * 4096);

    const Collector seen = walk(directory);
    ASSERT_EQ(seen.damage.size(), 1u);
    EXPECT_EQ(seen.damage.front().path, last.path);
    EXPECT_EQ(seen.damage.front().offset, Offset{1 * kRecordsPerBatch});
  }
}

TEST_F(DirectoryWalkTest, NamesAMissingSegment) {
  make_data();
  const SeenFrame victim = walk(data()).batches("orders")[7];
  fs::remove(victim.path);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().path, victim.path);
  EXPECT_EQ(seen.damage.front().topic, "orders");
}

TEST_F(DirectoryWalkTest, NamesASegmentThatAnotherHasOverwritten) {
  make_data();
  const std::vector<SeenFrame> batches = walk(data()).batches("orders");
  fs::copy_file(batches.back().path, batches.front().path, fs::copy_options::overwrite_existing);

  const Collector seen = walk(data());
  ASSERT_FALSE(seen.damage.empty());
  EXPECT_EQ(seen.damage.front().path, batches.front().path);
  EXPECT_EQ(seen.damage.front().position, 0u);
}

TEST_F(DirectoryWalkTest, NamesADamagedCopyOfWhatThereAreTwoOf) {
  make_data();
  const std::vector<std::pair<fs::path, uint64_t>> victims = {
      {data() / "meta-a", 33},
      {data() / "meta-b", 5},
      {find(data(), "journal-"), 20},
      {find(data(), "journal-"), 4096 + 60},
  };
  for (const auto& [path, position] : victims) {
    flip(path, position);
    const Collector seen = walk(data());
    ASSERT_EQ(seen.damage.size(), 1u) << path;
    EXPECT_EQ(seen.damage.front().path, path);
    EXPECT_EQ(seen.batches("orders").size(), kBatchCount) << "the other copy serves";
    flip(path, position);
  }
}

TEST_F(DirectoryWalkTest, NamesTheSegmentsThatNoJournalKnowsAnyMore) {
  make_data();
  const SeenFrame frame = walk(data()).batches("orders").front();
  const std::string a = find(data(), "journal-");
  flip(a, 4096 + 60);
  flip(a.substr(0, a.size() - 1) + "b", 4096 + 60);

  const Collector seen = walk(data());
  const auto named = [&](const std::string& path) {
    return std::ranges::any_of(seen.damage, [&](const auto& found) { return found.path == path; });
  };
  EXPECT_TRUE(named(a));
  EXPECT_TRUE(named(frame.path));
}

TEST_F(DirectoryWalkTest, NamesADamagedCatalog) {
  make_data();
  const Collector whole = walk(data());
  const auto record = std::ranges::find_if(
      whole.frames, [](const SeenFrame& frame) { return frame.header.kind == FrameKind::opaque; });
  ASSERT_NE(record, whole.frames.end());
  flip(record->path, record->position + kFrameHeaderBytes + 25);

  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_EQ(seen.damage.front().topic, "(catalog)");
  EXPECT_EQ(seen.damage.front().position, record->position);
  EXPECT_EQ(seen.topics, (std::vector<std::string>{"other"}));
}

TEST_F(DirectoryWalkTest, NamesAnyFlippedByteOfAnyBatch) {
  make_data();
  const std::vector<SeenFrame> batches = walk(data()).batches("orders");
  std::minstd_rand random(7);
  for (int round = 0; round < 50; ++round) {
    const SeenFrame& victim = batches[random() % batches.size()];
    const uint64_t byte = random() % (kFrameHeaderBytes + victim.header.payload_bytes);
    flip(victim.path, victim.position + byte);
    const Collector seen = walk(data());
    ASSERT_EQ(seen.damage.size(), 1u) << victim.path << " " << victim.position << " + " << byte;
    EXPECT_EQ(seen.damage.front().path, victim.path);
    EXPECT_EQ(seen.damage.front().position, victim.position);
    EXPECT_EQ(seen.damage.front().offset, victim.header.base_offset);
    EXPECT_EQ(seen.batches("orders").size(), kBatchCount - 1);
    flip(victim.path, victim.position + byte);
  }
}

TEST_F(DirectoryWalkTest, SurvivesAnyFileOfGarbage) {
  make_data();
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(data())) {
    if (entry.is_regular_file() && entry.path().filename() != "lock") files.push_back(entry.path());
  }
  std::minstd_rand random(11);
  for (const fs::path& path : files) {
    const std::vector<char> before = contents(path);
    std::vector<char> garbage(before.size());
    for (char& byte : garbage) byte = static_cast<char>(random());
    for (const size_t size : {garbage.size(), garbage.size() / 2, size_t{3}, size_t{0}}) {
      std::ofstream(path, std::ios::binary)
          .write(garbage.data(), static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(walk(data()).damage.empty()) << path << " of " << size << " bytes";
    }
    std::ofstream(path, std::ios::binary)
        .write(before.data(), static_cast<std::ptrdiff_t>(before.size()));
  }
  EXPECT_TRUE(walk(data()).damage.empty());
}

TEST_F(DirectoryWalkTest, SaysThatThereIsNothing) {
  Collector collector;
  Result<void> walked;
  DirectoryWalk::Options options;
  options.directory = data();
  run([&](Doors& doors) { return walk_on(doors, options, collector, walked); });
  ASSERT_FALSE(walked.ok());
  EXPECT_EQ(walked.error(), Error::not_found);

  fs::create_directory(data());
  EXPECT_TRUE(walk(data()).damage.empty());
}

TEST_F(DirectoryWalkTest, NamesALostMetaBlockBesideSegments) {
  make_data();
  fs::remove(data() / "meta-a");
  fs::remove(data() / "meta-b");
  const Collector seen = walk(data());
  ASSERT_EQ(seen.damage.size(), 1u);
  EXPECT_NE(seen.damage.front().reason.find("meta"), std::string::npos);
}

}  // namespace
}  // namespace penstock
