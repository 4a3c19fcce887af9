// SPDX-License-Identifier: Apache-2.0
#include "lior/io/utf8.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace lior::io {

std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xf4 && byte(1) > 0x8f) return 0;  // past U+10FFFF
  return length;
}

namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";

/// Whether some bytes more would make `text`, shorter than a character, one.
bool begins_character(std::string text) {
  // Of the bytes that may follow, one of these is right in every place: 0x80 is the least, 0xbf the
  // largest, and second bytes are bounded on one side only.
  for (const char filling : {'\x80', '\xbf'}) {
    std::string whole = text;
    while (whole.size() < 4) {
      whole.push_back(filling);
      if (utf8_character(whole) == whole.size()) return true;
    }
  }
  return false;
}

}  // namespace

std::string Utf8Repair::finish() { return std::exchange(held_, {}).empty() ? "" : kReplacement; }

std::string Utf8Repair::push(char byte) {
  std::string ready;
  held_.push_back(byte);
  if (held_.size() > 1 && utf8_character(held_) == 0 && !begins_character(held_)) {
    ready = kReplacement;  // what was held ends here; the byte may begin something
    held_.assign(1, byte);
  }
  if (utf8_character(held_) == held_.size()) {
    ready += std::exchange(held_, {});
  } else if (!begins_character(held_)) {
    ready += kReplacement;
    held_.clear();
  }
  return ready;
}

std::size_t utf8_prefix(std::string_view text) {
  constexpr std::uint64_t kNotAscii = 0x8080808080808080;
  std::uint64_t eight = 0;
  std::size_t size = 0;
  while (size < text.size()) {
    if (text.size() - size >= sizeof eight) {
      std::memcpy(&eight, text.data() + size, sizeof eight);
      if ((eight & kNotAscii) == 0) {
        size += sizeof eight;
        continue;
      }
    }
    const std::size_t character = utf8_character(text.substr(size));
    if (character == 0) break;
    size += character;
  }
  return size;
}

bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

}  // namespace lior::io
