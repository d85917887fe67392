// How producers get their ids: each reactor gives out from a range of its own that the catalog has reserved. What is left
// of a range at a stop or a crash is never given out.
#include <limits>

#include "engine/catalog.h"
#include "engine/engine.h"

namespace penstock {
namespace {

constexpr int64_t kReservedAtOnce = 1000;

}  // namespace

Task<Result<ProducerIdentity>> Engine::init_producer(std::optional<ProducerIdentity> current) {
  if (!started_ || stopping_) co_return Error::closed;
  const CallGuard guard(*this);
  // Its last epoch is nobody's: a successor must be possible.
  if (current && current->epoch < std::numeric_limits<int16_t>::max() - 1) {
    Engine* const leader = group_.engines_[0];
    const int64_t reserved =
        co_await call_on(doors_.scheduler, 0, [leader] { return leader->reserved_producer_ids(); });
    if (current->id < reserved) {
      co_return ProducerIdentity{current->id, static_cast<int16_t>(current->epoch + 1)};
    }
  }
  co_await producer_ids_mutex_.lock();
  const Result<int64_t> id = co_await new_producer_id();
  producer_ids_mutex_.unlock();
  if (!id.ok()) co_return id.error();
  co_return ProducerIdentity{id.value(), 0};
}

Task<Result<int64_t>> Engine::new_producer_id() {
  if (next_producer_id_ == producer_ids_end_) {
    Engine* const leader = group_.engines_[0];
    const Result<int64_t> first =
        co_await call_on(doors_.scheduler, 0, [leader] { return leader->reserve_producer_ids(); });
    if (!first.ok()) co_return first.error();
    next_producer_id_ = first.value();
    producer_ids_end_ = first.value() + kReservedAtOnce;
  }
  co_return next_producer_id_++;
}

// On reactor 0.
Task<Result<int64_t>> Engine::reserve_producer_ids() {
  co_await catalog_mutex_.lock();
  const int64_t first = producer_ids_reserved_;
  std::vector<std::byte> record = encode_producer_ids_reserved(first + kReservedAtOnce);
  const Result<void> written = co_await write_catalog(std::move(record));
  if (written.ok()) producer_ids_reserved_ = first + kReservedAtOnce;
  catalog_mutex_.unlock();
  if (!written.ok()) co_return written.error();
  co_return first;
}

Task<int64_t> Engine::reserved_producer_ids() { co_return producer_ids_reserved_; }

}  // namespace penstock
