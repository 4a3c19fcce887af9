// SPDX-License-Identifier: Apache-2.0
#include "lior/train/holding.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lior/core/random.h"

namespace lior::train {
namespace {

/// The action of a word on all states.
using Map = std::vector<std::int32_t>;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Map then(const Map& first, const Map& second) {
  Map both;
  for (const std::int32_t state : first) both.push_back(second[at(state)]);
  return both;
}

Map power(const Map& map, int n) {
  Map result = map;
  for (int i = 1; i < n; ++i) result = then(result, map);
  return result;
}

/// The maps of all words of one letter or more.
std::vector<Map> semigroup(const Automaton& machine) {
  std::vector<Map> letters;
  for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
    Map& map = letters.emplace_back();
    for (std::int32_t s = 0; s < machine.states; ++s) map.push_back(machine.after(s, letter));
  }
  std::set<Map> known(letters.begin(), letters.end());
  std::vector<Map> all(known.begin(), known.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const Map& letter : letters) {
      if (const Map map = then(all[i], letter); known.insert(map).second) all.push_back(map);
    }
  }
  return all;
}

/// By the theorems themselves: a word of turns, repeated, comes back to where it began. For all
/// maps of words x and y, from all states that words reach, with N = lcm(1 .. states):
///   turns chosen by a letter:  s and s x^N have the same outputs after any further letter;
///   by a window of letters:    so have s x^N and s x^N (y x^N)^N.
Holding by_definition(const Automaton& machine) {
  const std::vector<Map> maps = semigroup(machine);
  constexpr int kN = 12;  // up to four states
  std::set<std::int32_t> reached = {machine.start};
  for (const Map& map : maps) reached.insert(map[at(machine.start)]);
  const auto same = [&](std::int32_t s, std::int32_t t) {
    return std::all_of(maps.begin(), maps.end(), [&](const Map& v) {
      return machine.output[at(v[at(s)])] == machine.output[at(v[at(t)])];
    });
  };
  Holding holding = Holding::by_turns;
  for (const Map& x : maps) {
    const Map many = power(x, kN);
    for (const std::int32_t s : reached) {
      if (!same(s, many[at(s)])) holding = Holding::by_window;
    }
    for (const Map& y : maps) {
      const Map loop = power(then(y, many), kN);
      for (const std::int32_t s : reached) {
        if (!same(many[at(s)], loop[at(many[at(s)])])) return Holding::not_by_turns;
      }
    }
  }
  return holding;
}

TEST(Holding, IsWhatRepeatedWordsSay) {
  Random random(5);
  std::map<Holding, Index> count;
  for (int i = 0; i < 1500; ++i) {
    const Index states = 2 + random.below(3), letters = 1 + random.below(2);
    Automaton machine{.states = states, .letters = letters, .next = {}, .output = {}};
    for (Index k = 0; k < states * letters; ++k) {
      machine.next.push_back(static_cast<std::int32_t>(random.below(states)));
    }
    for (Index k = 0; k < states; ++k) {
      machine.output.push_back(static_cast<std::int32_t>(random.below(2)));
    }
    const Holding holding = what_holds(machine).holding;
    EXPECT_EQ(holding, by_definition(machine)) << i;
    ++count[holding];
  }
  for (const auto holding : {Holding::by_turns, Holding::by_window, Holding::not_by_turns}) {
    EXPECT_GT(count[holding], 20);
  }
}

TEST(Holding, OfTheTasks) {
  const auto of = [](std::string_view task) {
    return what_holds(find_task(task).problem->machine).holding;
  };
  EXPECT_EQ(of("a5"), Holding::by_turns);
  EXPECT_EQ(of("parity"), Holding::by_turns);
  EXPECT_EQ(of("cycle_navigation"), Holding::by_turns);
  EXPECT_EQ(of("even_pairs"), Holding::by_window);
  EXPECT_EQ(of("modular_arithmetic"), Holding::not_by_turns);
}

/// Two letters that set a bit, and perhaps one that leaves it.
Automaton memory_of_a_bit(bool leaves) {
  Automaton machine{.states = 2, .letters = leaves ? 3 : 2, .next = {}, .output = {0, 1}};
  for (std::int32_t state = 0; state < 2; ++state) {
    machine.next.insert(machine.next.end(), {0, 1});
    if (leaves) machine.next.push_back(state);
  }
  return machine;
}

// The scores see the last token beside the state, so a bit that the last token says needs no state.
TEST(Holding, ABitIsKeptByTurnsOnlyWhereTheLastTokenSaysIt) {
  EXPECT_EQ(what_holds(memory_of_a_bit(false)).holding, Holding::by_turns);
  const Verdict verdict = what_holds(memory_of_a_bit(true));
  EXPECT_EQ(verdict.holding, Holding::not_by_turns);
  EXPECT_NE(verdict.forgetting->first, verdict.forgetting->second);
}

TEST(Holding, LargeMachinesAreNotLookedAt) {
  Automaton machine{.states = 1000, .letters = 1, .next = {}, .output = {}};
  for (std::int32_t state = 0; state < 1000; ++state) {
    machine.next.push_back(std::max(state - 1, 0));
    machine.output.push_back(state);
  }
  EXPECT_EQ(what_holds(machine).holding, Holding::not_looked_at);
}

nn::ModelConfig turns(algebra::Transition transition, Index factors, Index d_model = 1024) {
  return {.d_model = d_model,
          .layers = 1,
          .mixer = {.factors = factors, .transition = transition, .gates = false}};
}
const nn::ModelConfig kOneSide = turns(algebra::Transition::left, 1);

using Lines = std::vector<std::string>;

TEST(Holding, ARunSaysWhatItsMachineIs) {
  EXPECT_EQ(advice_on_machine(find_task("a5"), kOneSide),
            (Lines{"the machine has 60 states and 60 tokens, which permute the states: a group of "
                   "60 elements, which is not solvable: no diagonal recurrence holds it, however "
                   "many layers it has"}));
  EXPECT_EQ(advice_on_machine(find_task("group:S3xS3"), kOneSide),
            (Lines{"the machine has 36 states and 36 tokens, which permute the states: a group of "
                   "36 elements, which is solvable"}));
  EXPECT_EQ(advice_on_machine(find_task("cycle_navigation"), kOneSide),
            (Lines{"the machine has 5 states and 3 tokens, which permute the states: a group of 5 "
                   "elements, in which order does not matter"}));
  EXPECT_TRUE(advice_on_machine(find_task("copy"), kOneSide).empty());
}

TEST(Holding, ARunSaysWhatItsModelCannotHold) {
  const auto second = [](std::string_view task, const nn::ModelConfig& model) {
    const Lines lines = advice_on_machine(find_task(task), model);
    return lines.size() == 2 ? lines[1] : fmt::format("{} lines", lines.size());
  };
  EXPECT_EQ(second("s5", kOneSide),
            "turns from one side (model.transition = left) hold cyclic and dihedral groups, A4, "
            "S4, A5 and their products, and this group is not known as one; model.transition = "
            "two_sided with model.factors = 4 does");
  EXPECT_EQ(second("s5", turns(algebra::Transition::two_sided, 2)),
            "model.factors = 2 reflections a turn are too few for this group; model.transition = "
            "two_sided with model.factors = 4 does");
  EXPECT_EQ(second("s5", turns(algebra::Transition::two_sided, 4)), "1 lines");
  EXPECT_EQ(second("s5", turns(algebra::Transition::two_sided, 4, 64)),
            "model.d_model = 64 gives at most 65 of its 120 tokens turns of their own; "
            "model.d_model = 119 gives all");
  EXPECT_EQ(second("even_pairs", kOneSide),
            "token 0 makes one of states 0 and 1, and turns do not forget; turns by the last two "
            "tokens, model.convolution = 2 (preset tracking-pairs), or more may hold the machine");
  EXPECT_EQ(second("modular_arithmetic", kOneSide),
            "token 0 (0) makes one of states 0 and 1, and turns do not forget; this model cannot "
            "hold the machine at all lengths, with whatever convolution; states with model.gates "
            "can (preset forgetting)");
  nn::ModelConfig window = kOneSide, gates = kOneSide;
  window.convolution = 2;
  gates.mixer.gates = true;
  EXPECT_EQ(second("even_pairs", window), "1 lines");
  EXPECT_EQ(second("modular_arithmetic", gates), "1 lines");
}

}  // namespace
}  // namespace lior::train
