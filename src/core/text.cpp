// SPDX-License-Identifier: Apache-2.0
#include "lior/core/text.h"

namespace lior {
namespace {

/// The bytes of the UTF-8 letter that `text` starts with; 0 if it starts with none that can be
/// shown. Control characters are C0, DEL and C1 (U+0080 to U+009F).
std::size_t printable_letter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool c1_control = first == 0xc2 && second < 0xa0;
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return c1_control || overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

std::string shown(std::string_view text, std::size_t most) {
  std::string result;
  while (!text.empty()) {
    const std::size_t letter = printable_letter(text);
    const std::string piece = letter > 0
                                  ? std::string(text.substr(0, letter))
                                  : fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    if (result.size() + piece.size() > most) return result + "…";
    result += piece;
    text.remove_prefix(letter > 0 ? letter : 1);
  }
  return result;
}

}  // namespace lior
