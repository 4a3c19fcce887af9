// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Small symmetric systems, d x d with d <= 16, one at a time and one a lane.
///
/// Matrices are row-major [d, d]; symmetric ones are given by their lower triangle, and what lies
/// above the diagonal is neither read nor written. Factorisations never regularise: a pivot that
/// cannot be used is reported, and what to do about it is the caller's decision.
/// Source: Golub and Van Loan, Matrix Computations, 4th ed., sections 4.2 and 4.4.

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "lior/core/view.h"

namespace lior::linalg {

inline constexpr Index kLargestSmallMatrix = 16;

/// The pivot at which a factorisation ended.
template <class T>
struct FailedPivot {
  Index index;
  T value;
};

/// A = L L^T: overwrites the lower triangle of A by L. Fails at the first pivot that is not > 0 (or
/// is NaN): A is not positive definite, or not to rounding. d^3 / 3 operations.
/// Accuracy: |A - L L^T| <= (d + 1) eps max|diag A|, element by element.
template <class T>
[[nodiscard]] constexpr std::optional<FailedPivot<T>> cholesky(View<T, 2> a) {
  const Index d = a.extent(0);
  for (Index j = 0; j < d; ++j) {
    T pivot = a(j, j);
    for (Index k = 0; k < j; ++k) pivot -= a(j, k) * a(j, k);
    if (!(pivot > 0)) return FailedPivot<T>{j, pivot};
    a(j, j) = std::sqrt(pivot);
    for (Index i = j + 1; i < d; ++i) {
      T sum = a(i, j);
      for (Index k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
      a(i, j) = sum / a(j, j);
    }
  }
  return std::nullopt;
}

/// b := L^-1 b.
template <class T>
constexpr void solve_lower(View<const std::type_identity_t<T>, 2> l, std::span<T> b) {
  for (Index i = 0; i < l.extent(0); ++i) {
    for (Index k = 0; k < i; ++k) b[i] -= l(i, k) * b[k];
    b[i] /= l(i, i);
  }
}

/// b := L^-T b.
template <class T>
constexpr void solve_lower_transposed(View<const std::type_identity_t<T>, 2> l, std::span<T> b) {
  for (Index i = l.extent(0) - 1; i >= 0; --i) {
    for (Index k = i + 1; k < l.extent(0); ++k) b[i] -= l(k, i) * b[k];
    b[i] /= l(i, i);
  }
}

/// b := A^-1 b from cholesky's L.
template <class T>
constexpr void cholesky_solve(View<const std::type_identity_t<T>, 2> l, std::span<T> b) {
  solve_lower(l, b);
  solve_lower_transposed(l, b);
}

/// det A from cholesky's L.
template <class T>
constexpr T cholesky_determinant(View<T, 2> l) {
  std::remove_const_t<T> root = 1;
  for (Index i = 0; i < l.extent(0); ++i) root *= l(i, i);
  return root * root;
}

/// P A = L U of any A: [d, d], by Gaussian elimination with row pivoting: A is overwritten by L
/// below the diagonal, whose own is 1, and U; in step k row k was swapped with row order[k].
/// False where A is singular or has a NaN. d^3 / 3 multiply-adds.
template <class T>
[[nodiscard]] constexpr bool lu(View<T, 2> a, std::span<int> order) {
  const Index d = a.extent(0);
  for (Index k = 0; k < d; ++k) {
    Index pivot = k;
    for (Index i = k + 1; i < d; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    order[k] = static_cast<int>(pivot);
    if (!(std::abs(a(pivot, k)) > 0)) return false;
    if (pivot != k) std::swap_ranges(&a(k, 0), &a(k, 0) + d, &a(pivot, 0));
    for (Index i = k + 1; i < d; ++i) {
      const T factor = a(i, k) /= a(k, k);
      if (factor == 0) continue;
      for (Index j = k + 1; j < d; ++j) a(i, j) -= factor * a(k, j);
    }
  }
  return true;
}

/// b := A^-1 b from lu's result.
template <class T>
constexpr void lu_solve(View<const std::type_identity_t<T>, 2> a, std::span<const int> order,
                        std::span<T> b) {
  const Index d = a.extent(0);
  for (Index k = 0; k < d; ++k) std::swap(b[k], b[order[k]]);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < i; ++j) b[i] -= a(i, j) * b[j];
  }
  for (Index i = d - 1; i >= 0; --i) {
    for (Index j = i + 1; j < d; ++j) b[i] -= a(i, j) * b[j];
    b[i] /= a(i, i);
  }
}

/// P A P^T = L D L^T of an indefinite symmetric matrix, with pivoting by Bunch and Kaufman (Math.
/// Comp. 31, 1977): D has blocks 1 x 1 and 2 x 2, L has ones on its diagonal.
///
/// The lower triangle of `a` is overwritten: L below the blocks, D in them. Row k of P A P^T is row
/// order[k] of A where a block 1 x 1 stands, row ~order[k] for both rows of a block 2 x 2.
/// Fails only where the matrix that is left is exactly zero (A is singular) or has a NaN.
template <class T>
[[nodiscard]] std::optional<FailedPivot<T>> ldlt(View<T, 2> a, std::span<int> order);

/// b := A^-1 b from ldlt's result. d <= kLargestSmallMatrix.
template <class T>
void ldlt_solve(View<const std::type_identity_t<T>, 2> ld, std::span<const int> order,
                std::span<T> b);

/// det A from ldlt's result.
template <class T>
T ldlt_determinant(View<const T, 2> ld, std::span<const int> order);

/// How many eigenvalues of A are negative, from ldlt's result (Sylvester's law of inertia): 1 for
/// a metric of signature (-, +, +, +).
template <class T>
Index ldlt_negative_eigenvalues(View<const T, 2> ld, std::span<const int> order);

/// x_n = A_n^-1 b_n by Cholesky, lanes over points: a [d, d, N] (its lower triangle is read),
/// b, x [d, N]; `x` may be b.
///
/// Cost: d^3 / 3 + 2 d^2 operations a point. Bit-equal across thread counts. Throws lior::Error
/// unless d is 2, 3, 4, 8 or 16; and one that names the first point whose matrix is not positive
/// definite, its pivot and the pivot's value (x is then half written).
template <class T>
void cholesky_solve_planes(View<const T, 3> a, View<const T, 2> b, View<T, 2> x);

namespace reference {
/// By Gauss-Jordan elimination with row pivoting, of a full matrix; false if it is singular. Solve
/// with a factorisation instead: it costs a third, and its error is smaller.
template <class T>
bool inverse(View<const T, 2> a, View<T, 2> out);
/// By the sum over permutations (as cofactors of the first row). d! operations.
template <class T>
T determinant(View<const T, 2> a);
/// One point at a time, with the scalar factorisation.
template <class T>
void cholesky_solve_planes(View<const T, 3> a, View<const T, 2> b, View<T, 2> x);
}  // namespace reference

}  // namespace lior::linalg
