// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Derivatives and integrals of fractional order on a uniform grid, from stored samples or, in
/// O(poles) a step, from a sum of exponentials.
///
/// Samples f_n = f(n dt), n = 0..N-1, oldest first; weights newest first: weight k meets f_{n-k}.
/// Source: docs/math/conventions.md, section 7.

#include "lior/core/buffer.h"
#include "lior/memory/exponential_sum.h"

namespace lior::memory {

/// Gruenwald-Letnikov: w_0 = 1, w_k = w_{k-1} (k - 1 - order) / k. order > 0: derivative of that
/// order; order < 0: integral of order -order. Accuracy: a few eps of w_k.
void grunwald_letnikov_weights(double order, std::span<double> out);

/// L1: b_k = (k+1)^{1-alpha} - k^{1-alpha}, 0 < alpha < 1. Accuracy: 4 eps of b_k for every k.
void l1_weights(double alpha, std::span<double> out);

/// out_n = dt^-order sum_{k<=n} w_k f_{n-k}. First order in dt. N^2 / 2 multiply-adds.
void grunwald_letnikov(double order, double dt, std::span<const double> f, std::span<double> out);

/// The Caputo derivative: out_n = dt^-alpha / Gamma(2-alpha) sum_{k<n} b_k (f_{n-k} - f_{n-k-1}),
/// out_0 = 0. Order 2 - alpha in dt. N^2 / 2 multiply-adds.
void caputo_l1(double alpha, double dt, std::span<const double> f, std::span<double> out);

/// The integral (1/Gamma(alpha)) int_0^t (t-s)^{alpha-1} f(s) ds, 0 < alpha < 1, exact for f linear
/// between samples (product trapezoid); out_0 = 0. Second order in dt for smooth f. N^2 / 2
/// multiply-adds; rounding: n eps of sum |weight f|.
void product_trapezoid(double alpha, double dt, std::span<const double> f, std::span<double> out);

/// The same integral of many functions at once, step by step, without stored samples.
///
/// The last cell has its exact weights; what came before is one number a pole and function, by the
/// sum of exponentials for t^{alpha-1}, with exact weights for f linear between samples. So it
/// agrees with product_trapezoid to the rule's relative error of the history, for as many steps as
/// the rule's horizon. Past it the sum of exponentials falls where the power law stays, so `tail`
/// and `accept` throw lior::RunError there. States are double for either T.
///
/// An equation f = g + lambda I^alpha f stepped with it has the order min(1 + alpha, 2) in dt at a
/// fixed time: its solution starts as t^alpha, which is not smooth at 0.
///
/// `tail` and `accept` allocate nothing; threads over functions; bit-equal across thread counts.
/// An `accept` reads and writes each state once: 16 bytes a pole and function.
template <class T>
class FractionalIntegral {
 public:
  /// Of order alpha in (0, 1), `size` functions. Throws lior::Error unless dt > 0.
  FractionalIntegral(double alpha, double dt, const PowerLawRule& rule, Index size);

  int poles() const { return poles_; }
  /// f_0; forgets all that was accepted.
  void start(std::span<const T> f);
  /// The weight of f_n in the integral at t_n, before Gamma(alpha): integral = tail + weight f_n.
  double weight() const { return newest_; }
  /// The part of the integral at the next sample's time that samples already accepted give.
  std::span<const T> tail() const;
  /// The next sample f_n: moves time on by dt.
  void accept(std::span<const T> f);

  /// Samples accepted since the first: n of the last one, f_n.
  Index step() const { return step_; }

  /// All that a checkpoint needs: [poles, size], the last sample, the tail, and the step.
  std::span<double> states() { return states_.span(); }
  std::span<T> last_sample() { return last_.span(); }
  std::span<T> saved_tail() { return tail_.span(); }
  void resume_at(Index step) { step_ = step; }

 private:
  struct Pole {
    double decay, older, newer, weight;  ///< h <- decay h + older f_{n-1} + newer f_n
  };
  void check_horizon(Index step) const;

  int poles_;
  double horizon_;
  Index step_ = 0;
  double newest_, previous_;  ///< weights of the last cell
  std::array<Pole, kMostPoles> pole_;
  Buffer<double> states_;
  Buffer<T> last_, tail_;
};

}  // namespace lior::memory
