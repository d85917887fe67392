#include "net/metrics/topic_page.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace penstock::metrics {
namespace {

struct NodeTopic {
  TopicFigures log;
  kafka::SentFigures sent;
};

void add(NodeTopic& sum, const TopicFigures& part) {
  sum.log.partition_count += part.partition_count;
  sum.log.appended.append_count += part.appended.append_count;
  sum.log.appended.record_count += part.appended.record_count;
  sum.log.appended.bytes += part.appended.bytes;
  sum.log.log_start += part.log_start;
  sum.log.log_end += part.log_end;
  sum.log.high_watermark += part.high_watermark;
  sum.log.size_bytes += part.size_bytes;
}

void add(NodeTopic& sum, const kafka::SentFigures& part) {
  sum.sent.read_count += part.read_count;
  sum.sent.record_count += part.record_count;
  sum.sent.bytes += part.bytes;
}

// By name; what is beyond the limit is added up under kOther.
std::map<std::string, NodeTopic> add_up_topics(const NodeFigures& node, const PageLimits& limits) {
  std::map<TopicId, const std::string*> names;
  static const std::string other = kOther;
  std::map<std::string, NodeTopic> topics;
  for (const auto& [name, topic] : node.catalog->topics()) {
    const bool shown = names.size() < limits.topics_max;
    names[topic->id] = shown ? &name : &other;
    topics[shown ? name : other];
  }
  for (const ReactorFigures& reactor : node.reactors) {
    for (const TopicFigures& part : reactor.engine.topics) {
      const auto found = names.find(part.topic);
      if (found != names.end()) add(topics[*found->second], part);
    }
    for (const auto& [id, part] : reactor.server.sent()) {
      const auto found = names.find(id);
      if (found != names.end()) add(topics[*found->second], part);
    }
  }
  return topics;
}

template <class Value>
void per_topic(PrometheusText& text, const std::map<std::string, NodeTopic>& topics,
               std::string_view name, std::string_view type, std::string_view help, Value value) {
  text.family(name, type, help);
  for (const auto& [topic, figures] : topics) text.sample({{"topic", topic}}, value(figures));
}

}  // namespace

void write_topics(PrometheusText& text, const NodeFigures& node, const PageLimits& limits) {
  const std::map<std::string, NodeTopic> topics = add_up_topics(node, limits);
  const size_t count = node.catalog->topics().size();
  text.family("penstock_topics", "gauge", "Topics there are.");
  text.sample(count);
  text.family("penstock_topics_in_other", "gauge",
              "Topics without series of their own, added up as (other).");
  text.sample(count > limits.topics_max ? count - limits.topics_max : 0);
  per_topic(text, topics, "penstock_topic_partitions", "gauge", "Partitions that have been used.",
            [](const NodeTopic& t) { return t.log.partition_count; });
  per_topic(text, topics, "penstock_topic_received_batches_total", "counter",
            "Record batches that were appended and acknowledged.",
            [](const NodeTopic& t) { return t.log.appended.append_count; });
  per_topic(text, topics, "penstock_topic_received_records_total", "counter", "Records in these.",
            [](const NodeTopic& t) { return t.log.appended.record_count; });
  per_topic(text, topics, "penstock_topic_received_bytes_total", "counter", "Bytes of these.",
            [](const NodeTopic& t) { return t.log.appended.bytes; });
  per_topic(text, topics, "penstock_topic_sent_reads_total", "counter",
            "Times that records of a partition were part of an answer.",
            [](const NodeTopic& t) { return t.sent.read_count; });
  per_topic(text, topics, "penstock_topic_sent_records_total", "counter", "Records in these.",
            [](const NodeTopic& t) { return t.sent.record_count; });
  per_topic(text, topics, "penstock_topic_sent_bytes_total", "counter", "Bytes of these.",
            [](const NodeTopic& t) { return t.sent.bytes; });
  per_topic(text, topics, "penstock_topic_log_start_offset", "gauge",
            "The log start offsets of its partitions, added up.",
            [](const NodeTopic& t) { return t.log.log_start; });
  per_topic(text, topics, "penstock_topic_log_end_offset", "gauge",
            "The log end offsets of its partitions, added up.",
            [](const NodeTopic& t) { return t.log.log_end; });
  per_topic(text, topics, "penstock_topic_high_watermark", "gauge",
            "The high watermarks of its partitions, added up.",
            [](const NodeTopic& t) { return t.log.high_watermark; });
  per_topic(text, topics, "penstock_topic_size_bytes", "gauge",
            "Its logs, with what frames add to batches.",
            [](const NodeTopic& t) { return t.log.size_bytes; });
}

void write_groups(PrometheusText& text, const NodeFigures& node, const PageLimits& limits) {
  std::map<kafka::GroupState, uint64_t> states;
  for (const ReactorFigures& reactor : node.reactors) {
    for (const kafka::GroupFigures& group : reactor.groups) ++states[group.state];
  }
  text.family("penstock_groups", "gauge", "Consumer groups, by the state they are in.");
  for (const auto& [state, count] : states) text.sample({{"state", name_of(state)}}, count);

  std::vector<const GroupLag*> lags;
  lags.reserve(node.lags.size());
  for (const GroupLag& lag : node.lags) lags.push_back(&lag);
  std::ranges::sort(lags, {}, [](const GroupLag* l) { return std::tie(l->group, l->topic); });
  const size_t shown = std::min(lags.size(), limits.lags_max);
  text.family(
      "penstock_group_lag_records", "gauge",
      "From a group's committed offsets to the high watermarks, over a topic's partitions.");
  for (size_t i = 0; i < shown; ++i) {
    text.sample({{"group", lags[i]->group}, {"topic", lags[i]->topic}}, lags[i]->lag);
  }
  uint64_t rest = 0;
  for (size_t i = shown; i < lags.size(); ++i) rest += lags[i]->lag;
  if (shown < lags.size()) text.sample({{"group", kOther}, {"topic", kOther}}, rest);
  text.family("penstock_group_lags_in_other", "gauge",
              "Pairs of group and topic without series of their own, added up as (other).");
  text.sample(lags.size() - shown);
}

}  // namespace penstock::metrics
