// `penstock bench consume`: how fast a Kafka broker gives back what it has.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "engine/record_batch.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/fetch.h"
#include "tools/bench_command.h"
#include "tools/bench_options.h"
#include "tools/bench_remote.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

struct ConsumeSettings : RemoteSettings {
  uint64_t fetch_bytes = 1 << 20;
  std::string from = "earliest";
};

class ConsumeLoad : public KafkaLoad {
 public:
  ConsumeLoad(const ConsumeSettings& settings, const KafkaTopic& topic,
              const std::vector<int64_t>& first_offsets)
      : KafkaLoad(settings.load, topic.leaders),
        settings_(settings),
        version_(topic.fetch_version) {
    for (const int64_t offset : first_offsets) parts_.push_back({offset, offset, false});
  }

  uint64_t records() const { return records_; }

 protected:
  // A partition's next fetch begins where the last one ended: each has one under way.
  std::optional<Request> make_request(const std::vector<int32_t>& partitions) override {
    for (size_t i = 0; i < partitions.size(); ++i) {
      const int32_t partition = partitions[next_++ % partitions.size()];
      Part& part = parts_[static_cast<size_t>(partition)];
      if (part.asked) continue;
      part.asked = true;
      return request_for(partition, part.offset);
    }
    return std::nullopt;
  }

  std::optional<uint64_t> take_answer(int32_t partition,
                                      std::span<const std::byte> frame) override {
    kafka::Decoder decoder(frame);
    const auto header = kafka::decode_response_header(decoder, kafka::kFetchApi, version_);
    const auto answer = kafka::decode_body<kafka::FetchResponse>(decoder, version_);
    if (!header.ok() || !answer.ok() || answer.value().topics.size() != 1 ||
        answer.value().topics.front().partitions.size() != 1) {
      fail("a fetch request's answer cannot be read");
      return std::nullopt;
    }
    const auto& result = answer.value().topics.front().partitions.front();
    if (result.error_code != kafka::KafkaError::none || result.index != partition) {
      fail(fmt::format("partition {} refused a fetch: {}", partition, name_of(result.error_code)));
      return std::nullopt;
    }
    Part& part = parts_[static_cast<size_t>(partition)];
    part.asked = false;
    const std::span<const std::byte> bytes =
        result.records ? result.records->bytes() : std::span<const std::byte>();
    if (!take_batches(part, bytes)) {
      fail(fmt::format("partition {} gave a damaged batch at offset {}", partition, part.offset));
      return std::nullopt;
    }
    if (part.offset >= result.high_watermark && settings_.from == "earliest") {
      part.offset = part.first_offset;  // once more
    }
    return bytes.size();
  }

 private:
  struct Part {
    int64_t first_offset = 0;
    int64_t offset = 0;
    bool asked = false;
  };

  std::optional<Request> request_for(int32_t partition, int64_t offset) {
    constexpr int32_t kWaitMs = 100;
    kafka::FetchRequest request;
    request.wait_ms_max = kWaitMs;
    request.size_bytes_min = 1;
    request.size_bytes_max = static_cast<int32_t>(settings_.fetch_bytes);
    kafka::FetchRequest::Topic topic;
    topic.name = settings_.topic;
    kafka::FetchRequest::Partition wanted;
    wanted.index = partition;
    wanted.fetch_offset = offset;
    wanted.size_bytes_max = static_cast<int32_t>(settings_.fetch_bytes);
    topic.partitions.push_back(wanted);
    request.topics.push_back(std::move(topic));
    Result<kafka::OutgoingFrame> frame =
        kafka::encode_request(1, "penstock-bench", version_, request);
    if (!frame.ok()) {
      fail(fmt::format("a request cannot be encoded: {}", name_of(frame.error())));
      return std::nullopt;
    }
    return Request{std::move(frame).value(), partition};
  }

  // Every batch's CRC is checked; a broker may cut off what follows the first. False: one is damaged.
  bool take_batches(Part& part, std::span<const std::byte> bytes) {
    RecordBatch::Rules rules;
    rules.produced = false;
    rules.records = false;
    for (bool first = true; !bytes.empty(); first = false) {
      const ParsedBatch batch = RecordBatch::parse(bytes, rules);
      if (!batch.ok()) return !first && batch.fault() == BatchFault::truncated;
      part.offset = static_cast<int64_t>(batch.value().last_offset().value) + 1;
      records_ += batch.value().record_count();
      bytes = bytes.subspan(batch.value().size_bytes());
    }
    return true;
  }

  const ConsumeSettings& settings_;
  int16_t version_;
  std::vector<Part> parts_;
  size_t next_ = 0;
  uint64_t records_ = 0;
};

int run_consume(ConsumeSettings& settings) {
  std::string wrong = wrong_with(settings);
  if (!wrong.empty()) {
    complain(wrong);
    return kExitUsage;
  }
  settings.block_bytes = settings.fetch_bytes;
  const std::optional<KafkaTopic> topic = KafkaClient::prepare(
      *parse_address(settings.bootstrap), settings.topic, settings.partitions, wrong);
  std::vector<int64_t> first_offsets;
  for (size_t i = 0; topic && i < topic->leaders.size() && wrong.empty(); ++i) {
    const auto offset =
        KafkaClient::offset_of(topic->leaders[i], settings.topic, static_cast<int32_t>(i),
                               settings.from == "latest", wrong);
    if (offset) first_offsets.push_back(*offset);
  }
  if (!wrong.empty()) {
    complain(wrong);
    return kExitFailed;
  }
  ConsumeLoad load(settings, *topic, first_offsets);
  BenchResult result("consume");
  const auto describe = [&](nlohmann::ordered_json& extra) {
    extra["records"] = load.records();
    extra["verified"] = "the CRC-32C of every batch";
    extra["fetch_bytes"] = settings.fetch_bytes;
    extra["from"] = settings.from;
    extra["partitions"] = topic->leaders.size();
  };
  return run_remote(settings, result,
                    {.load = load,
                     .read = true,
                     .load_for = {},
                     .load_for_one_partition = {},
                     .describe = describe});
}

}  // namespace

void add_bench_consume(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<ConsumeSettings>();
  const Command command = bench.add_command(
      "consume",
      "Fetches from any Kafka broker, one fetch of each partition under way, and checks what "
      "comes.\n"
      "From the earliest offset it begins anew at the end; from the latest it waits there.");
  add_remote_options(command, *settings, {"iperf3", "fio", "min(iperf3,fio)", "none"},
                     "iperf3, fio, or the lesser of both: min(iperf3,fio).");
  add_size_option(command, "--fetch-bytes", settings->fetch_bytes, 1 << 10, uint64_t{1} << 30,
                  "Asked for by one fetch.");
  command.add_option("--from", settings->from, "earliest, latest.")
      .type_name("offset")
      .one_of({"earliest", "latest"})
      .capture_default_str();
  command.callback([settings, &chosen] { chosen = [settings] { return run_consume(*settings); }; });
}

}  // namespace penstock
