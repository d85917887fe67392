#include "net/metrics/metrics_page.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/kafka/error_search.h"
#include "net/kafka/messages/produce.h"
#include "net/metrics/prometheus_text.h"

namespace penstock::metrics {
namespace {

class NoHost final : public HostFigures {
 public:
  ProcessFigures process() override { return {}; }
  std::string version() const override { return "1"; }
  std::string compiler() const override { return "a \"compiler\"\\\n"; }
};

NodeFigures node_with_topics(uint64_t count) {
  auto catalog = std::make_shared<CatalogSnapshot>();
  NodeFigures node;
  ReactorFigures& reactor = node.reactors.emplace_back();
  for (uint64_t i = 1; i <= count; ++i) {
    auto topic = std::make_shared<Topic>();
    topic->id = {i, i};
    topic->name = fmt::format("topic-{:04}", i);
    topic->partition_count = 1;
    catalog->put(std::move(topic));
    TopicFigures figures;
    figures.topic = {i, i};
    figures.appended.record_count = 10;
    reactor.engine.topics.push_back(figures);
  }
  node.catalog = std::move(catalog);
  return node;
}

size_t count_of(const std::string& page, const std::string& part) {
  size_t count = 0;
  for (size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) ++count;
  return count;
}

TEST(MetricsPage, AddsUpTheTopicsBeyondItsLimit) {
  NoHost host;
  const NodeFigures node = node_with_topics(25);
  const std::string page = write_page(node, host, Readiness(), {.topics_max = 5});
  const std::string name = "penstock_topic_received_records_total";
  EXPECT_EQ(count_of(page, name + "{"), 6u);
  EXPECT_NE(page.find(name + "{topic=\"topic-0005\"} 10\n"), std::string::npos);
  EXPECT_NE(page.find(name + "{topic=\"(other)\"} 200\n"), std::string::npos);
  EXPECT_NE(page.find("penstock_topics_in_other 20\n"), std::string::npos);
}

TEST(MetricsPage, AddsUpTheLagsBeyondItsLimit) {
  NoHost host;
  NodeFigures node = node_with_topics(1);
  for (int i = 0; i < 10; ++i) node.lags.push_back({fmt::format("g{}", i), "topic-0001", 7});
  const std::string page = write_page(node, host, Readiness(), {.lags_max = 4});
  EXPECT_EQ(count_of(page, "penstock_group_lag_records{"), 5u);
  EXPECT_NE(page.find("penstock_group_lag_records{group=\"(other)\",topic=\"(other)\"} 42\n"),
            std::string::npos);
  EXPECT_NE(page.find("penstock_group_lags_in_other 6\n"), std::string::npos);
}

TEST(MetricsPage, EscapesWhatLabelsHold) {
  NoHost host;
  const std::string page = write_page(node_with_topics(0), host, Readiness(), PageLimits());
  EXPECT_NE(page.find("compiler=\"a \\\"compiler\\\"\\\\\\n\""), std::string::npos);
}

TEST(PrometheusText, SumsUpTheRangesOfAHistogram) {
  DurationCounts durations;
  durations.add(40'000);
  durations.add(50'000);
  durations.add(50'001);
  durations.add(60'000'000'000);
  PrometheusText text;
  text.family("x_seconds", "histogram", "Durations.");
  text.histogram({{"of", "it"}}, durations);
  const std::string page = text.take();
  EXPECT_NE(page.find("x_seconds_bucket{of=\"it\",le=\"0.00005\"} 2\n"), std::string::npos) << page;
  EXPECT_NE(page.find("x_seconds_bucket{of=\"it\",le=\"0.0001\"} 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("x_seconds_bucket{of=\"it\",le=\"10\"} 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("x_seconds_bucket{of=\"it\",le=\"+Inf\"} 4\n"), std::string::npos) << page;
  EXPECT_NE(page.find("x_seconds_sum{of=\"it\"} 60.000140001\n"), std::string::npos) << page;
  EXPECT_NE(page.find("x_seconds_count{of=\"it\"} 4\n"), std::string::npos) << page;
}

TEST(ErrorSearch, FindsTheCodesWhereverTheyAre) {
  kafka::ProduceResponse response;
  response.topics.resize(2);
  response.topics[0].partitions.resize(3);
  response.topics[1].partitions.resize(1);
  response.topics[0].partitions[1].error_code = kafka::KafkaError::invalid_record;
  response.topics[1].partitions[0].error_code = kafka::KafkaError::corrupt_message;
  std::vector<kafka::KafkaError> found;
  kafka::for_each_error(response, [&found](kafka::KafkaError error) { found.push_back(error); });
  EXPECT_EQ(found,
            (std::vector{kafka::KafkaError::invalid_record, kafka::KafkaError::corrupt_message}));
}

TEST(LoopFigures, CountsAStallInEveryRangeThatItExceeds) {
  LoopFigures loop;
  loop.add_work(1'000'000);
  loop.add_work(1'000'001);
  loop.add_work(20'000'000);
  EXPECT_EQ(loop.stall_counts, (std::array<uint64_t, 3>{2, 1, 0}));
  EXPECT_EQ(loop.busy_ns, 22'000'001u);
}

}  // namespace
}  // namespace penstock::metrics
