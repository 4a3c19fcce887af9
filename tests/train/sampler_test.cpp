// SPDX-License-Identifier: Apache-2.0
#include "lior/train/sampler.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lior::train {
namespace {

const std::vector<float> kScores = {0, 2, 1, 2, -1};  // largest first: 1, 3, 2, 0, 4

/// How often each class is drawn.
std::vector<double> frequencies(const Sampling& sampling, int draws) {
  Sampler sampler(sampling, 7, 5);
  std::vector<double> counts(5);
  for (int i = 0; i < draws; ++i) counts[sampler.draw(kScores)] += 1;
  for (double& count : counts) count /= draws;
  return counts;
}

TEST(Sampler, DrawsBySoftmax) {
  constexpr int kDraws = 40000;
  constexpr double kFiveDeviations = 5 * 0.5 / 200;  // sqrt(p (1 - p) / n) <= 0.5 / sqrt(n)
  for (const double temperature : {0.5, 1.0, 2.0}) {
    const auto got = frequencies({.temperature = temperature}, kDraws);
    double total = 0;
    for (const float score : kScores) total += std::exp(score / temperature);
    for (int k = 0; k < 5; ++k) {
      EXPECT_NEAR(got[k], std::exp(kScores[k] / temperature) / total, kFiveDeviations);
    }
  }
}

TEST(Sampler, ZeroTemperatureTakesTheFirstOfTheLargest) {
  EXPECT_EQ(frequencies({.temperature = 0}, 10), (std::vector<double>{0, 1, 0, 0, 0}));
}

TEST(Sampler, TopKAndTopPLeaveTheRestOut) {
  const auto top_two = frequencies({.top_k = 2}, 2000);
  EXPECT_EQ(top_two[0] + top_two[2] + top_two[4], 0);
  EXPECT_NEAR(top_two[1], 0.5, 0.06);
  EXPECT_EQ(frequencies({.top_k = 1}, 100)[1], 1);
  // Probabilities are .38, .38, .14, .05, .02 in order: the first holds .3, two .7, three .9.
  EXPECT_EQ(frequencies({.top_p = 0.3}, 100)[1], 1);
  const auto most = frequencies({.top_p = 0.7}, 2000);
  EXPECT_EQ(most[0] + most[2] + most[4], 0);
  EXPECT_GT(most[3], 0);
  EXPECT_GT(frequencies({.top_p = 0.9}, 2000)[2], 0);
  EXPECT_EQ(frequencies({.top_p = 0.9}, 2000)[0], 0);
}

TEST(Sampler, MinPLeavesOutWhatIsFarFromTheLikeliest) {
  // Probabilities over the largest are e^-2, 1, e^-1, 1, e^-3: .14, 1, .37, 1, .05.
  const auto kept = frequencies({.min_p = 0.3}, 2000);
  EXPECT_EQ(kept[0] + kept[4], 0);
  EXPECT_GT(kept[2], 0);
  EXPECT_EQ(frequencies({.min_p = 1}, 500)[2], 0);
  // With top_p the order is sorted, with top_k cut.
  EXPECT_EQ(frequencies({.top_k = 3, .top_p = 0.99, .min_p = 0.5}, 500)[2], 0);
  // At another temperature it is the tempered probabilities that count: e^{-1/10} = .9.
  EXPECT_GT(frequencies({.temperature = 10, .min_p = 0.7}, 2000)[0], 0);
}

TEST(Sampler, RepetitionMakesWhatWasSaidLessLikely) {
  Sampler sampler({.temperature = 0, .repetition_penalty = 3}, 7, 5);
  EXPECT_EQ(sampler.draw(kScores), 1);
  sampler.saw(1);
  EXPECT_EQ(sampler.draw(kScores), 3);
  sampler.saw(3);
  sampler.saw(3);  // counts once
  EXPECT_EQ(sampler.draw(kScores), 2);
  sampler.saw(2);
  EXPECT_EQ(sampler.draw(kScores), 1);  // 2/3 of 1, 2/3 of 3, 1/3, 0, -1
  for (Index i = 0; i < kRepetitionWindow; ++i) sampler.saw(4);
  EXPECT_EQ(sampler.draw(kScores), 1);  // the others are forgotten
  const std::vector<float> all_negative = {-1, -2, -3, -4, -0.5};
  EXPECT_EQ(sampler.draw(all_negative), 0);  // -.5 times 3 is less than -1
}

// It drew other text: with all classes kept they were sorted.
TEST(Sampler, KeepingAllClassesIsNoRestriction) {
  for (const Index top_k : {5, 6}) {
    Sampler all({}, 3, 5), kept({.top_k = top_k}, 3, 5);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(all.draw(kScores), kept.draw(kScores));
  }
}

TEST(Sampler, ScoresThatAreNotFiniteAreAFailedRun) {
  Sampler sampler({.temperature = 0}, 1, 3);
  EXPECT_THROW(sampler.draw(std::vector<float>{1, NAN, 2}), RunError);
  EXPECT_THROW(sampler.draw(std::vector<float>{1, INFINITY, 2}), RunError);
}

TEST(Sampler, IsAFunctionOfTheSeed) {
  Sampler a({}, 1, 5), b({}, 1, 5), c({}, 2, 5);
  bool differs = false;
  for (int i = 0; i < 50; ++i) {
    const auto drawn = a.draw(kScores);
    EXPECT_EQ(drawn, b.draw(kScores));
    differs |= drawn != c.draw(kScores);
  }
  EXPECT_TRUE(differs);
}

TEST(Sampler, SettingsThatCannotBeAreNamed) {
  EXPECT_THROW(Sampler({.temperature = -1}, 1, 5), Error);
  EXPECT_THROW(Sampler({.temperature = NAN}, 1, 5), Error);
  EXPECT_THROW(Sampler({.top_k = -1}, 1, 5), Error);
  EXPECT_THROW(Sampler({.top_p = 0}, 1, 5), Error);
  EXPECT_THROW(Sampler({.top_p = 1.5}, 1, 5), Error);
}

}  // namespace
}  // namespace lior::train
