// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Text as wide as what shows it.

#include <cstddef>
#include <string>
#include <string_view>

namespace lior::app {

/// Columns of the terminal that `file` is; `otherwise` where it is none, or does not say.
int terminal_columns(int file, int otherwise);

/// `text` in lines of at most `width` bytes, broken at spaces; a longer word has a line of its own.
/// Lines that begin without a space are a paragraph, filled anew where one of them is too long. Of
/// a list, "  name   what it is", the description goes on below itself.
std::string filled(std::string_view text, std::size_t width);

/// Filled for standard output: to a terminal's width, and to 100 columns at most.
std::string filled(std::string_view text);

}  // namespace lior::app
