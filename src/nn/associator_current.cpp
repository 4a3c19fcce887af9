// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/associator_current.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/associator_current.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/associator_current.inl.h"

#if HWY_ONCE
#include <cmath>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"
#include "nn/column_sums.h"

namespace lior::nn {

using linalg::MatrixView;

namespace {

constexpr Index kRowsPerThread = 16;
constexpr double kSmallestTransport = 1e-6;

template <class T>
struct Unit {
  T p[8] = {1, 0, 0, 0, 0, 0, 0, 0};
  T norm = 0;  ///< |P|, or 0 where p is not P/|P|
};

template <class T>
Unit<T> unit_of(View<const T, 1> P) {
  T square = 0;
  for (const T component : P) square += component * component;
  const T norm = std::sqrt(square);
  if (norm <= T(kSmallestTransport)) return {};
  Unit<T> unit{.norm = norm};
  for (Index k = 0; k < 8; ++k) unit.p[k] = P(k) / norm;
  return unit;
}

template <class T>
MatrixView<T> head_columns(MatrixView<T> all, Index row, Index rows, Index head, Index width) {
  return all.block(row, head * width, rows, width);
}

}  // namespace

template <class T>
void associator_current_forward(MatrixView<const T> factors, View<const T, 2> transport,
                                MatrixView<T> current) {
  const Index R = factors.rows, H = transport.extent(0);
  const ProfiledOp op("associator", 2 * 1152.0 * R * H,
                      1.0 * sizeof(T) * R * H * (kCurrentFactors + kCurrentWidth));
  check_shape(transport, {H, 8}, "transport");
  check_matrix(factors, R, kCurrentFactors * H, "factors");
  check_matrix(current, R, kCurrentWidth * H, "current");
  const auto kernel = LIOR_SIMD_TABLE(current_forward_rows<T>).chosen();
  parallel_for(R, kRowsPerThread, [&](Index begin, Index end, int) {
    for (Index head = 0; head < H; ++head) {
      kernel(head_columns(factors, begin, end - begin, head, kCurrentFactors),
             unit_of(transport[head]).p,
             head_columns(current, begin, end - begin, head, kCurrentWidth));
    }
  });
}

template <class T>
void associator_current_backward(MatrixView<const T> factors, View<const T, 2> transport,
                                 MatrixView<const T> current, MatrixView<const T> d_current,
                                 MatrixView<T> d_factors, View<T, 2> d_transport,
                                 Arena& workspace) {
  const Index R = factors.rows, H = transport.extent(0);
  const ProfiledOp op("associator", 2 * 2944.0 * R * H,
                      2.0 * sizeof(T) * R * H * (kCurrentFactors + kCurrentWidth));
  check_shape(transport, {H, 8}, "transport");
  check_shape(d_transport, {H, 8}, "d_transport");
  check_matrix(factors, R, kCurrentFactors * H, "factors");
  check_matrix(d_factors, R, kCurrentFactors * H, "d_factors");
  check_matrix(current, R, kCurrentWidth * H, "current");
  check_matrix(d_current, R, kCurrentWidth * H, "d_current");
  const RowBlocks blocks{R};
  const Arena::Scope scope(workspace);
  const auto partial = workspace.take<T, 2>({blocks.count(), 8 * H});
  const auto d_units = workspace.take<T, 2>({H, 8});
  if (workspace.planning()) return;
  const auto kernel = LIOR_SIMD_TABLE(current_backward_rows<T>).chosen();
  parallel_for(blocks.count(), 1, [&](Index first, Index last, int) {
    for (Index block = first; block < last; ++block) {
      const Index begin = blocks.begin(block), rows = blocks.end(block) - begin;
      std::fill_n(partial[block].data(), 8 * H, T(0));
      for (Index head = 0; head < H; ++head) {
        kernel(head_columns(factors, begin, rows, head, kCurrentFactors),
               unit_of(transport[head]).p, head_columns(current, begin, rows, head, kCurrentWidth),
               head_columns(d_current, begin, rows, head, kCurrentWidth),
               head_columns(d_factors, begin, rows, head, kCurrentFactors),
               partial[block].data() + 8 * head);
      }
    }
  });
  std::fill(d_units.begin(), d_units.end(), T(0));
  add_block_sums<T>(partial, d_units.span());
  for (Index head = 0; head < H; ++head) {
    const Unit<T> unit = unit_of(transport[head]);
    if (unit.norm == 0) continue;
    T along = 0;
    for (Index k = 0; k < 8; ++k) along += unit.p[k] * d_units(head, k);
    for (Index k = 0; k < 8; ++k) {
      d_transport(head, k) += (d_units(head, k) - along * unit.p[k]) / unit.norm;
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void associator_current_forward(MatrixView<const T>, View<const T, 2>, MatrixView<T>); \
  template void associator_current_backward(MatrixView<const T>, View<const T, 2>,                \
                                            MatrixView<const T>, MatrixView<const T>,             \
                                            MatrixView<T>, View<T, 2>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
