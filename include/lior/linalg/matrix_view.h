// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A matrix that somebody else owns, row-major, its rows `stride` elements apart.

#include <type_traits>

#include "lior/core/view.h"

namespace lior::linalg {

/// Element (i, j) is data[i * stride + j]. A block of columns of a wider array is one too, so
/// products read and write parts of arrays in place. Copying copies the pointer.
/// View<T, 2> converts to it, MatrixView<T> converts to MatrixView<const T>.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;

  constexpr MatrixView() = default;
  constexpr MatrixView(T* first, Index row_count, Index col_count, Index row_stride)
      : data(first), rows(row_count), cols(col_count), stride(row_stride) {}
  constexpr MatrixView(T* first, Index row_count, Index col_count)
      : MatrixView(first, row_count, col_count, col_count) {}
  template <class U>
  requires(std::is_same_v<U, T> || std::is_same_v<const U, T>)  //
      constexpr explicit(false) MatrixView(const View<U, 2>& view)
      : MatrixView(view.data(), view.extent(0), view.extent(1)) {}
  template <class U>
  requires(std::is_same_v<const U, T> && !std::is_same_v<U, T>)  //
      constexpr explicit(false) MatrixView(const MatrixView<U>& other)
      : MatrixView(other.data, other.rows, other.cols, other.stride) {}

  constexpr T& operator()(Index i, Index j) const {
    LIOR_ASSERT(i >= 0 && i < rows && j >= 0 && j < cols);
    return data[i * stride + j];
  }

  /// Rows [row, row + row_count) of columns [col, col + col_count); of no data, none.
  constexpr MatrixView block(Index row, Index col, Index row_count, Index col_count) const {
    LIOR_ASSERT(row >= 0 && row + row_count <= rows && col >= 0 && col + col_count <= cols);
    T* const first = data == nullptr ? nullptr : data + row * stride + col;
    return {first, row_count, col_count, stride};
  }
};

}  // namespace lior::linalg
