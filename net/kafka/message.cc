#include "net/kafka/message.h"

namespace penstock::kafka {

Result<RequestHeader> decode_request_header(Decoder& decoder) {
  // Key and version say what the header looks like that they stand in.
  Decoder ahead = decoder;
  const auto key = static_cast<ApiKey>(ahead.integer<int16_t>());
  const auto version = ahead.integer<int16_t>();
  const bool served = admission_of(key, version) == Admission::serve;
  const int16_t header_version = served ? find_api(key)->request_header_version(version) : 0;

  RequestHeader header;
  decode_struct(decoder, {header_version, header_version >= 2}, header);
  const Result<void> result = decoder.result();
  if (!result.ok()) return result.error();
  return header;
}

Result<ResponseHeader> decode_response_header(Decoder& decoder, const Api& api, int16_t version) {
  const int16_t header_version = api.response_header_version(version);
  ResponseHeader header;
  decode_struct(decoder, {header_version, header_version >= 1}, header);
  const Result<void> result = decoder.result();
  if (!result.ok()) return result.error();
  return header;
}

}  // namespace penstock::kafka
