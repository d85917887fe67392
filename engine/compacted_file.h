// A segment file that compaction fills with frames, before any log knows of it.
//
// The journal has it in the pool from its first byte on, so that a crash leaves a file that is to be used again; it
// becomes a segment by the one record that its maker writes after finish(). Frames are gathered in one buffer and
// written in order. Owned by a compaction; only on its reactor. Before it is destroyed: hand_over() or abandon().
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/file_io.h"
#include "engine/frame.h"
#include "engine/segment_files.h"

namespace penstock {

class CompactedFile {
 public:
  CompactedFile(Doors& doors, Journal& journal, SegmentFiles& files, FlushListener& failures,
                const PartitionKey& key)
      : doors_(doors), journal_(journal), files_(files), failures_(failures), key_(key) {}
  CompactedFile(const CompactedFile&) = delete;
  ~CompactedFile() { check(!is_open()); }

  // Opens the smallest file with room for `bytes`; an earlier one was abandoned.
  Task<Result<void>> begin(Offset base_offset, uint64_t bytes);
  bool is_open() const { return taken_.has_value(); }

  uint64_t position() const { return position_; }  // where the next frame begins
  uint64_t file_bytes() const { return taken_->state.file_bytes; }

  // `header` but for its place, flushed position and, where `payload` was changed, what follows from that.
  Task<Result<void>> add(FrameHeader header, std::span<const std::byte> payload);

  // Frames up to `end` are on stable storage when this is done; those behind it are to be forgotten.
  Task<Result<void>> finish(uint64_t end);

  // The file as a segment, but for what the caller knows of its contents.
  SegmentFiles::Taken hand_over();
  Task<void> abandon();

 private:
  Task<Result<void>> write_buffered(size_t bytes);
  Task<Result<void>> put(std::span<const std::byte> bytes);

  Doors& doors_;
  Journal& journal_;
  SegmentFiles& files_;
  FlushListener& failures_;
  PartitionKey key_;
  std::optional<SegmentFiles::Taken> taken_;
  uint64_t seed_ = 0;
  uint64_t failures_before_ = 0;
  uint64_t position_ = 0;
  Buffer buffer_;
  uint64_t buffer_position_ = 0;  // in the file
  size_t buffered_ = 0;
};

}  // namespace penstock
