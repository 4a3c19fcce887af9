// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Counts (nn/counts.h) that grow with what a model reads after its training: of a model with
/// recent_orders what was read (nn/recent_text.h), of others those of the training text.

#include <memory>
#include <span>
#include <vector>

#include "lior/nn/model.h"

namespace lior::train {

/// Tokens that are predicted before their counts grow by them.
inline constexpr Index kGrowthWindow = 16;

/// A model's counts grow as long as this lives; then it has those again that it had before.
class GrowingCounts {
 public:
  /// Throws lior::Error where the model, which must outlive this, has no counts.
  explicit GrowingCounts(nn::Model<float>& model);
  GrowingCounts(const GrowingCounts&) = delete;
  GrowingCounts& operator=(const GrowingCounts&) = delete;
  ~GrowingCounts() { model_.set_counts(before_); }

  /// From here on a new text is read: its tokens do not follow the last ones. What was looked into
  /// is forgotten.
  void start();
  /// Counts these tokens, which follow those of the last call. Counts of the training text that
  /// grow weigh what is read as what they have; their discounts stay those of the training.
  void read(std::span<const std::int32_t> tokens);
  /// Contexts are looked for in these tokens too, until the next start(), after which alone more
  /// can be read; of models with recent_orders, whose look-ups can be undone. Others leave them.
  void look_into(std::span<const std::int32_t> tokens);

 private:
  nn::Model<float>& model_;
  std::shared_ptr<const nn::TextCounts> before_;
  std::shared_ptr<nn::TextCounts> counts_;
  std::vector<std::int32_t> last_;  // what contexts of the next tokens reach back to
  Index read_ = 0;                  // tokens of counts_->recent that stay
};

}  // namespace lior::train
