// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/exponential_sum.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/random.h"

namespace lior::memory {
namespace {

TEST(ExponentialSum, HoldsItsCertificateAtRandomLags) {
  for (const double tolerance : {1e-3, 1e-4, 1e-6, 1e-8}) {
    for (const double horizon : {1.0, 10.0, 4096.0, 1e6}) {
      const PowerLawRule rule(tolerance, horizon);
      ASSERT_LE(rule.error(), tolerance);
      Random random(1);
      double largest = 0;
      for (int trial = 0; trial < 2000; ++trial) {
        const double delta = 0.001 + 0.998 * random.uniform();
        const double t = std::pow(horizon, random.uniform());
        largest =
            worst_of<double>({largest, std::abs(rule.sum(delta)(t) * std::pow(t, delta) - 1)});
      }
      // Sums and powers round.
      EXPECT_LE(largest, rule.error() + 1e-14) << tolerance << " " << horizon;
    }
  }
}

TEST(ExponentialSum, WeightsArePositiveAndRatesAscend) {
  const PowerLawRule rule(1e-6, 1e5);
  for (const double delta : {0.001, 0.3, 0.5, 0.9, 0.999}) {
    const ExponentialSum sum = rule.sum(delta);
    for (int j = 0; j < sum.poles; ++j) {
      EXPECT_GT(sum.weight[j], 0);
      EXPECT_GT(sum.rate[j], j == 0 ? 0 : sum.rate[j - 1]);
    }
  }
}

TEST(ExponentialSum, HoldsItsCertificateAtTheEndsOfDelta) {
  constexpr double kLargest = 1 - 0x1p-53;
  for (const double delta : {5e-324, 1e-300, 1e-100, 1e-12, 1e-6, 1 - 1e-12, kLargest}) {
    const PowerLawRule rule(1e-6, 1e5, delta, delta);
    EXPECT_LE(rule.error(), 1e-6) << delta;
    const double error = largest_relative_error(rule.sum(delta), delta, 1, 1e5, 10007);
    EXPECT_LE(error, rule.error() + 1e-14) << delta;
  }
  const PowerLawRule all(1e-6, 1e5);
  EXPECT_LE(largest_relative_error(all.sum(1e-12), 1e-12, 1, 1e5, 1000), all.error());
}

TEST(ExponentialSum, DerivativesAreFiniteAtTheEndsOfDelta) {
  const PowerLawRule rule(1e-6, 1e4);
  for (const double delta : {1e-300, 1e-12, 1 - 1e-12}) {
    // d/d delta of t^-delta is -ln t t^-delta; the rule's own derivative is near it.
    const ExponentialSum at = rule.sum(delta), slope = rule.sum_derivative(delta);
    for (const double t : {1.0, 10.0, 1000.0}) {
      double sum = 0;
      for (int j = 0; j < at.poles; ++j) {
        sum += (slope.weight[j] - at.weight[j] * slope.rate[j] * t) * std::exp(-at.rate[j] * t);
      }
      EXPECT_NEAR(sum, -std::log(t) * std::pow(t, -delta), 1e-4) << delta << " " << t;
    }
  }
}

TEST(ExponentialSum, UsesFewPoles) {
  EXPECT_LE(PowerLawRule(1e-4, 65536, 0.5, 0.5).poles(), 17);
  EXPECT_LE(PowerLawRule(1e-6, 1e6, 0.5, 0.5).poles(), 30);
}

TEST(ExponentialSum, DerivativeIsTheLimitOfDifferences) {
  const PowerLawRule rule(1e-6, 1e4);
  const double delta = 0.37, step = 1e-5;
  const ExponentialSum above = rule.sum(delta + step), below = rule.sum(delta - step),
                       slope = rule.sum_derivative(delta);
  for (int j = 0; j < rule.poles(); ++j) {
    // Central differences: step^2 and eps / step, relative to the entry.
    EXPECT_NEAR((above.weight[j] - below.weight[j]) / (2 * step), slope.weight[j],
                1e-7 * above.weight[j]);
    EXPECT_NEAR((above.rate[j] - below.rate[j]) / (2 * step), slope.rate[j], 1e-7 * above.rate[j]);
  }
}

TEST(ExponentialSum, WrongArgumentsAreErrors) {
  EXPECT_THROW(PowerLawRule(0, 100), Error);
  EXPECT_THROW(PowerLawRule(1e-4, 0.5), Error);
  EXPECT_THROW(PowerLawRule(1e-4, INFINITY), Error);
  EXPECT_THROW(PowerLawRule(1e-4, 100, 0.6, 0.4), Error);
  EXPECT_THROW(PowerLawRule(1e-10, 1e30), Error);
  EXPECT_THROW(PowerLawRule(1e-4, 100).sum(1), Error);
  EXPECT_THROW(PowerLawRule(1e-4, 100).sum(NAN), Error);
}

TEST(Digamma, ClosedForms) {
  constexpr double kEuler = 0.57721566490153286;
  EXPECT_NEAR(digamma(1), -kEuler, 1e-14);
  EXPECT_NEAR(digamma(0.5), -kEuler - 2 * std::log(2), 2e-14);
  EXPECT_NEAR(digamma(4.25), digamma(0.25) + 4 + 1 / 1.25 + 1 / 2.25 + 1 / 3.25, 2e-14);
}

}  // namespace
}  // namespace lior::memory
