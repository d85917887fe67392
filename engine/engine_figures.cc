// What an engine tells of itself.
#include <map>

#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/partition_store.h"

namespace penstock {
namespace {

constexpr size_t kPartitionsPerTurn = 1024;  // looked at before others have their turn

}  // namespace

RecoveryFigures Engine::recovery_figures() const {
  RecoveryFigures recovery;
  for (const auto& store : stores_) store->add_to(recovery);
  recovery.complete = started_;
  if (started_) recovery.duration_ns = start_ended_ns_ - start_began_ns_;
  return recovery;
}

std::optional<PartitionOffsets> Engine::local_offsets(const PartitionKey& key) const {
  for (const auto& store : stores_) {
    const std::shared_ptr<Partition> partition = store->find(key);
    if (partition && partition->usable().ok()) return partition->offsets();
  }
  return std::nullopt;
}

Task<EngineFigures> Engine::figures() {
  EngineFigures figures;
  figures.recovery = recovery_figures();
  for (const auto& store : stores_) store->add_to(figures);
  if (!started_ || stopping_) co_return figures;
  const CallGuard guard(*this);
  std::map<TopicId, TopicFigures> topics;
  for (const auto& store : stores_) {
    std::optional<PartitionKey> next;
    do {
      next = store->add_topics(next, kPartitionsPerTurn, topics);
      if (next) co_await doors_.scheduler.yield();
    } while (next);
  }
  topics.erase(kCatalogPartition.topic);
  figures.topics.reserve(topics.size());
  for (const auto& [id, topic] : topics) figures.topics.push_back(topic);
  co_return figures;
}

}  // namespace penstock
