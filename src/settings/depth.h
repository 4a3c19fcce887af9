// SPDX-License-Identifier: Apache-2.0
#pragma once
// How deep a text nests that people write, looked at before a parser sees it.

#include <string>
#include <string_view>

#include "lior/core/view.h"

namespace lior::settings {

/// Levels of arrays, objects, tables and dotted keys that are allowed.
inline constexpr Index kDeepestText = 64;

/// Throws lior::Error that names `path` and the line when JSON or TOML nests deeper than
/// kDeepestText. The parsers and whoever walks their trees call themselves level by level, and some
/// ten thousand levels would overflow the stack. Linear in the text.
void check_json_depth(std::string_view text, const std::string& path);
void check_toml_depth(std::string_view text, const std::string& path);

}  // namespace lior::settings
