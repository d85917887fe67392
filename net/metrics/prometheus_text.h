// A page in Prometheus's text format, version 0.0.4.
//
//   PrometheusText text;
//   text.family("penstock_things_total", "counter", "Things that happened.");
//   text.sample({{"kind", "good"}}, 3);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "io/figures.h"

namespace penstock::metrics {

struct Label {
  std::string_view name;
  std::string_view value;  // any bytes: escaped
};

class PrometheusText {
 public:
  using Labels = std::initializer_list<Label>;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // The samples that follow are of this one.
  void family(std::string_view name, std::string_view type, std::string_view help);

  void sample(Labels labels, uint64_t value);
  void sample(uint64_t value) { sample({}, value); }
  void seconds(Labels labels, uint64_t duration_ns);
  // Of a family of type histogram; in seconds.
  void histogram(Labels labels, const DurationCounts& durations);

  std::string take() { return std::move(text_); }

 private:
  void begin_sample(std::string_view suffix, Labels labels, std::string_view bound);

  std::string text_;
  std::string name_;
};

}  // namespace penstock::metrics
