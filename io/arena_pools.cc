#include "io/arena_pools.h"

#include "io/check.h"

namespace penstock {

ArenaPools::ArenaPools(BufferArena& arena, uint32_t pool_count)
    : memory_(arena.bytes()), pool_bytes_(arena.bytes().size() / pool_count) {
  check(pool_bytes_ * pool_count == memory_.size());
  for (uint32_t index = 0; index < pool_count; ++index) {
    pools_.push_back(
        std::make_unique<BufferPool>(memory_.subspan(index * pool_bytes_, pool_bytes_)));
  }
}

BufferPool& ArenaPools::pool_of(const std::byte* bytes) const {
  return *pools_[static_cast<size_t>(bytes - memory_.data()) / pool_bytes_];
}

void ArenaPools::pin(const std::byte* bytes, size_t length_bytes) const {
  if (holds(bytes, length_bytes)) pool_of(bytes).pin_block({bytes, length_bytes});
}

void ArenaPools::unpin(const std::byte* bytes, size_t length_bytes) const {
  if (holds(bytes, length_bytes)) pool_of(bytes).unpin_block({bytes, length_bytes});
}

}  // namespace penstock
