// Whole requests and responses: header and body, both directions, because the load generator and the tests are
// clients. Where a connection's bytes are cut into frames: `frame_reader.h`.
//
//   Decoder decoder(frame);
//   const Result<RequestHeader> header = decode_request_header(decoder);
//   ... admission_of(header.value().api_key, header.value().api_version), choose by api_key, then
//   const Result<ProduceRequest> request = decode_body<ProduceRequest>(decoder, header.value().api_version);
//   ...
//   Result<OutgoingFrame> answer = encode_response(header.value().correlation_id, version, response);
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "net/kafka/api.h"
#include "net/kafka/codec.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

// The body of a request or a response. It names its `Api`, and so its versions.
template <class M>
concept Message = codec_detail::Struct<M> && requires {
  { M::kApi } -> std::convertible_to<const Api&>;
};

// A message that some client follows with bytes of no meaning, which are ignored as Kafka ignores them.
template <class M>
concept MayBeFollowed = requires { requires M::kMayBeFollowed; };

struct RequestHeader {
  ApiKey api_key{};
  int16_t api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string_view> client_id;  // the client's choice: escape it in logs

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&RequestHeader::api_key);
    fields(&RequestHeader::api_version);
    fields(&RequestHeader::correlation_id);
    fields(&RequestHeader::client_id, since(1).nullable().without_compact_form());
  }
  bool operator==(const RequestHeader&) const = default;
};

struct ResponseHeader {
  int32_t correlation_id = 0;

  template <class Fields>
  static constexpr void describe(Fields& fields) {
    fields(&ResponseHeader::correlation_id);
  }
  bool operator==(const ResponseHeader&) const = default;
};

inline constexpr size_t kFrameBytesMax = std::numeric_limits<int32_t>::max();

// Leaves `decoder` at the body. Of a request that admission_of() does not serve only the fixed fields are read: what
// follows them is of a shape we cannot know. Errors as Decoder::result().
Result<RequestHeader> decode_request_header(Decoder& decoder);
// `version` is the request's, which the client remembers by its correlation id.
Result<ResponseHeader> decode_response_header(Decoder& decoder, const Api& api, int16_t version);

// The rest of the frame, all of it unless it MayBeFollowed. The message points into the frame's bytes. Errors as Decoder::result(), and
// Error::unsupported for a version there is no layout for.
template <Message M>
Result<M> decode_body(Decoder& decoder, int16_t version) {
  if (!M::kApi.served.contains(version)) return Error::unsupported;
  M message;
  decode_struct(decoder, {version, M::kApi.flexible(version)}, message);
  if constexpr (!MayBeFollowed<M>) decoder.expect_end();
  const Result<void> result = decoder.result();
  if (!result.ok()) return result.error();
  return message;
}

// Error::unsupported as in decode_body(), Error::invalid_argument for a null this version cannot send,
// Error::too_large over `size_bytes_max` or for a string above 32,767 bytes.
template <Message M>
Result<OutgoingFrame> encode_request(int32_t correlation_id,
                                     std::optional<std::string_view> client_id, int16_t version,
                                     const M& request, size_t size_bytes_max = kFrameBytesMax) {
  if (!M::kApi.served.contains(version)) return Error::unsupported;
  const RequestHeader header{M::kApi.key, version, correlation_id, client_id};
  const int16_t header_version = M::kApi.request_header_version(version);
  Encoder encoder(size_bytes_max);
  encode_struct(encoder, {header_version, header_version >= 2}, header);
  encode_struct(encoder, {version, M::kApi.flexible(version)}, request);
  return std::move(encoder).finish();
}

template <Message M>
Result<OutgoingFrame> encode_response(int32_t correlation_id, int16_t version, const M& response,
                                      size_t size_bytes_max = kFrameBytesMax) {
  if (!M::kApi.served.contains(version)) return Error::unsupported;
  const int16_t header_version = M::kApi.response_header_version(version);
  Encoder encoder(size_bytes_max);
  encode_struct(encoder, {header_version, header_version >= 1}, ResponseHeader{correlation_id});
  encode_struct(encoder, {version, M::kApi.flexible(version)}, response);
  return std::move(encoder).finish();
}

}  // namespace penstock::kafka
