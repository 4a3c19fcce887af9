// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers as people write them where a number is expected.

#include <optional>
#include <string_view>

namespace lior::expr {

/// The number that all of the text is: "2.5e-3", a formula without names, such as "pi/2" or
/// "sqrt(3)/2" (lior/expr/parse.h), or either in degrees, "80deg", in radians then. None where it
/// is none of these, or not finite.
std::optional<double> constant_of(std::string_view text);

/// For errors: "a number, a formula of numbers (pi/2) or an angle (80deg)".
inline constexpr std::string_view kConstants =
    "a finite number, a formula of numbers (pi/2) or an angle (80deg)";

}  // namespace lior::expr
