// What a simulated disk holds, now and after a crash: the storage model of a node, without time.
//
// A file has a volatile state, which reads see, and a durable one, which a power cut goes back to; between them stand
// pending changes, numbered in the order in which they completed:
//   - per 4 KiB block: the writes to it. A block is unallocated, unwritten (allocated, reads as zeros) or written;
//   - per file: changes of its size and allocation, in order (a file system's journal keeps their order);
//   - per directory: names made, moved and removed.
// A flush of a file makes durable what had completed when it was submitted: the file's data, and its size and extents.
// With shared_flush it is a device flush as well: it also covers the data of every other file, but only in blocks that
// are durably written; their sizes and extents stay pending. Names become durable by flush_directory alone.
// A power cut lets each pending change survive by chance: a write by itself, in each block, whole, torn at 512 bytes
// or not at all; the first write to an unwritten block only whole, with the change of its extent (else it reads as
// zeros); sizes and truncations in order up to some point; each create, rename and remove by itself, unless an earlier
// change of the same name was lost.
//
// Results are as the kernel's: 0 or more, or -errno.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/disk.h"
#include "tests/sim/sim_random.h"

namespace penstock::sim {

// How likely a pending change outlives a power cut. All 0: only what was flushed is left. All 1 (torn 0): all is.
struct Survival {
  double data = 0;        // a write, per block
  double torn = 0;        // a write that does not survive whole: some of its 512-byte sectors do
  double conversion = 0;  // an unwritten block's first write
  double size = 0;        // a size or allocation change, or a truncation
  double names = 0;       // a create, rename or remove
};

class SimStorage {
 public:
  using FileNumber = uint64_t;

  struct Options {
    bool shared_flush = true;
    bool split_renames =
        false;  // a rename's two names survive a power cut independently of each other
    uint64_t capacity_bytes = uint64_t{1} << 40;
  };
  explicit SimStorage(Options options);

  // Names. Paths are "/a/b" or "a/b"; the root exists.
  int64_t create(const std::string& path);  // value: the file's number
  int64_t find(const std::string& path) const;
  int64_t make_directory(const std::string& path);
  int64_t rename(const std::string& from, const std::string& to);
  int64_t remove(const std::string& path);
  int64_t link(const std::string& from, const std::string& to);
  int64_t list(const std::string& path, std::vector<DirectoryEntry>& entries) const;
  int64_t stat(const std::string& path, FileInfo& info) const;

  // An open file keeps its contents when its last name goes.
  void opened(FileNumber number) { ++file(number).open_count; }
  void closed(FileNumber number);
  void all_closed();  // the process is gone

  // Contents.
  int64_t read(FileNumber number, uint64_t position, std::span<std::byte> bytes) const;
  int64_t write(FileNumber number, uint64_t position, std::span<const std::byte> bytes,
                bool durable);
  int64_t allocate(FileNumber number, uint64_t length_bytes);
  int64_t truncate(FileNumber number, uint64_t length_bytes);
  // A write that failed or was cut short: some of its blocks change, whole or torn, but only ones already written.
  void write_partly(FileNumber number, uint64_t position, std::span<const std::byte> bytes,
                    SimRandom& random);

  // What a flush submitted now will cover.
  uint64_t flush_point() const { return sequence_; }
  void flush(FileNumber number, uint64_t point);
  void flush_directory(FileNumber directory, uint64_t point);
  // A failed flush: the writes it would have covered in this file are gone, and later flushes know nothing of them.
  // With shared_flush, each other file loses its own with even odds.
  void fail_flush(FileNumber number, uint64_t point, SimRandom& random);

  void cut_power(const Survival& survival, SimRandom& random);

  uint64_t free_bytes() const;
  void set_capacity(uint64_t bytes) { options_.capacity_bytes = bytes; }
  FileKind kind_of(FileNumber number) const { return file(number).kind; }
  uint64_t size_of(FileNumber number) const { return file(number).size; }

  // Damage at rest: the durable and the volatile state change alike, with nothing pending for these bytes afterwards.
  void overwrite_at_rest(FileNumber number, uint64_t position, std::span<const std::byte> bytes);
  void truncate_at_rest(FileNumber number, uint64_t length_bytes);
  void set_shared_extents(FileNumber number, bool shared) { file(number).shared_extents = shared; }

 private:
  using Image = std::array<std::byte, kDiskBlockBytes>;
  enum class ChangeKind : uint8_t {
    write,  // the block's new content
    drop,   // truncated away
    cut,    // truncated in its middle: image is what is left
  };
  struct Change {
    ChangeKind kind = ChangeKind::write;
    uint64_t sequence = 0;
    std::unique_ptr<Image> image;
    size_t kept_bytes = 0;  // cut
  };
  struct Block {
    bool written = false;            // durably
    std::unique_ptr<Image> durable;  // if written
    std::vector<Change> pending;
  };
  struct SizeChange {
    uint64_t sequence = 0;
    uint64_t size = 0;
    uint64_t allocated_blocks = 0;
  };
  struct File {
    FileKind kind = FileKind::regular;
    uint64_t size = 0;
    uint64_t allocated_blocks = 0;  // allocate() always starts at 0; written blocks may lie beyond
    uint64_t durable_size = 0;
    uint64_t durable_allocated_blocks = 0;
    std::vector<SizeChange> size_changes;
    std::map<uint64_t, Block> blocks;  // written or pending ones
    std::set<uint64_t> dirty;          // those with pending changes
    std::map<std::string, FileNumber> names;
    std::map<std::string, FileNumber> durable_names;
    uint64_t open_count = 0;
    uint64_t used_blocks = 0;
    bool shared_extents = false;
  };
  struct NameChange {
    FileNumber directory = 0;
    std::string name;
    FileNumber target = 0;  // 0: removed
  };
  struct NameChanges {
    uint64_t sequence = 0;
    std::vector<NameChange> changes;  // survive together
  };
  struct Place {
    FileNumber directory = 0;
    std::string name;  // empty: the root
  };

  File& file(FileNumber number);
  const File& file(FileNumber number) const;
  int64_t place_of(const std::string& path, Place& place) const;
  FileNumber target_of(const Place& place) const;
  void change_names(std::vector<NameChange> changes);
  void apply_durably(const NameChanges& changes);
  uint64_t link_count_of(FileNumber number) const;
  void collect_unreachable();

  static const Image* content_of(const Block& block);
  static bool written_now(const Block& block);
  Image image_of(const File& file, uint64_t block) const;
  bool has_space(uint64_t blocks) const;
  void note_size(File& file, uint64_t size, uint64_t allocated_blocks);
  void count_used(File& file);
  void commit_sizes(File& file, uint64_t point);
  void cover_block(File& file, uint64_t number, uint64_t point, bool with_extent);
  void cover_data(File& file, uint64_t point, bool with_extent);
  void forget_writes(File& file, uint64_t point);
  void settle_block(Block& block, uint64_t sizes_survive_to, const Survival& survival,
                    SimRandom& random);
  void settle_file(File& file, const Survival& survival, SimRandom& random);
  void settle_names(const Survival& survival, SimRandom& random);
  void drop_beyond_size(File& file);

  Options options_;
  uint64_t sequence_ = 0;
  uint64_t used_blocks_ = 0;
  FileNumber next_number_ = 2;
  std::map<FileNumber, File> files_;  // 1 is the root
  std::set<FileNumber> dirty_files_;
  std::vector<NameChanges> name_changes_;
};

}  // namespace penstock::sim
