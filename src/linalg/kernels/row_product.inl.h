// SPDX-License-Identifier: Apache-2.0
// A row times the rows of a matrix. Compiled once per level.
#if defined(LIOR_LINALG_KERNELS_ROW_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_LINALG_KERNELS_ROW_PRODUCT_INL_H
#undef LIOR_LINALG_KERNELS_ROW_PRODUCT_INL_H
#else
#define LIOR_LINALG_KERNELS_ROW_PRODUCT_INL_H
#endif

#include <hwy/cache_control.h>

#include "lior/linalg/matrix_view.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::linalg::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_parts;
using simd::HWY_NAMESPACE::load_part;

/// y_r = alpha x . (row r of b) + beta y_r for kRows rows, which `y` and `b` begin with: chains of
/// sums enough for the latency of a multiply-add, and x is loaded once for all. The rows that come
/// after them are asked for meanwhile.
template <int kRows>
HWY_INLINE void row_products(float alpha, const float* HWY_RESTRICT x, MatrixView<const float> b,
                             float beta, float* HWY_RESTRICT y) {
  const hn::ScalableTag<float> d;
  hn::Vec<decltype(d)> sum[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) sum[r] = hn::Zero(d);
  for_parts<float>(b.cols, [&](auto tag, Index k, Index lanes) {
    const auto factor = load_part(tag, x + k, lanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float* row = b.data + r * b.stride + k;
      hwy::Prefetch(row + kRows * b.stride);
      sum[r] = hn::MulAdd(load_part(tag, row, lanes), factor, sum[r]);
    }
  });
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const float product = alpha * hn::GetLane(hn::SumOfLanes(d, sum[r]));
    y[r] = beta == 0 ? product : product + beta * y[r];
  }
}

inline void row_product(float alpha, const float* x, MatrixView<const float> b, float beta,
                        float* y) noexcept {
  constexpr int kRows = 8;
  Index r = 0;
  const auto rest = [&] {
    return MatrixView<const float>{b.data + r * b.stride, b.rows - r, b.cols, b.stride};
  };
  for (; r + kRows <= b.rows; r += kRows) row_products<kRows>(alpha, x, rest(), beta, y + r);
  for (; r < b.rows; ++r) row_products<1>(alpha, x, rest(), beta, y + r);
}

}  // namespace lior::linalg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
