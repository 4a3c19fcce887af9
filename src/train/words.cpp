// SPDX-License-Identifier: Apache-2.0
// GPT-2's words (byte_pairs.h), by hand: an expression would be run again at each of them.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "lior/io/utf8.h"
#include "lior/train/byte_pairs.h"

namespace lior::train {
namespace {

enum class Kind : std::uint8_t { letter, number, space, other };

struct Character {
  Kind kind;
  std::size_t size;
};

Kind kind_of(utf8proc_int32_t point) {
  if ((point >= 0x09 && point <= 0x0d) || point == 0x85) return Kind::space;
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return Kind::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Kind::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return Kind::space;
    default: return Kind::other;
  }
}

std::array<Kind, 128> ascii_kinds() {
  std::array<Kind, 128> kinds{};
  for (std::size_t c = 0; c < kinds.size(); ++c) kinds[c] = kind_of(static_cast<int>(c));
  return kinds;
}

Character character_at(std::string_view text, std::size_t place) {
  static const std::array<Kind, 128> kAscii = ascii_kinds();
  const auto first = static_cast<unsigned char>(text[place]);
  if (first < kAscii.size()) return {kAscii[first], 1};
  const std::size_t size = io::utf8_character(text.substr(place));
  if (size == 0) return {Kind::other, 1};
  utf8proc_int32_t point = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + place),
                   static_cast<utf8proc_ssize_t>(size), &point);
  return {kind_of(point), size};
}

/// Where a word ends, and the place that was looked at to see it.
struct Word {
  std::size_t end, looked_at;
};

std::size_t contraction(std::string_view text) {
  for (const std::string_view end : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(end)) return end.size();
  }
  return 0;
}

std::size_t end_of_run(std::string_view text, std::size_t place, Kind kind) {
  while (place < text.size()) {
    const Character next = character_at(text, place);
    if (next.kind != kind) break;
    place += next.size;
  }
  return place;
}

/// Spaces up to the last one, which goes with the word behind it, unless nothing is behind it.
Word spaces(std::string_view text, std::size_t begin) {
  std::size_t last = begin, end = begin;
  while (end < text.size()) {
    const Character next = character_at(text, end);
    if (next.kind != Kind::space) break;
    last = end;
    end += next.size;
  }
  return {end < text.size() && last > begin ? last : end, end};
}

Word word_at(std::string_view text, std::size_t begin) {
  constexpr std::size_t kLongestContraction = 3;
  if (const std::size_t size = contraction(text.substr(begin)); size > 0) {
    return {begin + size, begin + size};
  }
  const std::size_t start = begin + (text[begin] == ' ' ? 1 : 0);
  if (start == text.size()) return {start, start};
  const Kind kind = character_at(text, start).kind;
  if (kind == Kind::space) return spaces(text, begin);
  const std::size_t end = end_of_run(text, start, kind);
  return {end, std::max(end, begin + kLongestContraction)};
}

}  // namespace

std::size_t visit_words(std::string_view text, bool is_whole,
                        const std::function<void(std::string_view)>& visit) {
  constexpr std::size_t kLongestCharacter = 4;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const Word word = word_at(text, begin);
    if (!is_whole && word.looked_at + kLongestCharacter > text.size()) break;
    visit(text.substr(begin, word.end - begin));
    begin = word.end;
  }
  return begin;
}

}  // namespace lior::train
