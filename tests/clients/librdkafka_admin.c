// `admin BOOTSTRAP`: what librdkafka can ask and change as an administrator, a line for each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/clients/librdkafka_client.h"

enum { kPatienceMs = 20000 };

// Of later versions than the one that this is compiled with.
extern __attribute__((weak)) rd_kafka_error_t* rd_kafka_ConfigResource_add_incremental_config(
    rd_kafka_ConfigResource_t* resource, const char* name, int operation, const char* value);
extern __attribute__((weak)) void rd_kafka_IncrementalAlterConfigs(
    rd_kafka_t* client, rd_kafka_ConfigResource_t** resources, size_t count,
    const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue);
extern __attribute__((weak)) const rd_kafka_event_t* rd_kafka_event_IncrementalAlterConfigs_result(
    rd_kafka_event_t* event);
extern __attribute__((weak)) const rd_kafka_ConfigResource_t**
rd_kafka_IncrementalAlterConfigs_result_resources(const rd_kafka_event_t* result, size_t* count);

struct admin {
  rd_kafka_t* client;
  rd_kafka_queue_t* queue;
};

// The answer to what was asked last; its owner destroys it.
static rd_kafka_event_t* answer_of(const struct admin* admin) {
  rd_kafka_event_t* event = rd_kafka_queue_poll(admin->queue, kPatienceMs);
  if (event == NULL) fail("admin", "no answer");
  return event;
}

static void print_refusal(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) printf("refused %d", (int)error);
}

static void print_group_refusals(const rd_kafka_group_result_t** groups, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_group_result_error(groups[i]);
    if (error != NULL) print_refusal(rd_kafka_error_code(error));
    const rd_kafka_topic_partition_list_t* parts = rd_kafka_group_result_partitions(groups[i]);
    for (int j = 0; parts != NULL && j < parts->cnt; ++j) print_refusal(parts->elems[j].err);
  }
}

static void delete_records(const struct admin* admin, char** fields) {
  rd_kafka_topic_partition_list_t* before = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(before, fields[1], atoi(fields[2]))->offset = atoll(fields[3]);
  rd_kafka_DeleteRecords_t* wish = rd_kafka_DeleteRecords_new(before);
  rd_kafka_DeleteRecords(admin->client, &wish, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  const rd_kafka_DeleteRecords_result_t* result = rd_kafka_event_DeleteRecords_result(event);
  print_refusal(rd_kafka_DeleteRecords_result_offsets(result)->elems[0].err);
  rd_kafka_event_destroy(event);
  rd_kafka_DeleteRecords_destroy(wish);
  rd_kafka_topic_partition_list_destroy(before);
}

static int compare_names(const void* one, const void* other) {
  return strcmp(*(const char* const*)one, *(const char* const*)other);
}

static void list_groups(const struct admin* admin, char** fields) {
  (void)fields;
  rd_kafka_ListConsumerGroups(admin->client, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  const rd_kafka_ConsumerGroupListing_t** groups = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event), &count);
  const char** names = malloc((count + 1) * sizeof *names);
  for (size_t i = 0; i < count; ++i) names[i] = rd_kafka_ConsumerGroupListing_group_id(groups[i]);
  qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 0; i < count; ++i) printf("%s%s", i == 0 ? "" : ",", names[i]);
  free(names);
  rd_kafka_event_destroy(event);
}

static void describe_group(const struct admin* admin, char** fields) {
  const char* names[] = {fields[1]};
  rd_kafka_DescribeConsumerGroups(admin->client, names, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  const rd_kafka_ConsumerGroupDescription_t** groups =
      rd_kafka_DescribeConsumerGroups_result_groups(
          rd_kafka_event_DescribeConsumerGroups_result(event), &count);
  for (size_t i = 0; i < count; ++i) {
    printf("%s",
           rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[i])));
  }
  rd_kafka_event_destroy(event);
}

static void group_offsets(const struct admin* admin, char** fields) {
  rd_kafka_topic_partition_list_t* parts = rd_kafka_topic_partition_list_new(2);
  rd_kafka_topic_partition_list_add_range(parts, fields[2], 0, 1);
  rd_kafka_ListConsumerGroupOffsets_t* wish =
      rd_kafka_ListConsumerGroupOffsets_new(fields[1], parts);
  rd_kafka_ListConsumerGroupOffsets(admin->client, &wish, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  const rd_kafka_group_result_t** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
  print_group_refusals(groups, count);
  const rd_kafka_topic_partition_list_t* found = rd_kafka_group_result_partitions(groups[0]);
  for (int i = 0; found != NULL && i < found->cnt; ++i) {
    printf("%s%d:%lld", i == 0 ? "" : ",", (int)found->elems[i].partition,
           (long long)found->elems[i].offset);
  }
  rd_kafka_event_destroy(event);
  rd_kafka_ListConsumerGroupOffsets_destroy(wish);
  rd_kafka_topic_partition_list_destroy(parts);
}

static void alter_group_offset(const struct admin* admin, char** fields) {
  rd_kafka_topic_partition_list_t* parts = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(parts, fields[2], atoi(fields[3]))->offset = atoll(fields[4]);
  rd_kafka_AlterConsumerGroupOffsets_t* wish =
      rd_kafka_AlterConsumerGroupOffsets_new(fields[1], parts);
  rd_kafka_AlterConsumerGroupOffsets(admin->client, &wish, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  print_group_refusals(rd_kafka_AlterConsumerGroupOffsets_result_groups(
                           rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count),
                       count);
  rd_kafka_event_destroy(event);
  rd_kafka_AlterConsumerGroupOffsets_destroy(wish);
  rd_kafka_topic_partition_list_destroy(parts);
}

static void delete_group(const struct admin* admin, char** fields) {
  rd_kafka_DeleteGroup_t* wish = rd_kafka_DeleteGroup_new(fields[1]);
  rd_kafka_DeleteGroups(admin->client, &wish, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  const rd_kafka_group_result_t** groups =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
  print_group_refusals(groups, count);
  rd_kafka_event_destroy(event);
  rd_kafka_DeleteGroup_destroy(wish);
}

static void incremental_alter_configs(const struct admin* admin, char** fields) {
  const int set_operation = 0;
  if (rd_kafka_IncrementalAlterConfigs == NULL) fail(fields[0], "this librdkafka is too old");
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, fields[1]);
  rd_kafka_ConfigResource_add_incremental_config(resource, fields[2], set_operation, fields[3]);
  rd_kafka_IncrementalAlterConfigs(admin->client, &resource, 1, NULL, admin->queue);
  rd_kafka_event_t* event = answer_of(admin);
  print_refusal(rd_kafka_event_error(event));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** altered = rd_kafka_IncrementalAlterConfigs_result_resources(
      rd_kafka_event_IncrementalAlterConfigs_result(event), &count);
  for (size_t i = 0; i < count; ++i) print_refusal(rd_kafka_ConfigResource_error(altered[i]));
  rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(resource);
}

static const struct {
  const char* verb;
  int field_count;
  void (*act)(const struct admin* admin, char** fields);
} kVerbs[] = {
    {"delete-records", 4, delete_records},
    {"list-groups", 1, list_groups},
    {"describe-group", 2, describe_group},
    {"group-offsets", 3, group_offsets},
    {"alter-group-offset", 5, alter_group_offset},
    {"delete-group", 2, delete_group},
    {"incremental-alter-configs", 4, incremental_alter_configs},
};

static void administer_line(const struct admin* admin, char* line) {
  char* fields[kFieldsMax];
  const int count = split(line, fields);
  for (size_t i = 0; i < sizeof kVerbs / sizeof kVerbs[0]; ++i) {
    if (strcmp(kVerbs[i].verb, fields[0]) != 0 || kVerbs[i].field_count != count) continue;
    printf("%s\t", fields[0]);
    kVerbs[i].act(admin, fields);
    putchar('\n');
    return;
  }
  fail("no such verb, or not with these fields", fields[0]);
}

void administer(const char* bootstrap) {
  struct admin admin;
  admin.client = client_of(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), bootstrap);
  admin.queue = rd_kafka_queue_new(admin.client);
  char* line = NULL;
  size_t capacity = 0;
  for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) {
    if (line[size - 1] == '\n') line[size - 1] = 0;
    administer_line(&admin, line);
  }
  free(line);
  rd_kafka_queue_destroy(admin.queue);
  rd_kafka_destroy(admin.client);
}
