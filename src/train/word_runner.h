// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Words run through a model, each from the start.

#include <vector>

#include "lior/nn/model.h"
#include "lior/train/automaton.h"

namespace lior::train {

class WordRunner {
 public:
  using Words = View<const std::int32_t, 2>;

  /// The model must live as long.
  explicit WordRunner(const nn::Model<float>& model) : model_(model) {}

  /// Most that a call takes for `words` words of N letters, besides what it is given.
  std::size_t bytes(Index words, Index N) const;

  /// The classes of the largest scores after each letter: words, outputs [W, N].
  void predict(Words words, View<std::int32_t, 2> outputs) const;

  /// The scores after the last letters [W, classes].
  void scores(Words words, View<float, 2> scores) const;

  /// The mean read-out of every head of a model of one layer after words, [Q H].
  std::vector<double> mean_readout(Words words) const;

  /// The state after a word, perhaps the empty one.
  std::vector<float> state_after(const Word& word) const;

 private:
  /// body(first, words, initial states, arena) for parts of the words.
  template <class Body>
  void by_parts(Words words, const Body& body) const;

  const nn::Model<float>& model_;
};

}  // namespace lior::train
