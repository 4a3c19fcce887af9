// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "lior/nn/short_convolution.h"

namespace lior::nn::reference {

template <class T>
void short_convolution_forward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                               View<T, 2> out) {
  const Index N = batch > 0 ? x.extent(0) / batch : 0;
  for (Index b = 0; b < batch; ++b) {
    for (Index n = 0; n < N; ++n) {
      for (Index c = 0; c < x.extent(1); ++c) {
        T sum = x(b * N + n, c);
        for (Index k = 0; k < taps.extent(0) && k <= n; ++k) {
          sum += taps(k, c) * x(b * N + n - k, c);
        }
        out(b * N + n, c) = sum;
      }
    }
  }
}

template <class T>
void short_convolution_backward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                                View<T, 2> dx, View<T, 2> d_taps) {
  const Index N = batch > 0 ? x.extent(0) / batch : 0;
  const std::vector<T> copy(dx.begin(), dx.end());
  const View<const T, 2> d_out(copy.data(), dx.shape());
  for (Index b = 0; b < batch; ++b) {
    for (Index n = 0; n < N; ++n) {
      for (Index c = 0; c < x.extent(1); ++c) {
        for (Index k = 0; k < taps.extent(0) && k <= n; ++k) {
          dx(b * N + n - k, c) += taps(k, c) * d_out(b * N + n, c);
          d_taps(k, c) += x(b * N + n - k, c) * d_out(b * N + n, c);
        }
      }
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void short_convolution_forward(Index, View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void short_convolution_backward(Index, View<const T, 2>, View<const T, 2>, View<T, 2>, \
                                           View<T, 2>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
