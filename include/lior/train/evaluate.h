// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How well a model predicts what it was not trained on.

#include <functional>
#include <optional>

#include "lior/nn/model.h"
#include "lior/train/source.h"

namespace lior::train {

struct EvalResult {
  double loss = 0;  ///< mean, nats a target
  double accuracy = 0;
  std::optional<double> accuracy_last;  ///< at sequences' last positions, where they are labelled
  Index tokens = 0;                     ///< targets counted
};

/// Runs the sequences of a stream, of any length, through a model in windows that carry the state:
/// memory depends on batch and window alone, the result not on the window.
class Evaluator {
 public:
  /// Windows of at most `window` tokens of at most `batch` sequences.
  Evaluator(const nn::Model<float>& model, Index batch, Index window);

  /// Bytes that an evaluator of these sizes holds.
  static std::size_t bytes(const nn::Model<float>& model, Index batch, Index window);

  /// From here on `stopped` is asked before each window, with the part of the evaluation that is
  /// over; where it says true, the evaluation ends there, and its result is of what was read.
  void stop_when(std::function<bool(double done)> stopped) { stopped_ = std::move(stopped); }

  /// All sequences of the stream. Throws lior::RunError when the loss is not finite: the model's
  /// scores overflow.
  EvalResult run(Stream& stream);

 private:
  void run_window(Index rows, Index width, bool last);
  EvalResult result() const;

  const nn::Model<float>& model_;
  Index batch_, window_;
  Array<std::int32_t, 2> tokens_, targets_;  // [batch, window]
  Array<float, 2> state_;                    // [batch, state_size]
  Arena arena_;
  std::function<bool(double)> stopped_ = [](double) { return false; };
  nn::LossResult sum_;
};

}  // namespace lior::train
