#pragma once
/// What text a program of ours accepts as text.

#include <string_view>

namespace lior::io {

/// Whether `text` is well-formed UTF-8 (no overlong forms, surrogates, or points past U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace lior::io
