// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Commands for a person to paste.

#include <string>
#include <string_view>

namespace lior::app {

/// `text` as one word of a shell: as it is where the shell leaves it so, else in quotes.
std::string shell_word(std::string_view text);

}  // namespace lior::app
