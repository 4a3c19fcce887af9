// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Formulas as people write them: "sqrt(x^2 + y^2) / (2*a)".
///
///     or; and; not; < <= > >= == !=; + -; * /; unary - +; ^ or ** (from the right: 2^3^2 = 2^9)
///
/// from the loosest to the tightest, so -x^2 is -(x^2). Comparisons may be chained, 0 < x < 1.
/// Functions: sqrt exp log sin cos tan asin acos atan sinh cosh tanh abs erf of one argument, pow
/// and atan2(y, x) of two, min and max of two or more, where(condition, a, b). Constants: pi, e.
/// A number is one of C without suffix, a name letters, digits and _, the first no digit; letters
/// that are not ASCII may stand in names.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/expr/graph.h"

namespace lior::expr {

/// Longest text in bytes, and deepest nesting of parentheses, functions and signs.
inline constexpr std::size_t kLongestText = 65'536;
inline constexpr int kDeepestNesting = 200;
/// Longest name in bytes: messages and files repeat names.
inline constexpr std::size_t kLongestName = 100;

/// The meaning of the names in a formula.
struct Scope {
  /// The node of a name, or none.
  std::function<std::optional<Id>(std::string_view name)> find;
  /// All names, for the error of one that is unknown.
  std::vector<std::string> names{};
  /// The node of d(a), where differentials have a meaning.
  std::function<Id(Id a)> differential{};
};

/// Whether a name is one of the functions, constants or words of formulas.
bool is_reserved(std::string_view name);
/// Throws lior::Error, opened by `where`, unless `name` may be given to something: it is a name, in
/// UTF-8 without control characters, of at most kLongestName bytes, and not reserved.
void check_name(std::string_view name, std::string_view where);

/// Whether `name` stands in a formula.
bool has_name(std::string_view text, std::string_view name);
/// The place of the = in "a = b", which is no part of a comparison; npos without one.
std::size_t find_equals(std::string_view text);

/// An operation on numbers as a formula writes it: "1/0", "log(-2)", "0^-0.5"; the number itself of
/// a constant or an input.
std::string shown_operation(Op op, std::span<const double> arguments);

/// The node of the formula `text`. Throws lior::Error that opens with `where` ("hole.toml:7:
/// metric.t.t") and shows line, column and the place, where the text is no formula.
Id parse(Graph& graph, std::string_view text, const Scope& scope, std::string_view where);

}  // namespace lior::expr
