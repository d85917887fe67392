#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {

std::string client_host_of(const Request& request) {
  const std::string peer = request.server.engine().doors().network.peer_of(request.socket);
  return "/" + peer.substr(0, peer.rfind(':'));
}

void count_error(const Request& request, KafkaError error) {
  request.server.figures().count_error(request.header.api_key, error);
}

KafkaError kafka_error_of(Error error) {
  switch (error) {
    case Error::not_found: return KafkaError::unknown_topic_or_partition;
    case Error::already_exists: return KafkaError::topic_already_exists;
    case Error::offset_out_of_range: return KafkaError::offset_out_of_range;
    case Error::too_large: return KafkaError::message_too_large;
    case Error::invalid_argument: return KafkaError::invalid_request;
    case Error::out_of_sequence: return KafkaError::out_of_order_sequence_number;
    case Error::stale_producer_epoch: return KafkaError::invalid_producer_epoch;
    case Error::busy:
    case Error::timed_out: return KafkaError::request_timed_out;
    case Error::closed: return KafkaError::not_leader_or_follower;  // we are stopping: look again
    case Error::io:
    case Error::disk_full:
    case Error::corrupt:
    case Error::fenced: return KafkaError::kafka_storage_error;
    case Error::segment_full:
    case Error::unsupported:
    case Error::locked:
    case Error::cancelled: return KafkaError::unknown_server_error;
  }
  return KafkaError::unknown_server_error;
}

Task<Result<Answer>> handle_request(Request& request) {
  switch (admission_of(request.header.api_key, request.header.api_version)) {
    case Admission::serve: break;
    case Admission::answer_unsupported: co_return co_await handle_api_versions(request);
    case Admission::close: co_return Error::unsupported;
  }
  switch (request.header.api_key) {
    case ApiKey::produce: co_return co_await handle_produce(request);
    case ApiKey::fetch: co_return co_await handle_fetch(request);
    case ApiKey::list_offsets: co_return co_await handle_list_offsets(request);
    case ApiKey::metadata: co_return co_await handle_metadata(request);
    case ApiKey::find_coordinator: co_return co_await handle_find_coordinator(request);
    case ApiKey::api_versions: co_return co_await handle_api_versions(request);
    case ApiKey::create_topics: co_return co_await handle_create_topics(request);
    case ApiKey::delete_topics: co_return co_await handle_delete_topics(request);
    case ApiKey::offset_commit: co_return co_await handle_offset_commit(request);
    case ApiKey::offset_fetch: co_return co_await handle_offset_fetch(request);
    case ApiKey::join_group: co_return co_await handle_join_group(request);
    case ApiKey::heartbeat: co_return co_await handle_heartbeat(request);
    case ApiKey::leave_group: co_return co_await handle_leave_group(request);
    case ApiKey::sync_group: co_return co_await handle_sync_group(request);
    case ApiKey::describe_groups: co_return co_await handle_describe_groups(request);
    case ApiKey::list_groups: co_return co_await handle_list_groups(request);
    case ApiKey::offset_for_leader_epoch:
      co_return co_await handle_offset_for_leader_epoch(request);
    case ApiKey::delete_groups: co_return co_await handle_delete_groups(request);
    case ApiKey::offset_delete: co_return co_await handle_offset_delete(request);
    case ApiKey::init_producer_id: co_return co_await handle_init_producer_id(request);
    case ApiKey::describe_producers: co_return co_await handle_describe_producers(request);
    case ApiKey::delete_records: co_return co_await handle_delete_records(request);
    case ApiKey::describe_configs: co_return co_await handle_describe_configs(request);
    case ApiKey::alter_configs: co_return co_await handle_alter_configs(request);
    case ApiKey::describe_log_dirs: co_return co_await handle_describe_log_dirs(request);
    case ApiKey::create_partitions: co_return co_await handle_create_partitions(request);
    case ApiKey::elect_leaders: co_return co_await handle_elect_leaders(request);
    case ApiKey::incremental_alter_configs:
      co_return co_await handle_incremental_alter_configs(request);
    case ApiKey::alter_partition_reassignments:
      co_return co_await handle_alter_partition_reassignments(request);
    case ApiKey::list_partition_reassignments:
      co_return co_await handle_list_partition_reassignments(request);
    case ApiKey::describe_cluster: co_return co_await handle_describe_cluster(request);
    case ApiKey::describe_topic_partitions:
      co_return co_await handle_describe_topic_partitions(request);
    case ApiKey::consumer_group_heartbeat:
      co_return co_await handle_consumer_group_heartbeat(request);
    case ApiKey::consumer_group_describe:
      co_return co_await handle_consumer_group_describe(request);
    case ApiKey::describe_client_quotas: co_return co_await handle_describe_client_quotas(request);
    case ApiKey::alter_client_quotas: co_return co_await handle_alter_client_quotas(request);
  }
  co_return Error::unsupported;
}

}  // namespace penstock::kafka
