// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/gemm.h"

namespace lior::linalg::reference {

template <class T>
void gemm(Transpose transpose_a, Transpose transpose_b, std::type_identity_t<T> alpha,
          MatrixView<const std::type_identity_t<T>> a, MatrixView<const std::type_identity_t<T>> b,
          std::type_identity_t<T> beta, MatrixView<T> c) {
  const Index inner = transpose_a == Transpose::yes ? a.rows : a.cols;
  for (Index i = 0; i < c.rows; ++i) {
    for (Index j = 0; j < c.cols; ++j) {
      T sum = 0;
      for (Index k = 0; k < inner; ++k) {
        sum += (transpose_a == Transpose::yes ? a(k, i) : a(i, k)) *
               (transpose_b == Transpose::yes ? b(j, k) : b(k, j));
      }
      c(i, j) = alpha * sum + (beta == 0 ? T{0} : beta * c(i, j));
    }
  }
}

template void gemm(Transpose, Transpose, float, MatrixView<const float>, MatrixView<const float>,
                   float, MatrixView<float>);
template void gemm(Transpose, Transpose, double, MatrixView<const double>, MatrixView<const double>,
                   double, MatrixView<double>);

}  // namespace lior::linalg::reference
