#include "tools/bench_directory.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "penstock-bench";
constexpr const char* kMarkText =
    "This directory belongs to `penstock bench`, which removes what is in it.\n";

}  // namespace

std::optional<std::string> prepare_bench_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fmt::format("--data-dir={}: {}", path, error.message());
  const bool empty = fs::is_empty(path, error);
  if (error) return fmt::format("--data-dir={}: {}", path, error.message());
  const fs::path mark = fs::path(path) / kMark;
  if (!empty && !fs::is_regular_file(mark, error)) {
    return fmt::format("--data-dir={} holds other data: a bench wants a directory of its own",
                       path);
  }
  std::ofstream(mark) << kMarkText;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().filename() != kMark) fs::remove_all(entry.path(), error);
    if (error) return fmt::format("{}: {}", entry.path().string(), error.message());
  }
  if (error) return fmt::format("--data-dir={}: {}", path, error.message());
  return std::nullopt;
}

void remove_bench_engine(const std::string& path) {
  std::error_code error;
  fs::remove_all(fs::path(path) / "engine", error);
}

// The mark goes last, so that what an interrupted removal leaves is still a bench's.
void remove_bench_directory(const std::string& path) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().filename() != kMark) fs::remove_all(entry.path(), error);
  }
  fs::remove(fs::path(path) / kMark, error);
  fs::remove(path, error);
}

}  // namespace penstock
