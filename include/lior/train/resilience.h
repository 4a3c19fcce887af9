#pragma once
/// The resilience R(x) of a point: a small net with a bounded positive value.
///   R(x) = clamp(softplus(w2 . gelu(V1 x + c1) + c2), 0.1, 10),   gelu by erf.
/// Source: docs/math/conventions.md, section 6.5.

#include "lior/core/view.h"

namespace lior::train {

inline constexpr double kSmallestResilience = 0.1;
inline constexpr double kLargestResilience = 10;

/// The parameters of the net, which somebody else owns.
template <class T>
struct ResilienceNet {
  View<const T, 2> v1;  ///< [k, d]
  View<const T, 1> c1;  ///< [k]
  View<const T, 1> w2;  ///< [k]
  T c2 = 0;
};

/// R at the point whose coordinates are the first d of `flat`, zeros where it has fewer. Cost k d
/// multiply-adds, summed in double. NaN in the coordinates gives NaN.
template <class T>
double resilience(const ResilienceNet<T>& net, std::span<const T> flat);

}  // namespace lior::train
