// Frames that no client sends by mistake: each is refused for the right reason, at a cost bounded by its size.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <type_traits>

#include "net/kafka/message.h"
#include "tests/net/all_messages.h"
#include "tests/net/counting_allocator.h"
#include "tests/net/frame_bytes.h"
#include "tests/net/message_generator.h"

namespace penstock::kafka {
namespace {

using test::AllocationCount;
using test::Bytes;
using test::bytes_of;

// Decoded memory is within the decoder's budget; while a container grows, its old half is there too.
size_t allowed_bytes(size_t frame_bytes) {
  return (frame_bytes * Decoder::kBudgetFactor + Decoder::kBudgetSlack) * 3 / 2;
}

template <class M>
DecodeFault fault_of(std::span<const std::byte> body, int16_t version) {
  const AllocationCount allocations;
  Decoder decoder(body);
  const Result<M> message = decode_body<M>(decoder, version);
  EXPECT_LE(allocations.peak_bytes(), allowed_bytes(body.size()));
  EXPECT_EQ(message.ok(), decoder.ok());
  if (!message.ok()) {
    EXPECT_EQ(message.error(),
              decoder.fault() == DecodeFault::over_budget ? Error::too_large : Error::corrupt);
  }
  return decoder.fault();
}

struct Attack {
  const char* what;
  const char* body;
  DecodeFault (*decode)(std::span<const std::byte>, int16_t);
  int16_t version;
  DecodeFault fault;
};

TEST(HostileInput, IsRefusedForTheRightReason) {
  const Attack attacks[] = {
      {"nothing at all", "", fault_of<DeleteTopicsRequest>, 1, DecodeFault::truncated},
      {"null array where none may be", "ffffffff 00000000", fault_of<DeleteTopicsRequest>, 1,
       DecodeFault::null_not_allowed},
      {"null array in a version that has none", "ffffffff", fault_of<MetadataRequest>, 0,
       DecodeFault::null_not_allowed},
      {"compact null array where none may be", "00 00000000 00", fault_of<DeleteTopicsRequest>, 4,
       DecodeFault::null_not_allowed},
      {"count -2", "fffffffe 00000000", fault_of<DeleteTopicsRequest>, 1, DecodeFault::bad_length},
      {"count -2^31", "80000000 00000000", fault_of<DeleteTopicsRequest>, 1,
       DecodeFault::bad_length},
      {"count 2^30", "40000000 00000000", fault_of<DeleteTopicsRequest>, 1, DecodeFault::truncated},
      {"count one more than fits", "00000003 00000000 0000", fault_of<DeleteTopicsRequest>, 1,
       DecodeFault::truncated},
      {"compact count 2^32 - 2", "ffffffff0f 00000000 00", fault_of<DeleteTopicsRequest>, 4,
       DecodeFault::truncated},
      {"nested count 2^30", "ffffffff 00 00000001 0001'a' 40000000 00000000",
       fault_of<ListOffsetsRequest>, 2, DecodeFault::truncated},
      {"null string where none may be", "00000001 ffff 00000000", fault_of<DeleteTopicsRequest>, 1,
       DecodeFault::null_not_allowed},
      {"compact null string where none may be", "02 00 00000000 00", fault_of<DeleteTopicsRequest>,
       4, DecodeFault::null_not_allowed},
      {"string length -2", "fffe 'abc'", fault_of<FindCoordinatorRequest>, 0,
       DecodeFault::bad_length},
      {"string longer than the frame", "0004 'abc'", fault_of<FindCoordinatorRequest>, 0,
       DecodeFault::truncated},
      {"compact string above 32,767 bytes", "818002 'abc'", fault_of<FindCoordinatorRequest>, 3,
       DecodeFault::bad_length},
      {"records of -2 bytes", "ffff ffff 00000000 00000001 0001'a' 00000001 00000000 fffffffe",
       fault_of<ProduceRequest>, 3, DecodeFault::bad_length},
      {"records of 2^31 - 1 bytes",
       "ffff ffff 00000000 00000001 0001'a' 00000001 00000000 7fffffff", fault_of<ProduceRequest>,
       3, DecodeFault::truncated},
      {"varint of six bytes", "808080808000", fault_of<FindCoordinatorRequest>, 3,
       DecodeFault::bad_varint},
      {"varint above 32 bits", "ffffffff1f", fault_of<FindCoordinatorRequest>, 3,
       DecodeFault::bad_varint},
      {"varint cut off", "8080", fault_of<FindCoordinatorRequest>, 3, DecodeFault::truncated},
      {"20 million tags", "01 01 80dac409 00 00", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::too_many_tags},
      {"257 tags", "01 01 8102 00 00", fault_of<ApiVersionsRequest>, 3, DecodeFault::too_many_tags},
      {"the same tag twice", "01 01 02 05 00 05 00", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::tags_out_of_order},
      {"tags descending", "01 01 02 05 00 04 00", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::tags_out_of_order},
      {"tag larger than the frame", "01 01 01 05 03 0000", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::truncated},
      {"tag of 2^32 - 1 bytes", "01 01 01 05 ffffffff0f 00", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::truncated},
      {"known tag larger than its value", "0000 01 00000000 01 01 09 0000000000000001 00",
       fault_of<ApiVersionsResponse>, 3, DecodeFault::trailing_bytes},
      {"known tag smaller than its value", "0000 01 00000000 01 01 07 00000000000001 00",
       fault_of<ApiVersionsResponse>, 3, DecodeFault::truncated},
      {"known tag that reaches into the next", "0000 01 00000000 02 00 01 04 02 00 00",
       fault_of<ApiVersionsResponse>, 3, DecodeFault::truncated},
      {"a byte too many", "00000000 00000000 00", fault_of<DeleteTopicsRequest>, 1,
       DecodeFault::trailing_bytes},
      {"a byte behind the tags", "01 01 00 00", fault_of<ApiVersionsRequest>, 3,
       DecodeFault::trailing_bytes},
      {"UTF-8 cut off", "0002 'a' c3", fault_of<FindCoordinatorRequest>, 0, DecodeFault::bad_utf8},
      {"overlong UTF-8", "0002 c0af", fault_of<FindCoordinatorRequest>, 0, DecodeFault::bad_utf8},
  };
  for (const Attack& attack : attacks) {
    const DecodeFault fault = attack.decode(bytes_of(attack.body), attack.version);
    EXPECT_EQ(fault, attack.fault) << attack.what << ": " << name_of(fault);
  }
}

TEST(HostileInput, ManyEmptyStructsAreOverBudget) {
  // Three bytes each on the wire, forty in memory.
  Bytes body = bytes_of("ffffffff 00 81897a");  // replica, isolation level, 2 million topics
  const Bytes empty_topic = bytes_of("01 01 00");
  for (int i = 0; i < 2'000'000; ++i) {
    body.insert(body.end(), empty_topic.begin(), empty_topic.end());
  }
  body.push_back(std::byte{0});
  EXPECT_EQ(fault_of<ListOffsetsRequest>(body, 6), DecodeFault::over_budget);
}

TEST(HostileInput, ShortNamesAreWithinTheBudget) {
  MetadataRequest request{.topics = std::vector<MetadataRequest::Topic>(200, {.name = "t"})};
  const Result<OutgoingFrame> frame = encode_request(1, std::nullopt, 9, request);
  ASSERT_TRUE(frame.ok());
  const Bytes bytes = test::joined(frame.value());
  Decoder decoder(test::body_of(bytes));
  ASSERT_TRUE(decode_request_header(decoder).ok());
  EXPECT_TRUE(decode_body<MetadataRequest>(decoder, 9).ok());
}

TEST(HostileInput, BytesBehindAQuestionForMetadataAreIgnored) {
  // As librdkafka 2.12 asks for all topics: it leaves three of the four bytes of an older form of the count, so that
  // what it means as flags is read as the tags.
  const Bytes body = bytes_of("00 000000 01 000000");
  Decoder decoder(body);
  const Result<MetadataRequest> request = decode_body<MetadataRequest>(decoder, 9);
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request.value().topics.has_value());
}

TEST(HostileInput, ACountThatLiesReservesNothing) {
  // It claims as many topics as the bytes behind it could just hold.
  Bytes body(1 << 20, std::byte{0xff});
  const Bytes front = bytes_of("00040000");
  std::copy(front.begin(), front.end(), body.begin());
  const AllocationCount allocations;
  Decoder decoder(body);
  EXPECT_FALSE(decode_body<DeleteTopicsRequest>(decoder, 1).ok());
  EXPECT_LE(allocations.largest_bytes(), 64u);
}

TEST(HostileInput, ALyingSizeLimitDoesNotWrap) {
  Encoder encoder(~size_t{0});
  encoder.integer(int64_t{1});
  EXPECT_TRUE(std::move(encoder).finish().ok());
}

// Cut off anywhere, or with one byte changed, a message is refused or is another message; it costs no more than
// the budget either way.
template <class M>
void expect_bounded_when_damaged() {
  for (int16_t version = M::kApi.served.first; version <= M::kApi.served.last; ++version) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      test::MessageGenerator generator(seed, test::MessageGenerator::Kind::random);
      const M message = generator.make<M>(version);
      Encoder encoder(kFrameBytesMax);
      encode_struct(encoder, {version, M::kApi.flexible(version)}, message);
      const Result<OutgoingFrame> frame = std::move(encoder).finish();
      ASSERT_TRUE(frame.ok());
      const Bytes joined = test::joined(frame.value());
      Bytes body(joined.begin() + 4, joined.end());

      for (size_t length = 0; length < body.size(); ++length) {
        // A copy of its own, so that the address sanitizer sees a read beyond the cut.
        const Bytes cut(body.begin(), body.begin() + static_cast<ptrdiff_t>(length));
        EXPECT_NE(fault_of<M>(cut, version), DecodeFault::none) << "cut to " << length;
      }
      for (size_t i = 0; i < body.size(); ++i) {
        const std::byte before = body[i];
        for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
          body[i] = static_cast<std::byte>(value);
          fault_of<M>(body, version);
        }
        body[i] = before;
      }
    }
  }
}

TEST(HostileInput, DamagedMessagesAreRefusedOrAreOthers) {
  const auto expect_bounded = []<class M>(std::type_identity<M>) {
    SCOPED_TRACE(static_cast<int>(M::kApi.key));
    expect_bounded_when_damaged<M>();
  };
  test::for_each_request(expect_bounded);
  test::for_each_response(expect_bounded);
}

}  // namespace
}  // namespace penstock::kafka
