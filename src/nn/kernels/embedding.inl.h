// SPDX-License-Identifier: Apache-2.0
// Additions into rows of a table, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_EMBEDDING_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_EMBEDDING_INL_H
#undef LIOR_NN_KERNELS_EMBEDDING_INL_H
#else
#define LIOR_NN_KERNELS_EMBEDDING_INL_H
#endif

#include <cstdint>

#include "nn/kernels/rows.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

/// table_{tokens_r} += rows_r, r in order.
template <class T>
void scatter_rows(const std::int32_t* tokens, MatrixView<const T> rows,
                  MatrixView<T> table) noexcept {
  for (Index r = 0; r < rows.rows; ++r) {
    add_rows<T>(rows.block(r, 0, 1, rows.cols), table.data + tokens[r] * table.stride);
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
