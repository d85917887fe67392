#include "net/kafka/messages/init_producer_id.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

// What can be said without asking the engine.
KafkaError refusal_of(const InitProducerIdRequest& body) {
  if (body.transactional_id && body.transactional_id->empty()) return KafkaError::invalid_request;
  if (body.transactional_id) return KafkaError::unsupported_version;  // no transactions are served
  if ((body.producer_id == -1) != (body.producer_epoch == -1)) return KafkaError::invalid_request;
  if (body.producer_id < -1 || body.producer_epoch < -1) return KafkaError::invalid_request;
  return KafkaError::none;
}

}  // namespace

Task<Result<Answer>> handle_init_producer_id(Request& request) {
  const Result<InitProducerIdRequest> decoded = body_of<InitProducerIdRequest>(request);
  if (!decoded.ok()) co_return decoded.error();
  const InitProducerIdRequest& body = decoded.value();
  InitProducerIdResponse response;
  response.error_code = refusal_of(body);
  if (response.error_code == KafkaError::none) {
    std::optional<ProducerIdentity> current;
    if (body.producer_id >= 0) current = {body.producer_id, body.producer_epoch};
    const Result<ProducerIdentity> made = co_await request.server.engine().init_producer(current);
    if (made.ok()) {
      response.producer_id = made.value().id;
      response.producer_epoch = made.value().epoch;
    } else {
      response.error_code = KafkaError::coordinator_not_available;  // try again
    }
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
