// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/layer_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/layer_norm.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/layer_norm.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"
#include "nn/column_sums.h"

namespace lior::nn {

using linalg::MatrixView;

template <class T>
void layer_norm_forward(MatrixView<const T> x, std::span<const T> gain, std::span<const T> bias,
                        double epsilon, MatrixView<T> y, std::span<T> mean,
                        std::span<T> inv_deviation) {
  const Index R = x.rows, K = x.cols;
  check_matrix(x, R, K, "x");
  check_matrix(y, R, K, "y");
  check_size(gain, K, "gain");
  check_size(bias, K, "bias");
  check_size(mean, R, "mean");
  check_size(inv_deviation, R, "inv_deviation");
  const auto kernel = LIOR_SIMD_TABLE(layer_norm_forward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(K), [&](Index begin, Index end, int) {
    kernel(x.block(begin, 0, end - begin, K), gain.data(), bias.data(), static_cast<T>(epsilon),
           y.block(begin, 0, end - begin, K), mean.data() + begin, inv_deviation.data() + begin);
  });
}

template <class T>
void layer_norm_backward(MatrixView<const T> x, std::span<const T> gain, std::span<const T> mean,
                         std::span<const T> inv_deviation, MatrixView<const T> dy, Store store,
                         MatrixView<T> dx, std::span<T> d_gain, std::span<T> d_bias,
                         Arena& workspace) {
  const Index R = x.rows, K = x.cols;
  check_matrix(x, R, K, "x");
  check_matrix(dy, R, K, "dy");
  check_matrix(dx, R, K, "dx");
  check_size(gain, K, "gain");
  check_size(mean, R, "mean");
  check_size(inv_deviation, R, "inv_deviation");
  check_size(d_gain, K, "d_gain");
  check_size(d_bias, K, "d_bias");
  const RowBlocks blocks{R};
  const Arena::Scope scope(workspace);
  const View<T, 2> gain_sums = workspace.take<T, 2>({blocks.count(), K});
  const View<T, 2> bias_sums = workspace.take<T, 2>({blocks.count(), K});
  if (workspace.planning()) return;
  const auto kernel = store == Store::add
                          ? LIOR_SIMD_TABLE(layer_norm_backward_rows<Store::add, T>).chosen()
                          : LIOR_SIMD_TABLE(layer_norm_backward_rows<Store::write, T>).chosen();
  parallel_for(blocks.count(), 1, [&](Index first, Index last, int) {
    for (Index b = first; b < last; ++b) {
      const Index begin = blocks.begin(b), rows = blocks.end(b) - begin;
      std::fill_n(gain_sums[b].data(), K, T{});
      std::fill_n(bias_sums[b].data(), K, T{});
      kernel(x.block(begin, 0, rows, K), gain.data(), mean.data() + begin,
             inv_deviation.data() + begin, dy.block(begin, 0, rows, K), dx.block(begin, 0, rows, K),
             gain_sums[b].data(), bias_sums[b].data());
    }
  });
  add_block_sums<T>(gain_sums, d_gain);
  add_block_sums<T>(bias_sums, d_bias);
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void layer_norm_forward(MatrixView<const T>, std::span<const T>, std::span<const T>,    \
                                   double, MatrixView<T>, std::span<T>, std::span<T>);             \
  template void layer_norm_backward(MatrixView<const T>, std::span<const T>, std::span<const T>,   \
                                    std::span<const T>, MatrixView<const T>, Store, MatrixView<T>, \
                                    std::span<T>, std::span<T>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
