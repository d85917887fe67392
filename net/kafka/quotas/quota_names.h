// How quotas are called on the wire.
#pragma once

#include <string_view>

namespace penstock::kafka {

inline constexpr std::string_view kUserPart = "user";
inline constexpr std::string_view kClientIdPart = "client-id";
inline constexpr std::string_view kProducerByteRate = "producer_byte_rate";
inline constexpr std::string_view kConsumerByteRate = "consumer_byte_rate";

}  // namespace penstock::kafka
