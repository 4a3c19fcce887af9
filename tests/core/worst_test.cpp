// SPDX-License-Identifier: Apache-2.0
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <limits>

namespace lior {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(WorstResidual, IsTheLargest) {
  Worst<double> worst;
  EXPECT_EQ(worst.value(), 0);
  for (const double residual : {1.0, 10.0, 3.0}) worst.add(residual);
  EXPECT_EQ(worst.value(), 10);
}

TEST(WorstResidual, StaysNanAfterOne) {
  Worst<double> worst;
  for (const double residual : {10.0, kNan, 3.0, 1e300}) worst.add(residual);
  EXPECT_TRUE(std::isnan(worst.value()));
}

}  // namespace
}  // namespace lior
