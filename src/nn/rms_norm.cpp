// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/rms_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/rms_norm.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/rms_norm.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"
#include "nn/column_sums.h"

namespace lior::nn {

using linalg::MatrixView;

template <class T>
void rms_norm_forward(MatrixView<const T> x, std::span<const T> gain, double epsilon,
                      MatrixView<T> y, std::span<T> inv_rms) {
  const Index R = x.rows, K = x.cols;
  const ProfiledOp op("norm", 4.0 * R * K, 2.0 * sizeof(T) * R * K);
  check_matrix(x, R, K, "x");
  check_matrix(y, R, K, "y");
  check_size(gain, K, "gain");
  check_size(inv_rms, R, "inv_rms");
  const auto kernel = LIOR_SIMD_TABLE(rms_norm_forward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(K), [&](Index begin, Index end, int) {
    kernel(x.block(begin, 0, end - begin, K), gain.data(), static_cast<T>(epsilon),
           y.block(begin, 0, end - begin, K), inv_rms.data() + begin);
  });
}

template <class T>
void rms_norm_backward(MatrixView<const T> x, std::span<const T> gain, std::span<const T> inv_rms,
                       MatrixView<const T> dy, Store store, MatrixView<T> dx, std::span<T> d_gain,
                       Arena& workspace) {
  const Index R = x.rows, K = x.cols;
  const ProfiledOp op("norm", 14.0 * R * K, (store == Store::add ? 4.0 : 3.0) * sizeof(T) * R * K);
  check_matrix(x, R, K, "x");
  check_matrix(dy, R, K, "dy");
  check_matrix(dx, R, K, "dx");
  check_size(gain, K, "gain");
  check_size(inv_rms, R, "inv_rms");
  check_size(d_gain, K, "d_gain");
  const RowBlocks blocks{R};
  const Arena::Scope scope(workspace);
  const View<T, 2> partial = workspace.take<T, 2>({blocks.count(), K});
  if (workspace.planning()) return;
  const auto kernel = store == Store::add
                          ? LIOR_SIMD_TABLE(rms_norm_backward_rows<Store::add, T>).chosen()
                          : LIOR_SIMD_TABLE(rms_norm_backward_rows<Store::write, T>).chosen();
  parallel_for(blocks.count(), 1, [&](Index first, Index last, int) {
    for (Index b = first; b < last; ++b) {
      const Index begin = blocks.begin(b), rows = blocks.end(b) - begin;
      std::fill_n(partial[b].data(), K, T{});
      kernel(x.block(begin, 0, rows, K), gain.data(), inv_rms.data() + begin,
             dy.block(begin, 0, rows, K), dx.block(begin, 0, rows, K), partial[b].data());
    }
  });
  add_block_sums<T>(partial, d_gain);
}

#define LIOR_INSTANTIATE(T)                                                                      \
  template void rms_norm_forward(MatrixView<const T>, std::span<const T>, double, MatrixView<T>, \
                                 std::span<T>);                                                  \
  template void rms_norm_backward(MatrixView<const T>, std::span<const T>, std::span<const T>,   \
                                  MatrixView<const T>, Store, MatrixView<T>, std::span<T>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
