#include "tools/process_figures.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace penstock {
namespace {

std::string read_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Since Linux 6.2 the directory's size says it; before, its entries are counted.
uint64_t count_descriptors() {
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
    return static_cast<uint64_t>(status.st_size);
  }
  std::error_code failed;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator next("/proc/self/fd", failed), end; next != end;
       next.increment(failed)) {
    ++count;
  }
  return count;
}

uint64_t cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// The kernel tells it in ticks since the machine's start.
uint64_t start_time_ms() {
  const std::string line = read_line("/proc/self/stat");
  const size_t after_name = line.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(line.substr(after_name + 1));
  constexpr int kFieldsBefore = 19;  // the state is the first of these
  std::string field;
  for (int i = 0; i < kFieldsBefore; ++i) fields >> field;
  uint64_t start_ticks = 0;
  fields >> start_ticks;
  timespec wall{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const int64_t boot_ms =
      (wall.tv_sec - since_boot.tv_sec) * 1000 + (wall.tv_nsec - since_boot.tv_nsec) / 1'000'000;
  const auto ticks_per_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<uint64_t>(boot_ms) + start_ticks * 1000 / ticks_per_second;
}

}  // namespace

metrics::ProcessFigures ProcessHost::process() {
  metrics::ProcessFigures figures;
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::istringstream pages(read_line("/proc/self/statm"));
  pages >> figures.virtual_bytes >> figures.resident_bytes;
  figures.virtual_bytes *= page_bytes;
  figures.resident_bytes *= page_bytes;
  figures.open_descriptor_count = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.descriptor_count_max = limit.rlim_cur;
  figures.cpu_ns = cpu_ns();
  figures.start_time_ms = start_time_ms();
  return figures;
}

std::string ProcessHost::version() const { return PENSTOCK_VERSION; }

std::string ProcessHost::compiler() const {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace penstock
