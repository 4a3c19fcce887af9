// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "lior/nn/rms_norm.h"

namespace lior::nn::reference {
namespace {

template <class T>
T inverse_rms(linalg::MatrixView<const T> x, Index r, double epsilon) {
  T squares = 0;
  for (Index k = 0; k < x.cols; ++k) squares += x(r, k) * x(r, k);
  return 1 / std::sqrt(squares / static_cast<T>(x.cols) + static_cast<T>(epsilon));
}

}  // namespace

template <class T>
void rms_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                      linalg::MatrixView<T> y) {
  for (Index r = 0; r < x.rows; ++r) {
    const T inverse = inverse_rms(x, r, epsilon);
    for (Index k = 0; k < x.cols; ++k) y(r, k) = x(r, k) * inverse * gain[k];
  }
}

template <class T>
void rms_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                       linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                       std::span<T> d_gain) {
  for (Index r = 0; r < x.rows; ++r) {
    const T inverse = inverse_rms(x, r, epsilon);
    T product = 0;
    for (Index k = 0; k < x.cols; ++k) product += dy(r, k) * gain[k] * x(r, k);
    const T mean = product / static_cast<T>(x.cols);
    for (Index k = 0; k < x.cols; ++k) {
      dx(r, k) = inverse * (dy(r, k) * gain[k] - x(r, k) * inverse * inverse * mean);
      d_gain[k] += dy(r, k) * x(r, k) * inverse;
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                \
  template void rms_norm_forward(linalg::MatrixView<const T>, std::span<const T>, double,  \
                                 linalg::MatrixView<T>);                                   \
  template void rms_norm_backward(linalg::MatrixView<const T>, std::span<const T>, double, \
                                  linalg::MatrixView<const T>, linalg::MatrixView<T>,      \
                                  std::span<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
