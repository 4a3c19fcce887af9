#pragma once
/// Settings that people write: small text files in JSON or TOML, which may hold anything.

#include <string>
#include <string_view>

#include "lior/core/view.h"

namespace lior::io {

/// The largest file that read_text_file takes, in bytes.
inline constexpr Index kLargestTextFile = 1 << 24;

/// Levels of arrays, objects, tables and dotted keys that check_*_depth allow.
inline constexpr Index kDeepestText = 64;

/// A whole text file. Throws lior::Error that names the path when it is no readable regular file,
/// or larger than kLargestTextFile.
std::string read_text_file(const std::string& path);

/// Throws lior::Error that names `path` and the line when JSON or TOML nests deeper than
/// kDeepestText. The parsers and whoever walks their trees call themselves level by level, and some
/// ten thousand levels would overflow the stack: look here before parsing. Linear in the text.
void check_json_depth(std::string_view text, const std::string& path);
void check_toml_depth(std::string_view text, const std::string& path);

}  // namespace lior::io
