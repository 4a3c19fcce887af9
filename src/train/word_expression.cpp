// SPDX-License-Identifier: Apache-2.0
#include "word_expression.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "lior/core/text.h"

namespace lior::train {
namespace {

bool is_letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_punctuation(char c) { return std::ispunct(static_cast<unsigned char>(c)) != 0; }

class Translator {
 public:
  explicit Translator(std::string_view expression) : expression_(expression) {}

  std::string translate() {
    while (!rest().empty()) {
      switch (rest().front()) {
        case '\\': escape(); break;
        case '[': character_class(); break;
        case '(': group(); break;
        case '{': repetition(); break;
        case '^':
        case '$': refuse(1);
        default: take(1);
      }
    }
    return std::move(translated_);
  }

 private:
  std::string_view rest() const { return expression_.substr(place_); }
  void take(std::size_t size) { replace(size, rest().substr(0, size)); }
  void replace(std::size_t size, std::string_view by) {
    translated_ += by;
    place_ += size;
  }
  [[noreturn]] void refuse(std::size_t size) const {
    throw Error(fmt::format("the expression \"{}\": \"{}\" at byte {} is not read",
                            shown(expression_), shown(rest().substr(0, size)), place_));
  }

  void escape() {
    constexpr std::array<std::pair<char, std::string_view>, 4> kClasses{
        {{'s', "\\p{WSpace}"}, {'S', "\\P{WSpace}"}, {'d', "\\p{Nd}"}, {'D', "\\P{Nd}"}}};
    const char kind = rest().size() > 1 ? rest()[1] : '\0';
    for (const auto& [letter, translated] : kClasses) {
      if (kind == letter) return replace(2, translated);
    }
    if (kind == 'p' || kind == 'P') return property();
    if (kind == 'u') return code_point();
    if (rest().starts_with("\\x{")) return take(3 + hexadecimal_digits(3));
    if (std::string_view("rntf").find(kind) == std::string_view::npos && !is_punctuation(kind)) {
      refuse(2);
    }
    take(2);
  }

  /// \p{L}, \p{Lu}, \p{^L}; longer names are those of scripts.
  void property() {
    const std::size_t end = rest().find('}');
    if (end == std::string_view::npos || rest()[2] != '{') refuse(3);
    std::string_view name = rest().substr(3, end - 3);
    const bool is_negated = name.starts_with('^');
    name.remove_prefix(is_negated ? 1 : 0);
    const bool is_name = std::all_of(name.begin(), name.end(),
                                     [](char c) { return is_letter_or_digit(c) || c == '_'; });
    if (name.empty() || !is_name) refuse(end + 1);
    constexpr std::size_t kLongestCategory = 2;
    replace(end + 1, fmt::format("{}{{{}{}{}}}", rest().substr(0, 2), is_negated ? "^" : "",
                                 name.size() > kLongestCategory ? "sc:" : "", name));
  }

  std::size_t hexadecimal_digits(std::size_t from) const {
    std::size_t end = from;
    while (end < rest().size() && std::isxdigit(static_cast<unsigned char>(rest()[end])) != 0) {
      ++end;
    }
    return end - from;
  }

  void code_point() {
    constexpr std::size_t kDigits = 4;
    if (hexadecimal_digits(2) < kDigits) refuse(2);
    replace(2 + kDigits, fmt::format("\\x{{{}}}", rest().substr(2, kDigits)));
  }

  void character_class() {
    take(rest().starts_with("[^") ? 2 : 1);
    if (rest().starts_with(']')) refuse(1);
    while (!rest().starts_with(']')) {
      if (rest().empty() || rest().front() == '[' || rest().starts_with("&&")) refuse(2);
      if (rest().front() == '\\') {
        escape();
      } else {
        take(1);
      }
    }
    take(1);
  }

  void group() {
    if (!rest().starts_with("(?")) return take(1);
    for (const std::string_view opening : {"(?:", "(?>", "(?=", "(?!"}) {
      if (rest().starts_with(opening)) return take(opening.size());
    }
    if (!rest().starts_with("(?i:")) refuse(4);
    caseless_group();
  }

  /// Texts of ASCII, or a class of it: other letters have another case in each engine.
  void caseless_group() {
    take(4);
    while (!rest().starts_with(')')) {
      // Oniguruma takes these for one letter, as ss for \u00df.
      for (const std::string_view joined : {"ss", "ff", "fi", "fl", "st"}) {
        if (is_pair(joined)) refuse(2);
      }
      const char next = rest().empty() ? '\0' : rest().front();
      if (next == '[') {
        const std::size_t end = std::min(rest().find(']'), rest().size());
        const std::string_view inside = rest().substr(1, end - 1);
        if (!std::all_of(inside.begin(), inside.end(), is_letter_or_digit)) refuse(end + 1);
        character_class();
      } else if (next == '|' || next == '\'' || is_letter_or_digit(next)) {
        take(1);
      } else {
        refuse(1);
      }
    }
    take(1);
  }

  bool is_pair(std::string_view letters) const {
    return rest().size() >= 2 && (rest()[0] | 0x20) == letters[0] &&
           (rest()[1] | 0x20) == letters[1];
  }

  /// {n}, {n,}, {n,m}; what follows it may be no sign of its own.
  void repetition() {
    std::size_t end = 1;
    while (end < rest().size() && (is_digit(rest()[end]) || rest()[end] == ',')) ++end;
    if (end == rest().size() || rest()[end] != '}' || !is_digit(rest()[1])) refuse(end + 1);
    const std::string_view behind = rest().substr(end + 1);
    if (behind.starts_with('?') || behind.starts_with('+')) refuse(end + 2);
    take(end + 1);
  }

  std::string_view expression_;
  std::size_t place_ = 0;
  std::string translated_;
};

}  // namespace

std::string to_pcre2(std::string_view expression) { return Translator(expression).translate(); }

std::string literal_expression(std::string_view text) {
  std::string expression;
  for (const char c : text) {
    if (is_punctuation(c)) expression += '\\';
    expression += c;
  }
  return expression;
}

}  // namespace lior::train
