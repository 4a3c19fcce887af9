// SPDX-License-Identifier: Apache-2.0
// The sums over planes of numbers that an integrator makes between two slopes. Compiled once per
// level.
#if defined(LIOR_GEOMETRY_KERNELS_PLANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#undef LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#endif

#include "geometry/planes.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void advance_planes(const T* HWY_RESTRICT y, T step, const SlopeSum<T>& sum, T* HWY_RESTRICT out,
                    Index count) noexcept {
  simd::HWY_NAMESPACE::for_lanes<T>(count, [&](auto d, Index n) {
    auto total = hn::Zero(d);
    for (int j = 0; j < sum.terms; ++j) {
      total = hn::MulAdd(hn::Set(d, sum.weight[j]), hn::LoadU(d, sum.slope[j] + n), total);
    }
    hn::StoreU(hn::MulAdd(hn::Set(d, step), total, hn::LoadU(d, y + n)), d, out + n);
  });
}

template <class T>
bool finite_planes(const T* x, Index rows, Index stride, Index count) noexcept {
  bool finite = true;
  for (Index m = 0; m < rows; ++m) {
    simd::HWY_NAMESPACE::for_lanes<T>(count, [&](auto d, Index n) {
      finite &= hn::AllTrue(d, hn::IsFinite(hn::LoadU(d, x + m * stride + n)));
    });
  }
  return finite;
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
