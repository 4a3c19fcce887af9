#pragma once
/// How well a model predicts what it was not trained on.

#include <functional>
#include <optional>

#include "lior/nn/model.h"
#include "lior/train/task.h"

namespace lior::train {

struct EvalResult {
  double loss = 0;  ///< mean, nats a target
  double accuracy = 0;
  std::optional<double> accuracy_last;  ///< at sequences' last positions, where they are labelled
  Index tokens = 0;                     ///< targets counted
};

/// Runs sequences of any length through a model in windows that carry the state: memory depends on
/// batch and window alone, the result not on the window. A text is read in `batch` stretches, each
/// from the initial state, so its result depends on batch by those few starts.
class Evaluator {
 public:
  /// Windows of at most `window` tokens of at most `batch` sequences.
  Evaluator(const nn::Model<float>& model, Index batch, Index window);

  /// Bytes that an evaluator of these sizes holds.
  static std::size_t bytes(const nn::Model<float>& model, Index batch, Index window);

  /// From here on `stopped` is asked before each window; where it says true, the evaluation ends
  /// there, and its result is of what was read.
  void stop_when(std::function<bool()> stopped) { stopped_ = std::move(stopped); }

  /// `count` sequences of `length`, rows 0 .. count-1 of the evaluation stream of `seed`.
  EvalResult task(Task task, std::uint64_t seed, Index count, Index length);

  /// The first count x length predictions of next bytes (fewer where the text ends), as at most
  /// `batch` stretches of equal length side by side, each with its own state from its start and,
  /// unless the text is shorter, of at least `length` predictions. Throws lior::Error unless the
  /// text has two bytes.
  EvalResult text(std::span<const std::byte> bytes, Index count, Index length);

 private:
  void start_sequences();
  void run_window(Index rows, Index width, bool last);
  EvalResult result() const;

  const nn::Model<float>& model_;
  Index batch_, window_;
  Array<std::int32_t, 2> tokens_, targets_;  // [batch, window]
  Array<float, 2> state_;                    // [batch, state_size]
  Arena arena_;
  std::function<bool()> stopped_ = [] { return false; };
  nn::LossResult sum_;
};

}  // namespace lior::train
