// SPDX-License-Identifier: Apache-2.0
// The meaning of formulas, and their errors.
#include "lior/expr/parse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "expr/formula.h"
#include "support/error_of.h"

namespace lior::expr {
namespace {

std::string error(std::string_view text) {
  return error_of([&] { Formula{text}; });
}

TEST(Parse, OperatorsBindAsInMathematics) {
  EXPECT_EQ(Formula("1 + 2 * x")(3), 7);
  EXPECT_EQ(Formula("8 / 4 / x")(2), 1);
  EXPECT_EQ(Formula("7 - 4 - x")(2), 1);
  EXPECT_EQ(Formula("2 ^ x ^ 2")(3), 512);
  EXPECT_EQ(Formula("2 ** -x")(3), 0.125);
  EXPECT_EQ(Formula("-x^2")(3), -9);
  EXPECT_EQ(Formula("2 * -x")(3), -6);
  EXPECT_EQ(Formula("--x - -x")(3), 6);
  EXPECT_EQ(Formula("(1 + 2) * x")(3), 9);
  EXPECT_EQ(Formula("1.5e-1 * x + .5")(2), 0.8);
}

TEST(Parse, ComparisonsAreOneOrZeroAndMayBeChained) {
  EXPECT_EQ(Formula("0 < x < 1")(0.5), 1);
  EXPECT_EQ(Formula("0 < x < 1")(1.5), 0);
  EXPECT_EQ(Formula("0 <= x and not x >= 1 or x == 5")(5), 1);
  EXPECT_EQ(Formula("0 <= x and not x >= 1 or x == 5")(4), 0);
  EXPECT_EQ(Formula("x != 2")(2), 0);
  EXPECT_EQ(Formula("x + 1 > 2 * y")(3.0, 2.0), 0);
  EXPECT_EQ(Formula("x > 0")(NAN), 0);
  EXPECT_EQ(Formula("where(x < 0, -1, y)")(-3.0, 7.0), -1);
  EXPECT_EQ(Formula("where(x < 0, -1, y)")(3.0, 7.0), 7);
  EXPECT_EQ(Formula("3 and x")(0.5), 1);
}

TEST(Parse, FunctionsAndConstantsAreTheLibrarys) {
  const double x = 0.3, y = 1.7;
  EXPECT_EQ(Formula("sin(x)*cos(y)+tan(x)")(x, y), std::sin(x) * std::cos(y) + std::tan(x));
  EXPECT_EQ(Formula("asin(x)-acos(x)/atan(x)")(x), std::asin(x) - std::acos(x) / std::atan(x));
  EXPECT_EQ(Formula("sinh(x)+cosh(x)*tanh(x)")(x), std::sinh(x) + std::cosh(x) * std::tanh(x));
  EXPECT_EQ(Formula("exp(x)+log(y)*sqrt(y)")(x, y), std::exp(x) + std::log(y) * std::sqrt(y));
  EXPECT_EQ(Formula("atan2(y, x) + pow(x, y)")(x, y), std::atan2(y, x) + std::pow(x, y));
  EXPECT_EQ(Formula("erf(x) + abs(-x)")(x), std::erf(x) + x);
  EXPECT_EQ(Formula("min(x, y, .1) + max(x, y)")(x, y), 0.1 + y);
  EXPECT_EQ(Formula("pi + x")(0), std::numbers::pi);
  EXPECT_EQ(Formula("e^x")(x), std::exp(x));
}

TEST(Parse, ErrorsShowThePlace) {
  EXPECT_EQ(error("1 - 2*mas/x"),
            "formula: unknown name 'mas'; expected one of x, y, a at column 7: 1 - 2*▶mas/x");
  EXPECT_EQ(error("x +"), "formula: expected a number, a name or '(' at column 4: x +▶");
  EXPECT_EQ(error("(x + 1"), "formula: expected ')' at column 7: (x + 1▶");
  EXPECT_EQ(error("x y"), "formula: expected an operator or the end at column 3: x ▶y");
  EXPECT_EQ(error("x(y + 1)"),
            "formula: 'x' is no function; write * for products at column 2: x▶(y + 1)");
  EXPECT_EQ(error("1 + sin(x, y)"),
            "formula: sin takes 1 argument, not 2 at column 5: 1 + ▶sin(x, y)");
  EXPECT_EQ(error("max(x)"), "formula: max takes 2 or more arguments, not 1 at column 1: ▶max(x)");
  EXPECT_EQ(error("sin x"), "formula: expected '(' behind sin at column 5: sin ▶x");
  EXPECT_EQ(error("x +\n  * y"),
            "formula: expected a number, a name or '(' at line 2, column 3:   ▶* y");
  EXPECT_EQ(error("θ + 1e999"),
            "formula: unknown name 'θ'; expected one of x, y, a at column 1: ▶θ + 1e999");
  EXPECT_EQ(error("2 + 1e999"),
            "formula: this is not a number that can be held at column 5: 2 + ▶1e999");
  EXPECT_EQ(error(""), "formula: expected a number, a name or '(' at column 1: ▶");
  EXPECT_EQ(error(std::string(40, '1') + "$" + std::string(40, '1')),
            "formula: expected an operator or the end at column 41: …" + std::string(30, '1') +
                "▶$" + std::string(29, '1') + "…");
}

TEST(Parse, HugeAndDeepTextsAreRefusedInOneLine) {
  EXPECT_EQ(error(std::string(1'000'000, 'x')),
            "formula: a formula of 1000000 characters; expected at most 65536; name its parts");
  for (const char* opening : {"(", "-", "sin(", "not ", "2^"}) {
    std::string text;
    for (int k = 0; k < 10'000; ++k) text += opening;
    EXPECT_NE(error(text).find("nested deeper than 200"), std::string::npos) << opening;
  }
  std::string sum = "x";
  while (sum.size() < 60'000) sum += "+x*y";
  EXPECT_GT(Formula(sum)(1.0, 1.0), 10'000);  // long is not deep
}

TEST(Parse, NamesAreLettersAndNotTaken) {
  check_name("r_plus2", "here");
  check_name("θ", "here");
  EXPECT_EQ(error_of([] { check_name("2r", "here"); }),
            "here: '2r' is no name; expected letters, digits and _, the first no digit");
  const std::string longest(kLongestName, 'x');
  check_name(longest, "here");
  for (const std::string& name : {longest + "x", std::string("r\xff"), std::string("r\xc2\x85")}) {
    EXPECT_NE(error_of([&] { check_name(name, "here"); }).find("expected UTF-8, and at most 100"),
              std::string::npos)
        << name;
  }
  EXPECT_EQ(error_of([] { check_name("pi", "here"); }),
            "here: 'pi' has a meaning in formulas; choose another name");
}

}  // namespace
}  // namespace lior::expr
