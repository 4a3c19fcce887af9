// SPDX-License-Identifier: Apache-2.0
#pragma once
// The shapes of a product, checked once for every element type.

#include <algorithm>

#include "lior/core/stop.h"
#include "lior/linalg/gemm.h"

namespace lior::linalg {

template <class T>
void check_matrix(MatrixView<T> matrix, const char* name) {
  LIOR_CHECK(matrix.rows >= 0 && matrix.cols >= 0, "{} is {} x {}; both must be >= 0", name,
             matrix.rows, matrix.cols);
  LIOR_CHECK(matrix.stride >= matrix.cols || matrix.rows <= 1,
             "rows of {} are {} elements apart; they hold {}, so the stride must be at least that",
             name, matrix.stride, matrix.cols);
}

/// [M, N, K] of op(A) op(B) -> C.
template <class T, class U>
Shape<3> check_product(Transpose transpose_a, Transpose transpose_b, MatrixView<const T> a,
                       MatrixView<const T> b, MatrixView<U> c) {
  check_matrix(a, "a");
  check_matrix(b, "b");
  check_matrix(c, "c");
  const bool ta = transpose_a == Transpose::yes, tb = transpose_b == Transpose::yes;
  const Index rows = ta ? a.cols : a.rows, inner = ta ? a.rows : a.cols;
  const Index b_rows = tb ? b.cols : b.rows, cols = tb ? b.rows : b.cols;
  LIOR_CHECK(inner == b_rows && c.rows == rows && c.cols == cols,
             "op(a) is {} x {}, op(b) {} x {}, c {} x {}; a product needs M x K, K x N and M x N",
             rows, inner, b_rows, cols, c.rows, c.cols);
  return {rows, cols, inner};
}

/// C = beta C; beta = 0 does not read C.
template <class T>
void scale(MatrixView<T> c, T beta) {
  if (beta == 1) return;
  for (Index i = 0; i < c.rows; ++i) {
    T* const row = c.data + i * c.stride;
    for (Index j = 0; j < c.cols; ++j) row[j] = beta == 0 ? T{0} : beta * row[j];
  }
}

/// The part of A that rows begin .. end - 1 of op(A) are.
template <class T>
MatrixView<const T> rows_of(Transpose transpose, MatrixView<const T> a, Index begin, Index end) {
  return transpose == Transpose::yes ? a.block(0, begin, a.rows, end - begin)
                                     : a.block(begin, 0, end - begin, a.cols);
}

/// body(begin, end) on the rows of an M x N x K product: on all of them, or where that takes more
/// than twice so many operations, on pieces of about so many, with check_stop() between.
template <class Body>
void in_row_pieces(const Shape<3>& product, double operations, Body&& body) {
  constexpr Index kRows = 256;  // fewest: each piece reads all of B
  const auto [m, n, k] = product;
  const double of_row = 2.0 * static_cast<double>(n) * static_cast<double>(k);
  const auto piece = static_cast<Index>(std::min(operations / of_row, 1e9)) / kRows * kRows;
  const bool is_short = static_cast<double>(m) * of_row <= 2 * operations;
  in_pieces(m, is_short ? m : std::max(piece, kRows), body);
}

/// Fewest bytes that an m x n x k product of T moves.
template <class T>
double product_bytes(Index m, Index n, Index k, bool reads_c) {
  return sizeof(T) * static_cast<double>(m * k + k * n + (reads_c ? 2 : 1) * m * n);
}

}  // namespace lior::linalg
