// Fuzz target: bytes of one frame, as from a peer. Whatever decodes must encode, and decode to the same again.
//
// Built with -Dfuzz=true and clang. A frame's first two bytes are its api key, as in a request; a key from 0x4000 on
// stands for the response of key - 0x4000, because our clients read what servers send.
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "io/check.h"
#include "net/kafka/frame_reader.h"
#include "net/kafka/message.h"
#include "tests/net/all_messages.h"
#include "tests/net/frame_bytes.h"

namespace penstock::kafka {
namespace {

constexpr int16_t kResponseKeys = 0x4000;

template <class M>
void decode_and_encode(Decoder decoder, int16_t version) {
  const Result<M> message = decode_body<M>(decoder, version);
  if (!message.ok()) return;
  const Layout layout{version, M::kApi.flexible(version)};
  Encoder encoder(kFrameBytesMax);
  encode_struct(encoder, layout, message.value());
  const Result<OutgoingFrame> frame = std::move(encoder).finish();
  check(frame.ok());
  const test::Bytes bytes = test::joined(frame.value());
  Decoder again(test::body_of(bytes));
  const Result<M> same = decode_body<M>(again, version);
  // Without the tags it did not know the frame is smaller, and so is the budget.
  if (again.fault() == DecodeFault::over_budget) return;
  check(same.ok());
  check(same.value() == message.value());
}

void read_request(std::span<const std::byte> frame) {
  Decoder decoder(frame);
  const Result<RequestHeader> header = decode_request_header(decoder);
  if (!header.ok()) return;
  test::for_each_request([&]<class M>(std::type_identity<M>) {
    if (M::kApi.key == header.value().api_key) {
      decode_and_encode<M>(decoder, header.value().api_version);
    }
  });
}

void read_response(std::span<const std::byte> frame) {
  Decoder decoder(frame);
  const auto key = static_cast<ApiKey>(decoder.integer<int16_t>() - kResponseKeys);
  const auto version = decoder.integer<int16_t>();
  test::for_each_response([&]<class M>(std::type_identity<M>) {
    if (M::kApi.key != key) return;
    if (!decode_response_header(decoder, M::kApi, version).ok()) return;
    decode_and_encode<M>(decoder, version);
  });
}

}  // namespace
}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::kafka;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  cut_frame(bytes, {});
  if (Decoder(bytes).integer<int16_t>() >= kResponseKeys) {
    read_response(bytes);
  } else {
    read_request(bytes);
  }
  return 0;
}
