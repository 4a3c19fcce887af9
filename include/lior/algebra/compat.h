// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The products that the original Python program uses where it speaks of octonions: kept to compare
/// with its recorded outputs, and nothing else stands on them. Neither is the octonion product.
/// Source: docs/math/conventions.md, section 3.4.
///
/// Its conjugation and norm are those of CI8: ci8_conjugate, ci8_norm.
///
/// All functions: planes as in ci8.h; threads over points, bit-equal across thread counts; NaN and
/// Inf pass through; lior::Error when shapes differ; an output may be an input.

#include <array>

#include "lior/core/view.h"

namespace lior::algebra::compat {

/// e_i e_j = e_k and its cyclic shifts, -e_k for the other orders; all other products are zero:
/// there is no unit, and index 7 is never used. With (1, 5, 3) for (1, 3, 5) it would be the cross
/// product of R^7; as it is, (e0 + e1)(e3 + e6) = 0.
inline constexpr std::array<std::array<int, 3>, 7> kFanoLines = {
    {{0, 1, 2}, {0, 3, 4}, {0, 5, 6}, {1, 3, 5}, {1, 4, 6}, {2, 3, 6}, {2, 4, 5}}};

/// f[p][q][r]: (a b)_r = sum_pq a_p b_q f[p][q][r].
consteval std::array<std::array<std::array<int, 8>, 8>, 8> fano_structure() {
  std::array<std::array<std::array<int, 8>, 8>, 8> f{};
  for (const auto& line : kFanoLines) {
    for (int shift = 0; shift < 3; ++shift) {
      const int i = line[shift], j = line[(shift + 1) % 3], k = line[(shift + 2) % 3];
      f[i][j][k] = 1;
      f[j][i][k] = -1;
    }
  }
  return f;
}

/// Splits 16 reals into 4 blocks of 4: x = (A, B | A', B'), y = (c, d | c', d');
///   out = (A c - d B | A' c' - d' B' | d A + B c | d' A' + B' c'), componentwise.
/// x, y, out: [16, N]. 32 multiply-adds and 48 numbers moved a point; bound by memory.
/// Accuracy: 2 eps of the larger product, a component.
template <class T>
void componentwise_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);

/// The product of the Fano table on real planes [8, N], or its complex form (ac - bd, ad + bc) on
/// [16, N]. 42 or 168 multiply-adds a point; bound by memory.
/// Accuracy: |error| <= 16 eps |x| |y| a component.
template <class T>
void fano_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);

/// (x y) z - x (y z) in the complex form. x, y, z, out: [16, N]. 672 multiply-adds a point.
/// Accuracy: |error| <= 64 eps |x| |y| |z| a component.
template <class T>
void fano_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out);

namespace reference {
/// The same by their formulas, one point at a time; the Fano product by its structure constants.
template <class T>
void componentwise_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);
template <class T>
void fano_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out);
template <class T>
void fano_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out);
}  // namespace reference

}  // namespace lior::algebra::compat
