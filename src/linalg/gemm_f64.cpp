// SPDX-License-Identifier: Apache-2.0
// Threads are core/parallel's, so that a product inside a parallel_for stays on its thread.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

#include "linalg/check_product.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"

namespace lior::linalg {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr double kOperationsPerThread = 1 << 18;  // some 50 us of one thread
constexpr double kOperationsTogether = 1e10;      // some .3 s of one

auto map(MatrixView<const double> x) {
  return Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>(x.data, x.rows, x.cols,
                                                           Eigen::OuterStride<>(x.stride));
}
auto map(MatrixView<double> x) {
  return Eigen::Map<Matrix, 0, Eigen::OuterStride<>>(x.data, x.rows, x.cols,
                                                     Eigen::OuterStride<>(x.stride));
}

/// C += alpha op(A) op(B) on one thread.
void add_product(bool ta, bool tb, double alpha, MatrixView<const double> a,
                 MatrixView<const double> b, MatrixView<double> c) {
  if (ta && tb) map(c).noalias() += alpha * map(a).transpose() * map(b).transpose();
  if (ta && !tb) map(c).noalias() += alpha * map(a).transpose() * map(b);
  if (!ta && tb) map(c).noalias() += alpha * map(a) * map(b).transpose();
  if (!ta && !tb) map(c).noalias() += alpha * map(a) * map(b);
}

}  // namespace

template <>
void gemm<double>(Transpose transpose_a, Transpose transpose_b, double alpha,
                  MatrixView<const double> a, MatrixView<const double> b, double beta,
                  MatrixView<double> c) {
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  const ProfiledOp op("product", 2.0 * m * n * k, product_bytes<double>(m, n, k, beta != 0));
  scale(c, beta);
  if (m == 0 || n == 0 || k == 0 || alpha == 0) return;
  const bool ta = transpose_a == Transpose::yes, tb = transpose_b == Transpose::yes;
  const double operations_per_row = 2.0 * static_cast<double>(n) * static_cast<double>(k);
  const auto grain = static_cast<Index>(1 + kOperationsPerThread / operations_per_row);
  parallel_for(m, grain, [&, n = n, k = k](Index begin, Index end, int) {
    const auto add = [&](Index row, Index col, Index rows, Index cols) {
      add_product(ta, tb, alpha, block_of(transpose_a, a, begin + row, 0, rows, k),
                  block_of(transpose_b, b, 0, col, k, cols), c.block(begin + row, col, rows, cols));
    };
    in_blocks({end - begin, n, k}, kOperationsTogether, add);
  });
}

}  // namespace lior::linalg
