#include "io/result.h"

namespace penstock {

const char* name_of(Error error) {
  switch (error) {
    case Error::busy: return "busy";
    case Error::io: return "io";
    case Error::disk_full: return "disk_full";
    case Error::corrupt: return "corrupt";
    case Error::not_found: return "not_found";
    case Error::already_exists: return "already_exists";
    case Error::offset_out_of_range: return "offset_out_of_range";
    case Error::segment_full: return "segment_full";
    case Error::too_large: return "too_large";
    case Error::invalid_argument: return "invalid_argument";
    case Error::unsupported: return "unsupported";
    case Error::fenced: return "fenced";
    case Error::closed: return "closed";
    case Error::locked: return "locked";
    case Error::out_of_sequence: return "out_of_sequence";
    case Error::stale_producer_epoch: return "stale_producer_epoch";
    case Error::timed_out: return "timed_out";
    case Error::cancelled: return "cancelled";
  }
  return "unknown";
}

}  // namespace penstock
