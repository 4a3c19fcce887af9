// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Christoffel symbols of any metric: Gamma^l_mn = 1/2 g^lr (d_m g_nr + d_n g_mr - d_r g_mn).
///
/// Points are planes x: [d, N]; Gamma is [d, d, d, N], the upper index first, symmetric in the two
/// lower ones; packed, [d, d(d+1)/2, N], the pairs m <= n in lexicographic order.
/// A Riemannian metric is solved by Cholesky, an indefinite one by pivoted LDL^T; there is no
/// inverse. Threads over points, bit-equal across thread counts. All throw lior::Error when shapes
/// do not fit, one that names the first point outside the metric's domain, and one that names the
/// point and the pivot where the metric cannot be inverted.
/// Source: docs/math/conventions.md, section 6.

#include "lior/geometry/metric.h"

namespace lior::geometry {

/// From exact derivatives. Cost: those of the metric, and d^2(d+1)/2 (d + 1) multiply-adds a point.
/// Accuracy: a few d eps cond(g) of the largest term.
template <class T>
void christoffel(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 4> gamma);
template <class T>
void christoffel_packed(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 3> gamma);

/// From central differences of g with that step, for comparison: error O(step^2) + eps / step.
template <class T>
void christoffel_differences(const AnyMetric<T>& metric, View<const T, 2> x, T step,
                             View<T, 4> gamma);

/// Largest |Gamma^l_mn - Gamma^l_nm|, relative to the largest |Gamma|: a connection without torsion
/// has 0.
template <class T>
double torsion_residual(View<const T, 4> gamma);

/// Largest |d_m g_nr - Gamma^s_mn g_sr - Gamma^s_mr g_ns| relative to the largest |d g|: 0 where
/// lengths are kept by transport.
template <class T>
double compatibility_residual(const AnyMetric<T>& metric, View<const T, 2> x,
                              View<const T, 4> gamma);

}  // namespace lior::geometry
