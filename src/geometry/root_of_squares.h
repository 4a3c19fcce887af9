// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Lengths of vectors whose squares may be no numbers.

#include <cmath>
#include <limits>

namespace lior::geometry {

/// The root of the sum of the squares of terms, which `terms` hands over: terms(add) calls add(x)
/// for each. By squares where these are numbers and nothing of weight is lost, which takes a tenth
/// of the time of std::hypot term by term, and so elsewhere.
template <class T, class Terms>
T root_of_squares(const Terms& terms) {
  using Limits = std::numeric_limits<T>;
  constexpr T kLeast = Limits::min() / Limits::epsilon() / Limits::epsilon();
  T sum = 0;
  terms([&](T x) { sum += x * x; });
  if (sum > kLeast && sum <= Limits::max()) return std::sqrt(sum);
  T size = 0;
  terms([&](T x) { size = std::hypot(size, x); });
  return size;
}

}  // namespace lior::geometry
