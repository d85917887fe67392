#include <gtest/gtest.h>

#include "net/kafka/quotas/quota_choice.h"
#include "net/kafka/quotas/quota_meters.h"
#include "net/kafka/quotas/rate_window.h"

namespace penstock::kafka {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(RateWindow, ForgetsWhatIsOlderThanItsSlots) {
  RateWindow window(QuotaSettings{.slot_count = 3, .slot_seconds = 1});
  window.add(100 * kSecond, 50);
  window.add(101 * kSecond, 7);
  EXPECT_EQ(window.bytes(102 * kSecond), 57);
  EXPECT_EQ(window.bytes(103 * kSecond), 7);
  EXPECT_EQ(window.bytes(104 * kSecond), 0);
  window.add(1'000'000 * kSecond, 1);
  EXPECT_EQ(window.bytes(1'000'000 * kSecond), 1);
}

TEST(RateWindow, LetsAWindowsWorthComeAtOnceAndThenWaitsForTheRate) {
  RateWindow window(QuotaSettings{});  // ten seconds, and what has passed of the eleventh
  const uint64_t now_ns = 500 * kSecond;
  EXPECT_EQ(window.wait_ns(now_ns, 1000, 100), 0u);
  window.add(now_ns, 1000);
  EXPECT_EQ(window.wait_ns(now_ns, 300, 100), 3 * kSecond);
  EXPECT_EQ(window.wait_ns(now_ns + kSecond / 2, 300, 100), 5 * kSecond / 2);
  EXPECT_GT(window.wait_ns(now_ns, 1e300, 1), 0u);  // no limit overflows
}

ClientQuotas quotas_of(std::initializer_list<QuotaEntity> entities) {
  ClientQuotas quotas;
  double limit = 1;
  for (const QuotaEntity& entity : entities) quotas[entity] = {limit++, 0};
  return quotas;
}

double chosen(const ClientQuotas& quotas, std::string_view user, std::string_view client_id) {
  const auto quota = choose_quota(quotas, QuotaKind::produce, user, client_id);
  return quota ? quota->bytes_per_s : 0;
}

TEST(QuotaChoice, TakesTheMostSpecialOneInKafkasOrder) {
  const ClientQuotas all = quotas_of(
      {{"u", "c"}, {"u", ""}, {"u", {}}, {"", "c"}, {"", ""}, {"", {}}, {{}, "c"}, {{}, ""}});
  ClientQuotas left = all;
  for (const QuotaEntity& next :
       {QuotaEntity{"u", "c"}, QuotaEntity{"u", ""}, QuotaEntity{"u", {}}, QuotaEntity{"", "c"},
        QuotaEntity{"", ""}, QuotaEntity{"", {}}, QuotaEntity{{}, "c"}, QuotaEntity{{}, ""}}) {
    EXPECT_EQ(chosen(left, "u", "c"), all.at(next).producer_byte_rate);
    left.erase(next);
  }
  EXPECT_EQ(chosen(left, "u", "c"), 0);
  EXPECT_FALSE(choose_quota(all, QuotaKind::fetch, "u", "c"));  // limits of the other kind only
}

TEST(QuotaChoice, CountsTogetherWhatTheQuotaIsFor) {
  const auto counted = [](const ClientQuotas& quotas, std::string_view user, std::string_view id) {
    return choose_quota(quotas, QuotaKind::produce, user, id)->counted_as;
  };
  const ClientQuotas per_client = quotas_of({{{}, ""}});
  EXPECT_EQ(counted(per_client, "u", "a"), counted(per_client, "v", "a"));
  EXPECT_NE(counted(per_client, "u", "a"), counted(per_client, "u", "b"));
  const ClientQuotas per_user = quotas_of({{"", {}}});
  EXPECT_EQ(counted(per_user, "u", "a"), counted(per_user, "u", "b"));
  EXPECT_NE(counted(per_user, "u", "a"), counted(per_user, "v", "a"));
}

}  // namespace
}  // namespace penstock::kafka
