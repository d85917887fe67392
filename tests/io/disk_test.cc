// Files on the real backends. Disk faults belong to the simulator and to the fault file system.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "io/event.h"
#include "tests/io/reactor_fixture.h"

namespace penstock {
namespace {

class RealDisk : public RealReactors {};
ON_BOTH_BACKENDS(RealDisk);

Buffer block(Doors& doors, size_t size_bytes, int fill) {
  auto buffer = doors.buffers.allocate(size_bytes);
  std::memset(buffer.value().data(), fill, buffer.value().size());
  return std::move(buffer).value();
}

bool all_are(std::span<const std::byte> bytes, int fill) {
  return std::ranges::all_of(bytes, [fill](std::byte byte) { return byte == std::byte(fill); });
}

constexpr FileOptions kNew{.create = true};
constexpr FileOptions kNewBuffered{.create = true, .direct = false};

Task<void> names_its_backend(Doors& doors, std::string expected) {
  EXPECT_EQ(doors.disk.features().backend, expected);
  co_return;
}

TEST_P(RealDisk, SaysWhichBackendIsLive) {
  const std::string expected = GetParam() == BackendChoice::uring ? "uring" : "threads";
  run([&](Doors& doors) { return names_its_backend(doors, expected); });
}

Task<void> writes_and_reads_back(Doors& doors, std::string path, FileOptions options,
                                 bool durable) {
  Disk& disk = doors.disk;
  const auto file = co_await disk.open(path, options);
  EXPECT_TRUE(file.ok());
  const Buffer out = block(doors, 64 << 10, 0x5a);
  const auto written = co_await disk.write(file.value(), 8192, out.bytes(), durable);
  EXPECT_EQ(written.value(), out.size());
  EXPECT_TRUE((co_await disk.flush(file.value())).ok());

  const Buffer in = block(doors, 128 << 10, 0);
  const auto read = co_await disk.read(file.value(), 0, in.bytes());
  EXPECT_EQ(read.value(), 8192 + out.size()) << "short only at the file's end";
  EXPECT_TRUE(all_are(in.bytes().first(8192), 0));
  EXPECT_TRUE(all_are(in.bytes().subspan(8192, out.size()), 0x5a));
  const auto past = co_await disk.read(file.value(), 1 << 20, in.bytes());
  EXPECT_EQ(past.value(), 0u);
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
}

TEST_P(RealDisk, ReadsBackWhatItWroteDirectly) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return writes_and_reads_back(doors, path, kNew, false); });
}

TEST_P(RealDisk, ReadsBackADurableWrite) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return writes_and_reads_back(doors, path, kNew, true); });
}

TEST_P(RealDisk, ReadsBackWhatItWroteThroughThePageCache) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return writes_and_reads_back(doors, path, kNewBuffered, true); });
}

// /dev/shm may or may not have O_DIRECT, by kernel; either way the file works.
TEST_P(RealDisk, WorksOnAFileSystemInMemory) {
  const std::string path = "/dev/shm/penstock_io_test_" + std::to_string(::getpid());
  run([&](Doors& doors) { return writes_and_reads_back(doors, path, kNew, true); });
  EXPECT_EQ(::unlink(path.c_str()), 0);
}

// ramfs has no O_DIRECT, and its refusal leaves the new file behind.
TEST_P(RealDisk, FallsBackToThePageCacheWithoutODirectAndSaysSo) {
  const std::string mount = directory() + "/mount";
  ASSERT_EQ(::mkdir(mount.c_str(), 0700), 0);
  if (::mount("none", mount.c_str(), "ramfs", 0, nullptr) != 0) {
    GTEST_SKIP() << "mounting a ramfs needs root";
  }
  const std::string path = mount + "/file";
  run([&](Doors& doors) { return writes_and_reads_back(doors, path, kNew, true); });
  EXPECT_EQ(::umount(mount.c_str()), 0);
  const std::vector<std::string> lines = lines_.lines();
  EXPECT_EQ(std::ranges::count_if(lines,
                                  [&](const std::string& line) {
                                    return line.find(mount + " refuses O_DIRECT") !=
                                           std::string::npos;
                                  }),
            1);
}

void limit_file_size(rlim_t size_bytes) {
  rlimit limits{};
  EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &limits), 0);
  limits.rlim_cur = size_bytes;
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limits), 0);
}

// The kernel writes up to the limit, a short write; what is left of it then fails.
Task<void> meets_a_limit(Doors& doors, std::string path) {
  Disk& disk = doors.disk;
  const auto file = co_await disk.open(path, kNewBuffered);
  const Buffer bytes = block(doors, 16 << 10, 3);
  limit_file_size(8 << 10);
  const auto written = co_await disk.write(file.value(), 0, bytes.bytes());
  limit_file_size(RLIM_INFINITY);
  EXPECT_EQ(written.error(), Error::io);
  FileInfo info;
  EXPECT_TRUE((co_await disk.stat(path, info)).ok());
  EXPECT_EQ(info.size_bytes, 8u << 10);
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
}

TEST_P(RealDisk, NeverTakesAShortWriteForAWholeOne) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return meets_a_limit(doors, path); });
}

Task<void> refuses_odd_transfers(Doors& doors, std::string path) {
  Disk& disk = doors.disk;
  const auto file = co_await disk.open(path, kNew);
  const Buffer bytes = block(doors, 16 << 10, 1);
  const auto length = co_await disk.write(file.value(), 0, bytes.bytes().first(1000));
  EXPECT_EQ(length.error(), Error::invalid_argument);
  const auto position = co_await disk.write(file.value(), 512, bytes.bytes().first(4096));
  EXPECT_EQ(position.error(), Error::invalid_argument);
  const auto memory = co_await disk.read(file.value(), 0, bytes.bytes().subspan(8, 4096));
  EXPECT_EQ(memory.error(), Error::invalid_argument);
  const auto good = co_await disk.write(file.value(), 0, bytes.bytes().first(4096));
  EXPECT_TRUE(good.ok());
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
}

TEST_P(RealDisk, RefusesDirectTransfersThatAreNotWholeBlocks) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return refuses_odd_transfers(doors, path); });
}

Task<void> moves_odd_bytes(Doors& doors, std::string path) {
  Disk& disk = doors.disk;
  const auto file = co_await disk.open(path, kNewBuffered);
  std::string text = "not a block";
  const auto written = co_await disk.write(file.value(), 3, std::as_bytes(std::span(text)));
  EXPECT_EQ(written.value(), text.size());
  std::string back(100, '?');
  const auto read = co_await disk.read(file.value(), 3, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back.substr(0, read.value()), text);
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
}

TEST_P(RealDisk, MovesAnyBytesThroughThePageCache) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return moves_odd_bytes(doors, path); });
}

Task<void> shapes_a_file(Doors& doors, std::string path) {
  Disk& disk = doors.disk;
  const auto file = co_await disk.open(path, kNew);
  FileInfo info;
  EXPECT_TRUE((co_await disk.allocate(file.value(), 1 << 20)).ok());
  EXPECT_TRUE((co_await disk.stat(path, info)).ok());
  EXPECT_EQ(info.size_bytes, 1u << 20);
  EXPECT_EQ(info.kind, FileKind::regular);
  EXPECT_EQ(info.link_count, 1u);
  const Buffer in = block(doors, 4096, 0xff);
  EXPECT_EQ((co_await disk.read(file.value(), 65536, in.bytes())).value(), 4096u);
  EXPECT_TRUE(all_are(in.bytes(), 0)) << "allocated space reads as zeros";
  EXPECT_TRUE((co_await disk.truncate(file.value(), 4096)).ok());
  EXPECT_TRUE((co_await disk.stat(path, info)).ok());
  EXPECT_EQ(info.size_bytes, 4096u);
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
}

TEST_P(RealDisk, AllocatesAndTruncates) {
  const std::string path = directory() + "/file";
  run([&](Doors& doors) { return shapes_a_file(doors, path); });
}

Task<void> names_come_and_go(Doors& doors, std::string directory) {
  Disk& disk = doors.disk;
  const std::string sub = directory + "/sub";
  const std::string a = sub + "/a";
  const std::string b = sub + "/b";
  EXPECT_TRUE((co_await disk.make_directory(sub)).ok());
  EXPECT_EQ((co_await disk.make_directory(sub)).error(), Error::already_exists);
  const auto file = co_await disk.open(a, kNew);
  EXPECT_TRUE((co_await disk.close(file.value())).ok());
  EXPECT_EQ((co_await disk.open(a, kNew)).error(), Error::already_exists);
  EXPECT_TRUE((co_await disk.rename(a, b)).ok());
  EXPECT_TRUE((co_await disk.flush_directory(sub)).ok());
  EXPECT_EQ((co_await disk.open(a, {})).error(), Error::not_found);
  EXPECT_EQ((co_await disk.rename(a, b)).error(), Error::not_found);
  EXPECT_EQ((co_await disk.flush_directory(a)).error(), Error::not_found);

  std::vector<DirectoryEntry> entries;
  EXPECT_TRUE((co_await disk.list(sub, entries)).ok());
  EXPECT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries.at(0).name, "b");
  EXPECT_EQ(entries.at(0).kind, FileKind::regular);
  entries.clear();
  EXPECT_TRUE((co_await disk.list(directory, entries)).ok());
  EXPECT_EQ(entries.at(0).kind, FileKind::directory);
  EXPECT_EQ((co_await disk.list(a, entries)).error(), Error::not_found);

  EXPECT_TRUE((co_await disk.remove(b)).ok());
  EXPECT_EQ((co_await disk.remove(b)).error(), Error::not_found);
  FileInfo info;
  EXPECT_EQ((co_await disk.stat(b, info)).error(), Error::not_found);
}

TEST_P(RealDisk, RenamesListsAndRemoves) {
  run([&](Doors& doors) { return names_come_and_go(doors, directory()); });
}

Task<void> refuses_what_is_no_file(Doors& doors, std::string directory) {
  Disk& disk = doors.disk;
  const std::string link = directory + "/link";
  const std::string pipe = directory + "/pipe";
  EXPECT_EQ(::symlink("target", link.c_str()), 0);
  EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::ofstream(directory + "/target") << "bytes";
  const FileOptions reading{.write = false, .direct = false};
  for (const FileOptions& options : {FileOptions{}, reading}) {
    EXPECT_EQ((co_await disk.open(link, options)).error(), Error::invalid_argument);
    EXPECT_EQ((co_await disk.open(pipe, options)).error(), Error::invalid_argument);
    EXPECT_EQ((co_await disk.open(directory, options)).error(), Error::invalid_argument);
  }
  EXPECT_EQ((co_await disk.lock(link)).error(), Error::invalid_argument);
  FileInfo info;
  EXPECT_TRUE((co_await disk.stat(link, info)).ok());
  EXPECT_EQ(info.kind, FileKind::other);
}

TEST_P(RealDisk, RefusesLinksPipesAndDirectoriesInPlaceOfFiles) {
  run([&](Doors& doors) { return refuses_what_is_no_file(doors, directory()); });
}

Task<void> locks_once(Doors& doors, std::string path) {
  Disk& disk = doors.disk;
  const auto first = co_await disk.lock(path);
  EXPECT_TRUE(first.ok());
  EXPECT_EQ((co_await disk.lock(path)).error(), Error::locked);
  EXPECT_TRUE((co_await disk.close(first.value())).ok());
  const auto again = co_await disk.lock(path);
  EXPECT_TRUE(again.ok());
  EXPECT_TRUE((co_await disk.close(again.value())).ok());
}

TEST_P(RealDisk, LocksAgainstASecondOpener) {
  const std::string path = directory() + "/lock";
  run([&](Doors& doors) { return locks_once(doors, path); });
}

Task<void> measures_free_space(Doors& doors, std::string directory) {
  const auto free_bytes = co_await doors.disk.free_space(directory);
  EXPECT_GT(free_bytes.value(), uint64_t{1} << 20);
  EXPECT_EQ((co_await doors.disk.free_space(directory + "/none")).error(), Error::not_found);
}

TEST_P(RealDisk, MeasuresFreeSpace) {
  run([&](Doors& doors) { return measures_free_space(doors, directory()); });
}

Task<void> runs_out_of_files(Doors& doors, std::string directory) {
  Disk& disk = doors.disk;
  std::vector<FileId> files;
  for (int number = 0; number < 4; ++number) {
    const std::string path = directory + "/" + std::to_string(number);
    const auto file = co_await disk.open(path, kNew);
    files.push_back(file.value());
  }
  const std::string path = directory + "/4";
  EXPECT_EQ((co_await disk.open(path, kNew)).error(), Error::busy);
  FileInfo info;
  EXPECT_EQ((co_await disk.stat(path, info)).error(), Error::not_found) << "nothing was made";
  EXPECT_TRUE((co_await disk.close(files.back())).ok());
  const auto file = co_await disk.open(path, kNew);
  EXPECT_TRUE(file.ok());
  files.back() = file.value();
  for (const FileId each : files) EXPECT_TRUE((co_await disk.close(each)).ok());
}

TEST_P(RealDisk, AnswersBusyWhenItsFileTableIsFull) {
  Reactors::Options few = options();
  few.open_files_max = 4;
  run(few, [&](Doors& doors) { return runs_out_of_files(doors, directory()); });
}

Task<void> writes_one(Disk& disk, FileId file, uint64_t number, std::span<std::byte> bytes) {
  EXPECT_EQ((co_await disk.write(file, number * 4096, bytes)).value(), bytes.size());
}

Task<void> floods(Doors& doors, std::string path) {
  constexpr uint64_t kWriteCount = 1000;
  const auto file = co_await doors.disk.open(path, kNew);
  EXPECT_TRUE((co_await doors.disk.allocate(file.value(), kWriteCount * 4096)).ok());
  const Buffer bytes = block(doors, 4096, 7);
  TaskGroup writes;
  for (uint64_t number = 0; number < kWriteCount; ++number) {
    writes.spawn(writes_one(doors.disk, file.value(), number, bytes.bytes()));
  }
  EXPECT_EQ(writes.live_count(), kWriteCount) << "nothing completes inside submit()";
  co_await writes.wait_empty();
  const Buffer back = block(doors, 4 << 20, 0);
  EXPECT_EQ((co_await doors.disk.read(file.value(), 0, back.bytes())).value(), kWriteCount * 4096);
  EXPECT_TRUE(all_are(back.bytes().first(kWriteCount * 4096), 7));
  EXPECT_TRUE((co_await doors.disk.close(file.value())).ok());
}

TEST_P(RealDisk, CompletesEveryRequestOfManyMoreThanItsQueueHolds) {
  const std::string path = directory() + "/file";
  Reactors::Options shallow = options();
  shallow.queue_depth = 2;
  run(shallow, [&](Doors& doors) { return floods(doors, path); });
}

Task<void> frees_while_written(Doors& doors, std::string path) {
  const auto file = co_await doors.disk.open(path, kNew);
  Buffer bytes = block(doors, 4096, 7);
  TaskGroup writes;
  writes.spawn(writes_one(doors.disk, file.value(), 0, bytes.bytes()));
  bytes.reset();
  co_await writes.wait_empty();
}

TEST_P(RealDisk, StopsTheProcessThatFreesABufferInFlight) {
  testing::FLAGS_gtest_death_test_style = "fast";  // the child shares the directory, and dies
  const std::string path = directory() + "/file";
  EXPECT_DEATH(run([&](Doors& doors) { return frees_while_written(doors, path); }), "buffers.cc");
}

}  // namespace
}  // namespace penstock
