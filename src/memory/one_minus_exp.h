// SPDX-License-Identifier: Apache-2.0
#pragma once
// 1 - e^{-x} without cancellation for small x.

#include <cmath>
#include <complex>

namespace lior::memory {

inline double one_minus_exp(double x) { return -std::expm1(-x); }

inline std::complex<double> one_minus_exp(std::complex<double> x) {
  const double half = std::sin(x.imag() / 2);
  return {2 * half * half - std::expm1(-x.real()) * std::cos(x.imag()),
          std::exp(-x.real()) * std::sin(x.imag())};
}

}  // namespace lior::memory
