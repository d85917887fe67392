// A regular expression for topics' names, in RE2's syntax as Kafka's: the time it takes grows with the name only.
#pragma once

#include <memory>
#include <string_view>

namespace re2 {
class RE2;
}

namespace penstock::kafka {

class TopicPattern {
 public:
  explicit TopicPattern(std::string_view text);
  ~TopicPattern();

  bool is_valid() const;  // otherwise it matches nothing
  // The whole name.
  bool matches(std::string_view topic) const;

 private:
  std::unique_ptr<re2::RE2> expression_;
};

}  // namespace penstock::kafka
