// SPDX-License-Identifier: Apache-2.0
#include "lior/core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace lior {
namespace {

// Salmon et al., SC 2011: the known answers that the authors publish with Philox4x32-10.
// Our 128-bit counter is (counter, stream), low word first; our key is the seed.
TEST(Philox, GivesThePublishedVectors) {
  using Block = std::array<std::uint32_t, 4>;
  constexpr std::uint64_t kOnes = ~std::uint64_t{0};
  EXPECT_EQ(philox(0, 0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(kOnes, kOnes, kOnes), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0'a4093822, 0x03707344'13198a2e, 0x85a308d3'243f6a88),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));  // digits of pi
}

TEST(Random, StreamsAndSeedsDiffer) {
  const std::uint64_t first = Random(1, 0).next();
  EXPECT_EQ(Random(1, 0).next(), first);
  EXPECT_NE(Random(2, 0).next(), first);
  EXPECT_NE(Random(1, 1).next(), first);
}

TEST(Random, CopyForksThePosition) {
  Random original(5);
  original.next();
  Random fork = original;
  EXPECT_EQ(fork.next(), original.next());
}

// Means of n draws lie within 5 standard errors but for one seed in two million; the seed is fixed.
constexpr int kDraws = 100000;
constexpr double kStandardErrors = 5;

TEST(Random, UniformHasItsRangeMeanAndVariance) {
  Random random(11);
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
    squares += (value - 0.5) * (value - 0.5);
  }
  const double standard_error = std::sqrt(1.0 / 12 / kDraws);
  EXPECT_NEAR(sum / kDraws, 0.5, kStandardErrors * standard_error);
  // (U - 1/2)^2 has mean 1/12 and variance 1/80 - 1/144.
  EXPECT_NEAR(squares / kDraws, 1.0 / 12,
              kStandardErrors * std::sqrt((1.0 / 80 - 1.0 / 144) / kDraws));
}

TEST(Random, NormalHasItsFirstFourMoments) {
  Random random(12);
  std::array<double, 5> moment{};
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    for (int k = 1; k <= 4; ++k) moment[k] += std::pow(value, k) / kDraws;
  }
  // Variances of x, x^2, x^3, x^4 under the standard normal: 1, 2, 15, 96.
  EXPECT_NEAR(moment[1], 0, kStandardErrors * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(moment[2], 1, kStandardErrors * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(moment[3], 0, kStandardErrors * std::sqrt(15.0 / kDraws));
  EXPECT_NEAR(moment[4], 3, kStandardErrors * std::sqrt(96.0 / kDraws));
}

TEST(Random, BelowIsEvenOverItsRange) {
  Random random(13);
  constexpr Index kBound = 7;
  std::array<int, kBound> count{};
  for (int i = 0; i < kDraws; ++i) {
    const Index value = random.below(kBound);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, kBound);
    ++count[value];
  }
  const double p = 1.0 / kBound;
  for (const int n : count) {
    EXPECT_NEAR(n, kDraws * p, kStandardErrors * std::sqrt(kDraws * p * (1 - p)));
  }
  EXPECT_EQ(random.below(1), 0);
  EXPECT_THROW(random.below(0), Error);
}

TEST(Random, FillsAreTheDrawsScaled) {
  std::vector<double> uniform(5), normal(5);
  Random(3).fill_uniform(std::span(uniform), -2, 6);
  Random(3).fill_normal(std::span(normal), 0.5);
  Random again(3), once_more(3);
  for (const double value : uniform) EXPECT_EQ(value, -2 + 8 * again.uniform());
  for (const double value : normal) EXPECT_EQ(value, 0.5 * once_more.normal());
}

}  // namespace
}  // namespace lior
