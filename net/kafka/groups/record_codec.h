// Records of `__consumer_offsets` to bytes and back: an int16 version, then a struct that describes its fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/result.h"
#include "net/kafka/codec.h"

namespace penstock::kafka {

template <class T>
Result<std::vector<std::byte>> encode_versioned(Layout layout, const T& value) {
  constexpr size_t kRecordBytesMax = 64 << 20;
  Encoder encoder(kRecordBytesMax);
  encoder.integer(layout.version);
  encode_struct(encoder, layout, value);
  const Result<OutgoingFrame> frame = std::move(encoder).finish();
  if (!frame.ok()) return frame.error();
  std::vector<std::byte> bytes;
  bytes.reserve(frame.value().size_bytes());
  for (const IoSlice& slice : frame.value().slices()) {
    bytes.insert(bytes.end(), slice.bytes, slice.bytes + slice.length_bytes);
  }
  // The encoder's frame begins with a length, which a record has not.
  bytes.erase(bytes.begin(), bytes.begin() + sizeof(int32_t));
  return bytes;
}

// What follows the version, to the end.
template <class T>
Result<T> decode_rest(Decoder& decoder, Layout layout) {
  T value;
  decode_struct(decoder, layout, value);
  decoder.expect_end();
  const Result<void> result = decoder.result();
  if (!result.ok()) return result.error();
  return value;
}

}  // namespace penstock::kafka
