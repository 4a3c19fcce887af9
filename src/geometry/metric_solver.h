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

}  // namespace lior::geometry
