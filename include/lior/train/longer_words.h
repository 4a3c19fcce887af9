// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Teaches a model to track along long words what it tracks along short ones.
///
/// Not every model can be made exact (crystallise.h): gates are never quite open, and what a second
/// layer adds to a state is a smooth function of what the first one holds. Trained along words of
/// some length, such a model is right for a few times as long, and then drifts. But along short
/// words it is a finite automaton, and that says what is right along all others:
///
///   1. the automaton is read off the model's own predictions (automaton.h), over the words that
///      come, and where something is asked. Its outputs become targets, and nothing corrects a
///      wrong one, so it must agree with the model along 1,024 fresh words of 16 letters: in 99.8 %
///      of the outputs;
///   2. the model is trained on, along words of 64, 128, 256 and 512 letters, with this automaton's
///      outputs as targets, where those along words of 1,024 letters are not right already: for
///      800 steps, then 2,400, or until all of 20 steps in a row are right along 512.
///
/// Labels of the task are not used: a model that has learnt something else goes on with that. No
/// weight becomes exact, so a horizon stays; it lies some times beyond the longest word.

#include <array>
#include <functional>
#include <limits>

#include "lior/nn/model.h"
#include "lior/train/automaton.h"

namespace lior::train {

struct LongerWordsOptions {
  /// Letters of the words that it was trained along: where they are fewer than 16, the automaton is
  /// checked along words of so many.
  Index trained_length = 16;
  std::uint64_t seed = 0;  ///< of all words
  /// Of memory besides the model's own.
  std::size_t most_bytes = std::numeric_limits<std::size_t>::max();
  /// Steps at most of each round, whose rate falls to 0; a round that ends early is the last.
  std::array<Index, 2> rounds{800, 2400};
  /// Asked before each step; where it says true, the model is as it was before the call.
  std::function<bool()> stopped = [] { return false; };
  /// Told before each step which part of the most steps is over.
  std::function<void(double done)> stepping = [](double) {};
};

struct LongerWords {
  Automaton automaton;                      ///< what the model tracks
  double agreement = 0;                     ///< part of the outputs along those words that were its
  Index length = 0;                         ///< of the fresh words that follow
  Index asked = 0;                          ///< outputs along them
  Index wrong_before = 0, wrong_after = 0;  ///< of these: not the automaton's
  Index steps = 0;                          ///< of training; 0: nothing was wrong before
};

/// `machine`: where its letters lead on and where it shows something says which words come and what
/// is asked; what it shows is not looked at. Cost: without a wrong output seconds, else 4,096
/// letters a step. Bit-equal for equal thread counts. Throws lior::Error where the model's letters
/// are not the machine's; lior::RunError, with the model as it was, where its predictions are no
/// automaton's, where training takes more than most_bytes, or where it is wrong as often
/// afterwards.
LongerWords learn_longer_words(nn::Model<float>& model, const Automaton& machine,
                               const LongerWordsOptions& options = {});

}  // namespace lior::train
