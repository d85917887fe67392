// A producer's state as one record of the journal: `producer` in journal_record.h.
//
// Its fields have meanings of their own there. `file_number`: the producer's id. `leader_epoch`: the last sequence.
// `producer_epoch`: the epoch. `time_ms`: the last append time. `producer_batches`: how many batches follow, at most
// five, the newest first; bit 7: there were earlier ones in this epoch. `offset`: the newest one's base offset, and
// `time_ms` is its append time. `generation`, `next_offset`, `written_bytes`, `max_timestamp_ms`: one for each older
// batch, in the upper 40 bits how much lower its base offset is than the newest one's, in the lower 24 how many
// milliseconds earlier its append time. `file_bytes`, `position`: the record counts of the first four, two in each, the
// newer one in the lower half; `producer_records`: of the fifth.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/journal_record.h"
#include "engine/producer_state.h"

namespace penstock {

// A batch that is too far behind the newest one for its record is left out: nobody sends it again.
JournalRecord producer_record(const PartitionKey& key, int64_t id, const ProducerState& state);

struct IdentifiedProducer {
  int64_t id = -1;
  ProducerState state;
};
// Nothing if the record makes no sense.
std::optional<IdentifiedProducer> producer_of(const JournalRecord& record);

}  // namespace penstock
