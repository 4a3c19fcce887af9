// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Makes a model that nearly tracks a finite automaton track it exactly, without gradients.
///
/// A geometric_mamba without gates turns a unit state a head by what each token says; training
/// leaves every turn a little off, and the errors add up until a state is read as another. But what
/// the model does at short lengths is a finite automaton, and that is read off it:
///
///   1. its states and its table, from the model's own predictions alone (automaton.h), checked on
///      fresh words;
///   2. of each head that can a point x_s for each state s and the nearest turns with F_t x_s =
///   +-x_{s t} for
///      all states and tokens (src/train/turned_states.h), in double;
///      (heads that learnt nothing of the automaton are not read any more);
///   3. the rows of the projection that give each token its turns, with the least change
///      sum |dW|^2 + |db|^2, and the start of each head;
///   4. every pair of a state and a token is run. Where one is misread, the weights that read the
///      states, and no others, are trained on the automaton's own outputs: a small problem, since
///      each state is one point now;
///   5. every pair, and long fresh words: all predictions are the automaton's.
///
/// Only rounding is left: float32 weights hold a turn to about 1e-7, so N random tokens move a
/// state by about 1e-7 sqrt N. Words that repeat a short period add up their errors instead,
/// 1e-7 N: docs/decisions/026-exact-states.md.

#include <optional>
#include <string>
#include <vector>

#include "lior/nn/model.h"
#include "lior/train/automaton.h"

namespace lior::train {

struct CrystalOptions {
  LearnOptions learn{};
  bool thorough = true; /**< where exact states are misread, teach what reads them, and where the
                           heads that are near do not suffice, make all of them exact: some
                           solutions read all. Takes longer */
};

/// How far F_t x_s is from +-x_{s t} at most, over all states and tokens: of one head.
struct HeadDeviation {
  double before = 0;  ///< as it was trained
  double exact = 0;   ///< of the turns that were found, in double
  double after = 0;   ///< of those that the float32 weights hold
  bool used = false;  ///< whether exact turns were found; the others are read as their mean
};

struct Crystal {
  bool was_exact = false;  ///< before: the model is as it was
  bool taught = false;     ///< exact states were misread at first, and what reads them was trained
  Automaton automaton;     ///< what the model tracks
  double agreement = 0;    ///< part of the outputs along short fresh words that were its before
  Index rounds = 0;        ///< of the alternation, the most that a head took
  std::vector<HeadDeviation> heads;
  double margin = 0;  ///< least lead of the right class's score over the next, over all pairs
  Index checked = 0;  ///< positions of long words that were checked afterwards
};

/// The largest of each over the heads that are used.
HeadDeviation largest_deviation(const Crystal& crystal);

/// Why a model of this form cannot be made exact, if it cannot: more than one layer, other mixers,
/// gates, complex states, a convolution, n-grams.
std::optional<std::string> why_not_exact(const nn::ModelConfig& config);

/// Writes exact turns and starts into the model; one whose heads are exact already, as far as its
/// weights can hold turns, stays as it is, and is checked. Cost: seconds. Bit-equal across thread
/// counts, where it teaches for equal ones. Throws lior::Error with why_not_exact; lior::RunError,
/// with the model as it was, when its predictions are no automaton's, a token merges states, no
/// exact turns are near, d_model is too small for the tokens, or a prediction is wrong afterwards.
/// It says which, with the numbers.
Crystal crystallise(nn::Model<float>& model, const CrystalOptions& options = {});

}  // namespace lior::train
