// Walks the frames of a segment file: for recovery, for indexing a cold segment, for reads, for tools.
//
// Reads in large aligned pieces; never trusts a length before its header has proved itself. Owns one buffer of the
// reactor's pool while it lives. The file and `doors` outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/frame.h"
#include "engine/partition_state.h"
#include "io/doors.h"

namespace penstock {

class FrameScanner {
 public:
  enum class Mode : uint8_t {
    headers,   // payloads are skipped, and not read where that saves reading
    payloads,  // payloads are read and checked
  };
  struct Options {
    Mode mode = Mode::payloads;
    uint64_t position = 0;          // of the first frame
    uint64_t limit = 0;             // no frame ends beyond it: the file's size, or the known end
    size_t window_bytes = 1 << 20;  // read at a time, at most
    size_t first_window_bytes = 64 << 10;  // ... to begin with: it doubles as the walk goes on
  };
  struct Frame {
    FrameHeader header;
    uint64_t position = 0;
    std::span<const std::byte> payload;  // valid until the next call; empty in Mode::headers
    uint64_t end() const { return position + header.frame_bytes(); }
  };
  enum class Stop : uint8_t { none, end, header, payload };  // why next() gave nothing

  FrameScanner(Doors& doors, FileId file, const PartitionKey& key,
               std::vector<GenerationStart> generations, Options options);

  // The next frame, or nothing where none begins or it is not whole: see stop(). Error::io, busy.
  Task<Result<std::optional<Frame>>> next();

  // The next frame's header, if it has been read already: the walk goes on behind it.
  std::optional<Frame> next_in_window();

  uint64_t position() const { return position_; }  // where the next frame would begin
  Stop stop() const { return stop_; }

  // After a stop: looks at up to `bytes` beyond position(), and beyond each whole header on the way, for a frame that was
  // made when the header or payload that failed was already flushed. If there is one, the stop is damage and not the
  // log's end. Error::io, busy.
  Task<Result<bool>> flushed_beyond(uint64_t bytes);

  // After a stop, to look behind damage: goes on at the next place where a frame's header proves itself, and says
  // whether there is one. Error::io, busy.
  Task<Result<bool>> skip_to_next_frame();

  // The first frame that begins at `place` or behind it, and below `end`, wherever the walk was; it goes on behind it.
  // Only its header is looked at. Error::io, busy.
  Task<Result<std::optional<Frame>>> seek(uint64_t place, uint64_t end);

  // Goes on at `position`, where a frame begins; what has been read of it is not read again.
  void go_to(uint64_t position);

  // More of the file may be read than when this began. True: it was not so known; a walk that had stopped goes on.
  bool extend(uint64_t limit);

  // After Stop::payload: the header whose payload it was.
  const FrameHeader& stopped_header() const { return stopped_header_; }

  // The buffer the payload of the last frame lies in, for readers that hand it on.
  const Buffer& buffer() const { return window_; }

 private:
  bool in_window(uint64_t position, uint64_t bytes) const;
  Task<Result<bool>> ensure(uint64_t position, uint64_t bytes);  // false: beyond the file's end
  // At position(), whose header is in the window. Nothing: none proves itself there and ends below the limit.
  std::optional<Frame> frame_here() const;
  Task<Result<std::optional<FrameHeader>>> find_header(uint64_t& place, uint64_t end);
  uint64_t seed_at(uint64_t position) const;
  const std::byte* at(uint64_t position) const {
    return window_.data() + (position - window_position_);
  }

  Doors& doors_;
  FileId file_;
  std::vector<GenerationStart> generations_;
  std::vector<uint64_t> seeds_;  // of generations_
  Options options_;
  uint64_t position_;
  Stop stop_ = Stop::none;
  FrameHeader stopped_header_;
  Buffer window_;
  uint64_t window_position_ = 0;
  uint64_t window_filled_ = 0;
  size_t next_window_bytes_ = 0;
};

}  // namespace penstock
