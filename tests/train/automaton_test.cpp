// SPDX-License-Identifier: Apache-2.0
#include "lior/train/automaton.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "lior/core/random.h"
#include "lior/train/task.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

/// Runs an automaton as what can only be run; with `slips`, that part of its outputs is wrong.
Experiment machine(const Automaton& automaton, double slips = 0) {
  return [automaton, slips, random = Random(7)](View<const std::int32_t, 2> words,
                                                View<std::int32_t, 2> outputs) mutable {
    for (Index word = 0; word < words.extent(0); ++word) {
      std::int32_t state = automaton.start;
      for (Index t = 0; t < words.extent(1); ++t) {
        state = automaton.after(state, words(word, t));
        const bool slips_here = t >= 2 && random.uniform() < slips;
        outputs(word, t) = automaton.output[static_cast<std::size_t>(state)] + (slips_here ? 1 : 0);
      }
    }
  };
}

/// Sums of letters 0 .. modulus - 1; what is shown of a sum is up to `shown`.
template <class Shown>
Automaton counter(std::int32_t modulus, const Shown& shown) {
  Automaton sums{.states = modulus, .letters = modulus, .start = 0, .next = {}, .output = {}};
  for (std::int32_t state = 0; state < modulus; ++state) {
    for (std::int32_t letter = 0; letter < modulus; ++letter) {
      sums.next.push_back((state + letter) % modulus);
    }
    sums.output.push_back(shown(state));
  }
  return sums;
}

/// Whether two automata give the same outputs along every word: by walking both at once.
bool equivalent(const Automaton& a, const Automaton& b) {
  std::vector<std::pair<std::int32_t, std::int32_t>> seen = {{a.start, b.start}};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::int32_t letter = 0; letter < a.letters; ++letter) {
      const std::pair next{a.after(seen[i].first, letter), b.after(seen[i].second, letter)};
      if (a.output[static_cast<std::size_t>(next.first)] !=
          b.output[static_cast<std::size_t>(next.second)]) {
        return false;
      }
      if (std::find(seen.begin(), seen.end(), next) == seen.end()) seen.push_back(next);
    }
  }
  return true;
}

TEST(Automaton, IsLearntWhereOutputsNameItsStates) {
  const Automaton sums = counter(7, [](std::int32_t state) { return state; });
  const LearntAutomaton learnt = learn_automaton(7, machine(sums));
  EXPECT_EQ(learnt.automaton.states, 7);
  EXPECT_TRUE(equivalent(learnt.automaton, sums));
  EXPECT_EQ(learnt.agreement, 1);
  EXPECT_TRUE(learnt.access[static_cast<std::size_t>(learnt.automaton.start)].empty());
}

// One bit is shown of twelve states: experiments of several letters must tell them apart.
TEST(Automaton, IsLearntWhereOutputsDoNotNameItsStates) {
  const Automaton sums = counter(12, [](std::int32_t state) { return state == 5 ? 1 : 0; });
  const LearntAutomaton learnt = learn_automaton(12, machine(sums));
  EXPECT_EQ(learnt.automaton.states, 12);
  EXPECT_TRUE(equivalent(learnt.automaton, sums));
  for (std::int32_t state = 0; state < 12; ++state) {
    std::int32_t reached = learnt.automaton.start;
    for (const std::int32_t letter : learnt.access[static_cast<std::size_t>(state)]) {
      reached = learnt.automaton.after(reached, letter);
    }
    EXPECT_EQ(reached, state);
  }
}

// Whether first and last letter are equal: the start is a state that no word leads back to.
TEST(Automaton, KeepsAStartThatNothingLeadsTo) {
  Automaton pairs{.states = 5, .letters = 2, .start = 0, .next = {}, .output = {0, 1, 0, 0, 1}};
  pairs.next = {1, 4, 1, 2, 1, 2, 3, 4, 3, 4};
  const LearntAutomaton learnt = learn_automaton(2, machine(pairs));
  EXPECT_EQ(learnt.automaton.states, 5);
  EXPECT_TRUE(equivalent(learnt.automaton, pairs));
  ASSERT_TRUE(find_merge(learnt.automaton).has_value());  // letter 0 leads to one state from two
  EXPECT_FALSE(find_merge(counter(7, [](std::int32_t state) { return state; })).has_value());
}

TEST(Automaton, SlipsOfTheMachineAreNoStates) {
  const Automaton sums = counter(7, [](std::int32_t state) { return 2 * state; });
  const LearntAutomaton learnt = learn_automaton(7, machine(sums, 0.05));
  EXPECT_EQ(learnt.automaton.states, 7);
  EXPECT_TRUE(equivalent(learnt.automaton, sums));
  EXPECT_NEAR(learnt.agreement, 0.96, 0.02);
}

/// Of the task's table, what is asked and where letters come; what is answered is the machine's.
Automaton task_machine(const char* name) { return find_task(name).problem->machine; }

/// Runs a machine, but fails on a letter that never comes there, and answers what is not asked for
/// with anything.
Experiment strict(const Automaton& automaton) {
  return [automaton, random = Random(3)](View<const std::int32_t, 2> words,
                                         View<std::int32_t, 2> outputs) mutable {
    for (Index word = 0; word < words.extent(0); ++word) {
      std::int32_t state = automaton.start;
      for (Index t = 0; t < words.extent(1); ++t) {
        state = automaton.after(state, words(word, t));
        if (state == Automaton::kNoState) throw Error("a letter came that never comes");
        outputs(word, t) = automaton.output[static_cast<std::size_t>(state)];
        const bool is_asked = outputs(word, t) != Automaton::kNoOutput;
        if (!is_asked) outputs(word, t) = static_cast<std::int32_t>(random.below(5));
      }
    }
  };
}

TEST(Automaton, QuestionsHaveNoAnswers) {
  // Digits and operators in turn; only digits are asked for.
  const Automaton questions = questions_of(task_machine("modular_arithmetic"));
  ASSERT_EQ(questions.states, 2);
  const auto start = static_cast<std::size_t>(questions.start);
  EXPECT_EQ(questions.output[start], Automaton::kNoOutput);
  EXPECT_EQ(questions.output[1 - start], 0);
  for (std::int32_t letter = 0; letter < 8; ++letter) {
    const bool is_digit = letter < 5;
    EXPECT_EQ(questions.after(questions.start, letter),
              is_digit ? 1 - questions.start : Automaton::kNoState);
    EXPECT_EQ(questions.after(1 - questions.start, letter),
              is_digit ? Automaton::kNoState : questions.start);
  }
  EXPECT_EQ(questions_of(task_machine("a5")).states, 1);
  EXPECT_EQ(questions_of(task_machine("parity")).output, Word{0});
}

TEST(Automaton, LettersThatNeverComeAreNotRun) {
  const Automaton machine = task_machine("modular_arithmetic");
  const LearntAutomaton learnt =
      learn_automaton(questions_of(machine), strict(machine), {.word_length = 16});
  EXPECT_EQ(learnt.agreement, 1);
  // By walking both at once: the same letters come, and the same is shown.
  std::vector<std::pair<std::int32_t, std::int32_t>> seen = {
      {learnt.automaton.start, machine.start}};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
      const std::pair next{learnt.automaton.after(seen[i].first, letter),
                           machine.after(seen[i].second, letter)};
      ASSERT_EQ(next.first == Automaton::kNoState, next.second == Automaton::kNoState);
      if (next.first == Automaton::kNoState) continue;
      ASSERT_EQ(learnt.automaton.output[static_cast<std::size_t>(next.first)],
                machine.output[static_cast<std::size_t>(next.second)]);
      if (std::find(seen.begin(), seen.end(), next) == seen.end()) seen.push_back(next);
    }
  }
}

TEST(Automaton, LettersAreDrawnEvenlyFromThoseThatCome) {
  const Automaton machine{
      .states = 1, .letters = 4, .start = 0, .next = {0, -1, 0, 0}, .output = {0}};
  Random random(1);
  std::array<Index, 4> counts{};
  for (Index i = 0; i < 3000; ++i)
    ++counts[static_cast<std::size_t>(draw_letter(machine, 0, random))];
  EXPECT_EQ(counts[1], 0);
  for (const std::size_t letter : {0u, 2u, 3u}) EXPECT_NEAR(counts[letter], 1000, 130);  // 5 sigma
}

TEST(Automaton, WhatIsNoneIsSaid) {
  const Automaton sums = counter(7, [](std::int32_t state) { return 2 * state; });
  EXPECT_THROW(learn_automaton(7, machine(sums), {.most_states = 6}), RunError);
  EXPECT_THROW(learn_automaton(7, machine(sums, 0.5)), RunError);
  EXPECT_THROW(learn_automaton(0, machine(sums)), Error);
  const Automaton constant = counter(7, [](std::int32_t) { return 3; });
  EXPECT_EQ(run_error_of([&] { learn_automaton(7, machine(constant)); }),
            "its outputs are all the same: it tracks nothing");
}

}  // namespace
}  // namespace lior::train
