#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/log_printer.h"
#include "tools/log_text.h"

namespace penstock {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that are no text get another name, so that a reader knows what it has.
void put_bytes(Json& object, const std::string& name, const OptionalBytes& bytes) {
  if (!bytes) {
    object[name] = nullptr;
  } else if (is_utf8(*bytes)) {
    object[name] = as_text(*bytes);
  } else {
    object[name + "_base64"] = base64(*bytes);
  }
}

class JsonPrinter final : public LogPrinter {
 public:
  using LogPrinter::LogPrinter;

  void directory(const std::string& path, const DirectoryMeta& meta) override {
    if (!everything()) return;
    print({{"type", "directory"},
           {"path", path},
           {"id", to_string(meta.directory_id)},
           {"incarnation", meta.incarnation},
           {"reactors", meta.reactor_count}});
  }
  void meta_copy(const CopyView& copy) override {
    if (!everything()) return;
    print({{"type", "meta"}, {"file", copy.path}, {"state", copy.state}});
  }
  void journal_copy(const CopyView& copy) override {
    if (!everything()) return;
    print({{"type", "journal"},
           {"file", copy.path},
           {"state", copy.state},
           {"records", copy.record_count}});
  }
  void pool_file(const PoolFile& file) override {
    if (!everything()) return;
    print({{"type", "pool"},
           {"file", fmt::format("{:016x}.segment", file.file_number)},
           {"file_bytes", file.file_bytes}});
  }
  void topic(const Topic& topic) override {
    if (!everything()) return;
    print({{"type", "topic"},
           {"name", topic.name},
           {"id", to_string(topic.id)},
           {"partitions", topic.partition_count},
           {"config", Json(topic.config_entries)}});
  }
  void segment_end(uint64_t position, Offset next_offset) override {
    if (!everything()) return;
    print({{"type", "segment_end"}, {"position", position}, {"next_offset", next_offset.value}});
  }

  void summary() override {
    print({{"type", "summary"},
           {"partitions", counts().partitions},
           {"segments", counts().segments},
           {"frames", counts().frames},
           {"records", counts().records},
           {"bytes", counts().bytes},
           {"damage", counts().damage}});
  }

 protected:
  void print_partition(const PartitionView& partition) override {
    const PartitionState& state = partition.state;
    Json object = {{"type", "partition"},
                   {"topic", partition.topic},
                   {"partition", state.key.partition},
                   {"log_start_offset", state.log_start_offset.value}};
    const Checkpoint& checkpoint = state.checkpoint;
    if (checkpoint.file_number != 0) {
      object["checkpoint"] = {{"file", fmt::format("{:016x}.segment", checkpoint.file_number)},
                              {"position", checkpoint.position},
                              {"next_offset", checkpoint.next_offset.value}};
    }
    object["epochs"] = Json::array();
    for (const EpochStart& start : state.epochs) {
      object["epochs"].push_back(
          {{"epoch", start.epoch.value}, {"start_offset", start.start_offset.value}});
    }
    print(object);
  }

  void print_segment(const SegmentView& segment) override {
    const SegmentState& state = segment.state;
    Json object = {{"type", "segment"},
                   {"file", segment.path},
                   {"base_offset", state.base_offset.value},
                   {"file_bytes", state.file_bytes},
                   {"sealed", state.sealed}};
    if (state.sealed) {
      object["end_position"] = state.end_position;
      object["next_offset"] = state.next_offset.value;
    }
    object["generations"] = Json::array();
    for (const GenerationStart& start : state.generations) {
      object["generations"].push_back(
          {{"position", start.position},
           {"generation", fmt::format("{:016x}", start.generation.value)}});
    }
    print(object);
  }

  void print_frame(const FrameView& frame) override {
    const FrameHeader& header = frame.header;
    print({{"type", "frame"},
           {"kind", name_of(header.kind)},
           {"offset", header.base_offset.value},
           {"offset_span", header.offset_span},
           {"position", frame.position},
           {"frame_bytes", header.frame_bytes()},
           {"payload_bytes", header.payload_bytes},
           {"records", header.record_count},
           {"leader_epoch", header.leader_epoch.value},
           {"max_timestamp_ms", header.max_timestamp_ms},
           {"append_time_ms", header.append_time_ms},
           {"flushed_position", header.flushed_position},
           {"whole", frame.whole}});
  }

  void print_record(Offset offset, const Record& record) override {
    Json object = {
        {"type", "record"}, {"offset", offset.value}, {"timestamp_ms", record.timestamp_ms}};
    put_bytes(object, "key", record.key);
    put_bytes(object, "value", record.value);
    print(object);
  }

  void print_opaque(std::span<const std::byte> payload) override {
    Json object = {{"type", "payload"}};
    put_bytes(object, "payload", payload);
    print(object);
  }

  void print_finding(const Finding& finding) override {
    Json object = {{"type", finding.kind == Finding::Kind::damage ? "damage" : "note"}};
    if (!finding.topic.empty()) {
      object["topic"] = finding.topic;
      object["partition"] = finding.partition;
    }
    if (finding.offset) object["offset"] = finding.offset->value;
    if (!finding.path.empty()) object["file"] = finding.path;
    if (finding.position) object["position"] = *finding.position;
    object["reason"] = finding.reason;
    print(object);
  }

 private:
  // File names may be any bytes.
  void print(const Json& object) {
    line(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
};

}  // namespace

std::unique_ptr<LogPrinter> make_json_printer(const LogPrinter::Options& options) {
  return std::make_unique<JsonPrinter>(options);
}

}  // namespace penstock
