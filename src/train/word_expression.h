// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Expressions as words.h has them, in PCRE2's syntax.

#include <string>
#include <string_view>

namespace lior::train {

/// The same expression for PCRE2 10.40 or later. Throws lior::Error that names what is not read,
/// and where it stands.
std::string to_pcre2(std::string_view expression);

/// The expression that matches this text alone.
std::string literal_expression(std::string_view text);

}  // namespace lior::train
