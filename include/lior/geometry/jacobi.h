// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Jacobi fields: how neighbouring geodesics part, the tides that bodies feel.

#include <vector>

#include "lior/geometry/geodesic.h"

namespace lior::geometry {

/// Where the paths go, and the field along them. K samples.
struct JacobiFields {
  View<double, 3> x, v;         ///< [K, d, N]: the geodesic
  View<double, 3> field, rate;  ///< [K, d, N]: J, and D J / dt
  View<PathStatus, 1> status;   ///< [N]
  View<double, 1> reached;      ///< [N]: the parameter where the lane ended
};

/// The fields J along the geodesics from (x, v) that begin as `field` with the covariant derivative
/// `rate`, planes [d, N] each, at the parameters `times`:
///     D^2 J^r / dt^2 = -R^r_smn v^s J^m v^n,
/// the difference of neighbouring geodesics to first order. With field 0 it is d exp_x(t v) along
/// `rate`, so where such a field is 0 again lies a conjugate point: at pi on the unit sphere. In
/// constant curvature c, J at right angles to a unit v is a sine or cosine of sqrt(c) t times
/// parallel vectors, of sinh and cosh where c < 0.
///
/// Cost: second derivatives of the metric and O(d^4) operations a step; threads over lanes; the
/// methods, tolerances, samples and errors of `geodesics`, where field and rate count as v does.
/// Source: docs/math/conventions.md, 6.8.
void jacobi_fields(const AnyMetric<double>& metric, View<const double, 2> x,
                   View<const double, 2> v, View<const double, 2> field, View<const double, 2> rate,
                   std::span<const double> times, const GeodesicOptions& options,
                   const JacobiFields& out);

/// Where the exponential map of a geodesic's start is singular: neighbours come together there, and
/// on a Riemannian metric the geodesic is no shortest way beyond the first one.
struct ConjugatePoint {
  Index path;
  double parameter;
  Index multiplicity;  ///< of the fields that are 0 there: d - 1 on spheres
};

/// Those along the geodesics from (x, v), planes [d, N], at parameters in (0, length), in the order
/// of paths and then parameters: minima of the smallest singular value of d exp_x(t v) between
/// `samples` equal steps that reach 0, located to about 1e-7 of a step. Two of them within a step
/// are taken for one. Throws as jacobi_fields, and unless length > 0 and samples
/// are 4 to 1,000,000.
std::vector<ConjugatePoint> conjugate_points(const AnyMetric<double>& metric,
                                             View<const double, 2> x, View<const double, 2> v,
                                             double length, Index samples,
                                             const GeodesicOptions& options);

}  // namespace lior::geometry
