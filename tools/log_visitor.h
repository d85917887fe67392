// What a walk through a data directory finds, told in the order it is found.
//
// Everything is told on one reactor; what is referred to is valid during the call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/data_directory.h"
#include "engine/frame.h"
#include "engine/partition_state.h"
#include "engine/topic.h"

namespace penstock {

struct Finding {
  enum class Kind : uint8_t {
    damage,  // something that was there is not there any more
    note,    // worth a line, and no harm
  };
  Kind kind = Kind::damage;
  std::string topic;  // its name, or its id where no name is known; empty: not about a partition
  uint32_t partition = 0;
  std::optional<Offset> offset;  // the first one concerned
  std::string path;
  std::optional<uint64_t> position;
  std::string reason;
};

// One of a directory's two copies of something.
struct CopyView {
  std::string path;
  std::string state;  // "whole", "missing", or what is wrong
  uint64_t record_count = 0;
};

struct PartitionView {
  const std::string& topic;  // as Finding::topic
  const PartitionState& state;
};

struct SegmentView {
  const std::string& path;
  const SegmentState& state;
};

struct FrameView {
  FrameHeader header;
  uint64_t position = 0;
  bool whole = false;                  // its payload's checksum is right
  std::span<const std::byte> payload;  // empty if it is not whole
};

class LogVisitor {
 public:
  virtual ~LogVisitor() = default;

  virtual void directory(const std::string& /*path*/, const DirectoryMeta& /*meta*/) {}
  virtual void meta_copy(const CopyView& /*copy*/) {}
  virtual void journal_copy(const CopyView& /*copy*/) {}
  virtual void pool_file(const PoolFile& /*file*/) {}
  virtual void topic(const Topic& /*topic*/) {}

  virtual void partition(const PartitionView& /*partition*/) {}
  virtual void segment(const SegmentView& /*segment*/) {}
  virtual void frame(const FrameView& /*frame*/) {}
  virtual void segment_end(uint64_t /*position*/, Offset /*next_offset*/) {}

  virtual void finding(const Finding& /*finding*/) {}
};

}  // namespace penstock
