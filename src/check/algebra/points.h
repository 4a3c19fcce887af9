// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Random quaternions, octonions and CI8 that are multiplied by our kernels and compared as planes:
/// the words in which algebra_checks.cpp states its identities.

#include <algorithm>
#include <cmath>
#include <utility>

#include "lior/algebra/ci8.h"
#include "lior/algebra/quaternion.h"
#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::check {

using algebra::Octonion;
using algebra::Transition;

inline constexpr Index kPoints = 1000;

/// kPoints elements of R^K: K = 1 numbers, 3 vectors, 4 quaternions, 8 octonions, 16 CI8.
template <class T, Index K>
struct Points {
  Array<T, 2> planes{Shape<2>{K, kPoints}};

  auto view() { return planes.view(); }
  auto view() const { return planes.view(); }
};

template <class T, Index K>
Points<T, K> random(std::uint64_t seed) {
  Points<T, K> x;
  Random(seed).fill_normal(x.planes.span());
  return x;
}

template <class T, Index K>
Points<T, K> operator*(const Points<T, K>& x, const Points<T, K>& y) {
  Points<T, K> product;
  if constexpr (K == 4) algebra::quaternion_multiply<T>(x.view(), y.view(), product.view());
  if constexpr (K == 8) algebra::octonion_multiply<T>(x.view(), y.view(), product.view());
  if constexpr (K == 16) algebra::ci8_multiply<T>(x.view(), y.view(), product.view());
  return product;
}

/// f(number of x, number of y), number by number.
template <class T, Index K, class F>
Points<T, K> each(const Points<T, K>& x, const Points<T, K>& y, const F& f) {
  Points<T, K> out;
  for (Index i = 0; i < x.planes.size(); ++i) {
    out.planes.data()[i] = f(x.planes.data()[i], y.planes.data()[i]);
  }
  return out;
}
template <class T, Index K>
Points<T, K> operator+(const Points<T, K>& x, const Points<T, K>& y) {
  return each(x, y, [](T a, T b) { return a + b; });
}
template <class T, Index K>
Points<T, K> operator-(const Points<T, K>& x, const Points<T, K>& y) {
  return each(x, y, [](T a, T b) { return a - b; });
}
template <class T, Index K>
Points<T, K> operator*(T factor, const Points<T, K>& x) {
  return each(x, x, [=](T a, T) { return factor * a; });
}

/// x . y at every point, summed in double.
template <class T, Index K>
Points<T, 1> dot(const Points<T, K>& x, const Points<T, K>& y) {
  Points<T, 1> out;
  for (Index n = 0; n < kPoints; ++n) {
    double sum = 0;
    for (Index k = 0; k < K; ++k) sum += static_cast<double>(x.planes(k, n)) * y.planes(k, n);
    out.planes(0, n) = static_cast<T>(sum);
  }
  return out;
}

/// |x| at every point.
template <class T, Index K>
Points<T, 1> length(const Points<T, K>& x) {
  if constexpr (K == 8 || K == 16) {
    Points<T, 1> out;
    algebra::ci8_norm<T>(x.view(), out.view().template reshaped<1>({kPoints}));
    return out;
  } else {
    const Points<T, 1> squares = dot(x, x);
    return each(squares, squares, [](T square, T) { return std::sqrt(square); });
  }
}

template <class T, Index K>
Points<T, K> times(const Points<T, 1>& factor, const Points<T, K>& x) {
  Points<T, K> out;
  for (Index k = 0; k < K; ++k) {
    for (Index n = 0; n < kPoints; ++n) out.planes(k, n) = factor.planes(0, n) * x.planes(k, n);
  }
  return out;
}

/// Random x / |x|.
template <class T, Index K>
Points<T, K> random_unit(std::uint64_t seed) {
  const auto x = random<T, K>(seed);
  const auto size = length(x);
  return times(each(size, size, [](T value, T) { return 1 / value; }), x);
}

/// The same octonion at every point, and re + I im.
template <class T>
Points<T, 8> constant(const Octonion<T>& x) {
  Points<T, 8> out;
  for (Index k = 0; k < 8; ++k) {
    for (Index n = 0; n < kPoints; ++n) out.planes(k, n) = x.e[static_cast<std::size_t>(k)];
  }
  return out;
}
template <class T>
Points<T, 16> complex(const Points<T, 8>& re, const Points<T, 8>& im) {
  Points<T, 16> out;
  std::copy(re.planes.span().begin(), re.planes.span().end(), out.planes.data());
  std::copy(im.planes.span().begin(), im.planes.span().end(), out.planes.data() + 8 * kPoints);
  return out;
}

template <class T, Index K>
Points<T, K> conjugate(const Points<T, K>& x) {
  Points<T, K> out;
  if constexpr (K == 4) {
    for (Index k = 0; k < 4; ++k) {
      for (Index n = 0; n < kPoints; ++n) out.planes(k, n) = (k == 0 ? 1 : -1) * x.planes(k, n);
    }
  } else {
    algebra::ci8_conjugate<T>(x.view(), out.view());
  }
  return out;
}

/// q v conj(q).
template <class T>
Points<T, 3> rotate(const Points<T, 4>& q, const Points<T, 3>& v) {
  Points<T, 3> out;
  algebra::quaternion_rotate<T>(q.view(), v.view(), out.view());
  return out;
}

template <class T>
Points<T, 16> associator(const Points<T, 16>& x, const Points<T, 16>& y, const Points<T, 16>& z) {
  Points<T, 16> out;
  algebra::ci8_associator<T>(x.view(), y.view(), z.view(), out.view());
  return out;
}

/// F_u x.
template <class T, Index K>
Points<T, K> apply(Transition f, const Points<T, 8>& u, const Points<T, K>& x) {
  Points<T, K> out;
  algebra::apply<T>(f, u.view(), x.view(), out.view());
  return out;
}

/// (F_u^T g, du).
template <class T, Index K>
std::pair<Points<T, K>, Points<T, 8>> apply_adjoint(Transition f, const Points<T, 8>& u,
                                                    const Points<T, K>& x, const Points<T, K>& g) {
  std::pair<Points<T, K>, Points<T, 8>> out;
  algebra::apply_adjoint<T>(f, u.view(), x.view(), g.view(), out.first.view(), out.second.view());
  return out;
}

/// Largest |x - y| over the largest |y|, number by number.
template <class T, Index K>
double distance(const Points<T, K>& x, const Points<T, K>& y) {
  return relative_difference(x.planes.span(), y.planes.span());
}

}  // namespace lior::check
