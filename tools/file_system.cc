#include "tools/file_system.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace penstock {
namespace {

struct Mount {
  std::string type;
  std::string options;  // of the file system, not of the mount point
};

// The line of /proc/self/mountinfo for a device: "id parent major:minor root point options ... - type source options".
std::optional<Mount> find_mount(dev_t device) {
  std::ifstream lines("/proc/self/mountinfo");
  const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    if (fields.size() < 3 || fields[2] != wanted) continue;
    for (size_t i = 3; i + 3 < fields.size(); ++i) {
      if (fields[i] == "-") return Mount{fields[i + 1], fields[i + 3]};
    }
  }
  return std::nullopt;
}

bool flushes_reach_the_device(const std::string& options) {
  const std::string all = "," + options + ",";
  return all.find(",nobarrier,") == std::string::npos &&
         all.find(",barrier=0,") == std::string::npos;
}

}  // namespace

SharedFlushVerdict judge_shared_flush(const std::string& path) {
  std::filesystem::path place = std::filesystem::absolute(path);
  struct stat info {};
  while (::stat(place.c_str(), &info) != 0 && place != place.root_path()) {
    place = place.parent_path();
  }
  const std::optional<Mount> mount = find_mount(info.st_dev);
  if (!mount) return {false, "a file system that is not among the mounts"};
  if (mount->type != "ext4" && mount->type != "xfs") return {false, mount->type};
  if (!flushes_reach_the_device(mount->options)) return {false, mount->type + " without barriers"};
  return {true, mount->type};
}

}  // namespace penstock
