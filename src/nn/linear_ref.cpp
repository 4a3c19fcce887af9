// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/linear.h"

namespace lior::nn::reference {

template <class T>
void linear_forward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                    std::span<const T> bias, linalg::MatrixView<T> y) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index o = 0; o < weight.rows; ++o) {
      T sum = bias.empty() ? 0 : bias[o];
      for (Index k = 0; k < x.cols; ++k) sum += x(r, k) * weight(o, k);
      y(r, o) = sum;
    }
  }
}

template <class T>
void linear_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                     linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                     linalg::MatrixView<T> d_weight, std::span<T> d_bias) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index k = 0; k < x.cols; ++k) dx(r, k) = 0;
    for (Index o = 0; o < weight.rows; ++o) {
      for (Index k = 0; k < x.cols; ++k) {
        dx(r, k) += dy(r, o) * weight(o, k);
        d_weight(o, k) += dy(r, o) * x(r, k);
      }
      if (!d_bias.empty()) d_bias[o] += dy(r, o);
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                               \
  template void linear_forward(linalg::MatrixView<const T>, linalg::MatrixView<const T>,  \
                               std::span<const T>, linalg::MatrixView<T>);                \
  template void linear_backward(linalg::MatrixView<const T>, linalg::MatrixView<const T>, \
                                linalg::MatrixView<const T>, linalg::MatrixView<T>,       \
                                linalg::MatrixView<T>, std::span<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
