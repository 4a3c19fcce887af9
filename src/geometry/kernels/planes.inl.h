// SPDX-License-Identifier: Apache-2.0
// The sums over planes of numbers that an integrator makes between two slopes. Compiled once per
// level.
#if defined(LIOR_GEOMETRY_KERNELS_PLANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#undef LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_PLANES_INL_H
#endif

#include <cmath>

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

/// 0 x is NaN where x is not finite, and a sum keeps it: one operation a vector, asked once.
template <class T>
bool finite_planes(const T* x, Index rows, Index stride, Index count) noexcept {
  const hn::ScalableTag<T> d;
  const auto zero = hn::Zero(d);
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  auto even = zero, odd = zero;
  bool finite = true;
  for (Index m = 0; m < rows; ++m) {
    const T* const row = x + m * stride;
    Index n = 0;
    for (; n + 2 * lanes <= count; n += 2 * lanes) {
      even = hn::MulAdd(hn::LoadU(d, row + n), zero, even);
      odd = hn::MulAdd(hn::LoadU(d, row + n + lanes), zero, odd);
    }
    for (; n + lanes <= count; n += lanes) even = hn::MulAdd(hn::LoadU(d, row + n), zero, even);
    for (; n < count; ++n) finite &= std::isfinite(row[n]);
  }
  return finite && hn::AllTrue(d, hn::Eq(hn::Add(even, odd), zero));
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
