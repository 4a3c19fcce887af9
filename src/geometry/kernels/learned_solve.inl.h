// SPDX-License-Identifier: Apache-2.0
// Systems of the learned metric, a point a lane. Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_SOLVE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_SOLVE_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_SOLVE_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_SOLVE_INL_H
#endif

#include "linalg/kernels/cholesky.inl.h"
#include "lior/geometry/metric.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr Index kD = kMostDimensions;

/// Out of line: their loops are as long as all else.
template <int kGroups, class D, class V>
HWY_NOINLINE void cholesky(D tag, Index d, const V* HWY_RESTRICT a, V* HWY_RESTRICT l,
                           hn::Mask<D>& failed) {
  linalg::HWY_NAMESPACE::cholesky_lanes<kGroups>(tag, d, a, l, failed);
}
template <int kColumns, int kGroups, class V>
HWY_NOINLINE void cholesky_solve(Index d, const V* HWY_RESTRICT l, V* HWY_RESTRICT b) {
  linalg::HWY_NAMESPACE::cholesky_solve_lanes<kColumns, kGroups>(d, l, b);
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
