// SPDX-License-Identifier: Apache-2.0
// Models that were trained for seconds along short words, and lose track along longer ones.
#include "lior/train/longer_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "lior/train/checkpoint.h"
#include "lior/train/optimizer.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

/// Two bits: letter 0 flips the first, 1 sets the second, 2 takes it back, 3 reads both. 2 comes
/// after 3 alone, and only 3 is answered. No turns hold the second bit, and a gate that was trained
/// along short words does not keep the first one for long.
Automaton two_bits() {
  Automaton machine{.states = 8, .letters = 4, .start = 0, .next = {}, .output = {}};
  for (std::int32_t state = 0; state < machine.states; ++state) {
    const std::int32_t flipped = state & 1, is_set = state & 2, is_read = state & 4;
    machine.next.insert(machine.next.end(),
                        {(1 - flipped) | is_set, flipped | 2,
                         is_read ? flipped : Automaton::kNoState, flipped | is_set | 4});
    machine.output.push_back(is_read ? flipped | is_set : Automaton::kNoOutput);
  }
  return machine;
}

nn::Model<float> trained(const Automaton& machine, Index steps, Index length) {
  nn::Model<float> model({.vocabulary = machine.letters,
                          .classes = 4,
                          .d_model = 32,
                          .layers = 1,
                          .mixer = {.heads = 4, .readout = nn::Readout::linear_quadratic}});
  model.initialize(1);
  Optimizer<float> optimizer({}, tensors_of(model.parameters()));
  Arena arena(model.training_bytes(64, length));
  Array<std::int32_t, 2> words({64, length}), outputs({64, length});
  Random random(2);
  for (Index step = 0; step < steps; ++step) {
    draw_words(machine, random, words.view(), outputs.view());
    arena.reset();
    model.loss_and_gradients(std::as_const(words).view(), std::as_const(outputs).view(), arena);
    const double norm = optimizer.measure(model.gradients());
    optimizer.step(1e-2, norm > 1 ? 1 / norm : 1, model.values(), model.gradients());
  }
  return model;
}

std::vector<float> numbers(const nn::Model<float>& model) {
  return {model.values().begin(), model.values().end()};
}

// That they are learnt then is tests/app/test_crystallise.py.
TEST(LongerWords, AreThoseOfTheModelsOwnAutomatonAndNotLearntWhereTheCallIsStopped) {
  Automaton machine = two_bits();
  auto model = trained(machine, 300, 8);
  const std::vector<float> before = numbers(model);
  for (std::int32_t& output : machine.output) output = std::min(output, 0);  // is not looked at
  Index asked = 0;
  std::vector<double> told;
  const LongerWords stopped =
      learn_longer_words(model, machine,
                         {.trained_length = 8,
                          .stopped = [&] { return ++asked == 3; },
                          .stepping = [&](double done) { told.push_back(done); }});
  EXPECT_EQ(stopped.automaton.states, 8);
  EXPECT_EQ(std::set(stopped.automaton.output.begin(), stopped.automaton.output.end()),
            (std::set<std::int32_t>{Automaton::kNoOutput, 0, 1, 2, 3}));
  EXPECT_GE(stopped.agreement, 0.998);
  EXPECT_EQ(stopped.length, 1024);
  EXPECT_GT(stopped.wrong_before, stopped.asked / 20);
  EXPECT_EQ(stopped.wrong_after, stopped.wrong_before);
  EXPECT_EQ(stopped.steps, 0);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(told, (std::vector<double>{0, 1 / 3200., 2 / 3200.}));  // of both rounds
  EXPECT_EQ(numbers(model), before);
}

TEST(LongerWords, HaveASecondRoundWhereTheFirstOneEndsBeforeTheyAreRight) {
  const Automaton machine = two_bits();
  for (const auto& [rounds, steps] : {std::pair(std::array<Index, 2>{3, 5}, 8), {{8, 0}, 8}}) {
    auto model = trained(machine, 300, 8);
    std::vector<double> told;
    // So few steps may help or not; how many there are does not depend on it.
    static_cast<void>(run_error_of([&] {
      const LongerWords longer = learn_longer_words(
          model, machine, {.trained_length = 8, .rounds = rounds, .stepping = [&](double done) {
                             told.push_back(done);
                           }});
      EXPECT_EQ(longer.steps, steps);
      EXPECT_LT(longer.wrong_after, longer.wrong_before);
    }));
    ASSERT_EQ(told.size(), 8);
    for (Index step = 0; step < steps; ++step) {
      EXPECT_EQ(told[static_cast<std::size_t>(step)], static_cast<double>(step) / 8);
    }
  }
}

TEST(LongerWords, TakeNoMoreMemoryThanIsLeft) {
  const Automaton machine = two_bits();
  auto model = trained(machine, 1, 8);
  const std::vector<float> before = numbers(model);
  const std::string why = run_error_of(
      [&] { learn_longer_words(model, machine, {.trained_length = 8, .most_bytes = 1'000'000}); });
  EXPECT_NE(why.find("of memory, and 1 MB are left"), std::string::npos) << why;
  EXPECT_EQ(numbers(model), before);
}

TEST(LongerWords, OfAModelThatHasLearntNothingAreRefused) {
  const Automaton machine = two_bits();
  auto model = trained(machine, 1, 8);
  const std::vector<float> before = numbers(model);
  const std::string why = run_error_of([&] { learn_longer_words(model, machine); });
  EXPECT_NE(why.find("automaton"), std::string::npos) << why;
  EXPECT_EQ(numbers(model), before);
  const Automaton three{.states = 1, .letters = 3, .start = 0, .next = {0, 0, 0}, .output = {0}};
  EXPECT_EQ(
      error_of([&] { learn_longer_words(model, three); }),
      "the machine has 3 letters and the model 4; expected the machine that it was trained on");
}

}  // namespace
}  // namespace lior::train
