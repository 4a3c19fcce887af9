// SPDX-License-Identifier: Apache-2.0
#pragma once
// The shapes of a product, checked once for every element type.

#include <algorithm>
#include <cmath>

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

/// Rows row .. row + rows - 1 and columns col .. col + cols - 1 of op(A).
template <class T>
MatrixView<const T> block_of(Transpose transpose, MatrixView<const T> a, Index row, Index col,
                             Index rows, Index cols) {
  return transpose == Transpose::yes ? a.block(col, row, cols, rows)
                                     : a.block(row, col, rows, cols);
}

constexpr Index kBlockSide = 256;  // a block's sides are multiples of it

/// body(row, col, rows, cols) on the blocks of C in an M x N x K product: on all of C, or where
/// that takes more than twice so many operations, on blocks of about so many, with check_stop()
/// between. They are as near to squares as C lets them be: a block reads K numbers for each row and
/// column.
template <class Body>
void in_blocks(const Shape<3>& product, double operations, Body&& body) {
  const auto [m, n, k] = product;
  const double elements = operations / (2.0 * static_cast<double>(k));
  if (static_cast<double>(m) * static_cast<double>(n) <= 2 * elements) {
    check_stop();
    return body(Index{0}, Index{0}, m, n);
  }
  const auto side = [](double wanted, Index whole) {
    const auto multiple = static_cast<Index>(std::min(wanted, 1e9)) / kBlockSide * kBlockSide;
    return std::min(std::max(multiple, kBlockSide), whole);
  };
  const Index about = side(std::sqrt(elements), n);
  const Index rows = side(elements / static_cast<double>(about), m);
  const Index cols = side(elements / static_cast<double>(rows), n);
  in_pieces(m, rows, [&, n = n](Index row, Index row_end) {
    in_pieces(n, cols,
              [&](Index col, Index col_end) { body(row, col, row_end - row, col_end - col); });
  });
}

/// Fewest bytes that an m x n x k product of T moves.
template <class T>
double product_bytes(Index m, Index n, Index k, bool reads_c) {
  return sizeof(T) * static_cast<double>(m * k + k * n + (reads_c ? 2 : 1) * m * n);
}

}  // namespace lior::linalg
