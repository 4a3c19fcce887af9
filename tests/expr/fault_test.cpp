// SPDX-License-Identifier: Apache-2.0
// Which operation makes no finite number.
#include "lior/expr/fault.h"

#include <gtest/gtest.h>

#include <cmath>

#include "expr/formula.h"

namespace lior::expr {
namespace {

/// The operation at fault in a formula at (x, y); "" where there is none.
std::string fault(std::string_view text, double x, double y = 0) {
  const Formula formula(text);
  const double inputs[] = {x, y};
  const auto found = find_fault(formula.graph, formula.id, inputs);
  EXPECT_EQ(found.has_value(), !std::isfinite(formula(x, y))) << text;
  return found ? found->operation : "";
}

TEST(Fault, IsTheOperationThatMakesNoNumberOfNumbers) {
  EXPECT_EQ(fault("1 + 2*sin(3/x)", 0), "3/0");
  EXPECT_EQ(fault("x/x^2 - y/x", 0), "0/0");
  EXPECT_EQ(fault("sqrt(x + 1)*y", -3), "sqrt(-2)");
  EXPECT_EQ(fault("2*log(x)", 0), "log(0)");
  EXPECT_EQ(fault("1/(x - y)^2", 1, 1), "1/0");
  EXPECT_EQ(fault("y^x", -0.5, -1), "-1^-0.5");
  EXPECT_EQ(fault("exp(1000*x) - 1", 1), "exp(1000)");
  EXPECT_EQ(fault("x*x", 1e200), "1e+200*1e+200");
  EXPECT_EQ(fault("asin(x)", 2), "asin(2)");
}

TEST(Fault, IsNoneOfAFiniteNumber) {
  EXPECT_EQ(fault("1/x", 2), "");
  EXPECT_EQ(fault("exp(-1/x^2)", 0), "");  // 1/0 in it, and 0
  EXPECT_EQ(fault("where(x > 0, log(x), 0)", -1), "");
  EXPECT_EQ(fault("where(x > 0, log(x), 1/y)", -1, 0), "1/0");  // of the chosen branch
}

TEST(Fault, IsFoundInAllThatIsMadeOfIt) {
  Formula formula("1/x");
  Graph& graph = formula.graph;
  const Id one_more = graph.add(formula.id, graph.input(1)),
           other = graph.multiply(graph.input(1), graph.input(1));
  const double inputs[] = {0, 1};
  const auto found = find_fault(graph, one_more, inputs);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at, formula.id);
  const std::vector<bool> above = nodes_above(graph, found->at);
  EXPECT_TRUE(above[formula.id] && above[one_more]);
  EXPECT_FALSE(above[other] || above[graph.input(0)]);
}

}  // namespace
}  // namespace lior::expr
