// Topics of our own: clients read them, and nothing else.
#pragma once

#include <string_view>

namespace penstock::kafka {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

inline bool is_internal_topic(std::string_view name) { return name == kOffsetsTopic; }

}  // namespace penstock::kafka
