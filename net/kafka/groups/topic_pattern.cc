#include "net/kafka/groups/topic_pattern.h"

#include <re2/re2.h>

namespace penstock::kafka {
namespace {

// A client's pattern: what it costs is bounded, and what is wrong with it is told to the client.
re2::RE2::Options options() {
  constexpr int64_t kMemoryBytesMax = 1 << 20;
  re2::RE2::Options options;
  options.set_max_mem(kMemoryBytesMax);
  options.set_log_errors(false);
  return options;
}

re2::StringPiece piece_of(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

TopicPattern::TopicPattern(std::string_view text)
    : expression_(std::make_unique<re2::RE2>(piece_of(text), options())) {}

TopicPattern::~TopicPattern() = default;

bool TopicPattern::is_valid() const { return expression_->ok(); }

bool TopicPattern::matches(std::string_view topic) const {
  return expression_->ok() && re2::RE2::FullMatch(piece_of(topic), *expression_);
}

}  // namespace penstock::kafka
