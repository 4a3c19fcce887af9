// SPDX-License-Identifier: Apache-2.0
// Sums of rows that a list chooses, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_NGRAM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_NGRAM_INL_H
#undef LIOR_NN_KERNELS_NGRAM_INL_H
#else
#define LIOR_NN_KERNELS_NGRAM_INL_H
#endif

#include <cstdint>

#include "lior/linalg/matrix_view.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using linalg::MatrixView;
using simd::HWY_NAMESPACE::for_lanes;

/// sum = start + scale table_{rows_0} + scale table_{rows_1} + ..., in order, but for rows < 0;
/// start may be sum itself.
template <class T>
void add_chosen_rows(MatrixView<const T> table, const std::int32_t* rows, Index count, T scale,
                     const T* start, T* sum) noexcept {
  for_lanes<T>(table.cols, [=](auto d, Index k) {
    auto total = hn::LoadU(d, start + k);
    for (Index i = 0; i < count; ++i) {
      if (rows[i] < 0) continue;
      total = hn::MulAdd(hn::Set(d, scale), hn::LoadU(d, table.data + rows[i] * table.stride + k),
                         total);
    }
    hn::StoreU(total, d, sum + k);
  });
}

/// sum = scale (rows_0 of table + rows_1 + ...), in order; at least one.
template <class T>
void sum_chosen_rows(MatrixView<const T> table, const std::int32_t* rows, Index count, T scale,
                     T* sum) noexcept {
  for_lanes<T>(table.cols, [=](auto d, Index k) {
    auto total = hn::LoadU(d, table.data + rows[0] * table.stride + k);
    for (Index i = 1; i < count; ++i) {
      total = hn::Add(total, hn::LoadU(d, table.data + rows[i] * table.stride + k));
    }
    hn::StoreU(hn::Mul(hn::Set(d, scale), total), d, sum + k);
  });
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
