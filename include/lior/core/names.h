// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The words of an enumeration, written once beside it and read by settings, help, errors and
/// bindings.
///
///     enum class Side { left, right };
///     constexpr auto enum_names(Side) { return enum_words("left", "right"); }
///
/// Values count from 0 without gaps, in the order of the words. The function is found by the
/// enumeration's namespace, so it stands in the same one.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "lior/core/text.h"

namespace lior {

template <class... Words>
constexpr std::array<std::string_view, sizeof...(Words)> enum_words(const Words&... words) {
  return {std::string_view(words)...};
}

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E value) {
  enum_names(value).size();
};

/// The word of `value`.
template <NamedEnum E>
constexpr std::string_view name(E value) {
  return enum_names(value)[static_cast<std::size_t>(value)];
}

/// The value that `word` names, if one does.
template <NamedEnum E>
constexpr std::optional<E> find_name(std::string_view word) {
  const auto words = enum_names(E{});
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<E>(i);
  }
  return {};
}

/// "left, right": every word, for help and errors.
template <NamedEnum E>
std::string name_list() {
  std::string text;
  for (const std::string_view word : enum_names(E{})) {
    text += text.empty() ? "" : ", ";
    text += word;
  }
  return text;
}

/// The value that `word` names. Throws lior::Error: "side 'up' is unknown; expected one of: left,
/// right", where `argument` is "side".
template <NamedEnum E>
E parse_name(std::string_view word, std::string_view argument) {
  const auto value = find_name<E>(word);
  LIOR_CHECK(value.has_value(), "{} '{}' is unknown; expected one of: {}", argument, shown(word),
             name_list<E>());
  return *value;
}

}  // namespace lior
