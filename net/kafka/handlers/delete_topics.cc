#include "net/kafka/messages/delete_topics.h"

#include "net/kafka/handlers.h"
#include "net/kafka/internal_topics.h"
#include "net/kafka/server.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {
namespace {

// Consumer groups must not find their old place in a new topic of the same name.
Task<KafkaError> delete_topic(Request& request, std::string_view name, TopicId id) {
  if (!request.server.options().delete_topics) co_return KafkaError::topic_deletion_disabled;
  if (is_internal_topic(name)) co_return KafkaError::invalid_topic_exception;
  const Result<void> deleted = co_await request.server.engine().delete_topic(id);
  if (!deleted.ok()) co_return kafka_error_of(deleted.error());
  co_await request.server.groups().forget_topic(name);
  co_return KafkaError::none;
}

}  // namespace

Task<Result<Answer>> handle_delete_topics(Request& request) {
  const Result<DeleteTopicsRequest> body = body_of<DeleteTopicsRequest>(request);
  if (!body.ok()) co_return body.error();
  Engine& engine = request.server.engine();
  std::vector<DeleteTopicsRequest::Topic> asked = body.value().topics;
  for (const std::string_view name : body.value().topic_names) {
    asked.push_back({std::optional(name), Uuid{}});
  }
  DeleteTopicsResponse response;
  std::vector<std::string> names(asked.size());  // outlive the response
  for (size_t i = 0; i < asked.size(); ++i) {
    const DeleteTopicsRequest::Topic& wanted = asked[i];
    DeleteTopicsResponse::Topic result;
    result.name = wanted.name;
    result.topic_id = wanted.topic_id;
    const Topic* topic = wanted.name ? engine.catalog().find(*wanted.name)
                                     : engine.catalog().find(topic_id_of(wanted.topic_id));
    if (topic == nullptr) {
      result.error_code =
          wanted.name ? KafkaError::unknown_topic_or_partition : KafkaError::unknown_topic_id;
    } else {
      names[i] = topic->name;
      result.name = names[i];
      result.topic_id = uuid_of(topic->id);
      result.error_code = co_await delete_topic(request, names[i], topic->id);
    }
    response.topics.push_back(std::move(result));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
