// What of the group is to be written to the log.
#include <tuple>
#include <utility>

#include "io/check.h"
#include "net/kafka/groups/consumer_group.h"

namespace penstock::kafka {
namespace {

// Kinds in the order in which they are written: what a crash cuts off can be told from what is there.
int rank_of(ConsumerRecordKind kind) {
  switch (kind) {
    case ConsumerRecordKind::pattern: return 0;
    case ConsumerRecordKind::member: return 1;
    case ConsumerRecordKind::topics: return 2;
    case ConsumerRecordKind::group: return 3;
    case ConsumerRecordKind::target: return 4;
    case ConsumerRecordKind::target_epoch: return 5;
    case ConsumerRecordKind::current: return 6;
  }
  return 7;
}

}  // namespace

std::strong_ordering ConsumerGroup::RecordName::operator<=>(const RecordName& other) const {
  if (kind != other.kind) return rank_of(kind) <=> rank_of(other.kind);
  return name <=> other.name;
}

void ConsumerGroup::want_store(ConsumerRecordKind kind, std::string name) {
  unstored_.insert({kind, std::move(name)});
}

void ConsumerGroup::want_store_of(const std::string& member_id) {
  want_store(ConsumerRecordKind::member, member_id);
  want_store(ConsumerRecordKind::target, member_id);
  want_store(ConsumerRecordKind::current, member_id);
}

Result<ConsumerGroup::Store> ConsumerGroup::take_store() {
  Store store;
  for (const RecordName& unstored : unstored_) {
    Result<std::vector<std::byte>> key = encode_consumer_key({unstored.kind, id_, unstored.name});
    Result<std::optional<std::vector<std::byte>>> value =
        state_.value_of(unstored.kind, unstored.name);
    if (!key.ok()) return key.error();
    if (!value.ok()) return value.error();
    store.names.push_back(unstored);
    store.records.push_back({std::move(key).value(), std::move(value).value()});
  }
  unstored_.clear();
  behind_ = false;
  return store;
}

void ConsumerGroup::store_failed(const std::vector<RecordName>& names) {
  unstored_.insert(names.begin(), names.end());
  behind_ = true;
  for (auto& [id, member] : state_.members) member.told = false;
}

Result<ConsumerGroup::Store> ConsumerGroup::end() const {
  check(state_.members.empty());
  std::set<RecordName> names = unstored_;
  for (const ConsumerRecordKind kind :
       {ConsumerRecordKind::target_epoch, ConsumerRecordKind::topics, ConsumerRecordKind::group}) {
    names.insert({kind, {}});
  }
  Store store;
  for (const RecordName& name : names) {
    Result<std::vector<std::byte>> key = encode_consumer_key({name.kind, id_, name.name});
    if (!key.ok()) return key.error();
    store.records.push_back({std::move(key).value(), std::nullopt});
  }
  return store;
}

}  // namespace penstock::kafka
