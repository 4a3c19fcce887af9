// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How well a model predicts what it was not trained on.

#include <functional>
#include <optional>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/nn/model.h"
#include "lior/train/source.h"

namespace lior::train {

/// Where a number lies with 95 % probability.
struct Interval {
  double low = 0, high = 1;
};

/// Wilson's score interval of a mean of `count` independent numbers in [0, 1], whose variance is at
/// most mean (1 - mean); [0, 1] where count is 0.
/// Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.
Interval wilson_interval(double mean, Index count);

/// Positions begin .. end - 1 of all sequences.
struct PositionBin {
  Index begin = 0, end = 0;
  Index targets = 0, correct = 0;

  friend bool operator==(const PositionBin&, const PositionBin&) = default;
};

struct EvalResult {
  double loss = 0;  ///< mean, nats a target
  double accuracy = 0;
  std::optional<double> accuracy_last;  ///< at sequences' last positions, where they are labelled
  Index tokens = 0;                     ///< targets counted
  Index bytes = 0;                      ///< of a text that they stand for; 0 of a task
  Index wrong = 0;                      ///< of them
  Index sequences = 0;                  ///< that were read
  Index exact = 0;                      ///< of them: without a wrong target
  Interval interval; /**< of the accuracy: each sequence is one draw, since its positions
                        share their errors */
  std::vector<PositionBin> by_position; /**< equal bins, at most kMostBins: single positions where
                                           the length allows */

  static constexpr Index kMostBins = 1024;

  /// Comparable between tokenizers; absent of a task.
  std::optional<double> nats_per_byte() const;
};

/// Runs the sequences of a stream, of any length, through a model in windows that carry the state:
/// memory depends on batch and window alone, the result not on the window.
class Evaluator {
 public:
  /// Windows of at most `window` tokens of at most `batch` sequences; `along` are the ranks that
  /// share each of these, whose calls are made together.
  Evaluator(const nn::Model<float>& model, Index batch, Index window,
            comm::Communicator& along = comm::alone());

  /// Bytes that an evaluator of these sizes holds, on each of `along` ranks.
  static std::size_t bytes(const nn::Model<float>& model, Index batch, Index window,
                           Index along = 1);

  /// From here on `stopped` is asked before each window, with the part of the evaluation that is
  /// over; where it says true, the evaluation ends there, and its result is of what was read.
  void stop_when(std::function<bool(double done)> stopped) { stopped_ = std::move(stopped); }

  /// From here on `learn` is told what was read, after each window was predicted: its tokens [rows,
  /// width], and whether they begin sequences.
  using Learn = std::function<void(View<const std::int32_t, 2> tokens, bool is_first)>;
  void after_windows(Learn learn) { learn_ = std::move(learn); }

  /// All sequences of the stream. Several ranks take batches in turn, a stretch of them each; the
  /// result, the same on all, is that of one rank. Collective. Throws lior::RunError when the loss
  /// is not finite: the model's scores overflow.
  EvalResult run(Stream& stream, comm::Communicator& ranks = comm::alone());

 private:
  void start(const Stream& stream);
  bool stopped_on_any(double done);
  bool run_batch(Stream& stream, Index first, Index rows, std::span<double> losses);
  double run_window(Index rows, Index begin, Index width, bool last);
  void count_positions(Index row, Index begin, Index width);
  bool add_up(bool stopped, std::span<double> losses, std::span<const Index> ends,
              comm::Communicator& ranks);
  EvalResult result() const;

  const nn::Model<float>& model_;
  Index batch_, window_;
  comm::Communicator& along_;
  Array<std::int32_t, 2> tokens_, targets_, predicted_;  // [batch, window]
  Array<float, 2> state_;                                // [batch, state_size]
  Arena arena_;
  std::function<bool(double)> stopped_ = [](double) { return false; };
  Learn learn_ = [](View<const std::int32_t, 2>, bool) {};
  nn::LossResult sum_;
  std::vector<Index> wrong_;  // of each sequence that is being read
  Index sequences_ = 0, exact_ = 0, bytes_ = 0;
  std::vector<PositionBin> bins_;
  std::vector<char> stops_;  // of each rank along a sequence
};

}  // namespace lior::train
