// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Gradients of the learned metric's Christoffel symbols and geodesics, with respect to points,
/// velocities and the numbers of the metric.
///
/// Both come down to derivatives of g along a direction. For weights W of Gamma, A = g^-1 W, and
/// for weights w of a = -Gamma(v, v), p = -g^-1 w, what changes is
///
///   sum_k <E_k, d_k dg> - <A Gamma^T, dg>,  E_k,ab = A_bka - A_kab / 2;
///   <p v^T, d_v dg> - <v v^T, d_p dg> / 2 + <p a^T, dg>.
///
/// Derivatives of the metric's own gradient are exact, by dual numbers.
/// Source: docs/math/conventions.md, section 6.3.

#include "lior/geometry/metric_gradient.h"

namespace lior::geometry {

/// L depends on the symbols at the points x: [d, N] through dgamma: [d, d, d, N], the gradient of
/// each as if all were independent. Adds dL/d(parameters) to `dparameters` and writes dx: [d, N].
///
/// Cost: about d gradients of the metric, twice each. On the calling thread, point after point.
/// Where R is clamped it has no gradient. Throws as christoffel does.
template <class T>
void christoffel_backward(const LearnedMetricModel<T>& model, View<const T, 2> x,
                          View<const T, 4> dgamma, LearnedMetricParameters<T>& dparameters,
                          View<T, 2> dx);

/// Gradients of a loss with respect to the ends of geodesics, and to their starts: planes [d, N].
template <class T>
struct EndGradients {
  View<const T, 2> x, v;
};
template <class T>
struct StartGradients {
  View<T, 2> x, v;
};

/// L depends on the ends (x, v)(time) of the geodesics from (x, v), planes [d, N], by Method::rk4
/// in steps of `step` at most. The exact gradient of those steps, not of the curve that they
/// follow: adds dL/d(parameters) and writes the gradients of the starts.
///
/// Cost: four accelerations and eight directional gradients of the metric a step and point; memory
/// 2 d numbers a step. On the calling thread, point after point. Throws lior::Error when shapes do
/// not fit, and one that names the point and step where g is not positive definite.
template <class T>
void geodesic_backward(const LearnedMetricModel<T>& model, View<const T, 2> x, View<const T, 2> v,
                       double time, double step, const EndGradients<T>& dend,
                       LearnedMetricParameters<T>& dparameters, const StartGradients<T>& dstart);

}  // namespace lior::geometry
