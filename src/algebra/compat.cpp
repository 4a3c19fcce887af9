// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/compat.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/kernels/compat.inl.h"
#include <hwy/foreach_target.h>
#include "algebra/kernels/compat.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra::compat {
namespace {
constexpr Index kPointsPerThread = 2048;  // below this a second thread costs more than it brings

/// kernel over the points of planes [components, N].
template <class T, class Kernel>
void multiply(Index components, View<const T, 2> x, View<const T, 2> y, View<T, 2> out,
              Kernel kernel) {
  const Index count = x.extent(1);
  check_shape(x, {components, count}, "x");
  check_shape(y, {components, count}, "y");
  check_shape(out, {components, count}, "out");
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, y.data() + begin, out.data() + begin, count, end - begin);
  });
}

}  // namespace

template <class T>
void componentwise_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  multiply(16, x, y, out, LIOR_SIMD_TABLE(componentwise_multiply_planes<T>).chosen());
}

template <class T>
void fano_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  LIOR_CHECK(x.extent(0) == 8 || x.extent(0) == 16,
             "x has shape {}; expected [8, N] (real) or [16, N] (complex)", to_string(x.shape()));
  if (x.extent(0) == 8) {
    multiply(8, x, y, out, LIOR_SIMD_TABLE(fano_multiply_planes<T>).chosen());
  } else {
    multiply(16, x, y, out, LIOR_SIMD_TABLE(fano_multiply_complex_planes<T>).chosen());
  }
}

template <class T>
void fano_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out) {
  const Index count = x.extent(1);
  check_shape(x, {16, count}, "x");
  check_shape(y, {16, count}, "y");
  check_shape(z, {16, count}, "z");
  check_shape(out, {16, count}, "out");
  const auto kernel = LIOR_SIMD_TABLE(fano_associator_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, y.data() + begin, z.data() + begin, out.data() + begin, count,
           end - begin);
  });
}

#define LIOR_INSTANTIATE(T)                                                             \
  template void componentwise_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void fano_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>);          \
  template void fano_associator(View<const T, 2>, View<const T, 2>, View<const T, 2>, View<T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra::compat
#endif
