// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by the drivers of row-wise ops: checks of their arguments, and grains.

#include <algorithm>
#include <span>

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

template <class T>
void check_matrix(const linalg::MatrixView<T>& matrix, Index rows, Index cols, const char* name) {
  LIOR_CHECK(matrix.rows == rows && matrix.cols == cols, "{} is {} x {}; expected {} x {}", name,
             matrix.rows, matrix.cols, rows, cols);
  LIOR_CHECK(matrix.stride >= cols || rows <= 1,
             "{} has rows {} apart; expected at least their length {}", name, matrix.stride, cols);
}

template <class T>
void check_size(std::span<T> numbers, Index size, const char* name) {
  LIOR_CHECK(static_cast<Index>(numbers.size()) == size, "{} has {} entries; expected {}", name,
             numbers.size(), size);
}

/// Rows of `cols` numbers that are worth a thread of their own.
inline Index rows_per_thread(Index cols) {
  constexpr Index kNumbersPerThread = 16384;
  return std::max<Index>(1, kNumbersPerThread / std::max<Index>(cols, 1));
}

}  // namespace lior::nn
