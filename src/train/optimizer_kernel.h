// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lior::train {

/// One AdamW step as the constants of its kernel: both bias corrections are folded in.
template <class T>
struct AdamwStep {
  T clip;  ///< g <- clip g
  T beta1, beta2;
  T gain1, gain2;  ///< 1 - beta, rounded from double
  T root;          ///< 1 / sqrt(1 - beta2^t)
  T epsilon;
  T rate;  ///< lr / (1 - beta1^t)
  T keep;  ///< 1 - lr weight_decay
};

}  // namespace lior::train
