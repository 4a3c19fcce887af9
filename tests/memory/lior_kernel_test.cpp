// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/lior_kernel.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/buffer.h"

namespace lior::memory {
namespace {

TEST(LiorKernel, DefaultsAreTheStatedOnes) {
  const KernelValues k = values({});
  EXPECT_EQ(k.a, 1);
  EXPECT_EQ(k.beta, 1);
  EXPECT_DOUBLE_EQ(k.gamma, std::exp(-1));
  EXPECT_EQ(k.delta, 0.5);
  EXPECT_EQ(k.omega, 1);
  EXPECT_DOUBLE_EQ(k.w[0], std::exp(1) / (std::exp(1) + 2));
  EXPECT_DOUBLE_EQ(k.w[0] + k.w[1] + k.w[2], 1);
}

TEST(LiorKernel, EachModeAloneIsItsFormula) {
  KernelValues k = values({});
  const double t = 2.5;
  k.w = {1, 0, 0};
  EXPECT_DOUBLE_EQ(kernel(k, t), std::exp(-t));
  k.w = {0, 1, 0};
  EXPECT_DOUBLE_EQ(kernel(k, t), std::exp(-1 - t) / std::sqrt(t));
  k.w = {0, 0, 1};
  EXPECT_DOUBLE_EQ(kernel(k, t), std::exp(-1 - t) * std::cos(t));
}

TEST(LiorKernel, IsCausalAndHasNoFloor) {
  const KernelValues k = values({});
  EXPECT_EQ(kernel(k, 0), 0);
  EXPECT_EQ(kernel(k, -1), 0);
  EXPECT_NE(kernel(k, 0.05), kernel(k, 0.1));
  EXPECT_EQ(compat::kernel(k, 0.0), compat::kernel(k, 0.1));
  EXPECT_DOUBLE_EQ(compat::kernel(k, 3), kernel(k, 3));
}

TEST(LiorKernel, ExtremeLogitsStayFinite) {
  const KernelValues k = values({.logits = {800, -800, 0}});
  EXPECT_EQ(k.w[0], 1);
  EXPECT_EQ(k.w[1], 0);
}

TEST(LiorKernel, CompatNormalisesByThisCallsSum) {
  const KernelValues k = values({});
  Buffer<double> out(33);
  compat::normalised_kernel(k, out.span());
  double sum = 0;
  for (const double value : out) sum += value;
  EXPECT_NEAR(sum, 1, 1e-7);  // the 1e-8 beside a sum of size .3
}

TEST(LiorKernel, WrongShapesAreNamed) {
  Array<double, 1> raw({11}), t({5}), out({5});
  EXPECT_THROW(kernel_forward<double>(raw.view(), t.view(), out.view()), Error);
}

TEST(CompatRecurrence, IsItsFormula) {
  const RecurrenceParameters raw;
  const double rho = 1 / (1 + std::exp(-2.0));
  EXPECT_DOUBLE_EQ(compat::recurrence_step(raw, 2, 3, 5), rho * 2 + 3 - std::exp(-2) * 5);
  // A control scalar of 0 halves rho and leaves the gains.
  EXPECT_DOUBLE_EQ(compat::recurrence_step(raw, 2, 3, 5, 0), rho + 3 - std::exp(-2) * 5);
}

TEST(Phase, OfTheKnownFrequencies) {
  EXPECT_DOUBLE_EQ(phase(0.5, 1), std::acos(-1) / 4);
  EXPECT_DOUBLE_EQ(phase(0.5, -std::exp(1)), std::acos(-1) / 4 - 0.5);
  EXPECT_DOUBLE_EQ(phase(0.5, 0), phase(0.5, 1e-9));
}

}  // namespace
}  // namespace lior::memory
