#include <fmt/format.h>

#include "tools/log_printer.h"
#include "tools/log_text.h"

namespace penstock {
namespace {

// The file's name alone: the directory stands in the first line.
std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string codec_of(const FrameView& frame) {
  if (frame.header.kind != FrameKind::kafka_batch || !frame.whole) return {};
  RecordBatch::Rules rules;
  rules.produced = false;
  rules.crc = false;
  rules.records = false;
  const ParsedBatch batch = RecordBatch::parse(frame.payload, rules);
  if (!batch.ok() || batch.value().codec() == Codec::none) return {};
  return fmt::format("  codec {}", name_of(batch.value().codec()));
}

std::string value_text(const OptionalBytes& bytes) { return bytes ? quoted(*bytes) : "null"; }

class TextPrinter final : public LogPrinter {
 public:
  using LogPrinter::LogPrinter;

  void directory(const std::string& path, const DirectoryMeta& meta) override {
    if (!everything()) return;
    line(fmt::format("directory {}  id {}  incarnation {}  reactors {}", path,
                     to_string(meta.directory_id), meta.incarnation, meta.reactor_count));
  }
  void meta_copy(const CopyView& copy) override {
    if (everything()) line(fmt::format("meta {}  {}", file_name(copy.path), copy.state));
  }
  void journal_copy(const CopyView& copy) override {
    if (!everything()) return;
    line(fmt::format("journal {}  {}  records {}", file_name(copy.path), copy.state,
                     copy.record_count));
  }
  void pool_file(const PoolFile& file) override {
    if (!everything()) return;
    line(fmt::format("pool {:016x}.segment  bytes {}", file.file_number, file.file_bytes));
  }
  void topic(const Topic& topic) override {
    if (!everything()) return;
    std::string config;
    for (const auto& [name, value] : topic.config_entries) {
      config += fmt::format("  {}={}", name, value);
    }
    line(fmt::format("topic {}  id {}  partitions {}{}", topic.name, to_string(topic.id),
                     topic.partition_count, config));
  }
  void segment_end(uint64_t position, Offset next_offset) override {
    if (everything())
      line(fmt::format("    end  position {}  next offset {}", position, next_offset.value));
  }

  void summary() override {
    line(fmt::format(
        "{} partitions, {} segments, {} frames, {} records, {} bytes: {}", counts().partitions,
        counts().segments, counts().frames, counts().records, counts().bytes,
        counts().damage == 0 ? "no damage" : fmt::format("{} damaged places", counts().damage)));
  }

 protected:
  void print_partition(const PartitionView& partition) override {
    const PartitionState& state = partition.state;
    std::string text = fmt::format("partition {}/{}  log start {}", partition.topic,
                                   state.key.partition, state.log_start_offset.value);
    const Checkpoint& checkpoint = state.checkpoint;
    if (checkpoint.file_number != 0) {
      text += fmt::format("  checkpoint {:016x}.segment:{} next offset {}", checkpoint.file_number,
                          checkpoint.position, checkpoint.next_offset.value);
    }
    for (const EpochStart& start : state.epochs) {
      text += fmt::format("  epoch {} from {}", start.epoch.value, start.start_offset.value);
    }
    line(text);
  }

  void print_segment(const SegmentView& segment) override {
    const SegmentState& state = segment.state;
    std::string text =
        fmt::format("  segment {}  base offset {}  file bytes {}", file_name(segment.path),
                    state.base_offset.value, state.file_bytes);
    if (state.sealed) {
      text +=
          fmt::format("  sealed at {} next offset {}", state.end_position, state.next_offset.value);
    }
    for (const GenerationStart& start : state.generations) {
      text += fmt::format("  generation {:016x} from {}", start.generation.value, start.position);
    }
    line(text);
  }

  void print_frame(const FrameView& frame) override {
    const FrameHeader& header = frame.header;
    std::string offsets = fmt::format("{}", header.base_offset.value);
    if (header.offset_span > 1) {
      offsets += fmt::format("..{}", header.base_offset.value + header.offset_span - 1);
    }
    line(fmt::format(
        "    {} {}  position {}  records {}  bytes {}  epoch {}  appended {}  "
        "flushed {}{}  {}",
        name_of(header.kind), offsets, frame.position, header.record_count, header.payload_bytes,
        header.leader_epoch.value, utc_time(header.append_time_ms), header.flushed_position,
        codec_of(frame), frame.whole ? "ok" : "CHECKSUM WRONG"));
  }

  void print_record(Offset offset, const Record& record) override {
    line(fmt::format("      record {}  time {}  key {}  value {}", offset.value,
                     utc_time(record.timestamp_ms), value_text(record.key),
                     value_text(record.value)));
  }

  void print_opaque(std::span<const std::byte> payload) override {
    line(fmt::format("      payload {}", quoted(payload)));
  }

  void print_finding(const Finding& finding) override {
    std::string text = finding.kind == Finding::Kind::damage ? "DAMAGE" : "note";
    if (!finding.topic.empty()) text += fmt::format("  {}/{}", finding.topic, finding.partition);
    if (finding.offset) text += fmt::format("  offset {}", finding.offset->value);
    if (!finding.path.empty()) text += fmt::format("  {}", finding.path);
    if (finding.position) text += fmt::format(" at byte {}", *finding.position);
    line(fmt::format("{}: {}", text, finding.reason));
  }
};

}  // namespace

std::unique_ptr<LogPrinter> make_text_printer(const LogPrinter::Options& options) {
  return std::make_unique<TextPrinter>(options);
}

}  // namespace penstock
