// SPDX-License-Identifier: Apache-2.0
#include "lior/train/evaluate.h"

#include <algorithm>
#include <cmath>

namespace lior::train {

Interval wilson_interval(double mean, Index count) {
  if (count == 0) return {};
  constexpr double kDeviations = 1.959963984540054;  // the normal distribution's 97.5 % point
  const auto n = static_cast<double>(count);
  const double z2 = kDeviations * kDeviations;
  const double centre = (mean + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kDeviations / (1 + z2 / n) * std::sqrt(mean * (1 - mean) / n + z2 / (4 * n * n));
  return {std::max(centre - half, 0.0), std::min(centre + half, 1.0)};
}

Evaluator::Evaluator(const nn::Model<float>& model, Index batch, Index window)
    : model_(model),
      batch_(batch),
      window_(window),
      tokens_({batch, window}),
      targets_({batch, window}),
      predicted_({batch, window}),
      state_({batch, model.state_size()}),
      arena_(model.inference_bytes(batch, window)),
      wrong_(static_cast<std::size_t>(batch)) {}

std::size_t Evaluator::bytes(const nn::Model<float>& model, Index batch, Index window) {
  return model.inference_bytes(batch, window) +
         static_cast<std::size_t>(batch) *
             (static_cast<std::size_t>(window) * 3 * sizeof(std::int32_t) +
              static_cast<std::size_t>(model.state_size()) * sizeof(float));
}

void Evaluator::start(const Stream& stream) {
  sum_ = {};
  sequences_ = exact_ = 0;
  const Index width = (stream.length() + EvalResult::kMostBins - 1) / EvalResult::kMostBins;
  bins_.clear();
  for (Index begin = 0; begin < stream.length(); begin += width) {
    bins_.push_back({.begin = begin, .end = std::min(begin + width, stream.length())});
  }
}

void Evaluator::run_window(Index rows, Index begin, Index width, bool last) {
  const Shape<2> shape{rows, width};
  arena_.reset();
  const nn::LossResult part =
      model_.evaluate(View<const std::int32_t, 2>(tokens_.data(), shape),
                      View<const std::int32_t, 2>(targets_.data(), shape),
                      View<float, 2>(state_.data(), {rows, model_.state_size()}), arena_,
                      View<std::int32_t, 2>(predicted_.data(), shape));
  sum_.loss_sum += part.loss_sum;
  sum_.targets += part.targets;
  sum_.correct += part.correct;
  for (Index row = 0; row < rows; ++row) count_positions(row, begin, width);
  if (last) {
    sum_.last_targets += part.last_targets;
    sum_.last_correct += part.last_correct;
  }
}

/// What one row of a window says of its sequence and of its positions.
void Evaluator::count_positions(Index row, Index begin, Index width) {
  const std::int32_t* const targets = targets_.data() + row * width;
  const std::int32_t* const predicted = predicted_.data() + row * width;
  const Index bin_width = bins_.front().end;
  for (Index t = 0; t < width; ++t) {
    if (targets[t] < 0) continue;
    const bool correct = predicted[t] == targets[t];
    PositionBin& bin = bins_[static_cast<std::size_t>((begin + t) / bin_width)];
    ++bin.targets;
    bin.correct += correct;
    wrong_[static_cast<std::size_t>(row)] += !correct;
  }
}

EvalResult Evaluator::result() const {
  const auto mean = [](double sum, Index count) { return sum / static_cast<double>(count); };
  EvalResult result{.loss = mean(sum_.loss_sum, sum_.targets),
                    .accuracy = mean(static_cast<double>(sum_.correct), sum_.targets),
                    .accuracy_last = {},
                    .tokens = sum_.targets,
                    .wrong = sum_.targets - sum_.correct,
                    .sequences = sequences_,
                    .exact = exact_,
                    .interval = {},
                    .by_position = bins_};
  result.interval = wilson_interval(result.accuracy, sequences_);
  if (sum_.last_targets > 0) {
    result.accuracy_last = mean(static_cast<double>(sum_.last_correct), sum_.last_targets);
  }
  return result;
}

EvalResult Evaluator::run(Stream& stream) {
  start(stream);
  const Index count = stream.count(), length = stream.length();
  const Index together = std::min(batch_, stream.together());
  const auto done = [&](Index first, Index rows, Index begin) {
    const double of_these = static_cast<double>(begin) / static_cast<double>(length);
    return (static_cast<double>(first) + static_cast<double>(rows) * of_these) /
           static_cast<double>(count);
  };
  bool stopped = false;
  for (Index first = 0; first < count && !stopped; first += together) {
    const Index rows = std::min(together, count - first);
    model_.initial_state(state_.view());
    std::fill(wrong_.begin(), wrong_.end(), 0);
    for (Index begin = 0; begin < length && !stopped; begin += window_) {
      stopped = stopped_(done(first, rows, begin));
      if (stopped) break;
      const Index width = std::min(window_, length - begin);
      const Shape<2> shape{rows, width};
      stream.read(first, begin, View<std::int32_t, 2>(tokens_.data(), shape),
                  View<std::int32_t, 2>(targets_.data(), shape));
      run_window(rows, begin, width, begin + width == length);
      learn_(View<const std::int32_t, 2>(tokens_.data(), shape), begin == 0);
    }
    sequences_ += rows;
    exact_ += std::count(wrong_.begin(), wrong_.begin() + rows, 0);
  }
  if (!stopped && !std::isfinite(sum_.loss_sum)) {
    throw RunError("the loss is not finite: the scores of the model overflow");
  }
  return result();
}

}  // namespace lior::train
