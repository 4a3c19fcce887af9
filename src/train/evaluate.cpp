// SPDX-License-Identifier: Apache-2.0
#include "lior/train/evaluate.h"

#include <cmath>

namespace lior::train {
Evaluator::Evaluator(const nn::Model<float>& model, Index batch, Index window)
    : model_(model),
      batch_(batch),
      window_(window),
      tokens_({batch, window}),
      targets_({batch, window}),
      state_({batch, model.state_size()}),
      arena_(model.inference_bytes(batch, window)) {}

std::size_t Evaluator::bytes(const nn::Model<float>& model, Index batch, Index window) {
  return model.inference_bytes(batch, window) +
         static_cast<std::size_t>(batch) *
             (static_cast<std::size_t>(window) * 2 * sizeof(std::int32_t) +
              static_cast<std::size_t>(model.state_size()) * sizeof(float));
}

void Evaluator::run_window(Index rows, Index width, bool last) {
  const Shape<2> shape{rows, width};
  arena_.reset();
  const nn::LossResult part =
      model_.evaluate(View<const std::int32_t, 2>(tokens_.data(), shape),
                      View<const std::int32_t, 2>(targets_.data(), shape),
                      View<float, 2>(state_.data(), {rows, model_.state_size()}), arena_);
  sum_.loss_sum += part.loss_sum;
  sum_.targets += part.targets;
  sum_.correct += part.correct;
  if (last) {
    sum_.last_targets += part.last_targets;
    sum_.last_correct += part.last_correct;
  }
}

EvalResult Evaluator::result() const {
  const auto mean = [](double sum, Index count) { return sum / static_cast<double>(count); };
  EvalResult result{.loss = mean(sum_.loss_sum, sum_.targets),
                    .accuracy = mean(static_cast<double>(sum_.correct), sum_.targets),
                    .accuracy_last = {},
                    .tokens = sum_.targets};
  if (sum_.last_targets > 0) {
    result.accuracy_last = mean(static_cast<double>(sum_.last_correct), sum_.last_targets);
  }
  return result;
}

EvalResult Evaluator::run(Stream& stream) {
  sum_ = {};
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
    for (Index begin = 0; begin < length && !stopped; begin += window_) {
      stopped = stopped_(done(first, rows, begin));
      if (stopped) break;
      const Index width = std::min(window_, length - begin);
      const Shape<2> shape{rows, width};
      stream.read(first, begin, View<std::int32_t, 2>(tokens_.data(), shape),
                  View<std::int32_t, 2>(targets_.data(), shape));
      run_window(rows, width, begin + width == length);
    }
  }
  if (!stopped && !std::isfinite(sum_.loss_sum)) {
    throw RunError("the loss is not finite: the scores of the model overflow");
  }
  return result();
}

}  // namespace lior::train
