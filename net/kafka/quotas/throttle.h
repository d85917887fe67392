// What a handler does about quotas: counts, and learns for how long nothing more is begun for its client, in ns.
#pragma once

#include <cstdint>

#include "net/kafka/handlers.h"

namespace penstock::kafka {

// Of the request, which has been carried out.
Task<uint64_t> throttle_produce(Request& request);

// Of an answer with so many bytes of records. More than 0: it is not to be sent.
Task<uint64_t> throttle_fetch(Request& request, uint64_t bytes);
// No answer to a fetch should be larger: its client could never be sent it.
uint64_t quota_bytes_max(const Request& request);

// As it is told to clients: at least 1 for any wait.
int32_t throttle_ms_of(uint64_t muted_ns);

}  // namespace penstock::kafka
