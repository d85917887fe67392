// The language in which a message's layout is declared, once; encoder, decoder and the tests' generator are derived
// from that declaration (`codec.h`).
//
// A struct of a message has a static member template that names its fields in wire order:
//
//   struct Topic {
//     std::string_view name;                // never null
//     std::optional<std::string_view> tag;  // null and empty are different things
//     std::vector<int32_t> partitions;
//
//     template <class Fields>
//     static constexpr void describe(Fields& fields) {
//       fields(&Topic::name);
//       fields(&Topic::tag, since(3).nullable());
//       fields(&Topic::partitions, between(0, 7));
//     }
//     bool operator==(const Topic&) const = default;
//   };
//
// Field types: bool, signed integers, enums over them, double, Uuid, std::string_view, Records, another struct,
// std::vector of these, and std::optional of what can be null on the wire (string, records, vector, struct). A message
// borrows its strings and records: from the frame it was decoded from, or from whoever fills it in. A field that a version does not have keeps
// its default when decoded and is left out when encoded.
#pragma once

#include <cstdint>
#include <limits>

namespace penstock::kafka {

// In which versions a field is on the wire, and how.
struct FieldRule {
  static constexpr int16_t kNever = std::numeric_limits<int16_t>::max();
  static constexpr int64_t kNoTag = -1;

  int16_t version_first = 0;
  int16_t version_last = kNever;
  int16_t nullable_version_first = kNever;
  int64_t tag = kNoTag;
  bool never_compact = false;

  constexpr bool present_in(int16_t version) const {
    return version >= version_first && version <= version_last;
  }
  constexpr bool nullable_in(int16_t version) const { return version >= nullable_version_first; }
  constexpr bool tagged() const { return tag != kNoTag; }

  constexpr FieldRule nullable() const { return nullable_since(0); }
  constexpr FieldRule nullable_since(int16_t version) const {
    FieldRule rule = *this;
    rule.nullable_version_first = version;
    return rule;
  }
  // In the tagged section at the struct's end, if it is not the default. Tags are declared in ascending order.
  constexpr FieldRule with_tag(int64_t number) const {
    FieldRule rule = *this;
    rule.tag = number;
    return rule;
  }
  // Length fields keep their old form in flexible versions too: only the request header's client id.
  constexpr FieldRule without_compact_form() const {
    FieldRule rule = *this;
    rule.never_compact = true;
    return rule;
  }
};

constexpr FieldRule always() { return {}; }
constexpr FieldRule since(int16_t version) { return {.version_first = version}; }
constexpr FieldRule between(int16_t first, int16_t last) {
  return {.version_first = first, .version_last = last};
}

}  // namespace penstock::kafka
