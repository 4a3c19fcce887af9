// SPDX-License-Identifier: Apache-2.0
// Short convolutions along the rows of one sequence, lanes over channels. Compiled once per level.
#if defined(LIOR_NN_KERNELS_SHORT_CONVOLUTION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_SHORT_CONVOLUTION_INL_H
#undef LIOR_NN_KERNELS_SHORT_CONVOLUTION_INL_H
#else
#define LIOR_NN_KERNELS_SHORT_CONVOLUTION_INL_H
#endif

#include <algorithm>
#include <array>

#include "lior/nn/short_convolution.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using linalg::MatrixView;
using simd::HWY_NAMESPACE::for_lanes;

/// out_n = x_n + sum_k taps_k x_{n-k}. `before` [K-1, D]: the rows before the first; null: zeros.
template <class T>
void convolve_forward(MatrixView<const T> x, MatrixView<const T> taps, MatrixView<const T> before,
                      MatrixView<T> out) noexcept {
  std::array<const T*, kMostTaps> rows;
  for (Index n = 0; n < x.rows; ++n) {
    const Index known = before.data != nullptr ? taps.rows : std::min(taps.rows, n + 1);
    for (Index k = 0; k < known; ++k) {
      rows[k] = k <= n ? x.data + (n - k) * x.stride
                       : before.data + (before.rows + n - k) * before.stride;
    }
    T* to = out.data + n * out.stride;
    for_lanes<T>(x.cols, [&](auto d, Index j) {
      auto sum = hn::LoadU(d, rows[0] + j);
      for (Index k = 0; k < known; ++k) {
        sum = hn::MulAdd(hn::LoadU(d, taps.data + k * taps.stride + j), hn::LoadU(d, rows[k] + j),
                         sum);
      }
      hn::StoreU(sum, d, to + j);
    });
  }
}

/// dx_n += sum_k taps_k dx_{n+k}, in place: rows after n still hold the gradient of out;
/// d_taps_k += sum_n x_{n-k} dx_n, of those too.
template <class T>
void convolve_backward(MatrixView<const T> x, MatrixView<const T> taps, MatrixView<T> dx,
                       MatrixView<T> d_taps) noexcept {
  for (Index n = 0; n < x.rows; ++n) {
    T* row = dx.data + n * dx.stride;
    const Index past = std::min(taps.rows, n + 1), future = std::min(taps.rows, x.rows - n);
    for_lanes<T>(x.cols, [&](auto d, Index j) {
      const auto gradient = hn::LoadU(d, row + j);
      for (Index k = 0; k < past; ++k) {
        T* sum = d_taps.data + k * d_taps.stride + j;
        const auto then = hn::LoadU(d, x.data + (n - k) * x.stride + j);
        hn::StoreU(hn::MulAdd(then, gradient, hn::LoadU(d, sum)), d, sum);
      }
      auto sum = gradient;
      for (Index k = 0; k < future; ++k) {
        sum = hn::MulAdd(hn::LoadU(d, taps.data + k * taps.stride + j),
                         hn::LoadU(d, row + k * dx.stride + j), sum);
      }
      hn::StoreU(sum, d, row + j);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
