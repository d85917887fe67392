#include "net/kafka/messages/join_group.h"

#include <algorithm>
#include <memory>
#include <set>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kRebalanceTimeoutVersionFirst = 1;
constexpr int16_t kIdRequiredVersionFirst = 4;
constexpr int16_t kNullProtocolVersionFirst = 7;
constexpr int16_t kSkipAssignmentVersionFirst = 9;
constexpr size_t kProtocolsMax = 100;
constexpr size_t kMetadataBytesMax = 1 << 20;  // of one member, over all its protocols

KafkaError check_join(const JoinGroupRequest& body, const GroupSettings& settings) {
  if (body.group_id.empty()) return KafkaError::invalid_group_id;
  if (body.session_timeout_ms < settings.session_timeout_ms_min ||
      body.session_timeout_ms > settings.session_timeout_ms_max) {
    return KafkaError::invalid_session_timeout;
  }
  if (body.protocol_type.empty() || body.protocols.empty()) {
    return KafkaError::inconsistent_group_protocol;
  }
  size_t metadata_bytes = 0;
  std::set<std::string_view> names;
  for (const JoinGroupRequest::Protocol& protocol : body.protocols) {
    metadata_bytes += protocol.name.size() + protocol.metadata.size_bytes();
    names.insert(protocol.name);
  }
  if (names.size() != body.protocols.size() || names.size() > kProtocolsMax) {
    return KafkaError::inconsistent_group_protocol;
  }
  return metadata_bytes > kMetadataBytesMax ? KafkaError::group_max_size_reached : KafkaError::none;
}

JoinWish wish_of(const Request& request, const JoinGroupRequest& body,
                 std::string_view client_host) {
  const int16_t version = request.header.api_version;
  JoinWish wish;
  wish.identity = {body.member_id, body.group_instance_id};
  wish.client_id = request.header.client_id.value_or("");
  wish.client_host = client_host;
  wish.session_timeout_ms = body.session_timeout_ms;
  wish.rebalance_timeout_ms = version < kRebalanceTimeoutVersionFirst
                                  ? body.session_timeout_ms
                                  : std::max(body.rebalance_timeout_ms, 0);
  wish.protocol_type = body.protocol_type;
  for (const JoinGroupRequest::Protocol& protocol : body.protocols) {
    const std::span<const std::byte> metadata = protocol.metadata.bytes();
    wish.protocols.push_back({std::string(protocol.name), {metadata.begin(), metadata.end()}});
  }
  wish.id_required = version >= kIdRequiredVersionFirst;
  wish.may_skip_assignment = version >= kSkipAssignmentVersionFirst;
  return wish;
}

Result<Answer> answer_join(const Request& request, std::string_view member_id, JoinAnswer answer) {
  const auto kept = std::make_shared<JoinAnswer>(std::move(answer));
  JoinGroupResponse response;
  response.error_code = kept->error;
  response.generation_id = kept->generation;
  response.leader = kept->leader_id;
  response.skip_assignment = kept->skip_assignment;
  response.member_id = kept->member_id.empty() ? member_id : kept->member_id;
  const bool refused = kept->error != KafkaError::none;
  if (!refused) response.protocol_type = kept->protocol_type;
  if (!refused || request.header.api_version < kNullProtocolVersionFirst) {
    response.protocol_name = kept->protocol_name;
  }
  for (const JoinAnswer::Member& member : kept->members) {
    JoinGroupResponse::Member one;
    one.member_id = member.member_id;
    if (member.instance_id) one.group_instance_id = *member.instance_id;
    one.metadata = Records(member.metadata);
    response.members.push_back(one);
  }
  Result<Answer> encoded = answer_with(request, response);
  if (encoded.ok()) encoded.value().kept_value = kept;
  return encoded;
}

}  // namespace

Task<Result<Answer>> handle_join_group(Request& request) {
  const Result<JoinGroupRequest> body = body_of<JoinGroupRequest>(request);
  if (!body.ok()) co_return body.error();
  GroupCoordinator& groups = request.server.groups();
  JoinAnswer answer;
  answer.error = check_join(body.value(), groups.settings());
  if (answer.error == KafkaError::none) {
    const std::string client_host = client_host_of(request);
    const JoinWish wish = wish_of(request, body.value(), client_host);
    answer = co_await groups.join(body.value().group_id, wish, request.client_gone);
  }
  co_return answer_join(request, body.value().member_id, std::move(answer));
}

}  // namespace penstock::kafka
