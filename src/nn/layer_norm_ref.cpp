// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "lior/nn/layer_norm.h"

namespace lior::nn::reference {
namespace {

template <class T>
struct Moments {
  T mean = 0;
  T inv_deviation = 0;
};

template <class T>
Moments<T> moments(linalg::MatrixView<const T> x, Index r, double epsilon) {
  T sum = 0, squares = 0;
  for (Index k = 0; k < x.cols; ++k) sum += x(r, k);
  const T mean = sum / static_cast<T>(x.cols);
  for (Index k = 0; k < x.cols; ++k) squares += (x(r, k) - mean) * (x(r, k) - mean);
  return {mean, 1 / std::sqrt(squares / static_cast<T>(x.cols) + static_cast<T>(epsilon))};
}

}  // namespace

template <class T>
void layer_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain,
                        std::span<const T> bias, double epsilon, linalg::MatrixView<T> y) {
  for (Index r = 0; r < x.rows; ++r) {
    const auto [mean, inverse] = moments(x, r, epsilon);
    for (Index k = 0; k < x.cols; ++k) y(r, k) = (x(r, k) - mean) * inverse * gain[k] + bias[k];
  }
}

template <class T>
void layer_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                         linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                         std::span<T> d_gain, std::span<T> d_bias) {
  const T K = static_cast<T>(x.cols);
  for (Index r = 0; r < x.rows; ++r) {
    const auto [mean, inverse] = moments(x, r, epsilon);
    T g_sum = 0, gn_sum = 0;
    for (Index k = 0; k < x.cols; ++k) {
      const T n = (x(r, k) - mean) * inverse;
      g_sum += dy(r, k) * gain[k];
      gn_sum += dy(r, k) * gain[k] * n;
      d_gain[k] += dy(r, k) * n;
      d_bias[k] += dy(r, k);
    }
    for (Index k = 0; k < x.cols; ++k) {
      const T n = (x(r, k) - mean) * inverse;
      dx(r, k) = inverse * (dy(r, k) * gain[k] - g_sum / K - n * gn_sum / K);
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                  \
  template void layer_norm_forward(linalg::MatrixView<const T>, std::span<const T>,          \
                                   std::span<const T>, double, linalg::MatrixView<T>);       \
  template void layer_norm_backward(linalg::MatrixView<const T>, std::span<const T>, double, \
                                    linalg::MatrixView<const T>, linalg::MatrixView<T>,      \
                                    std::span<T>, std::span<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
