#include "tools/log_printer.h"

namespace penstock {

void LogPrinter::line(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), options_.to);
  std::fputc('\n', options_.to);
}

void LogPrinter::partition(const PartitionView& partition) {
  ++counts_.partitions;
  if (everything()) print_partition(partition);
}

void LogPrinter::segment(const SegmentView& segment) {
  ++counts_.segments;
  if (everything()) print_segment(segment);
}

void LogPrinter::frame(const FrameView& frame) {
  if (frame.whole) {
    ++counts_.frames;
    counts_.records += frame.header.record_count;
    counts_.bytes += frame.header.frame_bytes();
  }
  if (!everything()) return;
  print_frame(frame);
  if (options_.records && frame.whole) print_contents(frame);
}

void LogPrinter::print_contents(const FrameView& frame) {
  if (frame.header.kind == FrameKind::opaque) print_opaque(frame.payload);
  if (frame.header.kind != FrameKind::kafka_batch) return;
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;  // the walk has found it right
  const ParsedBatch batch = RecordBatch::parse(frame.payload, rules);
  if (!batch.ok() || batch.value().codec() != Codec::none) return;
  RecordReader reader = batch.value().reader();
  Record record;
  while (reader.next(record)) print_record(frame.header.base_offset + record.offset_delta, record);
}

void LogPrinter::finding(const Finding& finding) {
  if (finding.kind == Finding::Kind::damage) ++counts_.damage;
  print_finding(finding);
}

}  // namespace penstock
