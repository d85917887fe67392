// What one batch of a Produce request is before it is appended: checked as Kafka checks it, and in its topic's codec.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/compression.h"
#include "engine/topic.h"
#include "net/kafka/kafka_error.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

// The codecs of one reactor: they keep their memory from batch to batch.
struct BatchCodecs {
  Decompressor decompressor;
  Compressor compressor;
};

// A batch to append, or why it is refused.
struct ProducedBatch {
  // A record that is the reason, by its place in the batch.
  struct BadRecord {
    uint32_t index = 0;
    std::string message;
  };
  static constexpr size_t kBadRecordsMax =
      1000;  // of those told; the answer to a bad batch stays small

  KafkaError error = KafkaError::none;
  std::string message;
  std::vector<BadRecord> bad_records;

  std::span<std::byte> bytes;           // in the request's frame, which is changed in place ...
  std::vector<std::byte> recompressed;  // ... or here
  bool laborious =
      false;  // a large block was unpacked or packed: others of the reactor should have a turn
};

// What came for a partition of `topic` in a request of `version`. `now_ms` is the node's time, against which records'
// own are held. Uses `codecs` until it returns.
ProducedBatch take_batch(const Topic& topic, const std::optional<Records>& records, int16_t version,
                         int64_t now_ms, BatchCodecs& codecs);

}  // namespace penstock::kafka
