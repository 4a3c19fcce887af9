// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The LIoR memory kernel: an exponential, a damped power law and a damped oscillation.
///
///   K(t) = w0 a e^{-beta t} + w1 gamma t^-delta e^{-xi t} + w2 eta cos(omega t + phi) e^{-zeta t}
///
/// for t > 0, and 0 for t <= 0. Source: docs/math/conventions.md, section 7.

#include <array>
#include <bit>

#include "lior/core/view.h"

namespace lior::memory {

inline constexpr int kKernelParameters = 12;

/// Unconstrained parameters, in the order of every array of 12 that holds them. Rates and
/// amplitudes are exponentials of what is here; delta = sigmoid(delta_logit); the weights w of the
/// three modes (exponential, power law, oscillation) = softmax(logits).
struct KernelParameters {
  double log_a = 0;
  double log_beta = 0;
  double log_gamma = -1;
  double delta_logit = 0;
  double log_xi = 0;
  double log_eta = -1;
  double omega = 1;  ///< as it is: radians a unit of time
  double phi = 0;    ///< as it is: radians
  double log_zeta = 0;
  std::array<double, 3> logits{1, 0, 0};

  std::array<double, kKernelParameters> array() const {
    return std::bit_cast<std::array<double, kKernelParameters>>(*this);
  }
  static KernelParameters from(const std::array<double, kKernelParameters>& raw) {
    return std::bit_cast<KernelParameters>(raw);
  }
};

/// The numbers of the formula, after their exponentials.
struct KernelValues {
  double a, beta, gamma, delta, xi, eta, omega, phi, zeta;
  std::array<double, 3> w;
};
KernelValues values(const KernelParameters& raw);

/// dL/d(raw) from dL/d(values): the chain rule through exp, sigmoid and softmax.
KernelParameters raw_gradient(const KernelValues& at, const KernelValues& gradient);

/// K(t). Accuracy: 8 eps times the sum of the three modes' sizes.
double kernel(const KernelValues& k, double t);
/// dK/d(values) at t; zero for t <= 0.
KernelValues kernel_gradient(const KernelValues& k, double t);

/// K at many lags. raw: [12]; t, out: [M]. Computed in double, rounded once.
template <class T>
void kernel_forward(View<const T, 1> raw, View<const T, 1> t, View<T, 1> out);
/// d_raw: [12], overwritten by sum_i d_out_i dK(t_i)/d raw.
template <class T>
void kernel_backward(View<const T, 1> raw, View<const T, 1> t, View<const T, 1> d_out,
                     View<T, 1> d_raw);

/// The phase that a power law of order delta gives to a frequency:
/// pi delta / 2 - delta ln max(|omega|, 1e-8).
double phase(double delta, double omega);

/// The recurrence that the original program runs in place of the integral of K; its own four
/// numbers. rho = sigmoid(rho_logit), eta_r and xi_r exponentials.
struct RecurrenceParameters {
  double rho_logit = 2;
  double log_eta_r = 0;
  double log_xi_r = -2;
};

/// The original's kernel; see docs/math/conventions.md, section 7.5. Only to compare with it.
namespace compat {

/// Lags below 0.1 count as 0.1, exponents are held to [-20, 20] and K to [-100, 100].
double kernel(const KernelValues& k, double t);

/// out_n = K(n + 1) / (|sum_{m=1..N} K(m)| + 1e-8), n = 0..N-1: divided by a sum over this call's
/// N, so a longer input changes earlier outputs.
void normalised_kernel(const KernelValues& k, std::span<double> out);

/// m' = rho m + eta_r x - xi_r x_delayed, with a control scalar j:
/// rho sigmoid(j), eta_r (1 + .1 tanh j), xi_r (1 + .1 tanh j).
double recurrence_step(const RecurrenceParameters& raw, double m, double x, double x_delayed);
double recurrence_step(const RecurrenceParameters& raw, double m, double x, double x_delayed,
                       double j);

}  // namespace compat
}  // namespace lior::memory
