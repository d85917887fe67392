#include "net/kafka/frame_reader.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "net/kafka/wire.h"

namespace penstock::kafka {

namespace {

constexpr size_t kLengthBytes = 4;

FrameCut refuse(FrameRefusal refusal) {
  return {.state = FrameCut::State::refused, .refusal = refusal};
}

// Read as a length, both are far above any limit; so they are looked for only there.
FrameRefusal why_above_maximum(std::span<const std::byte> length) {
  const std::string_view text(reinterpret_cast<const char*>(length.data()), kLengthBytes);
  constexpr std::array<std::string_view, 8> kVerbs = {"GET ", "HEAD", "POST", "PUT ",
                                                      "DELE", "OPTI", "PATC", "CONN"};
  if (std::find(kVerbs.begin(), kVerbs.end(), text) != kVerbs.end()) {
    return FrameRefusal::http_request;
  }
  // A handshake record of TLS: type 22, version 3.x.
  if (text.starts_with("\x16\x03")) return FrameRefusal::tls_hello;
  return FrameRefusal::above_maximum;
}

}  // namespace

const char* name_of(FrameRefusal refusal) {
  switch (refusal) {
    case FrameRefusal::negative_size: return "negative_size";
    case FrameRefusal::below_minimum: return "below_minimum";
    case FrameRefusal::above_maximum: return "above_maximum";
    case FrameRefusal::tls_hello: return "tls_hello";
    case FrameRefusal::http_request: return "http_request";
  }
  return "unknown";
}

FrameCut cut_frame(std::span<const std::byte> received, FrameLimits limits) {
  if (received.size() < kLengthBytes) return {.stream_bytes = kLengthBytes};
  const int32_t claimed = Decoder(received.first(kLengthBytes)).integer<int32_t>();
  if (claimed < 0) return refuse(FrameRefusal::negative_size);
  const auto size_bytes = static_cast<uint32_t>(claimed);
  if (size_bytes < limits.size_bytes_min) return refuse(FrameRefusal::below_minimum);
  if (size_bytes > limits.size_bytes_max) return refuse(why_above_maximum(received));

  const size_t stream_bytes = kLengthBytes + size_t{size_bytes};
  if (received.size() < stream_bytes) return {.stream_bytes = stream_bytes};
  return {.state = FrameCut::State::complete,
          .frame = received.subspan(kLengthBytes, size_bytes),
          .stream_bytes = stream_bytes};
}

}  // namespace penstock::kafka
