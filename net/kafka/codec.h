// Encoding and decoding of any struct that describes its fields as `fields.h` says.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "net/kafka/fields.h"
#include "net/kafka/wire.h"

namespace penstock::kafka {

// Which form of a message is on the wire.
struct Layout {
  int16_t version = 0;
  bool flexible = false;  // compact lengths, and a tagged section at the end of every struct
};

namespace codec_detail {

struct AnyFields {
  template <class Member>
  constexpr void operator()(Member, FieldRule = {}) {}
};

template <class T>
concept Struct = requires(AnyFields& fields) { T::describe(fields); };

struct FindTagged {
  bool found = false;

  template <class Member>
  constexpr void operator()(Member, FieldRule rule = {}) {
    found = found || rule.tagged();
  }
};

// Few structs have tagged fields: for the others, what reads and writes these is never made.
template <Struct T>
inline constexpr bool kHasTaggedFields = [] {
  FindTagged fields;
  T::describe(fields);
  return fields.found;
}();

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// A struct that can be null: a byte before it says so.
template <class T>
concept OptionalStruct = kIsOptional<T> && Struct<typename T::value_type>;

template <class T>
concept Integer = std::signed_integral<T> || std::is_enum_v<T>;

// Has a length, which can say null.
template <class T>
concept Nullable = std::same_as<T, std::string_view> || std::same_as<T, Records> || kIsVector<T>;

// What an allocation costs besides what was asked for.
constexpr size_t kAllocationBytes = 16;

template <class T>
size_t wire_bytes_min(Layout layout);

template <class T>
struct MinimumOfFields {
  Layout layout;
  size_t total_bytes = 0;

  template <class Member>
  void operator()(Member T::*, FieldRule rule = {}) {
    if (!rule.present_in(layout.version) || rule.tagged()) return;
    total_bytes += wire_bytes_min<Member>({layout.version, layout.flexible && !rule.never_compact});
  }
};

// The fewest bytes a value of type T can take.
template <class T>
size_t wire_bytes_min(Layout layout) {
  if constexpr (OptionalStruct<T>) {
    return sizeof(int8_t);
  } else if constexpr (kIsOptional<T>) {
    return wire_bytes_min<typename T::value_type>(layout);
  } else if constexpr (Struct<T>) {
    MinimumOfFields<T> minimum{layout};
    T::describe(minimum);
    return minimum.total_bytes + (layout.flexible ? 1 : 0);
  } else if constexpr (Nullable<T>) {
    if (layout.flexible) return 1;
    return std::same_as<T, std::string_view> ? sizeof(int16_t) : sizeof(int32_t);
  } else {
    return sizeof(T);
  }
}

template <class T>
void decode_value(Decoder& decoder, Layout layout, bool nullable, T& value);
template <class T>
void encode_value(Encoder& encoder, Layout layout, bool nullable, const T& value);

// By parsed elements, not by declared ones, so a count that lies costs nothing; never beyond the count.
template <class T>
bool make_room(Decoder& decoder, std::vector<T>& elements, size_t count) {
  if (elements.size() < elements.capacity()) return true;
  constexpr size_t kFirstCapacity = std::max<size_t>(1, 64 / sizeof(T));
  const size_t capacity = std::min(count, std::max(kFirstCapacity, 2 * elements.capacity()));
  const size_t overhead_bytes = elements.capacity() == 0 ? kAllocationBytes : 0;
  if (!decoder.charge((capacity - elements.capacity()) * sizeof(T) + overhead_bytes)) return false;
  elements.reserve(capacity);
  return true;
}

// False for null, and after a fault.
template <Nullable T>
bool decode_unless_null(Decoder& decoder, Layout layout, T& value) {
  if constexpr (std::same_as<T, std::string_view>) {
    const std::optional<std::string_view> text = decoder.string(layout.flexible);
    if (text) value = *text;
    return text.has_value();
  } else if constexpr (std::same_as<T, Records>) {
    const std::optional<std::span<const std::byte>> bytes = decoder.bytes(layout.flexible);
    if (bytes) value = Records(*bytes);
    return bytes.has_value();
  } else {
    using Element = typename T::value_type;
    const std::optional<uint32_t> count =
        decoder.array_count(layout.flexible, wire_bytes_min<Element>(layout));
    if (!count) return false;
    for (uint32_t i = 0; i < *count && decoder.ok(); ++i) {
      if (!make_room(decoder, value, *count)) return false;
      decode_value(decoder, layout, false, value.emplace_back());
    }
    return decoder.ok();
  }
}

template <class T>
struct DecodeBody {
  Decoder& decoder;
  Layout layout;
  T& value;

  template <class Member>
  void operator()(Member T::*member, FieldRule rule = {}) {
    if (!decoder.ok() || !rule.present_in(layout.version) || rule.tagged()) return;
    decode_value(decoder, {layout.version, layout.flexible && !rule.never_compact},
                 rule.nullable_in(layout.version), value.*member);
  }
};

template <class T>
struct DecodeTag {
  Decoder& decoder;
  Layout layout;
  T& value;
  uint32_t tag;
  bool known = false;

  template <class Member>
  void operator()(Member T::*member, FieldRule rule = {}) {
    if (rule.tag != int64_t{tag} || !rule.present_in(layout.version)) return;
    known = true;
    decode_value(decoder, layout, rule.nullable_in(layout.version), value.*member);
  }
};

// `read_field(tag)` reads the field of that tag, or nothing and is false where there is none.
template <class ReadField>
void decode_tagged_section(Decoder& decoder, ReadField read_field) {
  const uint32_t count = decoder.unsigned_varint();
  if (count > Decoder::kTagsMax) return decoder.fail(DecodeFault::too_many_tags);
  int64_t previous_tag = -1;
  for (uint32_t i = 0; i < count && decoder.ok(); ++i) {
    const uint32_t tag = decoder.unsigned_varint();
    const uint32_t size_bytes = decoder.unsigned_varint();
    if (!decoder.ok()) return;
    if (int64_t{tag} <= previous_tag) return decoder.fail(DecodeFault::tags_out_of_order);
    previous_tag = tag;
    const std::byte* outer_end = decoder.enter(size_bytes);
    if (!decoder.ok()) return;
    if (!read_field(tag)) decoder.skip_rest();  // a newer sender's
    decoder.leave(outer_end);
  }
}

inline void skip_tagged_section(Decoder& decoder) {
  decode_tagged_section(decoder, [](uint32_t) { return false; });
}

template <class T>
void decode_tagged_fields(Decoder& decoder, Layout layout, T& value) {
  decode_tagged_section(decoder, [&](uint32_t tag) {
    DecodeTag<T> field{decoder, layout, value, tag};
    T::describe(field);
    return field.known;
  });
}

template <class T>
void decode_value(Decoder& decoder, Layout layout, bool nullable, T& value) {
  if constexpr (std::same_as<T, bool>) {
    value = decoder.integer<int8_t>() != 0;
  } else if constexpr (std::same_as<T, double>) {
    value = std::bit_cast<double>(decoder.integer<uint64_t>());
  } else if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(decoder.integer<std::underlying_type_t<T>>());
  } else if constexpr (Integer<T>) {
    value = decoder.integer<T>();
  } else if constexpr (std::same_as<T, Uuid>) {
    value = decoder.uuid();
  } else if constexpr (Nullable<T>) {
    if (!decode_unless_null(decoder, layout, value)) decoder.fail(DecodeFault::null_not_allowed);
  } else if constexpr (OptionalStruct<T>) {
    const bool is_null = nullable && decoder.integer<int8_t>() < 0;
    if (is_null || !decoder.ok()) return;
    value = typename T::value_type{};  // clang 16 refuses emplace() for a struct within a message
    decode_value(decoder, layout, false, *value);
  } else if constexpr (kIsOptional<T>) {
    value.emplace();
    if (!decode_unless_null(decoder, layout, *value)) value.reset();
    if (!value && !nullable) decoder.fail(DecodeFault::null_not_allowed);
  } else {
    static_assert(Struct<T>, "not a type that fields.h lists");
    DecodeBody<T> body{decoder, layout, value};
    T::describe(body);
    if (!layout.flexible || !decoder.ok()) return;
    if constexpr (kHasTaggedFields<T>) {
      decode_tagged_fields(decoder, layout, value);
    } else {
      skip_tagged_section(decoder);
    }
  }
}

template <class T>
struct EncodeBody {
  Encoder& encoder;
  Layout layout;
  const T& value;

  template <class Member>
  void operator()(Member T::*member, FieldRule rule = {}) {
    if (!rule.present_in(layout.version) || rule.tagged()) return;
    encode_value(encoder, {layout.version, layout.flexible && !rule.never_compact},
                 rule.nullable_in(layout.version), value.*member);
  }
};

template <class T>
bool is_sent_as_tag(Layout layout, const T& value, auto T::*member, FieldRule rule) {
  if (!rule.tagged() || !rule.present_in(layout.version)) return false;
  const T defaults{};
  return !(value.*member == defaults.*member);
}

template <class T>
struct CountTags {
  Layout layout;
  const T& value;
  uint32_t count = 0;

  template <class Member>
  void operator()(Member T::*member, FieldRule rule = {}) {
    if (is_sent_as_tag(layout, value, member, rule)) ++count;
  }
};

template <class T>
struct EncodeTags {
  Encoder& encoder;
  Layout layout;
  const T& value;

  template <class Member>
  void operator()(Member T::*member, FieldRule rule = {}) {
    if (!is_sent_as_tag(layout, value, member, rule)) return;
    encoder.unsigned_varint(static_cast<uint32_t>(rule.tag));
    const size_t begin = encoder.position();
    encode_value(encoder, layout, rule.nullable_in(layout.version), value.*member);
    encoder.insert_size(begin);
  }
};

template <class T>
void encode_tagged_section(Encoder& encoder, Layout layout, const T& value) {
  CountTags<T> tags{layout, value};
  T::describe(tags);
  encoder.unsigned_varint(tags.count);
  EncodeTags<T> tagged{encoder, layout, value};
  if (tags.count != 0) T::describe(tagged);
}

template <Nullable T>
void encode_or_null(Encoder& encoder, Layout layout, const T* value) {
  if constexpr (std::same_as<T, std::string_view>) {
    encoder.string(value ? std::optional(*value) : std::nullopt, layout.flexible);
  } else if constexpr (std::same_as<T, Records>) {
    encoder.records(value ? std::optional(*value) : std::nullopt, layout.flexible);
  } else {
    encoder.array_count(value ? std::optional(value->size()) : std::nullopt, layout.flexible);
    if (!value) return;
    for (const auto& element : *value) encode_value(encoder, layout, false, element);
  }
}

template <class T>
void encode_value(Encoder& encoder, Layout layout, bool nullable, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    encoder.integer(static_cast<int8_t>(value));
  } else if constexpr (std::same_as<T, double>) {
    encoder.integer(std::bit_cast<uint64_t>(value));
  } else if constexpr (std::is_enum_v<T>) {
    encoder.integer(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (Integer<T>) {
    encoder.integer(value);
  } else if constexpr (std::same_as<T, Uuid>) {
    encoder.uuid(value);
  } else if constexpr (Nullable<T>) {
    encode_or_null(encoder, layout, &value);
  } else if constexpr (OptionalStruct<T>) {
    if (!value && !nullable) return encoder.fail(Error::invalid_argument);
    if (nullable) encoder.integer(static_cast<int8_t>(value ? 1 : -1));
    if (value) encode_value(encoder, layout, false, *value);
  } else if constexpr (kIsOptional<T>) {
    if (!value && !nullable) return encoder.fail(Error::invalid_argument);
    encode_or_null(encoder, layout, value ? &*value : nullptr);
  } else {
    static_assert(Struct<T>, "not a type that fields.h lists");
    EncodeBody<T> body{encoder, layout, value};
    T::describe(body);
    if (!layout.flexible) return;
    if constexpr (kHasTaggedFields<T>) {
      encode_tagged_section(encoder, layout, value);
    } else {
      encoder.unsigned_varint(0);
    }
  }
}

}  // namespace codec_detail

// Reads `value`, which holds its defaults, from where `decoder` stands; ask the decoder how it went.
template <codec_detail::Struct T>
void decode_struct(Decoder& decoder, Layout layout, T& value) {
  codec_detail::decode_value(decoder, layout, false, value);
}

// Error::invalid_argument, kept by the encoder, if a field is null that this version cannot send as null.
template <codec_detail::Struct T>
void encode_struct(Encoder& encoder, Layout layout, const T& value) {
  codec_detail::encode_value(encoder, layout, false, value);
}

}  // namespace penstock::kafka
