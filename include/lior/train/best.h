// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The best evaluation of a run, and its weights.

#include <optional>
#include <span>

#include "lior/core/buffer.h"

namespace lior::train {

/// An evaluation while training: after how many steps, and its loss in nats a target.
struct Best {
  Index step = 0;
  double val_loss = 0;
};

/// Keeps a copy of the weights of the lowest val. What the run's folder has need not be copied
/// again: `unsaved` is what the next checkpoint is to write.
class BestWeights {
 public:
  BestWeights() = default;
  /// `size`: numbers in a copy, which is taken at once.
  explicit BestWeights(Index size) : values_(size) {}

  /// Takes in an evaluation; of equal ones the later is the best.
  void observe(const Best& evaluation, std::span<const float> values);
  /// Of a run that goes on: its best so far, which the folder has.
  void restore(const std::optional<Best>& best) { best_ = best; }

  const std::optional<Best>& best() const { return best_; }
  /// The weights of best() where the folder does not have them, else nothing.
  std::span<const float> unsaved() const {
    return is_saved_ ? std::span<const float>() : values_.span();
  }
  void saved() { is_saved_ = true; }

 private:
  std::optional<Best> best_;
  Buffer<float> values_;
  bool is_saved_ = true;
};

}  // namespace lior::train
