// SPDX-License-Identifier: Apache-2.0
#pragma once
/// UTF-8: whether text is valid, and how bytes become valid text.

#include <string>
#include <string_view>

namespace lior::io {

/// Bytes of the well-formed UTF-8 character that `text` starts with; 0 if it starts with none (an
/// overlong form, a surrogate, a point past U+10FFFF, a part of one).
std::size_t utf8_character(std::string_view text);

/// Bytes of the longest front of `text` that is well-formed UTF-8.
std::size_t utf8_prefix(std::string_view text);

/// Whether `text` is well-formed UTF-8 (no overlong forms, surrogates, or points past U+10FFFF).
bool is_utf8(std::string_view text);

/// Bytes in, one by one, well-formed UTF-8 out: what begins a character is held back until it is
/// whole, and what can be none becomes U+FFFD, one for each longest part of a character.
class Utf8Repair {
 public:
  /// The text that is ready now; often none.
  std::string push(char byte);
  /// After the last byte: U+FFFD for a character that was begun, else nothing.
  std::string finish();

 private:
  std::string held_;  // the beginning of a character
};

}  // namespace lior::io
