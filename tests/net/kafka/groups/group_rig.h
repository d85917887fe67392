// A group, the clock it lives by, and requests that lie parked with it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/kafka/groups/group.h"
#include "tests/net/frame_bytes.h"

namespace penstock::test {

class HandClock : public Clock {
 public:
  uint64_t monotonic_ns() const override { return now_ns; }
  int64_t wall_ms() const override {
    return 1'700'000'000'000 + static_cast<int64_t>(now_ns / 1'000'000);
  }
  void arm(Timer&, uint64_t) override { check(false); }  // a group asks for no timers
  void cancel(Timer&) override { check(false); }

  uint64_t now_ns = 0;
};

// Keeps the requests: the group knows those it has not answered by address, and is told at its end to forget them.
struct GroupRig {
  using JoinPointer = std::shared_ptr<kafka::ParkedJoin>;
  using SyncPointer = std::shared_ptr<kafka::ParkedSync>;

  GroupRig() { settings.initial_rebalance_delay_ms = 0; }
  ~GroupRig() { group.abandon_all(); }

  static kafka::JoinWish wish(std::string_view member_id = {}) {
    kafka::JoinWish wish;
    wish.identity.member_id = member_id;
    wish.client_id = "client";
    wish.client_host = "/host";
    wish.session_timeout_ms = 10'000;
    wish.rebalance_timeout_ms = 60'000;
    wish.protocol_type = "consumer";
    wish.protocols = {{"range", bytes_of("'topics'")}};
    return wish;
  }

  JoinPointer join(const kafka::JoinWish& wish, std::string new_member_id = {}) {
    const JoinPointer& parked = joins.emplace_back(std::make_shared<kafka::ParkedJoin>());
    group.join(wish, std::move(new_member_id), *parked);
    return parked;
  }
  SyncPointer sync(std::string_view member_id,
                   std::vector<kafka::SyncWish::Assignment> given = {}) {
    kafka::SyncWish wish;
    wish.identity.member_id = member_id;
    wish.generation = group.generation();
    wish.assignments = std::move(given);
    return sync(wish);
  }
  SyncPointer sync(const kafka::SyncWish& wish) {
    const SyncPointer& parked = syncs.emplace_back(std::make_shared<kafka::ParkedSync>());
    group.sync(wish, *parked);
    return parked;
  }
  kafka::KafkaError heartbeat(std::string_view member_id) {
    return group.heartbeat({member_id, std::nullopt}, group.generation());
  }

  void pass_ms(uint64_t milliseconds) {
    clock.now_ns += milliseconds * 1'000'000;
    group.advance();
  }

  // What the log does with the group's records.
  std::vector<kafka::Group::Store> store_all(kafka::KafkaError error = kafka::KafkaError::none) {
    std::vector<kafka::Group::Store> stores = group.take_store();
    for (const kafka::Group::Store& store : stores) group.stored(store, error);
    return stores;
  }

  // A stable group of members with these ids; the first leads.
  void make_stable(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) join(wish(), id);
    pass_ms(0);
    std::vector<kafka::SyncWish::Assignment> assignments;
    for (const std::string& id : ids) {
      assignments.push_back({id, bytes_of("'of " + id + "'")});
    }
    for (const std::string& id : ids) sync(id, assignments);
    store_all();
  }

  HandClock clock;
  kafka::GroupSettings settings;
  std::vector<JoinPointer> joins;
  std::vector<SyncPointer> syncs;
  kafka::Group group{"group", clock, settings};
};

}  // namespace penstock::test
