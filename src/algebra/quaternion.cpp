#include "lior/algebra/quaternion.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/kernels/quaternion.inl.h"
#include <hwy/foreach_target.h>
#include "algebra/kernels/quaternion.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra {
namespace {
constexpr Index kPointsPerThread = 8192;  // below this a second thread costs more than it brings
}

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
  const auto kernel = LIOR_SIMD_TABLE(quaternion_rotate_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(q.data() + begin, v.data() + begin, out.data() + begin, count, end - begin);
  });
}

template void quaternion_multiply(View<const float, 2>, View<const float, 2>, View<float, 2>);
template void quaternion_multiply(View<const double, 2>, View<const double, 2>, View<double, 2>);
template void quaternion_rotate(View<const float, 2>, View<const float, 2>, View<float, 2>);
template void quaternion_rotate(View<const double, 2>, View<const double, 2>, View<double, 2>);

}  // namespace lior::algebra
#endif
