#include "net/kafka/messages/delete_topics.h"

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"
#include "net/kafka/uuid.h"

namespace penstock::kafka {

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
      const Result<void> deleted = co_await engine.delete_topic(topic->id);
      if (!deleted.ok()) result.error_code = kafka_error_of(deleted.error());
    }
    response.topics.push_back(std::move(result));
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
