// SPDX-License-Identifier: Apache-2.0
#include "geometry/planes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "geometry/planes.cpp"
#include <hwy/foreach_target.h>
#include "geometry/kernels/planes.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::geometry {

template <class T>
void advance(const T* y, T step, const SlopeSum<T>& sum, T* out, Index count) {
  LIOR_SIMD_TABLE(advance_planes<T>).chosen()(y, step, sum, out, count);
}

template <class T>
bool all_finite(const T* x, Index rows, Index stride, Index count) {
  return LIOR_SIMD_TABLE(finite_planes<T>).chosen()(x, rows, stride, count);
}

#define LIOR_INSTANTIATE(T)                                          \
  template void advance(const T*, T, const SlopeSum<T>&, T*, Index); \
  template bool all_finite(const T*, Index, Index, Index)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
#endif
