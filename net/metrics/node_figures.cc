#include "net/metrics/node_figures.h"

#include <algorithm>
#include <map>

namespace penstock::metrics {
namespace {

// Where a group stands in one partition.
struct Place {
  size_t lag = 0;  // index into NodeFigures::lags
  PartitionKey key;
  uint64_t offset = 0;
};

constexpr size_t kPlacesPerTurn = 1024;

// On the slot's reactor.
Task<ReactorFigures> figures_of(FiguresBoard::Slot& slot) {
  ReactorFigures figures;
  if (slot.doors == nullptr) co_return figures;
  figures.scheduler = slot.doors->scheduler.figures();
  figures.disk = slot.doors->disk.figures();
  figures.network = slot.doors->network.figures();
  figures.buffer_bytes = slot.doors->buffers.size_bytes();
  figures.buffer_free_bytes = slot.doors->buffers.free_bytes();
  figures.accepts = slot.server != nullptr;
  if (slot.server != nullptr) {
    const CatalogSnapshot& catalog = slot.engine->catalog();
    slot.server->figures().forget_topics_unless(
        [&catalog](const TopicId& topic) { return catalog.find(topic) != nullptr; });
    figures.server = slot.server->figures();
    figures.request_bytes = slot.server->request_memory().held_bytes();
    figures.request_waiting_count = slot.server->request_memory().waiting_count();
    figures.unsent_bytes = slot.server->unsent_bytes();
  }
  if (slot.groups != nullptr) figures.groups = slot.groups->figures();
  if (slot.engine != nullptr) figures.engine = co_await slot.engine->figures();  // it waits for us
  co_return figures;
}

Task<std::shared_ptr<const CatalogSnapshot>> catalog_of(FiguresBoard::Slot& slot) {
  if (slot.engine == nullptr) co_return std::make_shared<const CatalogSnapshot>();
  co_return slot.engine->catalog_pointer();
}

// On the reactor of all of these.
Task<std::vector<uint64_t>> watermarks_of(FiguresBoard::Slot& slot, std::span<const Place> places) {
  std::vector<uint64_t> watermarks;
  for (const Place& place : places) {
    const auto offsets =
        slot.engine == nullptr ? std::nullopt : slot.engine->local_offsets(place.key);
    watermarks.push_back(offsets ? offsets->high_watermark.value : place.offset);
  }
  co_return watermarks;
}

// All that groups have committed in topics that exist, by the reactor of the partition.
std::vector<std::vector<Place>> places_of(NodeFigures& node) {
  const auto reactor_count = static_cast<uint32_t>(node.reactors.size());
  std::vector<std::vector<Place>> places(reactor_count);
  for (const ReactorFigures& reactor : node.reactors) {
    for (const kafka::GroupFigures& group : reactor.groups) {
      for (const kafka::GroupFigures::Topic& committed : group.topics) {
        const Topic* const topic = node.catalog->find(committed.name);
        if (topic == nullptr) continue;
        node.lags.push_back({group.id, committed.name, 0});
        for (const auto& [partition, offset] : committed.offsets) {
          if (partition < 0 || static_cast<uint32_t>(partition) >= topic->partition_count) continue;
          const PartitionKey key{topic->id, static_cast<uint32_t>(partition)};
          places[reactor_of(key, reactor_count)].push_back(
              {node.lags.size() - 1, key, static_cast<uint64_t>(std::max<int64_t>(offset, 0))});
        }
      }
    }
  }
  return places;
}

Task<void> add_lags(Scheduler& scheduler, FiguresBoard& board, NodeFigures& node) {
  const std::vector<std::vector<Place>> places = places_of(node);
  for (uint32_t reactor = 0; reactor < places.size(); ++reactor) {
    std::span<const Place> rest(places[reactor]);
    while (!rest.empty()) {
      const std::span<const Place> some = rest.first(std::min(rest.size(), kPlacesPerTurn));
      rest = rest.subspan(some.size());
      FiguresBoard* const shared = &board;
      const std::vector<uint64_t> watermarks = co_await call_on(
          scheduler, reactor,
          [shared, reactor, some] { return watermarks_of(shared->slot(reactor), some); });
      for (size_t i = 0; i < some.size(); ++i) {
        const uint64_t offset = std::min(some[i].offset, watermarks[i]);
        node.lags[some[i].lag].lag += watermarks[i] - offset;
      }
    }
  }
}

Task<Readiness> readiness_of(FiguresBoard::Slot& slot) {
  Readiness readiness;
  readiness.accepting_count = slot.server != nullptr ? 1 : 0;
  if (slot.engine != nullptr) readiness.recovery = slot.engine->recovery_figures();
  co_return readiness;
}

}  // namespace

Task<Readiness> look_at_readiness(Scheduler& scheduler, FiguresBoard& board) {
  Readiness node;
  node.reactor_count = board.reactor_count();
  node.recovery.complete = true;
  for (uint32_t reactor = 0; reactor < node.reactor_count; ++reactor) {
    FiguresBoard* const shared = &board;
    const Readiness part = co_await call_on(
        scheduler, reactor, [shared, reactor] { return readiness_of(shared->slot(reactor)); });
    node.accepting_count += part.accepting_count;
    node.recovery.partition_count += part.recovery.partition_count;
    node.recovery.opened_count += part.recovery.opened_count;
    node.recovery.refused_count += part.recovery.refused_count;
    node.recovery.complete = node.recovery.complete && part.recovery.complete;
  }
  node.ready = node.recovery.complete && node.accepting_count == node.reactor_count;
  co_return node;
}

Task<NodeFigures> gather(Scheduler& scheduler, FiguresBoard& board) {
  NodeFigures node;
  FiguresBoard* const shared = &board;
  for (uint32_t reactor = 0; reactor < board.reactor_count(); ++reactor) {
    ReactorFigures part = co_await call_on(
        scheduler, reactor, [shared, reactor] { return figures_of(shared->slot(reactor)); });
    node.reactors.push_back(std::move(part));
  }
  node.catalog = co_await call_on(scheduler, 0, [shared] { return catalog_of(shared->slot(0)); });
  co_await add_lags(scheduler, board, node);
  co_return node;
}

}  // namespace penstock::metrics
