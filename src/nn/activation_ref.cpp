// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/activation.h"

#include <cmath>
#include <numbers>

namespace lior::nn::reference {
namespace {

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <class T>
T normal_probability(T x) {
  return std::erfc(-x / std::numbers::sqrt2_v<T>) / 2;
}
template <class T>
T normal_density(T x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
}

}  // namespace

template <class T>
void gate_forward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                  linalg::MatrixView<T> y) {
  for (Index r = 0; r < p.rows; ++r) {
    for (Index k = 0; k < p.cols; ++k) y(r, k) = p(r, k) * g(r, k) * sigmoid(g(r, k));
  }
}

template <class T>
void gate_backward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                   linalg::MatrixView<const T> dy, linalg::MatrixView<T> dp,
                   linalg::MatrixView<T> dg) {
  for (Index r = 0; r < p.rows; ++r) {
    for (Index k = 0; k < p.cols; ++k) {
      const T s = sigmoid(g(r, k));
      dp(r, k) = dy(r, k) * g(r, k) * s;
      dg(r, k) = dy(r, k) * p(r, k) * s * (1 + g(r, k) * (1 - s));
    }
  }
}

template <class T>
void gelu_forward(linalg::MatrixView<const T> x, linalg::MatrixView<T> y) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index k = 0; k < x.cols; ++k) y(r, k) = x(r, k) * normal_probability(x(r, k));
  }
}

template <class T>
void gelu_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> dy,
                   linalg::MatrixView<T> dx) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index k = 0; k < x.cols; ++k) {
      const T v = x(r, k);
      dx(r, k) = dy(r, k) * (normal_probability(v) + v * normal_density(v));
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                             \
  template void gate_forward(linalg::MatrixView<const T>, linalg::MatrixView<const T>,  \
                             linalg::MatrixView<T>);                                    \
  template void gate_backward(linalg::MatrixView<const T>, linalg::MatrixView<const T>, \
                              linalg::MatrixView<const T>, linalg::MatrixView<T>,       \
                              linalg::MatrixView<T>);                                   \
  template void gelu_forward(linalg::MatrixView<const T>, linalg::MatrixView<T>);       \
  template void gelu_backward(linalg::MatrixView<const T>, linalg::MatrixView<const T>, \
                              linalg::MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
