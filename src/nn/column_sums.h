// SPDX-License-Identifier: Apache-2.0
#pragma once
// Gradients of parameters that all rows share: sums over rows in an order that depends on their
// number alone, so that they are bit-equal across thread counts.

#include <algorithm>
#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Rows in at most 64 blocks of at least 32. Each block's sum is one partial row; partial rows are
/// then added in order.
struct RowBlocks {
  Index rows = 0;

  Index height() const { return std::max<Index>(32, (rows + 63) / 64); }
  Index count() const { return (rows + height() - 1) / height(); }
  Index begin(Index block) const { return block * height(); }
  Index end(Index block) const { return std::min(rows, (block + 1) * height()); }
};

/// sums_j += sum_b partial(b, j), b in order.
template <class T>
void add_block_sums(linalg::MatrixView<const T> partial, std::span<T> sums);

/// sums_j += sum_r rows(r, j), by blocks. Only takes its scratch where `workspace` is planning.
template <class T>
void add_column_sums(linalg::MatrixView<const T> rows, std::span<T> sums, Arena& workspace);

}  // namespace lior::nn
