// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of curvature: the tensors of Einstein, Schouten and Weyl, and sectional curvature.

#include "lior/geometry/metric.h"

namespace lior::geometry {

/// The results that are wanted; empty views are left out. With Riemann, Ricci and the scalar R of
/// curvature.h:
///   einstein G_sn = Ricci_sn - R g_sn / 2;
///   schouten P_sn = (Ricci_sn - R g_sn / (2 (d - 1))) / (d - 2), for d >= 3;
///   weyl C_rsmn = R_rsmn - (g_rm P_sn - g_rn P_sm + g_sn P_rm - g_sm P_rn), all indices lowered,
/// for d >= 3: free of traces, the same for e^{2f} g but for that factor, 0 for d = 3.
template <class T>
struct CurvatureParts {
  View<T, 3> einstein{}, schouten{};  ///< [d, d, N]
  View<T, 5> weyl{};                  ///< [d, d, d, d, N]
};

/// At the points x: [d, N]. Cost: that of `curvature` and O(d^4) operations a point. Rounding: as
/// there, near coordinate singularities of Riemann's digits. Throws as `curvature` does, and for
/// schouten and weyl in fewer than three dimensions.
template <class T>
void curvature_parts(const AnyMetric<T>& metric, View<const T, 2> x, const CurvatureParts<T>& out);

/// K(u, w) = R_rsmn u^r w^s u^m w^n / (g(u, u) g(w, w) - g(u, w)^2), [N], of the planes that
/// u, w: [d, N] span at x: [d, N]: 1 / r^2 on a sphere of radius r. NaN where they span none, or
/// one on which g is degenerate. Throws as `curvature` does.
template <class T>
void sectional_curvature(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> u,
                         View<const T, 2> w, View<T, 1> out);

}  // namespace lior::geometry
