// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lior {

/// Without the blanks and ends of lines at its ends.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace lior
