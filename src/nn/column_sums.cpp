// SPDX-License-Identifier: Apache-2.0
#include "nn/column_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/rows.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/rows.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::nn {

template <class T>
void add_block_sums(linalg::MatrixView<const T> partial, std::span<T> sums) {
  LIOR_SIMD_TABLE(add_rows<T>).chosen()(partial, sums.data());
}

template <class T>
void add_column_sums(linalg::MatrixView<const T> rows, std::span<T> sums, Arena& workspace) {
  const RowBlocks blocks{rows.rows};
  const Arena::Scope scope(workspace);
  const View<T, 2> partial = workspace.take<T, 2>({blocks.count(), rows.cols});
  if (workspace.planning()) return;
  const auto kernel = LIOR_SIMD_TABLE(add_rows<T>).chosen();
  parallel_for(blocks.count(), 1, [&](Index first, Index last, int) {
    for (Index b = first; b < last; ++b) {
      std::fill_n(partial[b].data(), rows.cols, T{});
      kernel(rows.block(blocks.begin(b), 0, blocks.end(b) - blocks.begin(b), rows.cols),
             partial[b].data());
    }
  });
  add_block_sums<T>(partial, sums);
}

#define LIOR_INSTANTIATE(T)                                                \
  template void add_block_sums(linalg::MatrixView<const T>, std::span<T>); \
  template void add_column_sums(linalg::MatrixView<const T>, std::span<T>, Arena&)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
