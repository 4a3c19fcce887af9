// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model that goes on learning from what it reads, after it has predicted it.
///
/// Its counts grow (growing_counts.h), and every kDynamicWindow tokens its weights take a step of
/// AdamW, from the gradient of their loss. Source: B. Krause et al., "Dynamic evaluation of neural
/// sequence models", ICML 2018 (arXiv:1709.07432), with Adam's second moments for those of the
/// training.

#include <optional>
#include <vector>

#include "lior/train/growing_counts.h"
#include "lior/train/optimizer.h"

namespace lior::train {

/// Tokens of a step.
inline constexpr Index kDynamicWindow = 256;

/// The rate of the steps where nobody says another (docs/decisions/037-what-was-read.md).
inline constexpr double kDynamicRate = 3e-4;

/// A model learns as long as this lives; then it has the weights and counts again that it had.
class DynamicModel {
 public:
  /// rate: of the steps; 0: counts alone learn. Counts of the training text that grow
  /// (count_orders without recent_orders) have been told what a step asks, so that such a model
  /// takes none. Throws lior::Error where nothing of the model, which must outlive this, learns.
  DynamicModel(nn::Model<float>& model, double rate);
  DynamicModel(const DynamicModel&) = delete;
  DynamicModel& operator=(const DynamicModel&) = delete;
  ~DynamicModel();

  /// From here on a new text is read: its tokens do not follow the last ones. What was looked into
  /// is forgotten.
  void start();
  /// Learns from these tokens, which follow those of the last call.
  void read(std::span<const std::int32_t> tokens);
  /// Takes no step for these tokens, which the model is asked about or writes itself: contexts are
  /// looked for in them alone (growing_counts.h), until the next start(), which comes before more
  /// is read.
  void look_into(std::span<const std::int32_t> tokens);

 private:
  void learn(std::span<const std::int32_t> tokens, Index place);

  nn::Model<float>& model_;
  double rate_;
  std::optional<GrowingCounts> counts_;
  std::vector<float> before_;  // weights
  std::optional<Optimizer<float>> optimizer_;
  std::optional<Arena> arena_;
  std::vector<std::int32_t> waiting_;  // read, and no part of a step yet
  Index place_ = 0;                    // of the first of them in all that was read
};

}  // namespace lior::train
