// SPDX-License-Identifier: Apache-2.0
// Sharing, folding and derivatives.
#include "lior/expr/graph.h"

#include <gtest/gtest.h>

#include <cmath>

#include "expr/formula.h"
#include "support/error_of.h"

namespace lior::expr {
namespace {

TEST(Graph, EqualExpressionsAreOneNode) {
  Graph graph;
  const Scope scope = Formula::scope(graph);
  const auto node = [&](std::string_view text) { return parse(graph, text, scope, "formula"); };
  EXPECT_EQ(node("sin(x + y) * 2"), node("2 * sin(y + x)"));
  EXPECT_EQ(node("x - -y"), node("y + x"));
  EXPECT_EQ(node("x^3"), node("x * x^2"));
  EXPECT_EQ(node("x^.5"), node("sqrt(x)"));
  EXPECT_EQ(node("2 * (3 * x)"), node("6 * x"));
  EXPECT_EQ(node("cos(-x)"), node("cos(x)"));
}

TEST(Graph, ConstantsAndNothingsAreFolded) {
  const auto value = [](std::string_view text) {
    const Formula formula(text);
    return formula.graph.value(formula.id).value_or(NAN);
  };
  EXPECT_EQ(value("a^2 + sqrt(16) - cos(0)"), 9.25);
  EXPECT_EQ(value("0 * x + x - x"), 0);
  EXPECT_EQ(value("x / x + x^0"), 2);
  EXPECT_EQ(value("where(2 > 1, 3, x)"), 3);
  EXPECT_TRUE(std::isnan(value("1 * x")));
}

TEST(Graph, ContainsSaysWhatAFormulaNeeds) {
  const Formula formula("sin(x) + 0 * y");
  EXPECT_TRUE(formula.graph.contains(formula.id, 0));
  EXPECT_FALSE(formula.graph.contains(formula.id, 1));
}

// Central differences in long double, h = 1e-6: errors of h^2 f''' / 6 and of 1e-19 / h.
constexpr double kDifferences = 1e-10;

TEST(Graph, DerivativesAreThoseOfDifferences) {
  for (const char* text : {"sin(x*y)",
                           "cos(x)^3/y",
                           "tan(x)-y*x",
                           "asin(x/2)+acos(x*y/4)",
                           "atan(x*y)",
                           "atan2(y, x)",
                           "sinh(x)*cosh(x*y)",
                           "tanh(x+y)",
                           "exp(-x^2*y)",
                           "log(x+y^2)",
                           "sqrt(x^2+y^2)",
                           "erf(x*y)",
                           "x^y",
                           "x^2.2*y^-3",
                           "2^(x*y)",
                           "abs(x-3*y)",
                           "min(x,y)*x",
                           "max(x,y)*y",
                           "where(x<y, x^2, y^3)",
                           "-x/(y-3)",
                           "x^-1.5",
                           "(x<y)*x",
                           "1/(1+1/(1+x*y))"}) {
    Formula f(text);
    const Id slopes[] = {f.graph.derivative(f.id, 0), f.graph.derivative(f.id, 1)};
    const long double x = 0.7L, y = 1.3L, h = 1e-6L;
    const long double by_x = (f(x + h, y) - f(x - h, y)) / (2 * h);
    const long double by_y = (f(x, y + h) - f(x, y - h)) / (2 * h);
    EXPECT_NEAR(f.at(slopes[0], x, y), by_x, kDifferences) << text;
    EXPECT_NEAR(f.at(slopes[1], x, y), by_y, kDifferences) << text;
  }
}

TEST(Graph, SecondDerivativesCommute) {
  Formula f("exp(x*sin(y)) / (1 + x^2 * y)");
  const Id xy = f.graph.derivative(f.graph.derivative(f.id, 0), 1);
  const Id yx = f.graph.derivative(f.graph.derivative(f.id, 1), 0);
  EXPECT_NEAR(f.at(xy, 0.7, 1.3), f.at(yx, 0.7, 1.3), 1e-15);
}

TEST(Graph, FormulasThatGrowWithoutBoundAreRefused) {
  Graph graph;
  Id id = graph.input(0);
  EXPECT_NE(error_of([&] {
              for (Index k = 0; k <= kMostNodes; ++k) id = graph.make(Op::sin, id);
            }).find("more than 400000 operations"),
            std::string::npos);
}

TEST(Graph, NodesStandInPlaceOfInputs) {
  Formula f("x^2*y + sin(x)/y + a");
  const Id x = f.graph.input(0), y = f.graph.input(1);
  const Id swapped[] = {y, x}, whole[] = {f.graph.multiply(x, y), f.graph.constant(1)};
  EXPECT_EQ(f.at<double>(f.graph.replace_inputs(f.id, swapped), 3, 2), f(2.0, 3.0));
  EXPECT_EQ(f.at<double>(f.graph.replace_inputs(f.id, whole), 3, 2), f(6.0, 1.0));
  const Id same[] = {x, y};
  EXPECT_EQ(f.graph.replace_inputs(f.id, same), f.id);
  // What is multiplied by 0 is gone.
  const Id without[] = {f.graph.constant(0), y};
  const Id left = f.graph.replace_inputs(f.graph.multiply(x, f.graph.divide(x, y)), without);
  EXPECT_EQ(f.graph.value(left), 0.0);
}

}  // namespace
}  // namespace lior::expr
