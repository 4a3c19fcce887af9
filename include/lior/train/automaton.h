// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Finite automata: the machines whose states a sequence model may have to track, and how to read
/// one off something that can only be run.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lior/core/random.h"
#include "lior/core/view.h"

namespace lior::train {

using Word = std::vector<std::int32_t>;

/// A Moore machine: states 0 .. states - 1 read letters 0 .. letters - 1, and each shows an output
/// once something has led to it.
struct Automaton {
  Index states = 0, letters = 0;
  std::int32_t start = 0;
  std::vector<std::int32_t> next;    ///< [states, letters]; kNoState: the letter never comes there
  std::vector<std::int32_t> output;  ///< [states]; kNoOutput: it shows none

  static constexpr std::int32_t kNoOutput = -1, kNoState = -1;

  std::int32_t after(std::int32_t state, std::int32_t letter) const {
    return next[static_cast<std::size_t>(state * letters + letter)];
  }
};

/// The first letter that leads two states to one, and both: such a letter forgets, and no
/// invertible turn does what it does. Empty where no letter does.
struct Merge {
  std::int32_t letter, first, second, into;
};
std::optional<Merge> find_merge(const Automaton& automaton);

/// What a machine is asked, without what it answers: the smallest automaton whose letters lead on
/// where its letters do, and whose output is 0 where it shows one. Of a complete machine that
/// always shows something it has one state.
Automaton questions_of(const Automaton& machine);

/// A letter that comes in this state, each as likely as the others.
std::int32_t draw_letter(const Automaton& automaton, std::int32_t state, Random& random);

/// Random words, and what the automaton shows after each letter: [W, N].
void draw_words(const Automaton& automaton, Random& random, View<std::int32_t, 2> words,
                View<std::int32_t, 2> outputs);

/// Runs a machine from its start: words, and its outputs after each letter, [W, N], N >= 1.
using Experiment =
    std::function<void(View<const std::int32_t, 2> words, View<std::int32_t, 2> outputs)>;

struct LearnOptions {
  Index most_states = 512;
  Index fresh_words = 256;       ///< that check the table
  Index word_length = 8;         ///< of each
  double least_agreement = 0.8;  ///< part of their outputs that the table must give
  std::uint64_t seed = 0;        ///< of the fresh words
};

struct LearntAutomaton {
  Automaton automaton;
  std::vector<Word> access;  ///< of each state the shortest word to it; of the start the empty one
  double agreement = 0;      ///< part of the outputs along fresh words that are the automaton's
};

/// The smallest automaton with the outputs of a machine, of which only words that `questions` has
/// are run, and only outputs that it asks for are looked at. States are the shortest words that
/// some experiment tells apart, so their outputs need not name them. Fresh random words check the
/// table: where one gives another output, that makes a new experiment, which stays if it explains
/// more outputs than it adds states. What disagrees in the end are the machine's own slips: a
/// trained model makes some, and more the longer a word is.
///
/// Cost: states x letters x experiments words, of the lengths of an access word and an experiment.
/// Throws lior::RunError that says why where the table does not close: more than most_states, or
/// fewer outputs than least_agreement; or where it shows one output alone.
/// Source: D. Angluin, Information and Computation 75 (1987), 87-106; the search for an experiment
/// is R. Rivest and R. Schapire's, Information and Computation 103 (1993), 299-347.
LearntAutomaton learn_automaton(const Automaton& questions, const Experiment& experiment,
                                const LearnOptions& options = {});

/// The same where every letter always comes and every output is asked for.
LearntAutomaton learn_automaton(Index letters, const Experiment& experiment,
                                const LearnOptions& options = {});

}  // namespace lior::train
