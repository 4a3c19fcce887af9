// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/spinor_map.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/spinor_map.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/spinor_map.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {

using linalg::MatrixView;

namespace {

/// Operations of one elementary function, for the profile.
constexpr double kElementary = 20;

/// Heads of octets [R, 24 H].
template <class T>
Index check_octets(MatrixView<const T> octets) {
  LIOR_CHECK(octets.cols % 24 == 0, "octets has rows of {} numbers; expected 24 a head",
             octets.cols);
  return octets.cols / 24;
}

}  // namespace

template <class T>
void spinor_map_forward(MatrixView<const T> octets, MatrixView<T> z) {
  const Index R = octets.rows, H = check_octets(octets);
  const ProfiledOp op("spinor map", (24 * kElementary + 32.0) * R * H, 40.0 * sizeof(T) * R * H);
  check_matrix(octets, R, 24 * H, "octets");
  check_matrix(z, R, 16 * H, "z");
  const auto kernel = LIOR_SIMD_TABLE(spinor_map_forward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(24 * 8 * H), [&](Index begin, Index end, int) {
    kernel(octets.block(begin, 0, end - begin, 24 * H), z.block(begin, 0, end - begin, 16 * H));
  });
}

template <class T>
void spinor_map_backward(MatrixView<const T> octets, MatrixView<const T> dz,
                         MatrixView<T> d_octets) {
  const Index R = octets.rows, H = check_octets(octets);
  const ProfiledOp op("spinor map", (24 * kElementary + 104.0) * R * H, 64.0 * sizeof(T) * R * H);
  check_matrix(octets, R, 24 * H, "octets");
  check_matrix(dz, R, 16 * H, "dz");
  check_matrix(d_octets, R, 24 * H, "d_octets");
  const auto kernel = LIOR_SIMD_TABLE(spinor_map_backward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(24 * 8 * H), [&](Index begin, Index end, int) {
    kernel(octets.block(begin, 0, end - begin, 24 * H), dz.block(begin, 0, end - begin, 16 * H),
           d_octets.block(begin, 0, end - begin, 24 * H));
  });
}

#define LIOR_INSTANTIATE(T)                                             \
  template void spinor_map_forward(MatrixView<const T>, MatrixView<T>); \
  template void spinor_map_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
