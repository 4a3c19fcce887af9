// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Gradients with respect to the numbers of a learned metric: of the metric itself, of lengths
/// and energies of curves, and of geodesic distances, so that a metric can be fitted to any.

#include "lior/geometry/geodesic.h"
#include "lior/geometry/learned_metric.h"

namespace lior::geometry {

/// A learned metric as its numbers and its two settings.
template <class T>
struct LearnedMetricModel {
  const LearnedMetricParameters<T>& parameters;
  Resilience resilience = Resilience::on;
  bool spd_floor = false;

  LearnedMetric<T> metric() const { return LearnedMetric<T>(parameters, resilience, spd_floor); }
};

/// L depends on g (or R^2 g) at the points x: [d, N] through dg: [d, d, N], the gradient of each
/// entry as if all d^2 were independent. Adds dL/d(parameters) to `dparameters` and writes dx: [d,
/// N].
///
/// Cost: about three forward passes. On the calling thread, a point a lane; the lanes' sums are
/// added in a fixed order. Where R is clamped it has no gradient. Throws lior::Error when shapes do
/// not fit.
template <class T>
void metric_backward(const LearnedMetricModel<T>& model, View<const T, 2> x, View<const T, 3> dg,
                     LearnedMetricParameters<T>& dparameters, View<T, 2> dx);

/// The distances of x and y: [d, N], and, for gradients ddistance: [N] of L, dL/d(parameters),
/// added. By the first variation, d length = integral of dg(v, v) / (2 |v|) along the geodesic, its
/// ends fixed, by Gauss and Legendre's rule with 8 nodes; the geodesic itself need not be
/// differentiated. A pair whose log does not converge has distance NaN and adds nothing. Throws as
/// distance does.
template <class T>
void distance_with_gradient(const LearnedMetricModel<T>& model, View<const T, 2> x,
                            View<const T, 2> y, View<const T, 1> ddistance,
                            const GeodesicOptions& options, View<T, 1> distance,
                            LearnedMetricParameters<T>& dparameters);

/// The length sum_k |dx_k| of curves path: [K, d, N], |dx|^2 = dx^T g(middle) dx, and for dlength:
/// [N] its gradient, added. A step whose length is 0 or not a number has no gradient.
template <class T>
void curve_length_with_gradient(const LearnedMetricModel<T>& model, View<const T, 3> path,
                                View<const T, 1> dlength, View<T, 1> length,
                                LearnedMetricParameters<T>& dparameters);

/// The energy of the same curves, half the integral of g(x', x') over a unit parameter: sum_k
/// |dx_k|^2 (K - 1) / 2; and its gradient. By the factor 1/2, energy >= length^2 / 2, with equality
/// for even steps.
template <class T>
void curve_energy_with_gradient(const LearnedMetricModel<T>& model, View<const T, 3> path,
                                View<const T, 1> denergy, View<T, 1> energy,
                                LearnedMetricParameters<T>& dparameters);

}  // namespace lior::geometry
