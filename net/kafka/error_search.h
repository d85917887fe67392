// Finds the error codes that a message holds, wherever its layout has them.
#pragma once

#include <concepts>

#include "net/kafka/codec.h"
#include "net/kafka/kafka_error.h"

namespace penstock::kafka {

namespace error_search_detail {

template <class T, class Found>
struct SearchFields;

template <class T, class Found>
void search(const T& value, Found& found) {
  if constexpr (std::same_as<T, KafkaError>) {
    if (value != KafkaError::none) found(value);
  } else if constexpr (codec_detail::kIsOptional<T>) {
    if (value) search(*value, found);
  } else if constexpr (codec_detail::kIsVector<T>) {
    if constexpr (codec_detail::Struct<typename T::value_type> ||
                  std::same_as<typename T::value_type, KafkaError>) {
      for (const auto& element : value) search(element, found);
    }
  } else if constexpr (codec_detail::Struct<T>) {
    SearchFields<T, Found> fields{value, found};
    T::describe(fields);
  }
}

template <class T, class Found>
struct SearchFields {
  const T& value;
  Found& found;

  template <class Member>
  void operator()(Member T::*member, FieldRule = {}) {
    search(value.*member, found);
  }
};

}  // namespace error_search_detail

// Calls `found(code)` for each field of `message` that is a code other than none.
template <codec_detail::Struct T, class Found>
void for_each_error(const T& message, Found found) {
  error_search_detail::search(message, found);
}

}  // namespace penstock::kafka
