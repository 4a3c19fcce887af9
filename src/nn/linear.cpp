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
using linalg::Precision;
using linalg::Transpose;

namespace {

/// Checks the shapes of y = x W^T + b and writes b to each row of y. The product adds to what it
/// finds while that is in cache; a sum behind it would read y again.
template <class T>
void start_from_bias(MatrixView<const T> x, MatrixView<const T> weight, std::span<const T> bias,
                     MatrixView<T> y) {
  const Index R = x.rows, O = weight.rows;
  check_matrix(weight, O, x.cols, "weight");
  check_matrix(y, R, O, "y");
  if (bias.empty()) return;
  check_size(bias, O, "bias");
  parallel_for(R, rows_per_thread(O), [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) std::copy_n(bias.data(), O, y.data + r * y.stride);
  });
}

}  // namespace

template <class T>
void linear_forward(MatrixView<const T> x, MatrixView<const T> weight, std::span<const T> bias,
                    MatrixView<T> y) {
  const ProfiledOp op("product");
  start_from_bias(x, weight, bias, y);
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, x, weight, bias.empty() ? 0 : 1, y);
}

template <class T>
void linear_forward(Precision precision, MatrixView<const T> x, MatrixView<const T> weight,
                    std::span<const T> bias, MatrixView<T> y, Arena& workspace) {
  const ProfiledOp op("product");
  if (!workspace.planning()) start_from_bias(x, weight, bias, y);
  linalg::gemm<T>(precision, Transpose::no, Transpose::yes, x, weight, bias.empty() ? 0 : 1, y,
                  workspace);
}

template <class T>
void linear_backward(Precision precision, MatrixView<const T> x, MatrixView<const T> weight,
                     MatrixView<const T> dy, Store store, MatrixView<T> dx, MatrixView<T> d_weight,
                     std::span<T> d_bias, Arena& workspace) {
  const ProfiledOp op("product");
  const Index R = x.rows, K = x.cols, O = weight.rows;
  check_matrix(weight, O, K, "weight");
  check_matrix(dy, R, O, "dy");
  check_matrix(d_weight, O, K, "d_weight");
  if (!d_bias.empty()) {
    check_size(d_bias, O, "d_bias");
    add_column_sums<T>(dy, d_bias, workspace);
  }
  linalg::gemm<T>(precision, Transpose::yes, Transpose::no, dy, x, 1, d_weight, workspace);
  if (dx.cols == 0) return;
  check_matrix(dx, R, K, "dx");
  linalg::gemm<T>(precision, Transpose::no, Transpose::no, dy, weight, store == Store::add ? 1 : 0,
                  dx, workspace);
}

template <class T>
void linear_backward(MatrixView<const T> x, MatrixView<const T> weight, MatrixView<const T> dy,
                     Store store, MatrixView<T> dx, MatrixView<T> d_weight, std::span<T> d_bias,
                     Arena& workspace) {
  linear_backward<T>(Precision::float32, x, weight, dy, store, dx, d_weight, d_bias, workspace);
}

#define LIOR_INSTANTIATE(T)                                                                    \
  template void linear_forward(MatrixView<const T>, MatrixView<const T>, std::span<const T>,   \
                               MatrixView<T>);                                                 \
  template void linear_forward(Precision, MatrixView<const T>, MatrixView<const T>,            \
                               std::span<const T>, MatrixView<T>, Arena&);                     \
  template void linear_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>, \
                                Store, MatrixView<T>, MatrixView<T>, std::span<T>, Arena&);    \
  template void linear_backward(Precision, MatrixView<const T>, MatrixView<const T>,           \
                                MatrixView<const T>, Store, MatrixView<T>, MatrixView<T>,      \
                                std::span<T>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
