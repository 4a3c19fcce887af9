// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The options of the geometric Mamba recurrence.

#include "lior/algebra/ci8.h"
#include "lior/core/names.h"
#include "lior/core/view.h"

namespace lior::nn {

/// The numbers that a head shows of its state h. Their count per head, real state and complex
/// state:
enum class Readout {
  linear,            ///< the components of h: 8, 16
  quadratic,         ///< |h_k|^2, then Re and Im of h_j conj(h_k), j < k: 36, 64
  linear_quadratic,  ///< both: 44, 80
  invariants,        ///< |h_k|^2, then Re and Im of h_k conj(h_0), k = 1..7: 15, 22
};
constexpr auto enum_names(Readout) {
  return enum_words("linear", "quadratic", "linear_quadratic", "invariants");
}

/// The geometric Mamba recurrence h_t = a_t e^{i phi_t} F(x_t) D h_{t-1} + b_t.
struct MixerConfig {
  Index heads = 8;
  Index factors = 1;  ///< unit octonions a head and token, 1 to 8
  algebra::Transition transition = algebra::Transition::right;
  bool complex_state = false;  ///< 16 numbers a head instead of 8
  bool gates =
      true;  ///< a_t and b_t; without them a learned unit state is turned, and nothing else
  bool phase = false;     ///< phi_t (needs complex_state)
  bool rotation = false;  ///< D = diag(e^{i theta_k}) (needs complex_state)
  Readout readout = Readout::linear_quadratic;

  Index state_width() const { return complex_state ? 16 : 8; }
};

}  // namespace lior::nn
