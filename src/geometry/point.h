// SPDX-License-Identifier: Apache-2.0
#pragma once
// Formulas at one point, from the derivatives of the metric there.

#include <vector>

#include "geometry/metric_solver.h"
#include "geometry/point_checks.h"
#include "lior/core/parallel.h"
#include "lior/core/stop.h"
#include "lior/core/worst.h"

namespace lior::geometry {

/// The largest |value|, NaN if one is.
template <class T>
double largest(std::span<const T> values) {
  Worst<double> most;
  for (const T value : values) most.add(std::abs(static_cast<double>(value)));
  return most.value();
}

/// residual / scale, where 0 / 0 is 0; NaN if either is.
inline double relative(double residual, double scale) {
  return scale == 0 ? residual : residual / scale;
}

/// The coordinates of point n of planes [d, N].
template <class T>
void gather_point(View<const T, 2> x, Index n, T* point) {
  for (Index m = 0; m < x.extent(0); ++m) point[m] = x(m, n);
}

/// c[r][m][n] = (d_m g_nr + d_n g_mr - d_r g_mn) / 2, from dg[m][n][r] = d_m g_nr.
template <class T>
void lower_christoffel(const T* dg, Index d, T* c) {
  const View<const T, 3> derivative(dg, {d, d, d});
  const View<T, 3> lower(c, {d, d, d});
  for (Index r = 0; r < d; ++r) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = m; n < d; ++n) {
        lower(r, m, n) = lower(r, n, m) =
            (derivative(m, n, r) + derivative(n, m, r) - derivative(r, m, n)) / 2;
      }
    }
  }
}

/// gamma[l][m][n] = g^lr c[r][m][n], by the factors of g.
template <class T>
void raise_christoffel(MetricSolver<T>& solver, const T* c, Index d, T* gamma) {
  std::array<T, kMostDimensions> column;
  for (Index m = 0; m < d; ++m) {
    for (Index n = m; n < d; ++n) {
      for (Index r = 0; r < d; ++r) column[r] = c[(r * d + m) * d + n];
      solver.solve(column.data());
      for (Index l = 0; l < d; ++l) {
        gamma[(l * d + m) * d + n] = gamma[(l * d + n) * d + m] = column[l];
      }
    }
  }
}

template <class T>
void check_points(const AnyMetric<T>& metric, View<const T, 2> x) {
  LIOR_CHECK(x.extent(0) == metric.dimension(), "x has shape {}; expected [{}, N]",
             to_string(x.shape()), metric.dimension());
}

/// Calls body(x, n, workspace) for each point n of planes x, where the metric is in its domain, on
/// all threads; `workspace` is one array of that size a thread.
template <class T, class Body>
void for_each_point(const AnyMetric<T>& metric, View<const T, 2> x, Index workspace,
                    const Body& body) {
  constexpr Index kPointsPerThread = 8;
  check_points(metric, x);
  parallel_for(x.extent(1), kPointsPerThread, [&](Index begin, Index end, int) {
    std::array<T, kMostDimensions> point;
    std::vector<T> numbers(static_cast<std::size_t>(workspace));
    for (Index n = begin; n < end; ++n) {
      check_stop();
      gather_point(x, n, point.data());
      check_domain(metric, point.data(), n);
      body(point.data(), n, numbers.data());
    }
  });
}

}  // namespace lior::geometry
