// librdkafka from C. It speaks the lines of README.md: `produce BOOTSTRAP`, `consume BOOTSTRAP` and `admin BOOTSTRAP`.
#include "tests/clients/librdkafka_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kTopicsMax = 128, kFlushMs = 30000, kPollMs = 1000 };

static int failures = 0;

void fail(const char* what, const char* why) {
  fprintf(stderr, "librdkafka_client: %s: %s\n", what, why);
  exit(1);
}

int split(char* line, char** fields) {
  int count = 0;
  for (char* rest = line; rest != NULL && count < kFieldsMax;) {
    fields[count++] = strsep(&rest, "\t");
  }
  return count;
}

struct bytes {
  unsigned char* data;  // null: there is none
  size_t size;
};

static struct bytes bytes_of(const char* text) {
  struct bytes result = {NULL, 0};
  if (strcmp(text, "-") == 0) return result;
  result.size = strlen(text) / 2;
  result.data = malloc(result.size + 1);
  for (size_t i = 0; i < result.size; ++i) {
    const char digits[3] = {text[2 * i], text[2 * i + 1], 0};
    result.data[i] = (unsigned char)strtoul(digits, NULL, 16);
  }
  return result;
}

static void print_bytes(const void* data, size_t size) {
  if (data == NULL) {
    putchar('-');
    return;
  }
  for (size_t i = 0; i < size; ++i) printf("%02x", ((const unsigned char*)data)[i]);
}

static void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char why[kErrorBytes];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(name, why);
}

rd_kafka_t* client_of(rd_kafka_type_t type, rd_kafka_conf_t* conf, const char* bootstrap) {
  char why[kErrorBytes];
  set(conf, "bootstrap.servers", bootstrap);
  rd_kafka_t* client = rd_kafka_new(type, conf, why, sizeof why);
  if (client == NULL) fail("rd_kafka_new", why);
  return client;
}

static rd_kafka_headers_t* headers_of(char* text) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(4);
  while (text != NULL && *text != 0) {
    char* value = strsep(&text, ",");
    const char* name = strsep(&value, ":");
    const struct bytes data = bytes_of(value);
    rd_kafka_header_add(headers, name, -1, data.data, (ssize_t)data.size);
    free(data.data);
  }
  return headers;
}

static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque) {
  (void)client;
  (void)opaque;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
  ++failures;
}

// A topic's codec is a setting of the topic.
static rd_kafka_topic_t* topic_of(rd_kafka_t* client, const char* name, const char* codec) {
  char why[kErrorBytes];
  rd_kafka_topic_conf_t* conf = rd_kafka_topic_conf_new();
  if (rd_kafka_topic_conf_set(conf, "compression.codec", codec, why, sizeof why) !=
      RD_KAFKA_CONF_OK) {
    fail(codec, why);
  }
  return rd_kafka_topic_new(client, name, conf);
}

static void produce_line(rd_kafka_t* client, rd_kafka_topic_t* topic, char** fields) {
  const struct bytes key = bytes_of(fields[4]);
  const struct bytes value = bytes_of(fields[5]);
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(atoi(fields[2])),
      RD_KAFKA_V_TIMESTAMP(atoll(fields[3])), RD_KAFKA_V_KEY(key.data, key.size),
      RD_KAFKA_V_VALUE(value.data, value.size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_HEADERS(headers_of(fields[6])), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail("produce", rd_kafka_err2str(error));
  free(key.data);
  free(value.data);
}

static void produce(const char* bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "linger.ms", "50");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t* client = client_of(RD_KAFKA_PRODUCER, conf, bootstrap);
  rd_kafka_topic_t* topic = NULL;
  char* line = NULL;
  size_t capacity = 0;
  for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) {
    char* fields[kFieldsMax];
    if (line[size - 1] == '\n') line[size - 1] = 0;
    if (split(line, fields) != kFieldsMax) fail("a line's fields", line);
    if (topic == NULL || strcmp(rd_kafka_topic_name(topic), fields[1]) != 0) {
      if (topic != NULL) rd_kafka_topic_destroy(topic);
      topic = topic_of(client, fields[1], fields[0]);
    }
    produce_line(client, topic, fields);
  }
  free(line);
  if (topic != NULL) rd_kafka_topic_destroy(topic);
  if (rd_kafka_flush(client, kFlushMs) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("flush", "timed out");
  rd_kafka_destroy(client);
}

static void print_message(const rd_kafka_message_t* message) {
  printf("%s\t%d\t%lld\t%lld\t", rd_kafka_topic_name(message->rkt), (int)message->partition,
         (long long)message->offset, (long long)rd_kafka_message_timestamp(message, NULL));
  print_bytes(message->key, message->key_len);
  putchar('\t');
  print_bytes(message->payload, message->len);
  putchar('\t');
  rd_kafka_headers_t* headers = NULL;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name;
    const void* value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; ++i) {
      printf("%s%s:", i == 0 ? "" : ",", name);
      print_bytes(value, size);
    }
  }
  putchar('\n');
}

static void consume(const char* bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  rd_kafka_t* client = client_of(RD_KAFKA_CONSUMER, conf, bootstrap);
  rd_kafka_topic_partition_list_t* wanted = rd_kafka_topic_partition_list_new(kTopicsMax);
  long left = 0;
  char* line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    char* fields[kFieldsMax];
    if (split(line, fields) != 2) fail("a line's fields", line);
    rd_kafka_topic_partition_list_add(wanted, fields[0], 0)->offset = 0;
    left += atol(fields[1]);
  }
  free(line);
  rd_kafka_assign(client, wanted);
  rd_kafka_topic_partition_list_destroy(wanted);
  while (left > 0) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client, kPollMs);
    if (message == NULL) continue;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      fail("consume", rd_kafka_message_errstr(message));
    print_message(message);
    rd_kafka_message_destroy(message);
    --left;
  }
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
}

int main(int argc, char** argv) {
  if (argc != 3) fail("usage", "librdkafka_client produce|consume|admin BOOTSTRAP");
  if (strcmp(argv[1], "produce") == 0) {
    produce(argv[2]);
  } else if (strcmp(argv[1], "admin") == 0) {
    administer(argv[2]);
  } else {
    consume(argv[2]);
  }
  return failures == 0 ? 0 : 1;
}
