// SPDX-License-Identifier: Apache-2.0
// Dual numbers beside symbolic derivatives, for every function that both have.
#include "lior/geometry/dual.h"

#include <gtest/gtest.h>

#include "lior/expr/evaluate.h"
#include "lior/expr/parse.h"

namespace lior::geometry {
namespace {

TEST(Dual, SlopesAreTheSymbolicDerivatives) {
  for (const char* text :
       {"x*x/(1+x)-x", "sqrt(x)*exp(-x)", "log(x)+sin(x)*cos(x)", "tan(x)", "asin(x)-acos(x/2)",
        "atan(x*x)", "atan2(x, x-2)", "sinh(x)*cosh(x)", "tanh(x)*erf(x)", "abs(x-2)*abs(x)",
        "pow(x, 2.3)", "pow(2, x)", "pow(x, x)", "min(x, x^2)", "max(x, x^2)",
        "where(x < .5, x, x^3)", "x < 2"}) {
    expr::Graph graph;
    const expr::Scope scope{
        .find = [&](std::string_view) -> std::optional<expr::Id> { return graph.input(0); }};
    const expr::Id f = expr::parse(graph, text, scope, "formula");
    const expr::Id slope = graph.derivative(f, 0), curve = graph.derivative(slope, 0);
    const expr::Id outputs[] = {f, slope, curve};
    for (const double x : {0.3, 0.8}) {
      const auto want = expr::reference::evaluate<double>(graph, outputs, {&x, 1});
      const Dual<Dual<double>> point({x, 1.0}, {1.0, 0.0});
      const auto got =
          expr::reference::evaluate<Dual<Dual<double>>>(graph, {&f, 1}, {&point, 1}).front();
      const double rounding = 1e-14 * (1 + std::abs(want[2]));
      EXPECT_NEAR(got.value.value, want[0], rounding) << text;
      EXPECT_NEAR(got.value.slope, want[1], rounding) << text;
      EXPECT_NEAR(got.slope.value, want[1], rounding) << text;
      EXPECT_NEAR(got.slope.slope, want[2], rounding) << text;
    }
  }
}

}  // namespace
}  // namespace lior::geometry
