// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Octonions: one at a time as a value, many at a time as planes.
///
/// Basis e0..e7 = 1, i, j, k and the doubled four, by Cayley-Dickson:
///   (a, b)(c, d) = (a c - conj(d) b, d a + b conj(c)),   conj(a, b) = (conj(a), -b).
/// Not associative; alternative; |x y| = |x| |y|. Source: docs/math/conventions.md, section 3.
///
/// Many octonions are *planes*: an array [8, N], component first, so that the lanes of a vector run
/// over the N points and no kernel shuffles.

#include <array>

#include "lior/core/view.h"

namespace lior::algebra {

/// One octonion, e[0] its real part.
template <class T>
struct Octonion {
  std::array<T, 8> e{};
};

namespace detail {

/// e_i e_j = sign[i][j] e_{i xor j}: the table that Cayley-Dickson doubling gives, from 1 x 1 up.
consteval std::array<std::array<int, 8>, 8> octonion_signs() {
  std::array<std::array<int, 8>, 8> sign{};
  sign[0][0] = 1;
  const auto conj = [](int i) { return i == 0 ? 1 : -1; };
  for (int half = 1; half < 8; half *= 2) {
    for (int i = 0; i < half; ++i) {
      for (int j = 0; j < half; ++j) {
        sign[i][half + j] = sign[j][i];                    // (a,0)(0,d) = (0, d a)
        sign[half + i][j] = conj(j) * sign[i][j];          // (0,b)(c,0) = (0, b conj(c))
        sign[half + i][half + j] = -conj(j) * sign[j][i];  // (0,b)(0,d) = (-conj(d) b, 0)
      }
    }
  }
  return sign;
}

}  // namespace detail

/// e_i e_j = kOctonionSign[i][j] e_{i ^ j}.
inline constexpr std::array<std::array<int, 8>, 8> kOctonionSign = detail::octonion_signs();

/// How a factor enters a product: a conjugated one needs no pass of its own.
enum class Factor { plain, conjugated };

/// The basis element e_k.
template <class T>
constexpr Octonion<T> basis_octonion(int k) {
  Octonion<T> unit;
  unit.e[k] = 1;
  return unit;
}

/// x y.
template <class T>
constexpr Octonion<T> operator*(const Octonion<T>& x, const Octonion<T>& y) {
  Octonion<T> product;
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) product.e[i ^ j] += kOctonionSign[i][j] * x.e[i] * y.e[j];
  }
  return product;
}

template <class T>
constexpr Octonion<T> operator+(Octonion<T> x, const Octonion<T>& y) {
  for (int i = 0; i < 8; ++i) x.e[i] += y.e[i];
  return x;
}

template <class T>
constexpr Octonion<T> operator-(Octonion<T> x, const Octonion<T>& y) {
  for (int i = 0; i < 8; ++i) x.e[i] -= y.e[i];
  return x;
}

/// Flips e1..e7.
template <class T>
constexpr Octonion<T> conjugate(Octonion<T> x) {
  for (int i = 1; i < 8; ++i) x.e[i] = -x.e[i];
  return x;
}

/// x . y = sum_k x_k y_k = Re(conj(x) y).
template <class T>
constexpr T dot(const Octonion<T>& x, const Octonion<T>& y) {
  T sum = 0;
  for (int k = 0; k < 8; ++k) sum += x.e[k] * y.e[k];
  return sum;
}

/// [x, y, z] = (x y) z - x (y z): zero for all arguments only in an associative algebra.
template <class T>
constexpr Octonion<T> associator(const Octonion<T>& x, const Octonion<T>& y, const Octonion<T>& z) {
  return (x * y) * z - x * (y * z);
}

/// out_n = x_n y_n. x, y, out: [8, N], N >= 0; `out` may be x or y.
///
/// Cost: 64 multiply-adds and 24 numbers moved a point; bound by memory for N past the caches.
/// Accuracy: |error| <= 8 eps |x| |y| a component. Threads over points; bit-equal across thread
/// counts. NaN and Inf pass through. Throws lior::Error when the shapes differ.
template <class T>
void octonion_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);

namespace reference {
/// The same by the doubling formula itself, one point at a time.
template <class T>
void octonion_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);
}  // namespace reference

}  // namespace lior::algebra
