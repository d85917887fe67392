#include "net/kafka/messages/alter_client_quotas.h"

#include <cmath>

#include "net/kafka/handlers.h"
#include "net/kafka/quotas/quota_names.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

constexpr size_t kEntriesMax = 1000;  // of one request: each is a record, flushed
constexpr size_t kNameBytesMax = 255;

// Null, or why it is no entity.
const char* understand_entity(const std::vector<QuotaEntityPart>& parts, QuotaEntity& entity) {
  if (parts.empty()) return "An entity is empty.";
  for (const QuotaEntityPart& part : parts) {
    std::optional<std::string>* const name = part.entity_type == kUserPart       ? &entity.user
                                             : part.entity_type == kClientIdPart ? &entity.client_id
                                                                                 : nullptr;
    if (name == nullptr) return "Only the entity types user and client-id are supported.";
    if (*name) return "An entity type is named twice.";
    if (part.entity_name && part.entity_name->empty()) return "A name is empty.";
    if (part.entity_name && part.entity_name->size() > kNameBytesMax) return "A name is too long.";
    *name = std::string(part.entity_name.value_or(std::string_view()));
  }
  return nullptr;
}

const char* understand_operation(const AlterClientQuotasRequest::Operation& operation,
                                 QuotaChange& change) {
  std::optional<double>* const limit =
      operation.key == kProducerByteRate   ? &change.producer_byte_rate
      : operation.key == kConsumerByteRate ? &change.consumer_byte_rate
                                           : nullptr;
  if (limit == nullptr) return "Only producer_byte_rate and consumer_byte_rate are supported.";
  if (*limit) return "A limit is named twice.";
  *limit = 0;
  if (operation.remove) return nullptr;
  constexpr double kLimitMax = 9e18;
  const double value = operation.value;
  if (!(value >= 1 && value <= kLimitMax) || std::trunc(value) != value) {
    return "A limit is a whole number of bytes per second, at least 1.";
  }
  *limit = value;
  return nullptr;
}

const char* understand(const AlterClientQuotasRequest::Entry& entry, QuotaChange& change) {
  if (const char* const wrong = understand_entity(entry.entity, change.entity)) return wrong;
  for (const AlterClientQuotasRequest::Operation& operation : entry.operations) {
    if (const char* const wrong = understand_operation(operation, change)) return wrong;
  }
  return nullptr;
}

Task<Refusal> alter(Engine& engine, const AlterClientQuotasRequest::Entry& entry,
                    bool validate_only) {
  QuotaChange change;
  const char* const wrong = understand(entry, change);
  if (wrong != nullptr) co_return Refusal{KafkaError::invalid_request, wrong};
  if (validate_only) co_return Refusal{};
  const Result<void> altered = co_await engine.alter_quota(std::move(change));
  if (altered.ok()) co_return Refusal{};
  if (altered.error() == Error::too_large) {
    co_return Refusal{KafkaError::policy_violation, "There are too many quotas."};
  }
  co_return Refusal{kafka_error_of(altered.error()), "The catalog could not be written."};
}

}  // namespace

Task<Result<Answer>> handle_alter_client_quotas(Request& request) {
  const auto body = body_of<AlterClientQuotasRequest>(request);
  if (!body.ok()) co_return body.error();
  const std::vector<AlterClientQuotasRequest::Entry>& entries = body.value().entries;
  AlterClientQuotasResponse response;
  std::vector<Refusal> refusals(entries.size());  // their texts outlive the response
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries.size() > kEntriesMax) {
      refusals[i] = {KafkaError::invalid_request, "There are too many entries."};
    } else {
      refusals[i] = co_await alter(request.server.engine(), entries[i], body.value().validate_only);
    }
    response.entries.push_back({refusals[i].code, refusals[i].text(), entries[i].entity});
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
