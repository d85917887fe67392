// What the parts of the program share.
#pragma once

#include <librdkafka/rdkafka.h>

enum { kFieldsMax = 7, kErrorBytes = 512 };

// Ends the program.
void fail(const char* what, const char* why);
// Cuts `line` at its tabs, in place. Returns how many fields there are.
int split(char* line, char** fields);
// With `conf`, which it takes.
rd_kafka_t* client_of(rd_kafka_type_t type, rd_kafka_conf_t* conf, const char* bootstrap);

void administer(const char* bootstrap);
