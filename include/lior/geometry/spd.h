// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Symmetric positive definite matrices, affine-invariant.

#include "lior/geometry/metric.h"

namespace lior::geometry {

namespace detail {
/// The full n x n matrix of the entries on and above its diagonal, row by row, `stride` apart.
template <class S>
void unpack_symmetric(Index n, const S* x, Index stride, S* out) {
  for (Index i = 0; i < n; ++i) {
    for (Index j = i; j < n; ++j, x += stride) out[i * n + j] = out[j * n + i] = *x;
  }
}
}  // namespace detail

/// Symmetric positive definite n x n matrices P, n <= 5, with g(A, B) = tr(P^-1 A P^-1 B). The
/// coordinates are the entries on and above the diagonal, row by row: p11, p12, p22 for n = 2, and
/// n (n + 1) / 2 of them in all.
///
/// It is complete, no sectional curvature is positive, and P -> C P C^T (any C that can be
/// inverted) and P -> P^-1 keep all distances. With P = L L^T, which takes the root's place:
///     exp_P(V) = L exp(L^-1 V L^-T) L^T, and the acceleration of a geodesic is V P^-1 V;
///     log_P(Q) = L log(L^-1 Q L^-T) L^T, and the distance is sqrt(sum_k log^2 lambda_k) with the
///     eigenvalues lambda_k of P^-1 Q;
///     W is carried along V to E W E^T, E = L exp(L^-1 V L^-T / 2) L^-1.
///
/// Errors grow as what an entry's rounding can do: by sum_i P_ii (P^-1)_ii, which is n of a
/// diagonal P and is at most n times its condition.
/// Source: X. Pennec, P. Fillard and N. Ayache, Int. J. Comput. Vis. 66, 2006;
/// docs/math/conventions.md, 6.2.
struct Spd {
  static constexpr Index kMostRows = 5;  // 15 coordinates
  Index n = 2;

  Index dimension() const { return n * (n + 1) / 2; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;

  template <class S>
  void operator()(const S* x, S* g) const;
  /// Whether x is positive definite, to rounding.
  template <class T>
  Domain domain(const T* x) const;
  template <class T>
  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const;
  bool kernels_know_domain() const { return true; }
};

/// With W = P^-1 and E_ij the change of P with coordinate p_ij:
/// tr(W E_ij W E_kl) = c_ij c_kl (W_ik W_jl + W_il W_jk) / 2, c = 1 on the diagonal and 2 beside
/// it.
template <class S>
void Spd::operator()(const S* x, S* g) const {
  // Sweeps, one a row, make -P^-1 of P.
  std::array<S, kMostRows * kMostRows> w;
  detail::unpack_symmetric(n, x, 1, w.data());
  for (Index k = 0; k < n; ++k) {
    const S pivot = 1.0 / w[k * n + k];
    for (Index i = 0; i < n; ++i) {
      for (Index j = i; j < n; ++j) {
        if (i == k || j == k) continue;
        w[i * n + j] = w[j * n + i] = w[i * n + j] - w[i * n + k] * pivot * w[k * n + j];
      }
    }
    for (Index i = 0; i < n; ++i) {
      if (i != k) w[i * n + k] = w[k * n + i] = w[i * n + k] * pivot;
    }
    w[k * n + k] = -pivot;
  }
  const Index d = dimension();
  Index row = 0;
  for (Index i = 0; i < n; ++i) {
    for (Index j = i; j < n; ++j, ++row) {
      Index column = 0;
      for (Index k = 0; k < n; ++k) {
        for (Index l = k; l < n; ++l, ++column) {
          const double entries = (i == j ? 1.0 : 2.0) * (k == l ? 1.0 : 2.0);
          g[row * d + column] =
              entries / 2 * (w[i * n + k] * w[j * n + l] + w[i * n + l] * w[j * n + k]);
        }
      }
    }
  }
}

}  // namespace lior::geometry
