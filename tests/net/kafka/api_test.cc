#include "net/kafka/api.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>

#include "net/kafka/kafka_error.h"
#include "tests/net/all_messages.h"

namespace penstock::kafka {
namespace {

TEST(ApiTable, FindsWhatItListsAndNothingElse) {
  size_t found = 0;
  for (int key = -32768; key <= 32767; ++key) {
    const Api* api = find_api(static_cast<ApiKey>(key));
    if (api == nullptr) continue;
    ++found;
    EXPECT_EQ(static_cast<int>(api->key), key);
  }
  EXPECT_EQ(found, api_table().size());
}

TEST(ApiTable, ListsEveryMessageThereIsALayoutFor) {
  std::set<ApiKey> requests;
  std::set<ApiKey> responses;
  test::for_each_request([&]<class M>(std::type_identity<M>) { requests.insert(M::kApi.key); });
  test::for_each_response([&]<class M>(std::type_identity<M>) { responses.insert(M::kApi.key); });
  std::set<ApiKey> listed;
  for (const Api& api : api_table()) listed.insert(api.key);
  EXPECT_EQ(listed, requests);
  EXPECT_EQ(listed, responses);
}

TEST(ApiTable, AdmitsWhatIsServed) {
  for (const Api& api : api_table()) {
    EXPECT_EQ(api.advertised.last, api.served.last);
    for (int16_t version = api.served.first; version <= api.served.last; ++version) {
      EXPECT_EQ(admission_of(api.key, version), Admission::serve);
    }
  }
}

TEST(ApiTable, ClosesWhereKafkaHasNoAnswer) {
  EXPECT_EQ(admission_of(ApiKey::fetch, 3), Admission::close);
  EXPECT_EQ(admission_of(ApiKey::fetch, 18), Admission::close);
  EXPECT_EQ(admission_of(ApiKey::metadata, -1), Admission::close);
  EXPECT_EQ(admission_of(static_cast<ApiKey>(4), 0), Admission::close);  // between brokers only
  EXPECT_EQ(admission_of(static_cast<ApiKey>(-1), 0), Admission::close);
}

TEST(ApiTable, AdvertisesProduceVersionsThatItDoesNotServe) {
  EXPECT_EQ(find_api(ApiKey::produce)->advertised.first, 0);
  EXPECT_EQ(admission_of(ApiKey::produce, 2), Admission::close);
  EXPECT_EQ(admission_of(ApiKey::produce, 3), Admission::serve);
}

TEST(ApiTable, AnswersApiVersionsOfAVersionToCome) {
  EXPECT_EQ(admission_of(ApiKey::api_versions, 5), Admission::answer_unsupported);
  EXPECT_EQ(admission_of(ApiKey::api_versions, 32767), Admission::answer_unsupported);
  EXPECT_EQ(admission_of(ApiKey::api_versions, -1), Admission::close);
}

TEST(KafkaError, HasANameForEveryCode) {
  std::set<std::string> names;
  size_t unknown = 0;
  for (int code = -32768; code <= 32767; ++code) {
    const std::string name = name_of(static_cast<KafkaError>(code));
    if (name == "UNKNOWN") {
      ++unknown;
    } else {
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
  EXPECT_EQ(names.size(), 129u);
  EXPECT_EQ(unknown, 65536u - 129u);
  EXPECT_STREQ(name_of(static_cast<KafkaError>(87)), "INVALID_RECORD");
  EXPECT_STREQ(name_of(static_cast<KafkaError>(99)), "UNKNOWN");  // the one number Kafka skipped
}

}  // namespace
}  // namespace penstock::kafka
