#include "net/kafka/messages/describe_client_quotas.h"

#include <algorithm>

#include "net/kafka/handlers.h"
#include "net/kafka/quotas/quota_names.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

enum class Match : int8_t { name = 0, unnamed = 1, any = 2 };

// What is asked of one part of an entity; not asked: anything, but in a strict request nothing.
struct Wanted {
  bool asked = false;
  Match match = Match::any;
  std::string_view name;

  bool holds(const std::optional<std::string>& part, bool strict) const {
    if (!asked) return !part || !strict;
    if (!part) return false;
    switch (match) {
      case Match::name: return *part == name;
      case Match::unnamed: return part->empty();
      case Match::any: return true;
    }
    return false;
  }
};

// Null, or why it cannot be understood.
const char* understand(const DescribeClientQuotasRequest& body, Wanted& user, Wanted& client_id) {
  for (const DescribeClientQuotasRequest::Component& component : body.components) {
    Wanted* const wanted = component.entity_type == kUserPart       ? &user
                           : component.entity_type == kClientIdPart ? &client_id
                                                                    : nullptr;
    if (wanted == nullptr) return "Only the entity types user and client-id are supported.";
    if (wanted->asked) return "An entity type is named twice.";
    wanted->asked = true;
    wanted->match = static_cast<Match>(component.match_type);
    switch (wanted->match) {
      case Match::name:
        if (!component.match || component.match->empty()) return "A name is missing.";
        wanted->name = *component.match;
        break;
      case Match::unnamed:
      case Match::any:
        if (component.match) return "There is a name where none is asked for.";
        break;
      default: return "Unknown match type.";
    }
  }
  return nullptr;
}

DescribeClientQuotasResponse::Entry describe(const QuotaEntity& entity, const QuotaLimits& limits) {
  DescribeClientQuotasResponse::Entry entry;
  const auto add_part = [&entry](std::string_view type, const std::optional<std::string>& name) {
    if (!name) return;
    QuotaEntityPart& part = entry.entity.emplace_back();
    part.entity_type = type;
    if (!name->empty()) part.entity_name = *name;
  };
  add_part(kUserPart, entity.user);
  add_part(kClientIdPart, entity.client_id);
  if (limits.producer_byte_rate > 0) {
    entry.values.push_back({kProducerByteRate, limits.producer_byte_rate});
  }
  if (limits.consumer_byte_rate > 0) {
    entry.values.push_back({kConsumerByteRate, limits.consumer_byte_rate});
  }
  return entry;
}

}  // namespace

Task<Result<Answer>> handle_describe_client_quotas(Request& request) {
  const auto body = body_of<DescribeClientQuotasRequest>(request);
  if (!body.ok()) co_return body.error();
  DescribeClientQuotasResponse response;
  Wanted user;
  Wanted client_id;
  if (const char* const wrong = understand(body.value(), user, client_id)) {
    response.error_code = KafkaError::invalid_request;
    response.error_message = wrong;
    co_return answer_with(request, response);
  }
  const auto catalog = request.server.engine().catalog_pointer();
  response.entries.emplace();
  for (const auto& [entity, limits] : catalog->quotas()) {
    const bool strict = body.value().strict;
    if (!user.holds(entity.user, strict) || !client_id.holds(entity.client_id, strict)) continue;
    response.entries->push_back(describe(entity, limits));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
