// The layouts once more, in another notation and made another way, so that a wrong version or type does not hide behind
// an encoder and a decoder that agree.
//
//   i8 i16 i32 i64 b   integers and bool        s  string     r  records     u  uuid
//   [..]               array of a struct with these fields, or of this type
//   f64                double            ?  can be null
//   tag1:..            in the tagged section
#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "net/kafka/codec.h"
#include "tests/net/all_messages.h"

namespace penstock::kafka {
namespace {

template <class T>
std::string notation_of(int16_t version);

template <class T>
struct WriteNotation {
  int16_t version;
  std::string text;

  template <class Member>
  void operator()(Member T::*, FieldRule rule = {}) {
    if (!rule.present_in(version)) return;
    if (!text.empty()) text += ' ';
    if (rule.tagged()) text += "tag" + std::to_string(rule.tag) + ":";
    text += notation_of<Member>(version);
    if (rule.nullable_in(version)) text += '?';
  }
};

template <class T>
std::string notation_of(int16_t version) {
  if constexpr (codec_detail::kIsOptional<T>) {
    return notation_of<typename T::value_type>(version);
  } else if constexpr (codec_detail::kIsVector<T>) {
    return "[" + notation_of<typename T::value_type>(version) + "]";
  } else if constexpr (codec_detail::Struct<T>) {
    WriteNotation<T> fields{version, ""};
    T::describe(fields);
    return fields.text;
  } else if constexpr (std::is_same_v<T, bool>) {
    return "b";
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return "s";
  } else if constexpr (std::is_same_v<T, Records>) {
    return "r";
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return "u";
  } else if constexpr (std::is_same_v<T, double>) {
    return "f64";
  } else {
    return "i" + std::to_string(8 * sizeof(T));
  }
}

struct ExpectedLayout {
  ApiKey key;
  int16_t version_first;
  int16_t version_last;
  const char* notation;
};

// clang-format off
constexpr ExpectedLayout kRequests[] = {
    {ApiKey::produce, 3, 12, "s? i16 i32 [s [i32 r?]]"},
    {ApiKey::fetch, 4, 4, "i32 i32 i32 i32 i8 [s [i32 i64 i32]]"},
    {ApiKey::fetch, 5, 6, "i32 i32 i32 i32 i8 [s [i32 i64 i64 i32]]"},
    {ApiKey::fetch, 7, 8, "i32 i32 i32 i32 i8 i32 i32 [s [i32 i64 i64 i32]] [s [i32]]"},
    {ApiKey::fetch, 9, 10, "i32 i32 i32 i32 i8 i32 i32 [s [i32 i32 i64 i64 i32]] [s [i32]]"},
    {ApiKey::fetch, 11, 11, "i32 i32 i32 i32 i8 i32 i32 [s [i32 i32 i64 i64 i32]] [s [i32]] s"},
    {ApiKey::fetch, 12, 12, "tag0:s? i32 i32 i32 i32 i8 i32 i32 [s [i32 i32 i64 i32 i64 i32]] [s [i32]] s"},
    {ApiKey::fetch, 13, 14, "tag0:s? i32 i32 i32 i32 i8 i32 i32 [u [i32 i32 i64 i32 i64 i32]] [u [i32]] s"},
    {ApiKey::fetch, 15, 16,
     "tag0:s? tag1:i32 i64 i32 i32 i32 i8 i32 i32 [u [i32 i32 i64 i32 i64 i32]] [u [i32]] s"},
    {ApiKey::fetch, 17, 17,
     "tag0:s? tag1:i32 i64 i32 i32 i32 i8 i32 i32 [u [i32 i32 i64 i32 i64 i32 tag0:u]] [u [i32]] s"},
    {ApiKey::list_offsets, 1, 1, "i32 [s [i32 i64]]"},
    {ApiKey::list_offsets, 2, 3, "i32 i8 [s [i32 i64]]"},
    {ApiKey::list_offsets, 4, 9, "i32 i8 [s [i32 i32 i64]]"},
    {ApiKey::list_offsets, 10, 10, "i32 i8 [s [i32 i32 i64]] i32"},
    {ApiKey::metadata, 0, 0, "[s]"},
    {ApiKey::metadata, 1, 3, "[s]?"},
    {ApiKey::metadata, 4, 7, "[s]? b"},
    {ApiKey::metadata, 8, 9, "[s]? b b b"},
    {ApiKey::metadata, 10, 10, "[u s?]? b b b"},
    {ApiKey::metadata, 11, 12, "[u s?]? b b"},
    {ApiKey::offset_commit, 2, 4, "s i32 s i64 [s [i32 i64 s?]]"},
    {ApiKey::offset_commit, 5, 5, "s i32 s [s [i32 i64 s?]]"},
    {ApiKey::offset_commit, 6, 6, "s i32 s [s [i32 i64 i32 s?]]"},
    {ApiKey::offset_commit, 7, 9, "s i32 s s? [s [i32 i64 i32 s?]]"},
    {ApiKey::offset_fetch, 1, 1, "s [s [i32]]"},
    {ApiKey::offset_fetch, 2, 6, "s [s [i32]]?"},
    {ApiKey::offset_fetch, 7, 7, "s [s [i32]]? b"},
    {ApiKey::offset_fetch, 8, 8, "[s [s [i32]]?] b"},
    {ApiKey::offset_fetch, 9, 9, "[s s? i32 [s [i32]]?] b"},
    {ApiKey::offset_for_leader_epoch, 0, 1, "[s [i32 i32]]"},
    {ApiKey::offset_for_leader_epoch, 2, 2, "[s [i32 i32 i32]]"},
    {ApiKey::offset_for_leader_epoch, 3, 4, "i32 [s [i32 i32 i32]]"},
    {ApiKey::find_coordinator, 0, 0, "s"},
    {ApiKey::find_coordinator, 1, 3, "s i8"},
    {ApiKey::find_coordinator, 4, 4, "i8 [s]"},
    {ApiKey::join_group, 0, 0, "s i32 s s [s r]"},
    {ApiKey::join_group, 1, 4, "s i32 i32 s s [s r]"},
    {ApiKey::join_group, 5, 7, "s i32 i32 s s? s [s r]"},
    {ApiKey::join_group, 8, 9, "s i32 i32 s s? s [s r] s?"},
    {ApiKey::heartbeat, 0, 2, "s i32 s"},
    {ApiKey::heartbeat, 3, 4, "s i32 s s?"},
    {ApiKey::leave_group, 0, 2, "s s"},
    {ApiKey::leave_group, 3, 4, "s [s s?]"},
    {ApiKey::leave_group, 5, 5, "s [s s? s?]"},
    {ApiKey::sync_group, 0, 2, "s i32 s [s r]"},
    {ApiKey::sync_group, 3, 4, "s i32 s s? [s r]"},
    {ApiKey::sync_group, 5, 5, "s i32 s s? s? s? [s r]"},
    {ApiKey::describe_groups, 0, 2, "[s]"},
    {ApiKey::describe_groups, 3, 6, "[s] b"},
    {ApiKey::list_groups, 0, 3, ""},
    {ApiKey::list_groups, 4, 4, "[s]"},
    {ApiKey::list_groups, 5, 5, "[s] [s]"},
    {ApiKey::api_versions, 0, 2, ""},
    {ApiKey::api_versions, 3, 4, "s s"},
    {ApiKey::create_topics, 0, 0, "[s i32 i16 [i32 [i32]] [s s?]] i32"},
    {ApiKey::create_topics, 1, 7, "[s i32 i16 [i32 [i32]] [s s?]] i32 b"},
    {ApiKey::delete_topics, 0, 5, "[s] i32"},
    {ApiKey::delete_topics, 6, 6, "[s? u] i32"},
    {ApiKey::init_producer_id, 0, 2, "s? i32"},
    {ApiKey::init_producer_id, 3, 4, "s? i32 i64 i16"},
    {ApiKey::delete_groups, 0, 2, "[s]"},
    {ApiKey::offset_delete, 0, 0, "s [s [i32]]"},
    {ApiKey::describe_producers, 0, 0, "[s [i32]]"},
    {ApiKey::delete_records, 0, 2, "[s [i32 i64]] i32"},
    {ApiKey::describe_configs, 0, 0, "[i8 s [s]?]"},
    {ApiKey::describe_configs, 1, 2, "[i8 s [s]?] b"},
    {ApiKey::describe_configs, 3, 4, "[i8 s [s]?] b b"},
    {ApiKey::alter_configs, 0, 2, "[i8 s [s s?]] b"},
    {ApiKey::describe_log_dirs, 0, 4, "[s [i32]]?"},
    {ApiKey::create_partitions, 0, 3, "[s i32 [[i32]]?] i32 b"},
    {ApiKey::elect_leaders, 0, 0, "[s [i32]]? i32"},
    {ApiKey::elect_leaders, 1, 2, "i8 [s [i32]]? i32"},
    {ApiKey::incremental_alter_configs, 0, 1, "[i8 s [s i8 s?]] b"},
    {ApiKey::alter_partition_reassignments, 0, 0, "i32 [s [i32 [i32]?]]"},
    {ApiKey::list_partition_reassignments, 0, 0, "i32 [s [i32]]?"},
    {ApiKey::describe_cluster, 0, 0, "b"},
    {ApiKey::describe_cluster, 1, 1, "b i8"},
    {ApiKey::describe_topic_partitions, 0, 0, "[s] i32 s i32?"},
    {ApiKey::consumer_group_heartbeat, 0, 0, "s s i32 s? s? i32 [s]? s? [u [i32]]?"},
    {ApiKey::consumer_group_heartbeat, 1, 1, "s s i32 s? s? i32 [s]? s? s? [u [i32]]?"},
    {ApiKey::consumer_group_describe, 0, 1, "[s] b"},
    {ApiKey::describe_client_quotas, 0, 1, "[s i8 s?] b"},
    {ApiKey::alter_client_quotas, 0, 1, "[[s s?] [s f64 b]] b"},
};

constexpr ExpectedLayout kResponses[] = {
    {ApiKey::produce, 3, 4, "[s [i32 i16 i64 i64]] i32"},
    {ApiKey::produce, 5, 7, "[s [i32 i16 i64 i64 i64]] i32"},
    {ApiKey::produce, 8, 9, "[s [i32 i16 i64 i64 i64 [i32 s?] s?]] i32"},
    {ApiKey::produce, 10, 12, "[s [i32 i16 i64 i64 i64 [i32 s?] s? tag0:i32 i32]] i32 tag0:[i32 s i32 s?]"},
    {ApiKey::fetch, 4, 4, "i32 [s [i32 i16 i64 i64 [i64 i64]? r?]]"},
    {ApiKey::fetch, 5, 6, "i32 [s [i32 i16 i64 i64 i64 [i64 i64]? r?]]"},
    {ApiKey::fetch, 7, 10, "i32 i16 i32 [s [i32 i16 i64 i64 i64 [i64 i64]? r?]]"},
    {ApiKey::fetch, 11, 11, "i32 i16 i32 [s [i32 i16 i64 i64 i64 [i64 i64]? i32 r?]]"},
    {ApiKey::fetch, 12, 12,
     "i32 i16 i32 [s [i32 i16 i64 i64 i64 tag0:i32 i64 tag1:i32 i32 tag2:i64 i32 [i64 i64]? i32 r?]]"},
    {ApiKey::fetch, 13, 15,
     "i32 i16 i32 [u [i32 i16 i64 i64 i64 tag0:i32 i64 tag1:i32 i32 tag2:i64 i32 [i64 i64]? i32 r?]]"},
    {ApiKey::fetch, 16, 17,
     "i32 i16 i32 [u [i32 i16 i64 i64 i64 tag0:i32 i64 tag1:i32 i32 tag2:i64 i32 [i64 i64]? i32 r?]] "
     "tag0:[i32 s i32 s?]"},
    {ApiKey::list_offsets, 1, 1, "[s [i32 i16 i64 i64]]"},
    {ApiKey::list_offsets, 2, 3, "i32 [s [i32 i16 i64 i64]]"},
    {ApiKey::list_offsets, 4, 10, "i32 [s [i32 i16 i64 i64 i32]]"},
    {ApiKey::metadata, 0, 0, "[i32 s i32] [i16 s [i16 i32 i32 [i32] [i32]]]"},
    {ApiKey::metadata, 1, 1, "[i32 s i32 s?] i32 [i16 s b [i16 i32 i32 [i32] [i32]]]"},
    {ApiKey::metadata, 2, 2, "[i32 s i32 s?] s? i32 [i16 s b [i16 i32 i32 [i32] [i32]]]"},
    {ApiKey::metadata, 3, 4, "i32 [i32 s i32 s?] s? i32 [i16 s b [i16 i32 i32 [i32] [i32]]]"},
    {ApiKey::metadata, 5, 6, "i32 [i32 s i32 s?] s? i32 [i16 s b [i16 i32 i32 [i32] [i32] [i32]]]"},
    {ApiKey::metadata, 7, 7, "i32 [i32 s i32 s?] s? i32 [i16 s b [i16 i32 i32 i32 [i32] [i32] [i32]]]"},
    {ApiKey::metadata, 8, 9, "i32 [i32 s i32 s?] s? i32 [i16 s b [i16 i32 i32 i32 [i32] [i32] [i32]] i32] i32"},
    {ApiKey::metadata, 10, 10,
     "i32 [i32 s i32 s?] s? i32 [i16 s u b [i16 i32 i32 i32 [i32] [i32] [i32]] i32] i32"},
    {ApiKey::metadata, 11, 11, "i32 [i32 s i32 s?] s? i32 [i16 s u b [i16 i32 i32 i32 [i32] [i32] [i32]] i32]"},
    {ApiKey::metadata, 12, 12, "i32 [i32 s i32 s?] s? i32 [i16 s? u b [i16 i32 i32 i32 [i32] [i32] [i32]] i32]"},
    {ApiKey::offset_commit, 2, 2, "[s [i32 i16]]"},
    {ApiKey::offset_commit, 3, 9, "i32 [s [i32 i16]]"},
    {ApiKey::offset_fetch, 1, 1, "[s [i32 i64 s? i16]]"},
    {ApiKey::offset_fetch, 2, 2, "[s [i32 i64 s? i16]] i16"},
    {ApiKey::offset_fetch, 3, 4, "i32 [s [i32 i64 s? i16]] i16"},
    {ApiKey::offset_fetch, 5, 7, "i32 [s [i32 i64 i32 s? i16]] i16"},
    {ApiKey::offset_fetch, 8, 9, "i32 [s [s [i32 i64 i32 s? i16]] i16]"},
    {ApiKey::offset_for_leader_epoch, 0, 0, "[s [i16 i32 i64]]"},
    {ApiKey::offset_for_leader_epoch, 1, 1, "[s [i16 i32 i32 i64]]"},
    {ApiKey::offset_for_leader_epoch, 2, 4, "i32 [s [i16 i32 i32 i64]]"},
    {ApiKey::find_coordinator, 0, 0, "i16 i32 s i32"},
    {ApiKey::find_coordinator, 1, 3, "i32 i16 s? i32 s i32"},
    {ApiKey::find_coordinator, 4, 4, "i32 [s i32 s i32 i16 s?]"},
    {ApiKey::join_group, 0, 1, "i16 i32 s s s [s r]"},
    {ApiKey::join_group, 2, 4, "i32 i16 i32 s s s [s r]"},
    {ApiKey::join_group, 5, 6, "i32 i16 i32 s s s [s s? r]"},
    {ApiKey::join_group, 7, 8, "i32 i16 i32 s? s? s s [s s? r]"},
    {ApiKey::join_group, 9, 9, "i32 i16 i32 s? s? s b s [s s? r]"},
    {ApiKey::heartbeat, 0, 0, "i16"},
    {ApiKey::heartbeat, 1, 4, "i32 i16"},
    {ApiKey::leave_group, 0, 0, "i16"},
    {ApiKey::leave_group, 1, 2, "i32 i16"},
    {ApiKey::leave_group, 3, 5, "i32 i16 [s s? i16]"},
    {ApiKey::sync_group, 0, 0, "i16 r"},
    {ApiKey::sync_group, 1, 4, "i32 i16 r"},
    {ApiKey::sync_group, 5, 5, "i32 i16 s? s? r"},
    {ApiKey::describe_groups, 0, 0, "[i16 s s s s [s s s r r]]"},
    {ApiKey::describe_groups, 1, 2, "i32 [i16 s s s s [s s s r r]]"},
    {ApiKey::describe_groups, 3, 3, "i32 [i16 s s s s [s s s r r] i32]"},
    {ApiKey::describe_groups, 4, 5, "i32 [i16 s s s s [s s? s s r r] i32]"},
    {ApiKey::describe_groups, 6, 6, "i32 [i16 s? s s s s [s s? s s r r] i32]"},
    {ApiKey::list_groups, 0, 0, "i16 [s s]"},
    {ApiKey::list_groups, 1, 3, "i32 i16 [s s]"},
    {ApiKey::list_groups, 4, 4, "i32 i16 [s s s]"},
    {ApiKey::list_groups, 5, 5, "i32 i16 [s s s s]"},
    {ApiKey::api_versions, 0, 0, "i16 [i16 i16 i16]"},
    {ApiKey::api_versions, 1, 2, "i16 [i16 i16 i16] i32"},
    {ApiKey::api_versions, 3, 4, "i16 [i16 i16 i16] i32 tag0:[s i16 i16] tag1:i64 tag2:[s i16 i16] tag3:b"},
    {ApiKey::create_topics, 0, 0, "[s i16]"},
    {ApiKey::create_topics, 1, 1, "[s i16 s?]"},
    {ApiKey::create_topics, 2, 4, "i32 [s i16 s?]"},
    {ApiKey::create_topics, 5, 6, "i32 [s i16 s? tag0:i16 i32 i16 [s s? b i8 b]?]"},
    {ApiKey::create_topics, 7, 7, "i32 [s u i16 s? tag0:i16 i32 i16 [s s? b i8 b]?]"},
    {ApiKey::delete_topics, 0, 0, "[s i16]"},
    {ApiKey::delete_topics, 1, 4, "i32 [s i16]"},
    {ApiKey::delete_topics, 5, 5, "i32 [s i16 s?]"},
    {ApiKey::delete_topics, 6, 6, "i32 [s? u i16 s?]"},
    {ApiKey::init_producer_id, 0, 4, "i32 i16 i64 i16"},
    {ApiKey::delete_groups, 0, 2, "i32 [s i16]"},
    {ApiKey::offset_delete, 0, 0, "i16 i32 [s [i32 i16]]"},
    {ApiKey::describe_producers, 0, 0, "i32 [s [i32 i16 s? [i64 i32 i32 i64 i32 i64]]]"},
    {ApiKey::delete_records, 0, 2, "i32 [s [i32 i64 i16]]"},
    {ApiKey::describe_configs, 0, 0, "i32 [i16 s? i8 s [s s? b b b]]"},
    {ApiKey::describe_configs, 1, 2, "i32 [i16 s? i8 s [s s? b i8 b [s s? i8]]]"},
    {ApiKey::describe_configs, 3, 4, "i32 [i16 s? i8 s [s s? b i8 b [s s? i8] i8 s?]]"},
    {ApiKey::alter_configs, 0, 2, "i32 [i16 s? i8 s]"},
    {ApiKey::describe_log_dirs, 0, 2, "i32 [i16 s [s [i32 i64 i64 b]]]"},
    {ApiKey::describe_log_dirs, 3, 3, "i32 i16 [i16 s [s [i32 i64 i64 b]]]"},
    {ApiKey::describe_log_dirs, 4, 4, "i32 i16 [i16 s [s [i32 i64 i64 b]] i64 i64]"},
    {ApiKey::create_partitions, 0, 3, "i32 [s i16 s?]"},
    {ApiKey::elect_leaders, 0, 0, "i32 [s [i32 i16 s?]]"},
    {ApiKey::elect_leaders, 1, 2, "i32 i16 [s [i32 i16 s?]]"},
    {ApiKey::incremental_alter_configs, 0, 1, "i32 [i16 s? i8 s]"},
    {ApiKey::alter_partition_reassignments, 0, 0, "i32 i16 s? [s [i32 i16 s?]]"},
    {ApiKey::list_partition_reassignments, 0, 0, "i32 i16 s? [s [i32 [i32] [i32] [i32]]]"},
    {ApiKey::describe_cluster, 0, 0, "i32 i16 s? s i32 [i32 s i32 s?] i32"},
    {ApiKey::describe_cluster, 1, 1, "i32 i16 s? i8 s i32 [i32 s i32 s?] i32"},
    {ApiKey::describe_topic_partitions, 0, 0, "i32 [i16 s? u b [i16 i32 i32 i32 [i32] [i32] [i32]? [i32]? [i32]] i32] s i32?"},
    {ApiKey::consumer_group_heartbeat, 0, 1, "i32 i16 s? s? i32 i32 [u [i32]]?"},
    {ApiKey::consumer_group_describe, 0, 0, "i32 [i16 s? s s i32 i32 s [s s? s? i32 s s [s] s? [u s [i32]] [u s [i32]]] i32]"},
    {ApiKey::consumer_group_describe, 1, 1, "i32 [i16 s? s s i32 i32 s [s s? s? i32 s s [s] s? [u s [i32]] [u s [i32]] i8] i32]"},
    {ApiKey::describe_client_quotas, 0, 1, "i32 i16 s? [[s s?] [s f64]]?"},
    {ApiKey::alter_client_quotas, 0, 1, "i32 [i16 s? [s s?]]"},
};
// clang-format on

template <class M, size_t kCount>
void expect_layouts(const ExpectedLayout (&layouts)[kCount]) {
  int16_t version = M::kApi.served.first;
  for (const ExpectedLayout& expected : layouts) {
    if (expected.key != M::kApi.key) continue;
    EXPECT_EQ(expected.version_first, version);
    for (; version <= expected.version_last; ++version) {
      EXPECT_EQ(notation_of<M>(version), expected.notation)
          << "key " << static_cast<int>(expected.key) << " version " << version;
    }
  }
  EXPECT_EQ(version, M::kApi.served.last + 1) << "key " << static_cast<int>(M::kApi.key);
}

TEST(Layout, OfEveryRequestIsKafkasInEveryVersion) {
  test::for_each_request([]<class M>(std::type_identity<M>) { expect_layouts<M>(kRequests); });
}

TEST(Layout, OfEveryResponseIsKafkasInEveryVersion) {
  test::for_each_response([]<class M>(std::type_identity<M>) { expect_layouts<M>(kResponses); });
}

TEST(Layout, TurnsFlexibleInTheVersionKafkasDoes) {
  const struct {
    ApiKey key;
    int16_t flexible_since;
  } expected[] = {
      {ApiKey::produce, 9},
      {ApiKey::fetch, 12},
      {ApiKey::list_offsets, 6},
      {ApiKey::metadata, 9},
      {ApiKey::find_coordinator, 3},
      {ApiKey::api_versions, 3},
      {ApiKey::create_topics, 5},
      {ApiKey::delete_topics, 4},
      {ApiKey::offset_commit, 8},
      {ApiKey::offset_fetch, 6},
      {ApiKey::join_group, 6},
      {ApiKey::heartbeat, 4},
      {ApiKey::leave_group, 4},
      {ApiKey::sync_group, 4},
      {ApiKey::describe_groups, 5},
      {ApiKey::list_groups, 3},
      {ApiKey::delete_groups, 2},
      {ApiKey::offset_delete, Api::kNeverFlexible},
      {ApiKey::offset_for_leader_epoch, 4},
      {ApiKey::init_producer_id, 2},
      {ApiKey::describe_producers, 0},
      {ApiKey::delete_records, 2},
      {ApiKey::describe_configs, 4},
      {ApiKey::alter_configs, 2},
      {ApiKey::describe_log_dirs, 2},
      {ApiKey::create_partitions, 2},
      {ApiKey::elect_leaders, 2},
      {ApiKey::incremental_alter_configs, 1},
      {ApiKey::alter_partition_reassignments, 0},
      {ApiKey::list_partition_reassignments, 0},
      {ApiKey::describe_cluster, 0},
      {ApiKey::describe_topic_partitions, 0},
      {ApiKey::consumer_group_heartbeat, 0},
      {ApiKey::consumer_group_describe, 0},
      {ApiKey::describe_client_quotas, 1},
      {ApiKey::alter_client_quotas, 1},
  };
  EXPECT_EQ(std::size(expected), api_table().size());
  for (const auto& [key, flexible_since] : expected) {
    EXPECT_EQ(find_api(key)->flexible_since, flexible_since) << static_cast<int>(key);
  }
}

}  // namespace
}  // namespace penstock::kafka
