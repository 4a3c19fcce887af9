// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/ci8.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/kernels/ci8.inl.h"
#include <hwy/foreach_target.h>
#include "algebra/kernels/ci8.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra {
namespace {

constexpr Index kPointsPerThread = 2048;  // below this a second thread costs more than it brings

/// 1 for the planes of real states, 2 for complex ones.
template <class T>
int checked_parts(const View<T, 2>& x, const char* name) {
  LIOR_CHECK(x.extent(0) == 8 || x.extent(0) == 16,
             "{} has shape {}; expected [8, N] (real) or [16, N] (complex)", name,
             to_string(x.shape()));
  return static_cast<int>(x.extent(0) / 8);
}

template <class T>
auto apply_kernel(Transition transition) {
  switch (transition) {
    case Transition::left: return LIOR_SIMD_TABLE(apply_planes<T, Transition::left>).chosen();
    case Transition::two_sided:
      return LIOR_SIMD_TABLE(apply_planes<T, Transition::two_sided>).chosen();
    case Transition::right: break;
  }
  return LIOR_SIMD_TABLE(apply_planes<T, Transition::right>).chosen();
}

template <class T>
auto apply_adjoint_kernel(Transition transition) {
  switch (transition) {
    case Transition::left:
      return LIOR_SIMD_TABLE(apply_adjoint_planes<T, Transition::left>).chosen();
    case Transition::two_sided:
      return LIOR_SIMD_TABLE(apply_adjoint_planes<T, Transition::two_sided>).chosen();
    case Transition::right: break;
  }
  return LIOR_SIMD_TABLE(apply_adjoint_planes<T, Transition::right>).chosen();
}

}  // namespace

template <class T>
void ci8_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out, Factor x_factor,
                  Factor y_factor) {
  const Index count = x.extent(1);
  check_shape(x, {16, count}, "x");
  check_shape(y, {16, count}, "y");
  check_shape(out, {16, count}, "out");
  const T x_sign = x_factor == Factor::plain ? 1 : -1;
  const T y_sign = y_factor == Factor::plain ? 1 : -1;
  const auto kernel = LIOR_SIMD_TABLE(ci8_multiply_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, y.data() + begin, out.data() + begin, count, end - begin, x_sign,
           y_sign);
  });
}

template <class T>
void ci8_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out) {
  const Index count = x.extent(1);
  check_shape(x, {16, count}, "x");
  check_shape(y, {16, count}, "y");
  check_shape(z, {16, count}, "z");
  check_shape(out, {16, count}, "out");
  const auto kernel = LIOR_SIMD_TABLE(ci8_associator_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, y.data() + begin, z.data() + begin, out.data() + begin, count,
           end - begin);
  });
}

template <class T>
void ci8_conjugate(View<const T, 2> x, View<T, 2> out) {
  const int parts = checked_parts(x, "x");
  check_shape(out, x.shape(), "out");
  const Index count = x.extent(1);
  const auto kernel = LIOR_SIMD_TABLE(conjugate_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, out.data() + begin, count, end - begin, parts);
  });
}

template <class T>
void ci8_norm(View<const T, 2> x, View<T, 1> out) {
  const int parts = checked_parts(x, "x");
  const Index count = x.extent(1);
  check_shape(out, {count}, "out");
  const auto kernel = LIOR_SIMD_TABLE(norm_planes<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(x.data() + begin, out.data() + begin, count, end - begin, parts);
  });
}

template <class T>
void apply(Transition transition, View<const T, 2> u, View<const T, 2> x, View<T, 2> out) {
  const int parts = checked_parts(x, "x");
  const Index count = x.extent(1);
  check_shape(u, {8, count}, "u");
  check_shape(out, x.shape(), "out");
  const auto kernel = apply_kernel<T>(transition);
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(u.data() + begin, x.data() + begin, out.data() + begin, count, end - begin, parts);
  });
}

template <class T>
void apply_adjoint(Transition transition, View<const T, 2> u, View<const T, 2> x,
                   View<const T, 2> g, View<T, 2> dx, View<T, 2> du) {
  const int parts = checked_parts(x, "x");
  const Index count = x.extent(1);
  check_shape(u, {8, count}, "u");
  check_shape(g, x.shape(), "g");
  check_shape(dx, x.shape(), "dx");
  check_shape(du, {8, count}, "du");
  const auto kernel = apply_adjoint_kernel<T>(transition);
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(u.data() + begin, x.data() + begin, g.data() + begin, dx.data() + begin,
           du.data() + begin, count, end - begin, parts);
  });
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void ci8_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>, Factor, Factor);     \
  template void ci8_associator(View<const T, 2>, View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void ci8_conjugate(View<const T, 2>, View<T, 2>);                                      \
  template void ci8_norm(View<const T, 2>, View<T, 1>);                                           \
  template void apply(Transition, View<const T, 2>, View<const T, 2>, View<T, 2>);                \
  template void apply_adjoint(Transition, View<const T, 2>, View<const T, 2>, View<const T, 2>,   \
                              View<T, 2>, View<T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra
#endif
