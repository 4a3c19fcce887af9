// SPDX-License-Identifier: Apache-2.0
// Root-mean-square normalisation, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_RMS_NORM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_RMS_NORM_INL_H
#undef LIOR_NN_KERNELS_RMS_NORM_INL_H
#else
#define LIOR_NN_KERNELS_RMS_NORM_INL_H
#endif

#include <cmath>

#include "lior/nn/gradient.h"
#include "nn/kernels/rows.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

template <class T>
void rms_norm_forward_rows(MatrixView<const T> x, const T* gain, T epsilon, MatrixView<T> y,
                           T* inv_rms) noexcept {
  for (Index r = 0; r < x.rows; ++r) {
    const T* in = x.data + r * x.stride;
    T* out = y.data + r * y.stride;
    const T squares = row_sum<T>(x.cols, [=](auto d, Index k, auto sum) {
      const auto v = hn::LoadU(d, in + k);
      return hn::MulAdd(v, v, sum);
    });
    const T inverse = 1 / std::sqrt(squares / static_cast<T>(x.cols) + epsilon);
    inv_rms[r] = inverse;
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      const auto scaled = hn::Mul(hn::LoadU(d, in + k), hn::Set(d, inverse));
      hn::StoreU(hn::Mul(scaled, hn::LoadU(d, gain + k)), d, out + k);
    });
  }
}

template <Store kStore, class T>
void rms_norm_backward_rows(MatrixView<const T> x, const T* gain, const T* inv_rms,
                            MatrixView<const T> dy, MatrixView<T> dx, T* d_gain) noexcept {
  for (Index r = 0; r < x.rows; ++r) {
    const T* in = x.data + r * x.stride;
    const T* gradient = dy.data + r * dy.stride;
    T* out = dx.data + r * dx.stride;
    const T product = row_sum<T>(x.cols, [=](auto d, Index k, auto sum) {
      const auto g = hn::Mul(hn::LoadU(d, gradient + k), hn::LoadU(d, gain + k));
      return hn::MulAdd(g, hn::LoadU(d, in + k), sum);
    });
    const T inverse = inv_rms[r];
    const T pull = inverse * inverse * inverse * product / static_cast<T>(x.cols);
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      const auto v = hn::LoadU(d, in + k);
      const auto scaled = hn::Mul(hn::LoadU(d, gradient + k), hn::Set(d, inverse));
      auto result = hn::NegMulAdd(v, hn::Set(d, pull), hn::Mul(scaled, hn::LoadU(d, gain + k)));
      if (kStore == Store::add) result = hn::Add(result, hn::LoadU(d, out + k));
      hn::StoreU(result, d, out + k);
      hn::StoreU(hn::MulAdd(scaled, v, hn::LoadU(d, d_gain + k)), d, d_gain + k);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
