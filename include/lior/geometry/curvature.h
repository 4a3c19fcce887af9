// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Curvature of any metric, from its exact second derivatives.
///
///   R^r_smn = d_m Gamma^r_ns - d_n Gamma^r_ms + Gamma^r_ml Gamma^l_ns - Gamma^r_nl Gamma^l_ms,
///   Ricci_sn = R^r_srn, scalar = g^sn Ricci_sn (positive on spheres),
///   Kretschmann = R_rsmn R^rsmn.
/// Next to a coordinate singularity, such as a pole of the sphere, Riemann is a small difference of
/// large terms, and rounding takes its digits: at theta = 1e-8 all of them. The errors below say
/// how many are left. Source: docs/math/conventions.md, section 6.

#include "lior/geometry/metric.h"

namespace lior::geometry {

/// The results that are wanted; empty views are left out.
template <class T>
struct Curvature {
  View<T, 5> riemann{};      ///< [d, d, d, d, N], R^r_smn at (r, s, m, n)
  View<T, 3> ricci{};        ///< [d, d, N]
  View<T, 1> scalar{};       ///< [N]
  View<T, 1> kretschmann{};  ///< [N]
  /// [N]: estimates from above of what rounding makes of either: eps times the sizes of all terms.
  View<T, 1> scalar_error{}, kretschmann_error{};
};

/// Curvature at the points x: [d, N]. Cost: second derivatives of the metric, and O(d^5) operations
/// a point, twice that with errors. Threads over points, bit-equal across thread counts; one
/// workspace a thread and call. Throws as christoffel does.
template <class T>
void curvature(const AnyMetric<T>& metric, View<const T, 2> x, const Curvature<T>& out);

/// Largest |R^r_smn + R^r_mns + R^r_nsm|, relative to the largest |R|: 0 for a connection without
/// torsion. riemann: [d, d, d, d, N].
template <class T>
double first_bianchi_residual(View<const T, 5> riemann);

/// Largest |D_k R^r_smn + D_m R^r_snk + D_n R^r_skm|, relative to the largest term; D is the
/// covariant derivative, d_k R from central differences with that step (error O(step^2)).
template <class T>
double second_bianchi_residual(const AnyMetric<T>& metric, View<const T, 2> x, T step);

}  // namespace lior::geometry
