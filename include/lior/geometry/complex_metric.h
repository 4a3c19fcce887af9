// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The complex metric G = A + i B: A = R^2 g of the learned metric, B an antisymmetric form made of
/// a phase. G is Hermitian, so its eigenvalues are real; they need not be positive.
///
///   theta(x) = pi alpha / 2 - alpha ln(|x| + 1e-8), alpha constant;
///   exact:  B = dtheta ^ d(ln R), B_mn = d_m theta d_n lnR - d_n theta d_m lnR: closed, and zero
///   only
///           where the two gradients are parallel or one of them vanishes (d lnR = 0 where R is
///           clamped, dtheta = 0 by definition at x = 0);
///   compat: B = dtheta ^ dtheta, which is identically zero, whatever theta is.
/// Source: docs/math/conventions.md, section 6.

#include "lior/core/names.h"
#include "lior/geometry/learned_metric.h"

namespace lior::geometry {

enum class PhaseForm { exact, compat };
constexpr auto enum_names(PhaseForm) { return enum_words("exact", "compat"); }

/// theta at x: [d].
template <class T>
T phase(T alpha, const T* x, Index d);

/// x: [d, N] -> A and B: [d, d, N]. `metric` has Resilience::on. Derivatives are exact. Throws
/// lior::Error when shapes do not fit.
template <class T>
void complex_metric(const LearnedMetric<T>& metric, T alpha, PhaseForm form, View<const T, 2> x,
                    View<T, 3> a, View<T, 3> b);

/// Checks, each over all points; residuals are relative to the largest entry (0 where that is 0),
/// and NaN where an entry is.
template <class T>
double symmetry_residual(View<const T, 3> a);  ///< |A_mn - A_nm|
template <class T>
double antisymmetry_residual(View<const T, 3> b);  ///< |B_mn + B_nm|
template <class T>
bool positive_definite(
    View<const T, 3> a);  ///< A is finite and has a Cholesky factor at each point
/// Largest |Im| of the eigenvalues of A + i B, relative to the largest of their sizes, found
/// without use of symmetry: 0 where A + i B is Hermitian, and for some that are not.
template <class T>
double eigenvalue_residual(View<const T, 3> a, View<const T, 3> b);
/// Largest |d_k B_mn + d_m B_nk + d_n B_km| of the exact form by exact second derivatives, relative
/// to the largest term.
template <class T>
double closedness_residual(const LearnedMetric<T>& metric, T alpha, View<const T, 2> x);

}  // namespace lior::geometry
