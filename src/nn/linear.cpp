// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/linear.h"

#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/linalg/gemm.h"
#include "nn/arguments.h"
#include "nn/column_sums.h"

namespace lior::nn {

using linalg::MatrixView;
using linalg::Transpose;

template <class T>
void linear_forward(MatrixView<const T> x, MatrixView<const T> weight, std::span<const T> bias,
                    MatrixView<T> y) {
  const ProfiledOp op("product");
  const Index R = x.rows, K = x.cols, O = weight.rows;
  check_matrix(weight, O, K, "weight");
  check_matrix(y, R, O, "y");
  if (!bias.empty()) {
    check_size(bias, O, "bias");
    // The product adds to what it finds while that is in cache; a sum behind it would read y again.
    parallel_for(R, rows_per_thread(O), [&](Index begin, Index end, int) {
      for (Index r = begin; r < end; ++r) std::copy_n(bias.data(), O, y.data + r * y.stride);
    });
  }
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, x, weight, bias.empty() ? 0 : 1, y);
}

template <class T>
void linear_backward(MatrixView<const T> x, MatrixView<const T> weight, MatrixView<const T> dy,
                     Store store, MatrixView<T> dx, MatrixView<T> d_weight, std::span<T> d_bias,
                     Arena& workspace) {
  const ProfiledOp op("product");
  const Index R = x.rows, K = x.cols, O = weight.rows;
  check_matrix(weight, O, K, "weight");
  check_matrix(dy, R, O, "dy");
  check_matrix(d_weight, O, K, "d_weight");
  if (!d_bias.empty()) {
    check_size(d_bias, O, "d_bias");
    add_column_sums<T>(dy, d_bias, workspace);
  }
  if (workspace.planning()) return;
  linalg::gemm<T>(Transpose::yes, Transpose::no, 1, dy, x, 1, d_weight);
  if (dx.data == nullptr) return;
  check_matrix(dx, R, K, "dx");
  linalg::gemm<T>(Transpose::no, Transpose::no, 1, dy, weight, store == Store::add ? 1 : 0, dx);
}

#define LIOR_INSTANTIATE(T)                                                                    \
  template void linear_forward(MatrixView<const T>, MatrixView<const T>, std::span<const T>,   \
                               MatrixView<T>);                                                 \
  template void linear_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>, \
                                Store, MatrixView<T>, MatrixView<T>, std::span<T>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
