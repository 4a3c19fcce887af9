// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Power laws as sums of exponentials with positive weights: memory in O(1) a step.
///
///   t^-delta ~ sum_j c_j e^{-r_j t},  c_j > 0,  for dt <= t <= T and any 0 < delta < 1.
///
/// From t^-delta = 1/Gamma(delta) int e^{delta u - t e^u} du: the trapezoid rule of step h in u has
/// an error that falls as e^{-pi^2 / h}; the nodes of rates so small that e^{-r t} is nearly
/// constant, infinitely many, are summed up in the two-point Gauss rule of their measure; those of
/// rates past 1/dt are dropped. So weights are positive, and rates and weights are smooth functions
/// of delta. A factor e^{-xi t} only adds xi to every rate and changes no relative error.

#include <array>
#include <span>

#include "lior/core/view.h"

namespace lior::memory {

inline constexpr int kMostPoles = 96;

/// The first `poles` entries of each array. No allocation: sums are remade when delta moves.
struct ExponentialSum {
  int poles = 0;
  std::array<double, kMostPoles> rate;    ///< r_j >= 0, ascending
  std::array<double, kMostPoles> weight;  ///< c_j > 0
  double operator()(double t) const;
};

/// The rule for lags dt = 1 to T = horizon, in units of dt, and its certified error.
///
/// Made once for (tolerance, horizon, range of delta), in 2 to 400 ms; `sum` then costs about an
/// exponential a pole. Sizes: delta = .5 alone, 1e-4 to 65,536 steps: 17 poles; 1e-6 to a million:
/// 30. Throws lior::Error unless 1e-10 <= tolerance < 1, horizon >= 1 and finite,
/// 0 <= delta_low <= delta_high <= 1, and kMostPoles are enough (1e-10 to 1e7 takes 64).
class PowerLawRule {
 public:
  PowerLawRule(double tolerance, double horizon, double delta_low = 0, double delta_high = 1);

  int poles() const { return 2 + nodes_; }
  /// No |sum / t^-delta - 1| over [1, horizon] and the range of delta is larger: measured on a grid
  /// that the construction knows nothing of, 41 points a unit of ln t and nine values of delta, and
  /// raised by what a ripple hides between its points (1.7 % at 1e-10).
  double error() const { return error_; }
  double tolerance() const { return tolerance_; }
  double horizon() const { return horizon_; }

  /// The sum for t in units of dt. delta in (0, 1), else lior::Error; the certificate holds in the
  /// rule's range of delta.
  ExponentialSum sum(double delta) const;
  /// d rate / d delta and d weight / d delta.
  ExponentialSum sum_derivative(double delta) const;

 private:
  double certified_error() const;

  double tolerance_, horizon_, delta_low_, delta_high_;
  double h_ = 0;      ///< step in u = ln r
  double first_ = 0;  ///< u of the first node that is kept as it is
  int nodes_ = 0;
  double error_ = 0;
};

/// Largest relative error of `sum` for t^-delta on [first, last], on `points` points equally spaced
/// in ln t.
double largest_relative_error(const ExponentialSum& sum, double delta, double first, double last,
                              int points);

/// d ln Gamma(x) / dx, x > 0. Accuracy: 1e-14 (1 + |psi|).
double digamma(double x);

}  // namespace lior::memory
