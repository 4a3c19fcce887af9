// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The memory of a sequence as a few poles: what a streaming step needs of the LIoR kernel.
///
///   y_n = w0 x_n + sum_{k>=0} kappa_k x_{n-k},
///   kappa_k = (1 - w0) K(k + 1) / max(|S|, 1e-8) = Re sum_j b_j z_j^k,   z_j = e^{-s_j},
///
/// S = sum_{k>=1} K(k) of the pole form = Re sum_j c_j z_j / (1 - z_j): a number of the parameters
/// alone, so that a longer input never changes earlier outputs. The exponential and the oscillation
/// are one pole each, exactly; the power law is a sum of exponentials (exponential_sum.h).
/// Source: docs/math/conventions.md, section 7.

#include <complex>

#include "lior/memory/exponential_sum.h"
#include "lior/memory/lior_kernel.h"

namespace lior::memory {

/// Poles of one kernel: first the exponential, then the power law's, all real; the oscillation
/// last, complex.
class PoleForm {
 public:
  using Complex = std::complex<double>;
  static constexpr int kMost = kMostPoles + 2;

  /// Throws lior::Error where a parameter makes a rate, an amplitude or delta not finite or delta
  /// 0 or 1.
  PoleForm(const KernelParameters& raw, const PowerLawRule& rule);

  int poles() const { return poles_; }
  double w0() const { return values_.w[0]; }
  const Complex& s(int j) const { return s_[j]; }
  const Complex& z(int j) const { return z_[j]; }
  const Complex& b(int j) const { return b_[j]; }
  /// kappa_k from the kernel's own formula, not from the poles.
  double kappa(Index k) const { return scale_ * kernel(values_, static_cast<double>(k + 1)); }
  /// S, and |S| / sum_j |c_j z_j| / (1 - |z_j|). Below 1e-3 the modes cancel: outputs are large
  /// and sensitive, and a caller should warn.
  double sum() const { return sum_; }
  double cancellation() const { return cancellation_; }
  /// Lags past the rule's horizon as a part of all lags, sizes added up: at most this much. There
  /// the sum of exponentials falls faster than the power law. Small where xi has damped it by then.
  double beyond_horizon() const { return beyond_horizon_; }

  /// dL/d(raw), from dL/dw0 at fixed b and z, and from dL/db and dL/dz, each as
  /// dL/dRe + i dL/dIm.
  KernelParameters gradient(double d_w0, std::span<const Complex> d_b,
                            std::span<const Complex> d_z) const;

 private:
  KernelValues values_;
  ExponentialSum power_slope_;  ///< d rate / d delta, d weight / d delta
  ExponentialSum power_;
  int poles_ = 0;
  double sum_ = 0, cancellation_ = 0, scale_ = 0, beyond_horizon_ = 0;
  std::array<Complex, kMost> c_, s_, z_, one_minus_z_, b_;
};

}  // namespace lior::memory
