// SPDX-License-Identifier: Apache-2.0
#include "lior/train/best.h"

#include <algorithm>

namespace lior::train {

void BestWeights::observe(const Best& evaluation, std::span<const float> values) {
  if (best_ && evaluation.val_loss > best_->val_loss) return;
  best_ = evaluation;
  std::copy(values.begin(), values.end(), values_.begin());
  is_saved_ = false;
}

}  // namespace lior::train
