// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Hyperbolic space on the hyperboloid.

#include "lior/geometry/metric.h"

namespace lior::geometry {

/// Hyperbolic space of curvature -1 as the sheet X_0 = sqrt(1 + |x|^2) in Minkowski's space, by the
/// other n coordinates x, which may be any numbers:
///     g(v, w) = v . w - (x . v)(x . w) / (1 + |x|^2),    a = g(v, v) x.
/// With <X, Y> = X_0 Y_0 - x . y = cosh(distance) and l = |v|:
///     exp_x(v) = cosh(l) x + sinh(l) / l v;    log_x(y) = l / sinh(l) (y - cosh(l) x);
///     w is carried along v to w + g(w, v) [sinh(l) / l x + (cosh(l) - 1) / l^2 v].
/// No difference of large terms is left in lengths, so that these are exact to a few roundings
/// where |x| is large, where the ball's coordinates are next to its edge. Coordinates grow as
/// e^distance: 300 from the origin they are 1e130.
/// Source: J. Ratcliffe, Foundations of Hyperbolic Manifolds, chapter 3; docs/math/conventions.md,
/// 6.2.
struct Hyperbolic {
  Index n = 2;

  Index dimension() const { return n; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;

  template <class S>
  void operator()(const S* x, S* g) const {
    S x0_squared = 1.0;
    for (Index m = 0; m < n; ++m) x0_squared += x[m] * x[m];
    for (Index m = 0; m < n; ++m) {
      S others = 1.0;  // X_0^2 - x_m^2
      for (Index k = 0; k < n; ++k) {
        if (k != m) others += x[k] * x[k];
        if (k != m) g[m * n + k] = -(x[m] * x[k] / x0_squared);
      }
      g[m * n + m] = others / x0_squared;
    }
  }
  template <class T>
  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const;
  /// Gamma^l_mn = -x^l g_mn.
  template <class T>
  void symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const;
};

}  // namespace lior::geometry
