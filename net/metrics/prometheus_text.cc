#include "net/metrics/prometheus_text.h"

#include <fmt/format.h>

#include <iterator>

namespace penstock::metrics {
namespace {

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\\': text += "\\\\"; break;
      case '"': text += "\\\""; break;
      case '\n': text += "\\n"; break;
      default: text += c;
    }
  }
}

std::string in_seconds(uint64_t duration_ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  std::string text = fmt::format("{}.{:09}", duration_ns / kSecond, duration_ns % kSecond);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void PrometheusText::begin_sample(std::string_view suffix, Labels labels, std::string_view bound) {
  text_.append(name_).append(suffix);
  if (labels.size() == 0 && bound.empty()) {
    text_ += ' ';
    return;
  }
  char before = '{';
  for (const Label& label : labels) {
    text_ += before;
    before = ',';
    text_.append(label.name).append("=\"");
    append_escaped(text_, label.value);
    text_ += '"';
  }
  if (!bound.empty()) fmt::format_to(std::back_inserter(text_), "{}le=\"{}\"", before, bound);
  text_ += "} ";
}

void PrometheusText::sample(Labels labels, uint64_t value) {
  begin_sample({}, labels, {});
  fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

void PrometheusText::seconds(Labels labels, uint64_t duration_ns) {
  begin_sample({}, labels, {});
  text_.append(in_seconds(duration_ns)).append("\n");
}

void PrometheusText::histogram(Labels labels, const DurationCounts& durations) {
  uint64_t sum = 0;
  for (size_t range = 0; range < durations.counts().size(); ++range) {
    sum += durations.counts()[range];
    const bool last = range == DurationCounts::kBoundsNs.size();
    begin_sample("_bucket", labels, last ? "+Inf" : in_seconds(DurationCounts::kBoundsNs[range]));
    fmt::format_to(std::back_inserter(text_), "{}\n", sum);
  }
  begin_sample("_sum", labels, {});
  text_.append(in_seconds(durations.total_ns())).append("\n");
  begin_sample("_count", labels, {});
  fmt::format_to(std::back_inserter(text_), "{}\n", sum);
}

}  // namespace penstock::metrics
