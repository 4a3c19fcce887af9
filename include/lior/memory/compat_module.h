// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The memory module as the original program computes it, in double, to compare with it.
/// Source: docs/math/conventions.md, "compat". For use, take causal_convolution.h.

#include "lior/memory/lior_kernel.h"

namespace lior::memory::compat {

struct ModuleParameters {
  KernelParameters kernel;
  RecurrenceParameters recurrence;
  View<const double, 2> hidden_weight;  ///< [h, C]
  View<const double, 1> hidden_bias;    ///< [h]
  View<const double, 2> out_weight;     ///< [1, h]
  View<const double, 1> out_bias;       ///< [1]
};

/// All zero before the first call.
struct ModuleState {
  View<double, 2> m;       ///< [B, C]
  View<double, 3> buffer;  ///< [B, p, C]: the last p inputs, oldest first
  View<double, 2> j;       ///< [B, 1]: the control scalar
};

/// One call on x [B, N, C], N >= 1: out = w0 x + (1 - w0) conv(K normalised over this N, x),
/// without what earlier calls convolved; j' = out_weight gelu(hidden_weight m + hidden_bias) +
/// out_bias of the old m; m' = the recurrence step with j', the last x and the oldest of the
/// buffer, which then drops its oldest and appends the last x.
///
/// Cost: B C N^2 / 2 multiply-adds. Throws lior::Error when shapes differ or N = 0.
void module_forward(const ModuleParameters& parameters, View<const double, 3> x, ModuleState state,
                    View<double, 3> out);

}  // namespace lior::memory::compat
