// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The geodesic that passes nearest to points with times: least squares on a curved space.

#include "lior/geometry/geodesic.h"

namespace lior::geometry {

/// What is fitted to N points, by K variables.
struct RegressionFit {
  View<double, 1> x;          ///< [d]: the point at the origin
  View<double, 2> v;          ///< [d, K]: its velocity along each variable
  View<double, 2> fitted;     ///< [d, N]
  View<double, 1> residuals;  ///< [N]: distances from the fitted points to y
};

struct GeodesicRegression {
  double r_squared;  ///< 1 - variance / variance about the Frechet mean; NaN where that is 0
  double variance;   ///< sum w d(fitted, y)^2 / sum w
  double error;      ///< how far the next step would move the fitted points, root mean square
  Index iterations;  ///< sets of N logarithms that were found, those of the mean aside
  bool converged;    ///< error <= 10 rtol (spread), or 1e-9 of the residuals, or rounding
};

/// Fits y_n = exp_x(sum_k (t_kn - origin_k) v_k): the x and v_k whose sum w_n d(fitted_n, y_n)^2
/// over the points y: [d, N] at t: [K, N] is least nearby. With one variable that is a geodesic,
/// the same one for every origin; with more, which origin it is makes another model. In flat space
/// it is linear regression.
///
/// From the Frechet mean and the linear fit of the logarithms there, by Gauss's and Newton's steps
/// with Levenberg's damping: residuals are log_fitted(y), and change as the fitted points do, by
/// differences of exp_map; at most 100 steps. The geodesic must stay in the chart. It may be one of
/// several local minima, as a Frechet mean may.
///
/// weights: [N], >= 0; empty: all 1. Cost: 4 d + 1 sets of N ends and one of logarithms a step. A
/// fit that is not reached says so. Throws lior::Error as frechet_mean does, for variables that are
/// not finite, that do not change, and that follow from each other; RunError where the geodesic
/// ends before it comes to the origin.
/// Source: T. Fletcher, Int. J. Comput. Vis. 105, 2013; of several variables H. Kim et al., CVPR
/// 2014.
GeodesicRegression geodesic_regression(const AnyMetric<double>& metric, View<const double, 2> t,
                                       View<const double, 2> y, View<const double, 1> weights,
                                       View<const double, 1> origin, const GeodesicOptions& options,
                                       const RegressionFit& out);

}  // namespace lior::geometry
