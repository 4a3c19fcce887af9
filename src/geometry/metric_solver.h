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
      domain == Domain::horizon ? "on or inside the horizon" : "outside the metric's domain"));
}

}  // namespace lior::geometry
