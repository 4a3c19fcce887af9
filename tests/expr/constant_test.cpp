// SPDX-License-Identifier: Apache-2.0
// Numbers, formulas of numbers and angles in degrees.
#include "lior/expr/constant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

namespace lior::expr {
namespace {

TEST(Constant, IsANumberAFormulaOrAnAngle) {
  constexpr double kPi = std::numbers::pi;
  EXPECT_EQ(constant_of("-2.5e-3"), -2.5e-3);
  EXPECT_EQ(constant_of("0.1"), 0.1);
  EXPECT_EQ(constant_of("pi/2"), kPi / 2);
  EXPECT_EQ(constant_of("-sqrt(3)/2"), -std::sqrt(3.0) / 2);
  EXPECT_EQ(constant_of("+1"), 1);
  EXPECT_EQ(constant_of("80deg"), 80 * (kPi / 180));
  EXPECT_EQ(constant_of("360/7 deg"), 360.0 / 7 * (kPi / 180));
}

TEST(Constant, IsNothingElse) {
  for (const char* text : {"", "deg", "x", "1,2", "1 2", "nan", "inf", "1/0", "pi/", "80degrees",
                           "0x10", "log(-1)", "1e999"}) {
    EXPECT_FALSE(constant_of(text).has_value()) << text;
  }
  EXPECT_FALSE(constant_of(std::string(100'000, '(')).has_value());
}

}  // namespace
}  // namespace lior::expr
