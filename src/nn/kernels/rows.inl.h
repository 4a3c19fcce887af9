// SPDX-License-Identifier: Apache-2.0
// Lanes along a row: sums of one row, and sums over rows. Compiled once per level.
#if defined(LIOR_NN_KERNELS_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_ROWS_INL_H
#undef LIOR_NN_KERNELS_ROWS_INL_H
#else
#define LIOR_NN_KERNELS_ROWS_INL_H
#endif

#include "lior/linalg/matrix_view.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using linalg::MatrixView;
using simd::HWY_NAMESPACE::for_lanes;

/// The sum over a row of what body(d, n, sum) adds to `sum` at n. Four sums run side by side, since
/// one alone waits for its own additions.
template <class T, class Body>
HWY_INLINE T row_sum(Index count, const Body& body) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 1> one;
  const Index lanes = static_cast<Index>(hn::Lanes(wide));
  auto a = hn::Zero(wide), b = a, c = a, e = a;
  Index n = 0;
  for (; n + 4 * lanes <= count; n += 4 * lanes) {
    a = body(wide, n, a);
    b = body(wide, n + lanes, b);
    c = body(wide, n + 2 * lanes, c);
    e = body(wide, n + 3 * lanes, e);
  }
  for (; n + lanes <= count; n += lanes) a = body(wide, n, a);
  auto rest = hn::Zero(one);
  for (; n < count; ++n) rest = body(one, n, rest);
  const auto sum = hn::Add(hn::Add(a, b), hn::Add(c, e));
  return hn::GetLane(hn::SumOfLanes(wide, sum)) + hn::GetLane(rest);
}

/// sums_j += sum_r rows(r, j), r in order.
template <class T>
void add_rows(MatrixView<const T> rows, T* sums) noexcept {
  for (Index r = 0; r < rows.rows; ++r) {
    const T* row = rows.data + r * rows.stride;
    for_lanes<T>(rows.cols, [=](auto d, Index j) {
      hn::StoreU(hn::Add(hn::LoadU(d, sums + j), hn::LoadU(d, row + j)), d, sums + j);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
