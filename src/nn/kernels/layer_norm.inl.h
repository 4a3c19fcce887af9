// SPDX-License-Identifier: Apache-2.0
// Layer normalisation, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_LAYER_NORM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_LAYER_NORM_INL_H
#undef LIOR_NN_KERNELS_LAYER_NORM_INL_H
#else
#define LIOR_NN_KERNELS_LAYER_NORM_INL_H
#endif

#include <cmath>

#include "lior/nn/gradient.h"
#include "nn/kernels/rows.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

template <class T>
void layer_norm_forward_rows(MatrixView<const T> x, const T* gain, const T* bias, T epsilon,
                             MatrixView<T> y, T* means, T* inv_deviations) noexcept {
  const T K = static_cast<T>(x.cols);
  for (Index r = 0; r < x.rows; ++r) {
    const T* in = x.data + r * x.stride;
    T* out = y.data + r * y.stride;
    const T mean =
        row_sum<T>(x.cols,
                   [=](auto d, Index k, auto sum) { return hn::Add(sum, hn::LoadU(d, in + k)); }) /
        K;
    const T squares = row_sum<T>(x.cols, [=](auto d, Index k, auto sum) {
      const auto centred = hn::Sub(hn::LoadU(d, in + k), hn::Set(d, mean));
      return hn::MulAdd(centred, centred, sum);
    });
    const T inverse = 1 / std::sqrt(squares / K + epsilon);
    means[r] = mean;
    inv_deviations[r] = inverse;
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      const auto n = hn::Mul(hn::Sub(hn::LoadU(d, in + k), hn::Set(d, mean)), hn::Set(d, inverse));
      hn::StoreU(hn::MulAdd(n, hn::LoadU(d, gain + k), hn::LoadU(d, bias + k)), d, out + k);
    });
  }
}

template <Store kStore, class T>
void layer_norm_backward_rows(MatrixView<const T> x, const T* gain, const T* means,
                              const T* inv_deviations, MatrixView<const T> dy, MatrixView<T> dx,
                              T* d_gain, T* d_bias) noexcept {
  const T K = static_cast<T>(x.cols);
  for (Index r = 0; r < x.rows; ++r) {
    const T* in = x.data + r * x.stride;
    const T* gradient = dy.data + r * dy.stride;
    T* out = dx.data + r * dx.stride;
    const T mean = means[r], inverse = inv_deviations[r];
    const auto normalised = [=](auto d, Index k) {
      return hn::Mul(hn::Sub(hn::LoadU(d, in + k), hn::Set(d, mean)), hn::Set(d, inverse));
    };
    const T g_mean =
        row_sum<T>(x.cols,
                   [=](auto d, Index k, auto sum) {
                     return hn::MulAdd(hn::LoadU(d, gradient + k), hn::LoadU(d, gain + k), sum);
                   }) /
        K;
    const T gn_mean = row_sum<T>(x.cols,
                                 [=](auto d, Index k, auto sum) {
                                   const auto g =
                                       hn::Mul(hn::LoadU(d, gradient + k), hn::LoadU(d, gain + k));
                                   return hn::MulAdd(g, normalised(d, k), sum);
                                 }) /
                      K;
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      const auto n = normalised(d, k), dy_k = hn::LoadU(d, gradient + k);
      const auto g = hn::MulSub(dy_k, hn::LoadU(d, gain + k), hn::Set(d, g_mean));
      auto result = hn::Mul(hn::Set(d, inverse), hn::NegMulAdd(n, hn::Set(d, gn_mean), g));
      if (kStore == Store::add) result = hn::Add(result, hn::LoadU(d, out + k));
      hn::StoreU(result, d, out + k);
      hn::StoreU(hn::MulAdd(dy_k, n, hn::LoadU(d, d_gain + k)), d, d_gain + k);
      hn::StoreU(hn::Add(dy_k, hn::LoadU(d, d_bias + k)), d, d_bias + k);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
