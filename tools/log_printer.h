// Prints what a walk finds, as text for people or as JSON, one object a line.
//
// Counts on the way. Writes to `to`, which outlives it and stays the caller's; whether that worked the caller asks it
// (ferror).
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "engine/record_batch.h"
#include "tools/log_visitor.h"

namespace penstock {

struct LogCounts {
  uint64_t partitions = 0;
  uint64_t segments = 0;
  uint64_t frames = 0;  // whole ones
  uint64_t records = 0;
  uint64_t bytes = 0;  // of whole frames
  uint64_t damage = 0;
};

class LogPrinter : public LogVisitor {
 public:
  struct Options {
    bool everything = true;  // else findings only
    bool records = false;    // what is in the frames too
    std::FILE* to = nullptr;
  };

  explicit LogPrinter(const Options& options) : options_(options) {}

  const LogCounts& counts() const { return counts_; }
  virtual void summary() = 0;

  void partition(const PartitionView& partition) final;
  void segment(const SegmentView& segment) final;
  void frame(const FrameView& frame) final;
  void finding(const Finding& finding) final;

 protected:
  virtual void print_partition(const PartitionView& partition) = 0;
  virtual void print_segment(const SegmentView& segment) = 0;
  virtual void print_frame(const FrameView& frame) = 0;
  virtual void print_record(Offset offset, const Record& record) = 0;
  virtual void print_opaque(std::span<const std::byte> payload) = 0;
  virtual void print_finding(const Finding& finding) = 0;

  bool everything() const { return options_.everything; }
  void line(const std::string& text);

 private:
  void print_contents(const FrameView& frame);

  Options options_;
  LogCounts counts_;
};

std::unique_ptr<LogPrinter> make_text_printer(const LogPrinter::Options& options);
std::unique_ptr<LogPrinter> make_json_printer(const LogPrinter::Options& options);

}  // namespace penstock
