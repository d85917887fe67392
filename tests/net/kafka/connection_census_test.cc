#include "net/kafka/connection_census.h"

#include <gtest/gtest.h>

namespace penstock::kafka {
namespace {

using Entry = ConnectionCensus::Entry;

// Of reactor 0, where the counts are: nothing has to be posted.
class OnlyReactor : public Scheduler {
 public:
  uint32_t reactor_index() const override { return 0; }
  uint32_t reactor_count() const override { return 1; }
  void post(uint32_t, Message&) override { FAIL(); }
};

Task<void> enter(ConnectionCensus& census, std::string ip, Entry& entry) {
  OnlyReactor scheduler;
  entry = co_await census.enter(scheduler, ip);
}

Task<void> leave(ConnectionCensus& census, std::string ip) {
  OnlyReactor scheduler;
  co_await census.leave(scheduler, ip);
}

Entry entry_of(ConnectionCensus& census, const std::string& ip) {
  Entry entry = Entry::full;
  spawn(enter(census, ip, entry));
  return entry;
}

TEST(ConnectionCensus, LetsInAsManyAsMayBeAndOthersWhenOneHasLeft) {
  ConnectionCensus census({.count_max = 2});
  EXPECT_TRUE(census.counts());
  EXPECT_EQ(entry_of(census, "a"), Entry::admitted);
  EXPECT_EQ(entry_of(census, "b"), Entry::admitted);
  EXPECT_EQ(entry_of(census, "c"), Entry::full);
  spawn(leave(census, "a"));
  EXPECT_EQ(entry_of(census, "c"), Entry::admitted);
}

TEST(ConnectionCensus, CountsEachAddressForItself) {
  ConnectionCensus census({.count_per_ip_max = 1});
  EXPECT_EQ(entry_of(census, "a"), Entry::admitted);
  EXPECT_EQ(entry_of(census, "a"), Entry::too_many_from_there);
  EXPECT_EQ(entry_of(census, "b"), Entry::admitted);
  spawn(leave(census, "a"));
  EXPECT_EQ(entry_of(census, "a"), Entry::admitted);
}

TEST(ConnectionCensus, LetsNobodyInWhereNoneMayBeFromAnAddress) {
  ConnectionCensus census({.count_per_ip_max = 0});
  EXPECT_EQ(entry_of(census, "a"), Entry::too_many_from_there);
}

TEST(ConnectionCensus, CountsNothingWithoutALimit) {
  EXPECT_FALSE(ConnectionCensus(ConnectionLimits()).counts());
}

}  // namespace
}  // namespace penstock::kafka
