// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The mean of points on a Riemannian metric.

#include "lior/geometry/geodesic.h"

namespace lior::geometry {

struct FrechetMean {
  double variance;   ///< sum w d(x, y)^2 / sum w at the mean
  double error;      ///< |sum w log_x(y)| / sum w in the norm of g(x): 0 where x is the mean
  Index iterations;  ///< sets of logarithms that were found
  bool converged;    ///< error <= 10 rtol (spread), with the options' rtol; or rounding
};

/// Writes the point x, [d], whose sum w_n d(x, y_n)^2 over the points y: [d, N] is least nearby: a
/// zero of the gradient v = sum w_n log_x(y_n). It starts at the point of the largest weight (the
/// first of these) and goes along exp_x(s v / sum w), the step s by how the last one changed the
/// gradient, halved until the sum falls; at most 200 sets of N logarithms. The mean is unique where
/// the points lie in a ball that is small beside the curvature (H. Karcher, Comm. Pure Appl. Math.
/// 30, 1977), and everywhere where no sectional curvature is positive; elsewhere it is one of the
/// local ones.
///
/// weights: [N], >= 0, not all 0; empty: all 1. A mean that is not reached says so. Throws
/// lior::Error as log_map does, unless the metric is Riemannian and there is a point, and where a
/// logarithm does not converge at the start.
FrechetMean frechet_mean(const AnyMetric<double>& metric, View<const double, 2> y,
                         View<const double, 1> weights, const GeodesicOptions& options,
                         View<double, 1> x);

}  // namespace lior::geometry
