// SPDX-License-Identifier: Apache-2.0
// Step 1: octonions, and why a recurrence can be made of them.
//
// Shows the product (one at a time, and many at a time as planes), that it is not associative, that
// |x y| = |x| |y|, and that x -> x u is nevertheless a matrix: a rotation of R^8 when |u| = 1.
// Matrices compose associatively; step 2 stands on that.

#include <fmt/core.h>

#include <cmath>

#include "lior/algebra/ci8.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"

using namespace lior;
using algebra::basis_octonion;
using algebra::Octonion;
using algebra::Transition;

int main() {
  // One at a time: values. e1 e2 = e3, and the bracket matters.
  const auto e = [](int k) { return basis_octonion<double>(k); };
  const Octonion<double> left = (e(1) * e(2)) * e(4), right = e(1) * (e(2) * e(4));
  fmt::print("(e1 e2) e4 = {:+} e7,  e1 (e2 e4) = {:+} e7\n", left.e[7], right.e[7]);

  // Many at a time: planes [8, N], component first, so that vector lanes run over the points.
  constexpr Index N = 1000;
  Array<double, 2> x({8, N}), u({8, N}), product({8, N});
  Random random(1);
  random.fill_normal(x.span());
  random.fill_normal(u.span());
  algebra::octonion_multiply<double>(x.view(), u.view(), product.view());

  Array<double, 1> x_norm({N}), u_norm({N}), product_norm({N});
  algebra::ci8_norm<double>(x.view(), x_norm.view());
  algebra::ci8_norm<double>(u.view(), u_norm.view());
  algebra::ci8_norm<double>(product.view(), product_norm.view());
  double norm_error = 0;
  for (Index n = 0; n < N; ++n) {
    norm_error = std::max(norm_error, std::abs(product_norm(n) / (x_norm(n) * u_norm(n)) - 1));
  }
  fmt::print("|x u| = |x| |u| to {:.1e}\n", norm_error);

  // R_u: x -> x u, for a unit u, as its 8 x 8 matrix M. M^T M = 1: nothing grows or fades.
  Octonion<double> unit;
  for (int k = 0; k < 8; ++k) unit.e[k] = u(k, 0) / u_norm(0);
  const auto M = algebra::operator_matrix(Transition::right, unit);
  double orthogonality_error = 0;
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) {
      double entry = i == j ? -1 : 0;
      for (int k = 0; k < 8; ++k) entry += M[k][i] * M[k][j];
      orthogonality_error = std::max(orthogonality_error, std::abs(entry));
    }
  }
  fmt::print("R_u is orthogonal to {:.1e}\n", orthogonality_error);

  // Both follow from rounding alone: sums of eight products of numbers near 1.
  constexpr double kTolerance = 1e-14;
  const bool holds = left.e[7] == 1 && right.e[7] == -1 && norm_error <= kTolerance &&
                     orthogonality_error <= kTolerance;
  return holds ? 0 : 1;
}
