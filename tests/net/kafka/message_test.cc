#include "net/kafka/message.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "tests/net/all_messages.h"
#include "tests/net/frame_bytes.h"
#include "tests/net/message_generator.h"

namespace penstock::kafka {
namespace {

using test::Bytes;
using test::MessageGenerator;

constexpr MessageGenerator::Kind kKinds[] = {
    MessageGenerator::Kind::random, MessageGenerator::Kind::empty, MessageGenerator::Kind::null,
    MessageGenerator::Kind::large};

template <class M>
void expect_request_round_trip(const M& request, int16_t version) {
  const Result<OutgoingFrame> frame = encode_request(77, "a-client", version, request);
  ASSERT_TRUE(frame.ok());
  const Bytes bytes = test::joined(frame.value());
  ASSERT_EQ(bytes.size(), frame.value().size_bytes());

  Decoder decoder(test::body_of(bytes));
  const Result<RequestHeader> header = decode_request_header(decoder);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value(), (RequestHeader{M::kApi.key, version, 77, "a-client"}));
  const Result<M> decoded = decode_body<M>(decoder, version);
  ASSERT_TRUE(decoded.ok()) << name_of(decoder.fault());
  EXPECT_EQ(decoded.value(), request);
}

template <class M>
void expect_response_round_trip(const M& response, int16_t version) {
  const Result<OutgoingFrame> frame = encode_response(-5, version, response);
  ASSERT_TRUE(frame.ok());
  const Bytes bytes = test::joined(frame.value());
  ASSERT_EQ(bytes.size(), frame.value().size_bytes());

  Decoder decoder(test::body_of(bytes));
  const Result<ResponseHeader> header = decode_response_header(decoder, M::kApi, version);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().correlation_id, -5);
  const Result<M> decoded = decode_body<M>(decoder, version);
  ASSERT_TRUE(decoded.ok()) << name_of(decoder.fault());
  EXPECT_EQ(decoded.value(), response);
}

template <class M, class Expect>
void for_each_version_and_seed(Expect expect) {
  for (int16_t version = M::kApi.served.first; version <= M::kApi.served.last; ++version) {
    for (const MessageGenerator::Kind kind : kKinds) {
      for (uint64_t seed = 1; seed <= 25; ++seed) {
        SCOPED_TRACE("key " + std::to_string(static_cast<int>(M::kApi.key)) + " version " +
                     std::to_string(version) + " kind " + std::to_string(static_cast<int>(kind)) +
                     " seed " + std::to_string(seed));
        MessageGenerator generator(seed, kind);
        const M message = generator.template make<M>(version);
        expect(message, version);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(Message, EveryRequestComesBackAsItWasInEveryVersion) {
  test::for_each_request([]<class M>(std::type_identity<M>) {
    for_each_version_and_seed<M>(
        [](const M& request, int16_t version) { expect_request_round_trip(request, version); });
  });
}

TEST(Message, EveryResponseComesBackAsItWasInEveryVersion) {
  test::for_each_response([]<class M>(std::type_identity<M>) {
    for_each_version_and_seed<M>(
        [](const M& response, int16_t version) { expect_response_round_trip(response, version); });
  });
}

// What no round trip can see, because both directions would be wrong alike.
template <class T>
struct ExpectSoundRules {
  int64_t previous_tag = -1;

  template <class Member>
  void operator()(Member T::*, FieldRule rule = {}) {
    EXPECT_LE(rule.version_first, rule.version_last);
    EXPECT_EQ(codec_detail::kIsOptional<Member>, rule.nullable_version_first != FieldRule::kNever);
    if (rule.tagged()) {
      EXPECT_GT(rule.tag, previous_tag);
      EXPECT_FALSE(rule.never_compact);
      previous_tag = rule.tag;
    }
    expect_sound<Member>();
  }

  template <class Member>
  static void expect_sound() {
    if constexpr (codec_detail::kIsOptional<Member> || codec_detail::kIsVector<Member>) {
      expect_sound<typename Member::value_type>();
    } else if constexpr (codec_detail::Struct<Member>) {
      ExpectSoundRules<Member> rules;
      Member::describe(rules);
    }
  }
};

TEST(Message, FieldsAreDeclaredWithSoundRules) {
  const auto expect_sound = []<class M>(std::type_identity<M>) {
    SCOPED_TRACE(static_cast<int>(M::kApi.key));
    ExpectSoundRules<M> rules;
    M::describe(rules);
  };
  test::for_each_request(expect_sound);
  test::for_each_response(expect_sound);
}

TEST(Message, AVersionWithoutALayoutIsRefusedBothWays) {
  EXPECT_EQ(encode_request(1, std::nullopt, 2, ProduceRequest{}).error(), Error::unsupported);
  EXPECT_EQ(encode_response(1, 18, FetchResponse{}).error(), Error::unsupported);
  Decoder decoder(std::span<const std::byte>{});
  EXPECT_EQ(decode_body<FetchRequest>(decoder, 3).error(), Error::unsupported);
}

TEST(Message, ANullThatTheVersionCannotSendIsRefused) {
  EXPECT_EQ(encode_request(1, std::nullopt, 0, MetadataRequest{}).error(), Error::invalid_argument);
  EXPECT_TRUE(encode_request(1, std::nullopt, 1, MetadataRequest{}).ok());
}

TEST(Message, AFrameAboveItsLimitIsRefused) {
  const DeleteTopicsRequest request{.topic_names = {"0123456789"}};
  const size_t header_bytes = 2 + 2 + 4 + 2;
  const size_t body_bytes = 4 + 2 + 10 + 4;
  const Result<OutgoingFrame> fits =
      encode_request(1, std::nullopt, 1, request, header_bytes + body_bytes);
  ASSERT_TRUE(fits.ok());
  EXPECT_EQ(fits.value().size_bytes(), 4 + header_bytes + body_bytes);
  EXPECT_EQ(encode_request(1, std::nullopt, 1, request, header_bytes + body_bytes - 1).error(),
            Error::too_large);
}

TEST(Message, OfARequestNotServedOnlyTheFixedFieldsAreRead) {
  // ApiVersions 99: what stands behind the correlation id is of a shape to come.
  const Bytes frame = test::bytes_of("0012 0063 0000002a ff ff ff");
  Decoder decoder(frame);
  const Result<RequestHeader> header = decode_request_header(decoder);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().correlation_id, 42);
  EXPECT_EQ(admission_of(header.value().api_key, header.value().api_version),
            Admission::answer_unsupported);
}

TEST(Message, UnknownTagsAreSkipped) {
  // ApiVersions 3: tag 5 in the header; tags 0 and 300 in the body.
  const Bytes frame =
      test::bytes_of("0012 0003 00000001 0001 'c' 01 05 02 aabb  02'n' 02'v' 02 00 01 ff ac02 00");
  Decoder decoder(frame);
  ASSERT_TRUE(decode_request_header(decoder).ok());
  const Result<ApiVersionsRequest> request = decode_body<ApiVersionsRequest>(decoder, 3);
  ASSERT_TRUE(request.ok()) << name_of(decoder.fault());
  EXPECT_EQ(request.value(), (ApiVersionsRequest{"n", "v"}));
}

TEST(Message, LargeRecordsAreSentFromWhereTheyLie) {
  const Bytes large(Encoder::kReferenceBytesMin, std::byte{7});
  const Bytes small(Encoder::kReferenceBytesMin - 1, std::byte{8});
  const IoSlice pieces[] = {
      {large.data(), large.size()}, {small.data(), small.size()}, {large.data(), large.size()}};
  FetchResponse response;
  response.topics.push_back(
      {.name = "t", .partitions = {{.records = Records(std::span<const IoSlice>(pieces))}}});

  const Result<OutgoingFrame> frame = encode_response(1, 11, response);
  ASSERT_TRUE(frame.ok());
  const std::span<const IoSlice> slices = frame.value().slices();
  ASSERT_EQ(slices.size(), 4u);  // front, large, small copied, large
  EXPECT_EQ(slices[1].bytes, large.data());
  EXPECT_EQ(slices[2].length_bytes, small.size());
  EXPECT_NE(slices[2].bytes, small.data());
  EXPECT_EQ(slices[3].bytes, large.data());
}

}  // namespace
}  // namespace penstock::kafka
