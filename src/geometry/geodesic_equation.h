// SPDX-License-Identifier: Apache-2.0
#pragma once
// The geodesic equation on many lanes, and how a lane ends.

#include "geometry/planes.h"
#include "geometry/point.h"
#include "lior/geometry/geodesic.h"

namespace lior::geometry {

inline void check_options(const GeodesicOptions& options) {
  LIOR_CHECK(
      options.step > 0 && options.rtol >= 0 && options.atol >= 0 &&
          options.rtol + options.atol > 0 && std::isfinite(options.rtol + options.atol),
      "geodesic options: step {}, rtol {}, atol {}; expected a step > 0 and finite tolerances "
      ">= 0, not both 0",
      options.step, options.rtol, options.atol);
}

inline PathStatus status_of(Domain domain) {
  switch (domain) {
    case Domain::inside: return PathStatus::ok;
    case Domain::edge: return PathStatus::edge;
    case Domain::horizon: break;
  }
  return PathStatus::horizon;
}

inline constexpr double kSaturated = 0.01;

/// Whether one rounding of the coordinates x changes an entry of g by 1 % or more, or its slopes
/// are lost.
template <class T>
bool saturated(const AnyMetric<T>& metric, const T* x) {
  return metric_rounding(metric, x) >= kSaturated;
}

/// Lanes that went on to an end where their coordinates x, [d, N], no longer say where they are.
template <class T>
void mark_saturated(const AnyMetric<T>& metric, View<const T, 2> x, View<PathStatus, 1> status) {
  if (metric.unbounded()) return;
  parallel_for(x.extent(1), 64, [&](Index begin, Index end, int) {
    std::array<T, kMostDimensions> point;
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, point.data());
      if (status(n) == PathStatus::ok && saturated(metric, point.data())) {
        status(n) = PathStatus::saturated;
      }
    }
  });
}

/// Accelerations of `count` lanes, planes [d, .] with rows `stride` apart.
template <class T>
void accelerate(const AnyMetric<T>& metric, const T* x, const T* v, T* a, Index stride, Index count,
                PathStatus* status) {
  const Index d = metric.dimension();
  const bool own = metric.accelerations(x, v, a, stride, count);
  const bool own_knows = own && (metric.unbounded() || metric.kernels_know_domain());
  if (own_knows && all_finite(x, d, stride, count) && all_finite(a, 1, stride, count)) {
    std::fill_n(status, count, PathStatus::ok);
    return;
  }
  MetricSolver<T> solver(metric);
  std::array<T, kMostDimensions> point, velocity, gradient, force;
  std::array<T, kMostDimensions * kMostDimensions> g, along;
  for (Index n = 0; n < count; ++n) {
    if (own_knows && std::isfinite(a[n]) && all_finite(x + n, d, stride, 1)) {
      status[n] = PathStatus::ok;
      continue;
    }
    for (Index m = 0; m < d; ++m) point[m] = x[m * stride + n];
    status[n] = status_of(metric.domain(point.data()));
    if (own) {
      if (status[n] == PathStatus::ok && !std::isfinite(a[n])) status[n] = PathStatus::singular;
      continue;
    }
    for (Index m = 0; m < d; ++m) velocity[m] = v[m * stride + n];
    force.fill(0);
    if (status[n] == PathStatus::ok) {
      metric.forces(point.data(), velocity.data(), g.data(), along.data(), gradient.data());
      if (solver.factor(g.data())) {
        status[n] = PathStatus::singular;
      } else {
        for (Index m = 0; m < d; ++m) {
          force[m] = gradient[m] / 2;
          for (Index r = 0; r < d; ++r) force[m] -= along[m * d + r] * velocity[r];
        }
        solver.solve(force.data());
      }
    }
    for (Index m = 0; m < d; ++m) a[m * stride + n] = force[m];
  }
}

/// (x, v)' = (v, a(x, v)).
template <class T>
auto geodesic_equation(const AnyMetric<T>& metric) {
  return [&metric, d = metric.dimension()](const T* state, T* slope, Index stride, Index count,
                                           PathStatus* status) {
    const T* v = state + d * stride;
    for (Index m = 0; m < d; ++m) std::copy_n(v + m * stride, count, slope + m * stride);
    accelerate(metric, state, v, slope + d * stride, stride, count, status);
  };
}

}  // namespace lior::geometry
