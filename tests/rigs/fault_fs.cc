// fault_fs BACKING-DIRECTORY MOUNT-POINT: shows the directory at the mount point, as a disk that fails on command.
//
// Stays in the foreground until it is unmounted. The file .fault_control in the mount takes commands, one per write;
// a bad one is refused with EINVAL:
//   cut keep|lose|mix [SEED]       power cut: see Cut; from then on everything fails with EIO, until
//   thaw                           the machine is on again
//   fail read|write|flush N        the N-th of these from now (1: the next) fails with EIO, once
//   full on|off                    no space: what would allocate fails with ENOSPC
//   flip NAME POSITION BIT         turns over one bit of a file in the top directory, as a decaying medium would
// and reading it gives the counts of what was done so far.
//
// Nothing is cached by the kernel, so what is read is what the backing files hold.
#define FUSE_USE_VERSION 31

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/rigs/write_cache.h"

namespace penstock::rigs {
namespace {

constexpr std::string_view kControlPath = "/.fault_control";

int error_or_zero(int result) { return result < 0 ? -errno : 0; }

// The backing directory, what of it is unflushed, and what is to fail. FUSE calls it from one thread.
// The calls answer 0 or a negative errno, as FUSE wants them.
class FaultDisk {
 public:
  explicit FaultDisk(int directory) : directory_(directory) {}

  int directory() const { return directory_; }
  bool frozen() const { return frozen_; }
  bool full() const { return full_; }

  int open(const char* path, int flags, mode_t mode, uint64_t* handle);
  void close(uint64_t handle);
  int read(uint64_t handle, char* bytes, size_t length, off_t position);
  int write(uint64_t handle, const char* bytes, size_t length, off_t position);
  int flush(uint64_t handle);
  int truncate(const char* path, off_t size);
  int allocate(uint64_t handle, int mode, off_t position, off_t length);
  int status_of(uint64_t handle, struct stat* status);

  int command(const std::string& text);
  std::string counts();

 private:
  struct File {
    int descriptor = -1;
    int open_count = 0;
    WriteCache cache;
  };
  // Counts operations of one kind; `fail_in` counts down to the one that fails.
  struct Operations {
    uint64_t count = 0;
    uint64_t fail_in = 0;
    bool next_fails() {
      ++count;
      return fail_in != 0 && --fail_in == 0;
    }
  };

  int cut(Cut how, uint64_t seed);
  int flip(const std::string& name, off_t position, unsigned bit);
  Operations* operations_named(const std::string& name);

  const int directory_;
  std::map<uint64_t, File> files_;  // by inode number, which is the handle
  bool frozen_ = false;
  bool full_ = false;
  Operations reads_;
  Operations writes_;
  Operations flushes_;
};

int FaultDisk::open(const char* path, int flags, mode_t mode, uint64_t* handle) {
  if (frozen_) return -EIO;
  if (full_ && (flags & O_CREAT) != 0) return -ENOSPC;
  // Readable and writable whatever was asked: undoing takes both. The kernel has checked the rights.
  const int backing_flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (flags & (O_CREAT | O_EXCL));
  const int descriptor = openat(directory_, path + 1, backing_flags, mode);
  if (descriptor < 0) return -errno;
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    const int error = errno;
    ::close(descriptor);
    return -error;
  }
  File& file = files_[status.st_ino];
  if (file.descriptor < 0) {
    file.descriptor = descriptor;
  } else {
    ::close(descriptor);
  }
  ++file.open_count;
  *handle = status.st_ino;
  if ((flags & O_TRUNC) != 0) {
    if (const int error = file.cache.before_truncate(file.descriptor, 0); error != 0) return -error;
    return error_or_zero(ftruncate(file.descriptor, 0));
  }
  return 0;
}

void FaultDisk::close(uint64_t handle) {
  File& file = files_.at(handle);
  struct stat status;
  const bool gone = fstat(file.descriptor, &status) == 0 && status.st_nlink == 0;
  // Kept while a cut may still take something back.
  if (--file.open_count == 0 && (gone || file.cache.empty())) {
    ::close(file.descriptor);
    files_.erase(handle);
  }
}

int FaultDisk::read(uint64_t handle, char* bytes, size_t length, off_t position) {
  if (frozen_ || reads_.next_fails()) return -EIO;
  const ssize_t got = pread(files_.at(handle).descriptor, bytes, length, position);
  return got < 0 ? -errno : static_cast<int>(got);
}

int FaultDisk::write(uint64_t handle, const char* bytes, size_t length, off_t position) {
  if (frozen_ || writes_.next_fails()) return -EIO;
  File& file = files_.at(handle);
  if (full_) {
    struct stat status;
    if (fstat(file.descriptor, &status) != 0) return -errno;
    if (position + static_cast<off_t>(length) > status.st_size) return -ENOSPC;
  }
  const int error =
      file.cache.before_write(file.descriptor, static_cast<uint64_t>(position), length);
  if (error != 0) return -error;
  const ssize_t put = pwrite(file.descriptor, bytes, length, position);
  return put < 0 ? -errno : static_cast<int>(put);
}

int FaultDisk::flush(uint64_t handle) {
  if (frozen_) return -EIO;
  WriteCache& cache = files_.at(handle).cache;
  if (flushes_.next_fails()) {
    cache.flush_failed();
    return -EIO;
  }
  cache.flushed();  // the backing file is never flushed: no cut but ours ever happens to it
  return 0;
}

int FaultDisk::truncate(const char* path, off_t size) {
  uint64_t handle = 0;
  if (const int error = open(path, O_RDWR, 0, &handle); error != 0) return error;
  File& file = files_.at(handle);
  int result = -file.cache.before_truncate(file.descriptor, static_cast<uint64_t>(size));
  if (result == 0) result = error_or_zero(ftruncate(file.descriptor, size));
  close(handle);
  return result;
}

int FaultDisk::allocate(uint64_t handle, int mode, off_t position, off_t length) {
  if (frozen_) return -EIO;
  if (full_) return -ENOSPC;
  File& file = files_.at(handle);
  const bool changes_bytes = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
  if ((mode & ~(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)) != 0) {
    return -EOPNOTSUPP;
  }
  int error = 0;
  if (changes_bytes) {
    error = file.cache.before_write(file.descriptor, static_cast<uint64_t>(position),
                                    static_cast<uint64_t>(length));
  } else if ((mode & FALLOC_FL_KEEP_SIZE) == 0) {
    error = file.cache.before_truncate(file.descriptor, UINT64_MAX);  // it can only grow
  }
  if (error != 0) return -error;
  return error_or_zero(fallocate(file.descriptor, mode, position, length));
}

int FaultDisk::status_of(uint64_t handle, struct stat* status) {
  if (frozen_) return -EIO;
  return error_or_zero(fstat(files_.at(handle).descriptor, status));
}

int FaultDisk::cut(Cut how, uint64_t seed) {
  std::mt19937_64 random(seed);
  frozen_ = true;
  for (auto& [inode, file] : files_) {
    if (const int error = file.cache.cut(file.descriptor, how, random); error != 0) return -error;
  }
  return 0;
}

int FaultDisk::flip(const std::string& name, off_t position, unsigned bit) {
  const int file = openat(directory_, name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return -errno;
  unsigned char byte = 0;
  int result = pread(file, &byte, 1, position) == 1 ? 0 : -EINVAL;
  byte = static_cast<unsigned char>(byte ^ (1U << bit));
  if (result == 0 && pwrite(file, &byte, 1, position) != 1) result = -EIO;
  ::close(file);
  return result;
}

FaultDisk::Operations* FaultDisk::operations_named(const std::string& name) {
  if (name == "read") return &reads_;
  if (name == "write") return &writes_;
  if (name == "flush") return &flushes_;
  return nullptr;
}

int FaultDisk::command(const std::string& text) {
  std::istringstream words(text);
  std::string verb;
  std::string what;
  words >> verb >> what;
  if (verb == "thaw") {
    frozen_ = false;
    return 0;
  }
  if (verb == "cut") {
    uint64_t seed = 0;
    words >> seed;
    if (what == "keep") return cut(Cut::keep, seed);
    if (what == "lose") return cut(Cut::lose, seed);
    if (what == "mix") return cut(Cut::mix, seed);
  }
  if (verb == "fail") {
    Operations* const operations = operations_named(what);
    uint64_t number = 0;
    if (operations != nullptr && words >> number && number != 0) {
      operations->fail_in = number;
      return 0;
    }
  }
  if (verb == "full" && (what == "on" || what == "off")) {
    full_ = what == "on";
    return 0;
  }
  if (verb == "flip") {
    off_t position = 0;
    unsigned bit = 0;
    if (words >> position >> bit && position >= 0 && bit < 8) return flip(what, position, bit);
  }
  return -EINVAL;
}

std::string FaultDisk::counts() {
  size_t unflushed_blocks = 0;
  for (const auto& [inode, file] : files_) unflushed_blocks += file.cache.unflushed_block_count();
  std::ostringstream text;
  text << "reads " << reads_.count << "\nwrites " << writes_.count << "\nflushes " << flushes_.count
       << "\nunflushed_blocks " << unflushed_blocks << "\nfrozen " << frozen_ << "\n";
  return text.str();
}

// FUSE's calls, in its order of arguments.

FaultDisk& disk() { return *static_cast<FaultDisk*>(fuse_get_context()->private_data); }

bool is_control(const char* path) { return path != nullptr && path == kControlPath; }

// Paths come with a leading slash; the top directory is "/".
const char* relative(const char* path) { return path[1] == '\0' ? "." : path + 1; }

void* fuse_init(fuse_conn_info* /*connection*/, fuse_config* config) {
  config->kernel_cache = 0;
  config->attr_timeout = 0;  // a cut changes sizes behind the kernel's back
  config->entry_timeout = 0;
  config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

int fuse_getattr(const char* path, struct stat* status, fuse_file_info* file) {
  if (is_control(path)) {
    *status = {};
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    return 0;
  }
  if (file != nullptr) return disk().status_of(file->fh, status);
  if (disk().frozen()) return -EIO;
  return error_or_zero(fstatat(disk().directory(), relative(path), status, AT_SYMLINK_NOFOLLOW));
}

int fuse_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t /*position*/,
                 fuse_file_info* /*file*/, fuse_readdir_flags /*flags*/) {
  if (disk().frozen()) return -EIO;
  const int descriptor =
      openat(disk().directory(), relative(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  DIR* const directory = fdopendir(descriptor);
  if (directory == nullptr) return -errno;
  while (const dirent* const entry = ::readdir(directory)) {
    struct stat status = {};
    status.st_ino = entry->d_ino;
    status.st_mode = static_cast<mode_t>(entry->d_type) << 12;
    fill(buffer, entry->d_name, &status, 0, fuse_fill_dir_flags{});
  }
  closedir(directory);
  return 0;
}

int fuse_mkdir(const char* path, mode_t mode) {
  if (disk().frozen()) return -EIO;
  if (disk().full()) return -ENOSPC;
  return error_or_zero(mkdirat(disk().directory(), relative(path), mode));
}

int fuse_unlink(const char* path) {
  if (disk().frozen()) return -EIO;
  return error_or_zero(unlinkat(disk().directory(), relative(path), 0));
}

int fuse_rmdir(const char* path) {
  if (disk().frozen()) return -EIO;
  return error_or_zero(unlinkat(disk().directory(), relative(path), AT_REMOVEDIR));
}

int fuse_rename(const char* from, const char* to, unsigned flags) {
  if (disk().frozen()) return -EIO;
  const int directory = disk().directory();
  return error_or_zero(renameat2(directory, relative(from), directory, relative(to), flags));
}

int fuse_create(const char* path, mode_t mode, fuse_file_info* file) {
  file->direct_io = 1;
  return disk().open(path, file->flags | O_CREAT, mode, &file->fh);
}

int fuse_open(const char* path, fuse_file_info* file) {
  file->direct_io = 1;
  if (is_control(path)) return 0;
  return disk().open(path, file->flags & ~O_CREAT, 0, &file->fh);
}

int fuse_release(const char* path, fuse_file_info* file) {
  if (!is_control(path)) disk().close(file->fh);
  return 0;
}

int fuse_read(const char* path, char* bytes, size_t length, off_t position, fuse_file_info* file) {
  if (!is_control(path)) return disk().read(file->fh, bytes, length, position);
  const std::string text = disk().counts();
  const size_t start = std::min(static_cast<size_t>(position), text.size());
  const size_t count = std::min(length, text.size() - start);
  std::memcpy(bytes, text.data() + start, count);
  return static_cast<int>(count);
}

int fuse_write(const char* path, const char* bytes, size_t length, off_t position,
               fuse_file_info* file) {
  if (!is_control(path)) return disk().write(file->fh, bytes, length, position);
  const int result = disk().command(std::string(bytes, length));
  return result < 0 ? result : static_cast<int>(length);
}

int fuse_fsync(const char* path, int /*data_only*/, fuse_file_info* file) {
  return is_control(path) ? 0 : disk().flush(file->fh);
}

int fuse_fsyncdir(const char* /*path*/, int /*data_only*/, fuse_file_info* /*file*/) {
  return disk().frozen() ? -EIO : 0;
}

int fuse_truncate(const char* path, off_t size, fuse_file_info* /*file*/) {
  return is_control(path) ? 0 : disk().truncate(path, size);
}

int fuse_fallocate(const char* /*path*/, int mode, off_t position, off_t length,
                   fuse_file_info* file) {
  return disk().allocate(file->fh, mode, position, length);
}

int fuse_statfs(const char* /*path*/, struct statvfs* status) {
  if (disk().frozen()) return -EIO;
  if (fstatvfs(disk().directory(), status) != 0) return -errno;
  if (disk().full()) status->f_bavail = status->f_bfree = 0;
  return 0;
}

int fuse_utimens(const char* path, const timespec times[2], fuse_file_info* /*file*/) {
  if (disk().frozen()) return -EIO;
  return error_or_zero(utimensat(disk().directory(), relative(path), times, AT_SYMLINK_NOFOLLOW));
}

int fuse_chmod(const char* path, mode_t mode, fuse_file_info* /*file*/) {
  if (disk().frozen()) return -EIO;
  return error_or_zero(fchmodat(disk().directory(), relative(path), mode, 0));
}

int serve(const char* program, const char* backing, const char* mount_point) {
  const int directory = open(backing, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    std::fprintf(stderr, "fault_fs: cannot open %s: %s\n", backing, std::strerror(errno));
    return 1;
  }
  // A rig whose test was killed must not stay mounted.
  prctl(PR_SET_PDEATHSIG, SIGTERM);

  fuse_operations operations = {};
  operations.init = fuse_init;
  operations.getattr = fuse_getattr;
  operations.readdir = fuse_readdir;
  operations.mkdir = fuse_mkdir;
  operations.unlink = fuse_unlink;
  operations.rmdir = fuse_rmdir;
  operations.rename = fuse_rename;
  operations.create = fuse_create;
  operations.open = fuse_open;
  operations.release = fuse_release;
  operations.read = fuse_read;
  operations.write = fuse_write;
  operations.fsync = fuse_fsync;
  operations.fsyncdir = fuse_fsyncdir;
  operations.truncate = fuse_truncate;
  operations.fallocate = fuse_fallocate;
  operations.statfs = fuse_statfs;
  operations.utimens = fuse_utimens;
  operations.chmod = fuse_chmod;

  FaultDisk fault_disk(directory);
  std::string arguments[] = {program, "-f", "-s", mount_point};
  char* argument_pointers[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                               arguments[3].data(), nullptr};
  const int status = fuse_main(4, argument_pointers, &operations, &fault_disk);
  close(directory);
  return status;
}

}  // namespace
}  // namespace penstock::rigs

int main(int argument_count, char** arguments) {
  if (argument_count != 3) {
    std::fprintf(stderr, "usage: fault_fs BACKING-DIRECTORY MOUNT-POINT\n");
    return 2;
  }
  return penstock::rigs::serve(arguments[0], arguments[1], arguments[2]);
}
