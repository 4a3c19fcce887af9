// SPDX-License-Identifier: Apache-2.0
#include "lior/train/schedule.h"

#include <gtest/gtest.h>

#include "support/error_of.h"

namespace lior::train {
namespace {

TEST(Schedule, RisesToOneAndFallsToTheFloor) {
  const ScheduleConfig config{.warmup = 0.1, .floor = 0.2};
  EXPECT_EQ(schedule_factor(config, 0), 0);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 0.05), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 0.1), 1);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 0.55), 0.6);  // half of the cosine
  EXPECT_DOUBLE_EQ(schedule_factor(config, 1), 0.2);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 7), 0.2);
}

TEST(Schedule, WarmupOfNoneOrAllOfTheRunReachesOne) {
  EXPECT_DOUBLE_EQ(schedule_factor({.warmup = 0, .floor = 1}, 0), 1);
  EXPECT_DOUBLE_EQ(schedule_factor({.warmup = 1, .floor = 0.5}, 1), 1);
}

TEST(Curriculum, MovesOnWhenALengthIsLearnt) {
  Curriculum curriculum({.start = 2, .accuracy = 0.9, .patience = 2, .finish = 3}, 1, 10);
  EXPECT_EQ(curriculum.length(), 2);
  curriculum.observe(0.95);
  curriculum.observe(0.5);  // the row of learnt batches starts again
  curriculum.observe(0.9);
  EXPECT_EQ(curriculum.length(), 2);
  curriculum.observe(0.9);
  EXPECT_EQ(curriculum.length(), 4);
  for (int i = 0; i < 4; ++i) curriculum.observe(1);
  EXPECT_EQ(curriculum.length(), 10);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(curriculum.finished());
    curriculum.observe(1);
  }
  EXPECT_TRUE(curriculum.finished());
}

TEST(Curriculum, BeginsWithGeneratorsUntilTheirLengthIsLearnt) {
  Curriculum curriculum({.start = 2, .patience = 1, .generators = 4, .finish = 1}, 1, 8);
  const auto stands = [&](Index length, bool over_generators) {
    EXPECT_EQ(curriculum.length(), length);
    EXPECT_EQ(curriculum.over_generators(), over_generators);
  };
  stands(2, true);
  curriculum.observe(1);
  stands(4, true);
  for (Index i = 0; i < kLostPatience; ++i) curriculum.observe(0);
  stands(2, true);  // lost: back, among the generators
  curriculum.observe(1);
  curriculum.observe(1);
  stands(2, false);  // from here on as without
  curriculum.observe(1);
  curriculum.observe(1);
  stands(8, false);
  for (Index i = 0; i < kLostPatience; ++i) curriculum.observe(0);
  stands(4, false);

  Curriculum full({.patience = 1, .generators = 64, .finish = 1}, 1, 8);
  full.observe(1);
  EXPECT_FALSE(full.over_generators());  // the full length is learnt, if not 64
  EXPECT_FALSE(full.finished());
  full.observe(1);
  EXPECT_TRUE(full.finished());
}

TEST(Curriculum, GoesBackWhenALengthIsLost) {
  Curriculum curriculum({.start = 2, .accuracy = 0.9, .patience = 1}, 1, 8);
  curriculum.observe(1);
  curriculum.observe(1);
  EXPECT_EQ(curriculum.length(), 8);
  for (Index i = 0; i < kLostPatience - 1; ++i) curriculum.observe(0.1);
  curriculum.observe(0.5);  // not lost: the row starts again
  for (Index i = 0; i < kLostPatience - 1; ++i) curriculum.observe(0.1);
  EXPECT_EQ(curriculum.length(), 8);
  curriculum.observe(0.1);
  EXPECT_EQ(curriculum.length(), 4);
  for (Index i = 0; i < 3 * kLostPatience; ++i) curriculum.observe(0);
  EXPECT_EQ(curriculum.length(), 2);  // and never under the start

  Curriculum odd({.start = 3, .accuracy = 0.9, .patience = 1}, 1, 4);
  odd.observe(1);
  EXPECT_EQ(odd.length(), 4);
  for (Index i = 0; i < kLostPatience; ++i) odd.observe(0);
  EXPECT_EQ(odd.length(), 3);  // whose half is less
}

TEST(Curriculum, KeepsTheTokensOfAStep) {
  const Curriculum curriculum({.start = 2, .batch = 20}, 1, 16);
  EXPECT_EQ(curriculum.lengths(), (std::vector<Index>{2, 4, 8, 16}));
  EXPECT_EQ(curriculum.batch(4, 16), 4);
  EXPECT_EQ(curriculum.batch(4, 8), 8);
  EXPECT_EQ(curriculum.batch(4, 2), 20);  // 32 would have as many tokens
  EXPECT_EQ(Curriculum({.start = 2}, 1, 16).batch(4, 2), 4);
  EXPECT_EQ(error_of([&] { curriculum.batch(4, 0); }),
            "4 sequences of length 0 are no batch; expected at least 1 and a length of 1 to 16");
  EXPECT_NE(error_of([&] { curriculum.batch(0, 4); }), "no error");
}

TEST(Curriculum, IsTheFullLengthWithoutAStart) {
  Curriculum curriculum({}, 1, 10);
  for (int i = 0; i < 10; ++i) curriculum.observe(1);
  EXPECT_EQ(curriculum.length(), 10);
  EXPECT_FALSE(curriculum.finished());
}

TEST(Curriculum, StartsWhereSequencesCan) {
  EXPECT_EQ(Curriculum({.start = 2}, 3, 10).length(), 3);
  EXPECT_EQ(Curriculum({.start = 64}, 1, 10).length(), 10);
  EXPECT_THROW(Curriculum({.start = 2}, 3, 2), Error);
}

TEST(Curriculum, ARestoredOneGoesOnAlike) {
  const CurriculumConfig config{.start = 2, .patience = 2};
  Curriculum whole(config, 1, 8), second(config, 1, 8);
  for (int i = 0; i < 3; ++i) whole.observe(1);
  second.restore(whole.state());
  whole.observe(1);
  second.observe(1);
  EXPECT_EQ(second.length(), whole.length());
  EXPECT_EQ(second.length(), 8);
  EXPECT_THROW(second.restore({.length = 9}), Error);
}

}  // namespace
}  // namespace lior::train
