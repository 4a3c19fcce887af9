// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/kernels/octonion.inl.h"
#include <hwy/foreach_target.h>
#include "algebra/kernels/octonion.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra {
namespace {
constexpr Index kPointsPerThread = 4096;  // below this a second thread costs more than it brings
}

template <class T>
void octonion_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  const Index count = x.extent(1);
  check_shape(x, {8, count}, "x");
  check_shape(y, {8, count}, "y");
  check_shape(out, {8, count}, "out");
  const auto kernel = LIOR_SIMD_TABLE(multiply_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, y.data() + begin, out.data() + begin, count, end - begin);
  });
}

template void octonion_multiply(View<const float, 2>, View<const float, 2>, View<float, 2>);
template void octonion_multiply(View<const double, 2>, View<const double, 2>, View<double, 2>);

}  // namespace lior::algebra
#endif
