// SPDX-License-Identifier: Apache-2.0
#include "lior/expr/constant.h"

#include <charconv>
#include <cmath>
#include <numbers>

#include "lior/expr/parse.h"

namespace lior::expr {
namespace {

std::optional<double> value_of(std::string_view text) {
  double number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc{} && end == text.data() + text.size()) return number;
  try {
    Graph graph;
    const Scope nothing{.find = [](std::string_view) { return std::optional<Id>(); }};
    return graph.value(parse(graph, text, nothing, ""));
  } catch (const Error&) {  // no formula of numbers
    return {};
  }
}

}  // namespace

std::optional<double> constant_of(std::string_view text) {
  constexpr std::string_view kUnit = "deg";
  constexpr double kDegree = std::numbers::pi / 180;
  const bool degrees = text.ends_with(kUnit);
  if (degrees) text.remove_suffix(kUnit.size());
  std::optional<double> value = value_of(text);
  if (!value || !std::isfinite(*value)) return {};
  if (degrees) *value *= kDegree;
  return value;
}

}  // namespace lior::expr
