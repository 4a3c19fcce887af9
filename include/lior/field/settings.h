// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The numbers and choices of an evolution (evolution.h).

#include "lior/core/view.h"
#include "lior/field/scheme.h"

namespace lior::field {

struct Settings {
  Scheme scheme = Scheme::strang;
  double dt = 0.005;
  Symbol symbol = Symbol::discrete;
  Time time = Time::real;
  double lambda_qr = 0;
  double tau = 0.5;
  BayesMode mode = BayesMode::source;
  Index update_every = 0;  ///< T_prev <- T each so many steps; 0: T_prev stays what T was at first
  double lambda_f = 0;
  double alpha = 0.5;
  double tolerance = 1e-6;  ///< of the memory's sum of exponentials
  Index horizon = 1 << 20;  ///< steps that it holds for
  double nonlinearity = 0;  ///< g
};

/// Whether T relaxes towards B(T) in every step.
inline bool relaxes(const Settings& settings) {
  return settings.lambda_qr != 0 && settings.mode == BayesMode::relax;
}
/// Whether there are sources; `driven`: by a current J.
inline bool has_sources(const Settings& settings, bool driven) {
  return settings.lambda_qr != 0 || settings.lambda_f != 0 || driven;
}

}  // namespace lior::field
