// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lior::plot {

/// The point of a well-formed character of UTF-8.
inline char32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  char32_t point = first & (0x7fU >> character.size());
  for (const char c : character.substr(1)) point = point << 6 | (c & 0x3fU);
  return point;
}

}  // namespace lior::plot
