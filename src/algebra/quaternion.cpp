// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/quaternion.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/kernels/quaternion.inl.h"
#include <hwy/foreach_target.h>
#include "algebra/kernels/quaternion.inl.h"

#if HWY_ONCE
#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra {
namespace {
constexpr Index kPointsPerThread = 8192;  // below this a second thread costs more than it brings

/// Throws the error of a quaternion that is no rotation, from point `n` on.
template <class T>
[[noreturn]] void throw_not_unit(View<const T, 2> q, Index n, T most) {
  const auto square = [&](Index i) {
    return q(0, i) * q(0, i) + q(1, i) * q(1, i) + q(2, i) * q(2, i) + q(3, i) * q(3, i);
  };
  while (n + 1 < q.extent(1) && !(std::abs(square(n) - 1) > most)) ++n;
  throw Error(fmt::format("quaternion {} has length {}; expected 1, so that it is a rotation", n,
                          std::sqrt(square(n))));
}
}  // namespace

template <class T>
void quaternion_multiply(View<const T, 2> p, View<const T, 2> q, View<T, 2> out) {
  const Index count = p.extent(1);
  check_shape(p, {4, count}, "p");
  check_shape(q, {4, count}, "q");
  check_shape(out, {4, count}, "out");
  const auto kernel = LIOR_SIMD_TABLE(quaternion_multiply_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(p.data() + begin, q.data() + begin, out.data() + begin, count, end - begin);
  });
}

template <class T>
void quaternion_rotate(View<const T, 2> q, View<const T, 2> v, View<T, 2> out) {
  const Index count = q.extent(1);
  check_shape(q, {4, count}, "q");
  check_shape(v, {3, count}, "v");
  check_shape(out, {3, count}, "out");
  const T most = std::sqrt(std::numeric_limits<T>::epsilon());
  const auto kernel = LIOR_SIMD_TABLE(quaternion_rotate_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    const Index wrong =
        kernel(q.data() + begin, v.data() + begin, most, out.data() + begin, count, end - begin);
    if (wrong >= 0) throw_not_unit(q, begin + wrong, most);
  });
}

#define LIOR_INSTANTIATE(T)                                                          \
  template void quaternion_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void quaternion_rotate(View<const T, 2>, View<const T, 2>, View<T, 2>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra
#endif
