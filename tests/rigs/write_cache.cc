#include "tests/rigs/write_cache.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace penstock::rigs {
namespace {

// Reads up to bytes.size() at `position`, less only at the file's end. -1 with errno on error.
ssize_t read_whole(int file, std::vector<std::byte>& bytes, uint64_t position) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

int write_whole(int file, const std::vector<std::byte>& bytes, size_t length, uint64_t position) {
  size_t done = 0;
  while (done < length) {
    const ssize_t put =
        pwrite(file, bytes.data() + done, length - done, static_cast<off_t>(position + done));
    if (put < 0) return errno;
    done += static_cast<size_t>(put);
  }
  return 0;
}

// Brings sectors of what was written into what was there before: the block that a torn write leaves.
void tear(std::vector<std::byte>& before, const std::vector<std::byte>& written,
          std::mt19937_64& random) {
  for (size_t at = 0; at < before.size(); at += WriteCache::kSectorBytes) {
    if (random() % 2 == 0) std::memcpy(&before[at], &written[at], WriteCache::kSectorBytes);
  }
}

}  // namespace

int WriteCache::save_size(int file) {
  if (size_bytes_before_.has_value()) return 0;
  struct stat status;
  if (fstat(file, &status) != 0) return errno;
  size_bytes_before_ = static_cast<uint64_t>(status.st_size);
  return 0;
}

int WriteCache::before_write(int file, uint64_t position, uint64_t length_bytes) {
  if (length_bytes == 0) return 0;
  if (const int error = save_size(file); error != 0) return error;
  const uint64_t end = position + length_bytes;
  for (uint64_t block = position / kBlockBytes; block * kBlockBytes < end; ++block) {
    const auto found = saved_.find(block);
    if (found != saved_.end()) {
      // Written again in whole, it is a new write that a flush can save.
      if (block * kBlockBytes >= position && (block + 1) * kBlockBytes <= end) {
        found->second.doomed = false;
      }
      continue;
    }
    SavedBlock saved{.bytes = std::vector<std::byte>(kBlockBytes)};
    if (read_whole(file, saved.bytes, block * kBlockBytes) < 0) return errno;
    saved_.emplace(block, std::move(saved));
  }
  return 0;
}

int WriteCache::before_truncate(int file, uint64_t size_bytes) {
  struct stat status;
  if (fstat(file, &status) != 0) return errno;
  const auto old_size_bytes = static_cast<uint64_t>(status.st_size);
  if (size_bytes < old_size_bytes)
    return before_write(file, size_bytes, old_size_bytes - size_bytes);
  return save_size(file);
}

void WriteCache::flushed() {
  std::erase_if(saved_, [](const auto& entry) { return !entry.second.doomed; });
  if (saved_.empty()) size_bytes_before_.reset();
}

void WriteCache::flush_failed() {
  for (auto& [block, saved] : saved_) saved.doomed = true;
}

int WriteCache::cut(int file, Cut how, std::mt19937_64& random) {
  const bool lose_size = how == Cut::lose || (how == Cut::mix && random() % 2 == 0);
  if (size_bytes_before_.has_value() && lose_size) {
    if (ftruncate(file, static_cast<off_t>(*size_bytes_before_)) != 0) return errno;
  }
  struct stat status;
  if (fstat(file, &status) != 0) return errno;
  const auto size_bytes = static_cast<uint64_t>(status.st_size);

  for (auto& [block, saved] : saved_) {
    const uint64_t position = block * kBlockBytes;
    if (position >= size_bytes || how == Cut::keep) continue;
    if (how == Cut::mix) {
      const uint64_t fate = random() % 3;
      if (fate == 0) continue;
      if (fate == 1) {
        std::vector<std::byte> written(kBlockBytes);
        if (read_whole(file, written, position) < 0) return errno;
        tear(saved.bytes, written, random);
      }
    }
    const size_t length = std::min<uint64_t>(kBlockBytes, size_bytes - position);
    if (const int error = write_whole(file, saved.bytes, length, position); error != 0)
      return error;
  }
  saved_.clear();
  size_bytes_before_.reset();
  return 0;
}

}  // namespace penstock::rigs
