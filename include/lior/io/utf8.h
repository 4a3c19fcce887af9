#pragma once
/// What text a program of ours accepts as text.

#include <string_view>

namespace lior::io {

/// Bytes of the well-formed UTF-8 character that `text` starts with; 0 if it starts with none (an
/// overlong form, a surrogate, a point past U+10FFFF, a part of one).
std::size_t utf8_character(std::string_view text);

/// Whether `text` is well-formed UTF-8 (no overlong forms, surrogates, or points past U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace lior::io
