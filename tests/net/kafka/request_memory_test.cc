#include "net/kafka/request_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace penstock::kafka {
namespace {

struct Client {
  RequestMemory::Waiter waiter;
  RequestMemory::Claim claim;
  int outcome = -1;  // -1: it waits
};

Task<void> take(RequestMemory& memory, Client& client, uint64_t bytes) {
  const bool taken = co_await memory.take(client.claim, bytes, client.waiter);
  client.outcome = taken ? 1 : 0;
}

TEST(RequestMemory, GivesOneClaimMoreThanThereIsAndLetsTheNextWait) {
  RequestMemory memory(100);
  auto large = std::make_unique<Client>();
  EXPECT_TRUE(memory.try_take(large->claim, 60));
  EXPECT_TRUE(memory.scarce());
  EXPECT_TRUE(memory.try_take(large->claim, 600));  // one request may be larger than the limit
  Client next;
  EXPECT_FALSE(memory.try_take(next.claim, 1));
  spawn(take(memory, next, 1));
  EXPECT_EQ(next.outcome, -1);
  large.reset();
  EXPECT_EQ(next.outcome, 1);
  EXPECT_EQ(memory.held_bytes(), 1u);
}

TEST(RequestMemory, HoldersOfPartsNeverWaitForEachOtherForEver) {
  RequestMemory memory(100);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>());
    EXPECT_TRUE(memory.try_take(clients.back()->claim, 25));
  }
  // All want more: one after the other gets it.
  for (const auto& client : clients) spawn(take(memory, *client, 50));
  for (int ended = 0; ended < 4; ++ended) {
    ASSERT_EQ(clients.front()->outcome, 1) << ended;
    clients.erase(clients.begin());
  }
  EXPECT_EQ(memory.held_bytes(), 0u);
}

TEST(RequestMemory, AThousandWaitersAreServedInOrderAndWhoGivesUpIsLeftOut) {
  RequestMemory memory(10);
  auto holder = std::make_unique<Client>();
  EXPECT_TRUE(memory.try_take(holder->claim, 5000));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(std::make_unique<Client>());
    spawn(take(memory, *clients.back(), 0));
  }
  clients[500]->waiter.give_up();
  EXPECT_EQ(clients[500]->outcome, 0);
  EXPECT_EQ(memory.waiting_count(), 999u);
  holder.reset();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(clients[static_cast<size_t>(i)]->outcome, i != 500);
  EXPECT_EQ(memory.waiting_count(), 0u);
}

}  // namespace
}  // namespace penstock::kafka
