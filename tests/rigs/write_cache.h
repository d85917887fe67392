// What a disk with a volatile write cache may lose of one file: its writes since the last flush.
//
// The writes themselves go to the backing file at once; this keeps what stood there before, per block, so that a power
// cut can undo them. Also undone: a change of size. Not modelled: names; a create, rename or remove is durable at once.
// Positions and lengths are bytes. Not safe for two threads. Errors are errno values, 0 for none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace penstock::rigs {

// What a power cut does to each block written since the last flush.
enum class Cut {
  keep,  // nothing is lost: an honest device, or only the machine died
  lose,  // all of it is
  mix,   // each block for itself: kept, lost, or torn at 512 bytes
};

class WriteCache {
 public:
  static constexpr size_t kBlockBytes = 4096;
  static constexpr size_t kSectorBytes = 512;

  // Before the write, truncation or hole reaches `file`, the backing file's descriptor (which can be read).
  int before_write(int file, uint64_t position, uint64_t length_bytes);
  int before_truncate(int file, uint64_t size_bytes);

  void flushed();
  // The device said no: what it held may never reach the medium, and no later flush brings it back.
  void flush_failed();

  // Puts back what the cut loses. The cache is empty afterwards.
  int cut(int file, Cut how, std::mt19937_64& random);

  size_t unflushed_block_count() const { return saved_.size(); }
  bool empty() const { return saved_.empty() && !size_bytes_before_.has_value(); }

 private:
  struct SavedBlock {
    std::vector<std::byte> bytes;  // whole; zeros past the end the file had
    bool doomed = false;           // a flush of it has failed
  };
  int save_size(int file);

  std::map<uint64_t, SavedBlock> saved_;  // by block number
  std::optional<uint64_t> size_bytes_before_;
};

}  // namespace penstock::rigs
