// `penstock bench produce`: how much a Kafka broker takes, and how long a produce request waits.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "net/kafka/kafka_error.h"
#include "net/kafka/messages/produce.h"
#include "tools/bench_batches.h"
#include "tools/bench_command.h"
#include "tools/bench_options.h"
#include "tools/bench_remote.h"
#include "tools/command_line.h"
#include "tools/exit_status.h"
#include "tools/listen_address.h"

namespace penstock {
namespace {

struct ProduceSettings : RemoteSettings {
  uint64_t batch_bytes = 1 << 20;
  uint64_t record_bytes = 1 << 10;
  uint64_t key_count = 0;
  std::string acks = "all";
};

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class ProduceLoad : public KafkaLoad {
 public:
  ProduceLoad(const ProduceSettings& settings, const KafkaTopic& topic)
      : KafkaLoad(settings.load, topic.leaders),
        settings_(settings),
        version_(topic.produce_version),
        batches_({.source = BenchBatches::Source::kafka,
                  .batch_bytes = static_cast<uint32_t>(settings.batch_bytes),
                  .record_bytes = static_cast<uint32_t>(settings.record_bytes),
                  .key_count = settings.key_count,
                  .timestamp_ms = now_ms()}) {}

  uint64_t acknowledged_records() const { return acknowledged_ * batches_.record_count(); }
  const BenchBatches& batches() const { return batches_; }

 protected:
  std::optional<Request> make_request(const std::vector<int32_t>& partitions) override {
    constexpr int32_t kTimeoutMs = 30'000;
    const uint64_t number = next_number_++;
    kafka::ProduceRequest request;
    request.acks = settings_.acks == "all" ? -1 : 1;
    request.timeout_ms = kTimeoutMs;
    kafka::ProduceRequest::Topic topic;
    topic.name = settings_.topic;
    const int32_t partition = partitions[number % partitions.size()];
    topic.partitions.push_back({partition, kafka::Records(batches_.prepared(number))});
    request.topics.push_back(std::move(topic));
    Result<kafka::OutgoingFrame> frame = kafka::encode_request(
        static_cast<int32_t>(number & 0x7fffffff), "penstock-bench", version_, request);
    if (!frame.ok()) {
      fail(fmt::format("a request cannot be encoded: {}", name_of(frame.error())));
      return std::nullopt;
    }
    return Request{std::move(frame).value(), partition};
  }

  std::optional<uint64_t> take_answer(int32_t partition,
                                      std::span<const std::byte> frame) override {
    kafka::Decoder decoder(frame);
    const auto header = kafka::decode_response_header(decoder, kafka::kProduceApi, version_);
    const auto answer = kafka::decode_body<kafka::ProduceResponse>(decoder, version_);
    if (!header.ok() || !answer.ok() || answer.value().topics.size() != 1 ||
        answer.value().topics.front().partitions.size() != 1) {
      fail("a produce request's answer cannot be read");
      return std::nullopt;
    }
    const auto& result = answer.value().topics.front().partitions.front();
    if (result.error_code != kafka::KafkaError::none || result.index != partition) {
      fail(fmt::format("partition {} refused a batch: {}", partition, name_of(result.error_code)));
      return std::nullopt;
    }
    ++acknowledged_;
    return batches_.payload_bytes();
  }

 private:
  const ProduceSettings& settings_;
  int16_t version_;
  BenchBatches batches_;
  uint64_t next_number_ = 0;
  uint64_t acknowledged_ = 0;
};

int run_produce(ProduceSettings& settings) {
  std::string wrong = wrong_with(settings);
  if (wrong.empty() && settings.record_bytes + 100 > settings.batch_bytes) {
    wrong =
        "a batch is to hold one record at least: a larger --batch-bytes, or a smaller "
        "--record-bytes";
  }
  if (!wrong.empty()) {
    complain(wrong);
    return kExitUsage;
  }
  settings.block_bytes = settings.batch_bytes;
  const std::optional<KafkaTopic> topic = KafkaClient::prepare(
      *parse_address(settings.bootstrap), settings.topic, settings.partitions, wrong);
  if (!topic) {
    complain(wrong);
    return kExitFailed;
  }
  ProduceLoad load(settings, *topic);
  BenchResult result("produce");
  const auto describe = [&](nlohmann::ordered_json& extra) {
    extra["records"] = load.acknowledged_records();
    extra["acks"] = settings.acks;
    extra["payload_bytes"] = load.batches().payload_bytes();
    extra["records_per_batch"] = load.batches().record_count();
    extra["working_set_bytes"] = load.batches().working_set_bytes();
    extra["partitions"] = topic->leaders.size();
  };
  const auto load_for = [&](const NetworkAddress& address) {
    KafkaTopic elsewhere = *topic;
    elsewhere.leaders = {address};
    return std::make_unique<ProduceLoad>(settings, elsewhere);
  };
  ProduceSettings one_partition = settings;
  one_partition.topic += "-one-partition";
  const auto load_for_one_partition = [&](std::string& why) -> std::unique_ptr<KafkaLoad> {
    const std::optional<KafkaTopic> single =
        KafkaClient::prepare(*parse_address(settings.bootstrap), one_partition.topic, 1, why);
    if (!single) return nullptr;
    return std::make_unique<ProduceLoad>(one_partition, *single);
  };
  return run_remote(settings, result,
                    {.load = load,
                     .read = false,
                     .load_for = load_for,
                     .load_for_one_partition = load_for_one_partition,
                     .describe = describe});
}

}  // namespace

void add_bench_produce(const Command& bench, std::function<int()>& chosen) {
  const auto settings = std::make_shared<ProduceSettings>();
  const Command command = bench.add_command(
      "produce",
      "Sends prebuilt batches to any Kafka broker, pipelined: as fast as they are acknowledged, "
      "or\n"
      "at a fixed rate, where latency counts from the time a batch was meant to be sent.");
  add_remote_options(
      command, *settings,
      {"iperf3", "fio", "min(iperf3,fio)", "ping-pong", "one-partition", "none"},
      "iperf3, fio, or the lesser of both: min(iperf3,fio); ping-pong: a server that only writes "
      "each request durably and answers, by their p50; one-partition: the same load on a topic of "
      "one, with -one-partition to its name.");
  add_size_option(command, "--batch-bytes", settings->batch_bytes, 128, uint64_t{16} << 20,
                  "Of one batch, one to a request, at most.");
  add_size_option(command, "--record-bytes", settings->record_bytes, 1, uint64_t{16} << 20,
                  "Of one record's value.");
  command
      .add_option("--keys", settings->key_count,
                  "Records have one of so many keys, as a compacted topic asks for; 0: none.")
      .type_name("count")
      .capture_default_str();
  command.add_option("--acks", settings->acks, "all, 1.")
      .type_name("which")
      .one_of({"all", "1"})
      .capture_default_str();
  command.callback([settings, &chosen] { chosen = [settings] { return run_produce(*settings); }; });
}

}  // namespace penstock
