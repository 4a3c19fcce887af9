// SPDX-License-Identifier: Apache-2.0
// Terms of counts in a model's scores, whatever the number of threads is set to.
#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/random.h"
#include "lior/nn/counts.h"
#include "lior/nn/model.h"
#include "support/changing_threads.h"

namespace lior::nn {
namespace {

constexpr Index kBatch = 8, kLength = 60;  // rows for many workers
constexpr Index kVocabulary = 9, kOrders = 3;

Array<std::int32_t, 2> random_tokens(std::uint64_t seed) {
  Array<std::int32_t, 2> tokens({kBatch, kLength});
  Random random(seed);
  for (std::int32_t& token : tokens.span()) {
    token = static_cast<std::int32_t>(random.below(kVocabulary));
  }
  return tokens;
}

/// A model that counts a text, and the memory that a step and an evaluation take.
struct Counting {
  Counting() {
    model.initialize(3);
    Random random(7);  // the terms of the window have weights of 0 at first
    for (double& value : model.values()) value += 0.1 * random.normal();
    auto counts = std::make_shared<TextCounts>(TextCounts{.all = Counts(kOrders)});
    counts->all.add(random_tokens(4).span());
    counts->all.finish();
    model.set_counts(std::move(counts));
    model.initial_state(state.view());
  }
  std::size_t bytes() const {
    return std::max(model.training_bytes(kBatch, kLength), model.inference_bytes(kBatch, kLength));
  }
  /// Of a step's loss and of an evaluation's, which are one number.
  void expect_loss(double loss, Arena& arena) {
    const double step = model.loss_and_gradients(tokens.view(), targets.view(), arena).loss_sum;
    ASSERT_NEAR(step, loss, kTolerance * loss);
    model.initial_state(state.view());
    const auto result = model.evaluate(tokens.view(), targets.view(), state.view(), arena);
    ASSERT_NEAR(result.loss_sum, loss, kTolerance * loss);
  }

  // Products of d_model numbers, whose rows are dealt to the threads, and sums of 480 losses.
  static constexpr double kTolerance = 1e-12;

  Model<double> model{{.vocabulary = kVocabulary,
                       .classes = kVocabulary,
                       .d_model = 4,
                       .layers = 1,
                       .count_orders = kOrders,
                       .recent_orders = 2,
                       .recent_window = 20,
                       .mixer = {.heads = 2}}};
  Array<std::int32_t, 2> tokens = random_tokens(5), targets = random_tokens(6);
  Array<double, 2> state{{kBatch, model.state_size()}};
};

TEST(CountScores, AStateThatBeginsAnewHoldsNoTokens) {
  Counting counting;
  Arena arena(counting.bytes());
  const auto loss = [&] {
    arena.reset();
    return counting.model
        .evaluate(counting.tokens.view(), counting.targets.view(), counting.state.view(), arena)
        .loss_sum;
  };
  const double first = loss();
  EXPECT_NE(loss(), first);  // which the one before is seen by
  counting.model.initial_state(counting.state.view());
  EXPECT_EQ(loss(), first);
}

TEST(CountScores, WhatOneThreadPlannedIsRoomForMore) {
  Counting counting;
  const ThreadScope one(1);
  Arena arena(counting.bytes());
  const double loss =
      counting.model.loss_and_gradients(counting.tokens.view(), counting.targets.view(), arena)
          .loss_sum;
  const ThreadScope eight(8);
  counting.expect_loss(loss, arena);
}

TEST(CountScores, ThreadsMayBeSetWhileItRuns) {
  Counting counting;
  Arena arena(counting.bytes());
  const double loss =
      counting.model.loss_and_gradients(counting.tokens.view(), counting.targets.view(), arena)
          .loss_sum;
  const ChangingThreads changing;
  for (int call = 0; call < 20; ++call) counting.expect_loss(loss, arena);
}

}  // namespace
}  // namespace lior::nn
