// SPDX-License-Identifier: Apache-2.0
#pragma once
// Solves g y = b at one point: by Cholesky where the metric is Riemannian, by LDL^T where it is
// not.

#include <array>
#include <optional>

#include "lior/geometry/metric.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {

template <class T>
class MetricSolver {
 public:
  explicit MetricSolver(const AnyMetric<T>& metric)
      : MetricSolver(metric.dimension(), metric.riemannian()) {}
  MetricSolver(Index dimension, bool riemannian) : d_(dimension), riemannian_(riemannian) {}

  /// Keeps the factors of g: [d, d]; the failed pivot where it is singular, or not positive
  /// definite though the metric is Riemannian.
  [[nodiscard]] std::optional<linalg::FailedPivot<T>> factor(const T* g) {
    std::copy_n(g, d_ * d_, factors_.data());
    if (riemannian_) return linalg::cholesky<T>(matrix());
    return linalg::ldlt<T>(matrix(), order());
  }
  /// b := g^-1 b.
  void solve(T* b) {
    const std::span<T> vector(b, static_cast<std::size_t>(d_));
    if (riemannian_) return linalg::cholesky_solve<T>(matrix(), vector);
    linalg::ldlt_solve<T>(matrix(), order(), vector);
  }

 private:
  View<T, 2> matrix() { return {factors_.data(), {d_, d_}}; }
  std::span<int> order() { return {order_.data(), static_cast<std::size_t>(d_)}; }

  Index d_;
  bool riemannian_;
  std::array<T, kMostDimensions * kMostDimensions> factors_;
  std::array<int, kMostDimensions> order_;
};

/// Throws the error of a metric that cannot be inverted at x, with advice.
template <class T>
[[noreturn]] void fail_at_point(const AnyMetric<T>& metric, const T* x, Index point,
                                const linalg::FailedPivot<T>& pivot) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions * kMostDimensions> g;
  metric.value(x, g.data());
  T most = 0;
  for (Index m = 0; m < d; ++m) most = std::max(most, std::abs(g[m * d + m]));
  const T rounding = static_cast<T>(4 * d) * std::numeric_limits<T>::epsilon() * most;
  std::string advice = "expected a metric that can be inverted there";
  if (const char* remedy = metric.remedy()) {
    advice = remedy;
  } else if (std::abs(pivot.value) <= rounding) {
    advice = fmt::format(
        "beside entries of {} that is rounding; {}", most,
        sizeof(T) == sizeof(float) ? "double precision may do" : "other coordinates may do");
  }
  throw Error(fmt::format("the metric is {} at point {}: pivot {} is {}; {}",
                          metric.riemannian() ? "not positive definite" : "singular", point,
                          pivot.index, pivot.value, advice));
}

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

/// ", which ends at r = 2" of the horizon around x; nothing where no coordinate alone leads out.
template <class T>
std::string end_of_horizon(const AnyMetric<T>& metric, const T* x) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions> moved;
  for (Index k = 1; k <= d; ++k) {
    const Index m = k % d;  // the first coordinate, mostly a time, comes last
    std::copy_n(x, d, moved.data());
    const double end = end_above(static_cast<double>(x[m]), [&](double coordinate) {
      moved[m] = static_cast<T>(coordinate);
      return metric.domain(moved.data()) == Domain::horizon;
    });
    if (std::isfinite(end)) {
      return fmt::format(", which ends at {} = {:.10g}", metric.chart().coordinates[m].name, end);
    }
  }
  return "";
}

/// Throws unless `x`, [d], lies in the metric's domain.
template <class T>
void check_domain(const AnyMetric<T>& metric, const T* x, Index point) {
  const Domain domain = metric.domain(x);
  if (domain == Domain::inside) return;
  std::string coordinates;
  for (Index m = 0; m < metric.dimension(); ++m) {
    coordinates += fmt::format("{}{}", m == 0 ? "" : ", ", x[m]);
  }
  throw Error(fmt::format(
      "point {} = ({}) is {}; expected finite coordinates inside the chart", point, coordinates,
      domain == Domain::horizon ? "on or inside the horizon" + end_of_horizon(metric, x)
                                : "outside the metric's domain"));
}

}  // namespace lior::geometry
