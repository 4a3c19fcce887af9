// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The resilience R(x) of a point: a small net with a bounded positive value.
///   R(x) = clamp(softplus(w2 . gelu(V1 x + c1) + c2), 0.1, 10),   gelu(z) = z (1 + erf(z / sqrt
///   2)) / 2.
/// It scales the learned metric, and an optimiser's step.
/// Source: docs/math/conventions.md, section 6.5.

#include <cmath>
#include <span>

#include "lior/core/view.h"
#include "lior/geometry/dual.h"

namespace lior::geometry {

inline constexpr double kLeastResilience = 0.1, kMostResilience = 10;

/// The parameters of the net, which somebody else owns.
template <class T>
struct ResilienceNet {
  View<const T, 2> v1;  ///< [k, d]
  View<const T, 1> c1;  ///< [k]
  View<const T, 1> w2;  ///< [k]
  T c2 = 0;
};

/// R at the point whose coordinates are the first d of x, zeros where it has fewer, in arithmetic
/// of S. k d multiply-adds. NaN in the coordinates gives NaN.
template <class S, class T, class X>
S resilience(const ResilienceNet<T>& net, std::span<const X> x) {
  using std::erf, std::exp, std::log;
  const Index width = net.v1.extent(0);
  const Index known = std::min(net.v1.extent(1), static_cast<Index>(x.size()));
  S sum = S(net.c2);
  for (Index k = 0; k < width; ++k) {
    S z = S(net.c1(k));
    for (Index m = 0; m < known; ++m) z += S(net.v1(k, m)) * S(x[m]);
    sum += S(net.w2(k)) * (0.5 * z * (1.0 + erf(z * 0.70710678118654752440)));
  }
  const auto size = plain(sum);
  if (size > kMostResilience) return S(kMostResilience);  // softplus(x) > x
  const S softplus = log(1.0 + exp(sum));
  if (plain(softplus) < kLeastResilience) return S(kLeastResilience);
  if (plain(softplus) > kMostResilience) return S(kMostResilience);
  return softplus;
}

}  // namespace lior::geometry
