// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Somebody else's text inside a message of ours.

#include <string>
#include <string_view>

#include "lior/core/error.h"

namespace lior {

/// `text` as a message may hold it: control characters and bytes that are no UTF-8 as "\x1b", and
/// what exceeds `most` bytes cut at a letter's end and closed with "…". A terminal is not coloured
/// by it, and a line stays one line.
std::string shown(std::string_view text, std::size_t most = 120);

/// The same for a path, of which enough stays to find the file; an empty one is "".
inline std::string shown_path(std::string_view path) {
  return path.empty() ? "\"\"" : shown(path, 1000);
}

}  // namespace lior
