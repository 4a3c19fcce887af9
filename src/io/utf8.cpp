#include "lior/io/utf8.h"

namespace lior::io {

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length == 0 || text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    if (first == 0xe0 && byte(i + 1) < 0xa0) return false;  // overlong
    if (first == 0xed && byte(i + 1) > 0x9f) return false;  // surrogates
    if (first == 0xf0 && byte(i + 1) < 0x90) return false;  // overlong
    if (first == 0xf4 && byte(i + 1) > 0x8f) return false;  // past U+10FFFF
    i += length;
  }
  return true;
}

}  // namespace lior::io
