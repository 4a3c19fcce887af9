// SPDX-License-Identifier: Apache-2.0
#pragma once
// Errors that name a point.

#include <optional>

#include "lior/geometry/metric.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {

/// Throws unless `x`, [d], lies in the metric's domain.
template <class T>
void check_domain(const AnyMetric<T>& metric, const T* x, Index point);

/// Throws the error of a metric whose numbers are of no use at x, inside its domain: which entry of
/// g, or derivative of one, is not finite, and why; or that g cannot be inverted, with advice.
/// `pivot`: that of a factorisation which failed, where another order of sums may not.
template <class T>
[[noreturn]] void fail_at_point(const AnyMetric<T>& metric, const T* x, Index point,
                                std::optional<linalg::FailedPivot<T>> pivot = {});

/// Throws unless x lies in the domain, and g and its first derivatives are finite there, and g can
/// be inverted.
template <class T>
void check_point(const AnyMetric<T>& metric, const T* x, Index point);

/// The first number above `start` for which `holds` does not; NaN where that is not within a
/// million times as far.
template <class Condition>
double end_above(double start, const Condition& holds) {
  double below = start, above = start;
  const double farthest = 1e6 * std::abs(start);
  while (holds(above)) {
    if (!(std::abs(above) < farthest)) return std::numeric_limits<double>::quiet_NaN();
    below = above, above *= 2;
  }
  for (int halving = 0; halving < std::numeric_limits<double>::digits; ++halving) {
    const double middle = (below + above) / 2;
    (holds(middle) ? below : above) = middle;
  }
  return above;
}

}  // namespace lior::geometry
