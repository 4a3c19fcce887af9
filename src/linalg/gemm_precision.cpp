// SPDX-License-Identifier: Apache-2.0
#include "linalg/bf16_rounding.h"
#include "linalg/check_product.h"
#include "lior/core/profile.h"
#include "lior/linalg/gemm.h"

namespace lior::linalg {
namespace {

/// x rounded to bf16, as numbers of type U, on the arena.
template <class U>
MatrixView<const U> rounded(MatrixView<const float> x, Arena& arena) {
  const View<U, 2> to = arena.take<U, 2>({x.rows, x.cols});
  if (!arena.planning()) round_to_bf16(x, to.data());
  return View<const U, 2>(to);
}

template <class U>
struct RoundedFactors {
  RoundedFactors(MatrixView<const float> left, MatrixView<const float> right, Arena& arena)
      : a(rounded<U>(left, arena)), b(rounded<U>(right, arena)) {}
  MatrixView<const U> a, b;
};

}  // namespace

template <>
void gemm<float>(Precision precision, Transpose transpose_a, Transpose transpose_b,
                 MatrixView<const float> a, MatrixView<const float> b, float beta,
                 MatrixView<float> c, Arena& workspace) {
  const auto product = [&](MatrixView<const float> left, MatrixView<const float> right) {
    if (!workspace.planning()) gemm<float>(transpose_a, transpose_b, 1, left, right, beta, c);
  };
  if (precision == Precision::float32) return product(a, b);
  const Arena::Scope scope(workspace);
  if (!bf16_is_native()) {
    const RoundedFactors<float> factors(a, b, workspace);
    return product(factors.a, factors.b);
  }
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  const ProfiledOp op("product", 2.0 * m * n * k, product_bytes<float>(m, n, k, beta != 0));
  const RoundedFactors<BFloat16> factors(a, b, workspace);
  if (workspace.planning()) return;
  gemm_bf16(transpose_a, transpose_b, factors.a, factors.b, beta, c);
}

template <>
void gemm<double>(Precision, Transpose transpose_a, Transpose transpose_b,
                  MatrixView<const double> a, MatrixView<const double> b, double beta,
                  MatrixView<double> c, Arena& workspace) {
  if (!workspace.planning()) gemm<double>(transpose_a, transpose_b, 1, a, b, beta, c);
}

}  // namespace lior::linalg
