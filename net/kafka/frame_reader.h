// Cuts frames out of a connection's byte stream: four bytes of length, big endian, then the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::kafka {

struct FrameLimits {
  // The smallest request: key, version, correlation id, length of the client id. A client reads responses, of which
  // the smallest is the correlation id.
  static constexpr uint32_t kRequestBytesMin = 10;
  static constexpr uint32_t kResponseBytesMin = 4;

  uint32_t size_bytes_min = kRequestBytesMin;
  uint32_t size_bytes_max = 100 << 20;  // socket.request.max.bytes
};

// Why a stream cannot be read on. Every one of them ends the connection; the last two are for counters that tell an
// operator about a client with the wrong port.
enum class FrameRefusal : uint8_t {
  negative_size,
  below_minimum,
  above_maximum,
  tls_hello,
  http_request
};
const char* name_of(FrameRefusal refusal);

struct FrameCut {
  enum class State : uint8_t { incomplete, complete, refused };

  State state = State::incomplete;
  FrameRefusal refusal{};            // refused
  std::span<const std::byte> frame;  // complete: without its length
  // With the length: of the frame, if complete; if incomplete, that many must be there before asking again makes
  // sense. It is what the sender claims: memory grows with what has arrived, not with this.
  size_t stream_bytes = 0;
};

// Looks at the front of what was received and not yet consumed.
FrameCut cut_frame(std::span<const std::byte> received, FrameLimits limits);

}  // namespace penstock::kafka
