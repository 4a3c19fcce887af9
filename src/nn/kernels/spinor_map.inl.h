// SPDX-License-Identifier: Apache-2.0
// Spinors from octets, lanes over the eight components. Compiled once per level.
#if defined(LIOR_NN_KERNELS_SPINOR_MAP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_SPINOR_MAP_INL_H
#undef LIOR_NN_KERNELS_SPINOR_MAP_INL_H
#else
#define LIOR_NN_KERNELS_SPINOR_MAP_INL_H
#endif

#include "lior/linalg/matrix_view.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace vm = simd::HWY_NAMESPACE;
using linalg::MatrixView;

/// Theta and e^{clamp(Theta, -5, 5)}.
template <class D, class V>
HWY_INLINE V clamped_exp(D d, V theta) {
  const V most = hn::Set(d, 5);
  return vm::exp(d, hn::Min(hn::Max(theta, hn::Neg(most)), most));
}

template <class T>
void spinor_map_forward_rows(MatrixView<const T> octets, MatrixView<T> z) noexcept {
  const hn::CappedTag<T, 8> d;
  for (Index r = 0; r < octets.rows; ++r) {
    const T* from = octets.data + r * octets.stride;
    T* to = z.data + r * z.stride;
    for (Index head = 0; head < octets.cols / 24; ++head, from += 24, to += 16) {
      for (Index k = 0; k < 8; k += static_cast<Index>(hn::Lanes(d))) {
        const auto A = hn::LoadU(d, from + k), B = hn::LoadU(d, from + 8 + k);
        const auto theta = hn::LoadU(d, from + 16 + k);
        const auto turned = hn::Mul(B, vm::cos(d, theta));
        hn::StoreU(hn::MulAdd(A, clamped_exp(d, theta), turned), d, to + k);
        hn::StoreU(hn::Mul(B, vm::sin(d, theta)), d, to + 8 + k);
      }
    }
  }
}

template <class T>
void spinor_map_backward_rows(MatrixView<const T> octets, MatrixView<const T> dz,
                              MatrixView<T> d_octets) noexcept {
  const hn::CappedTag<T, 8> d;
  for (Index r = 0; r < octets.rows; ++r) {
    const T* from = octets.data + r * octets.stride;
    const T* gradient = dz.data + r * dz.stride;
    T* to = d_octets.data + r * d_octets.stride;
    for (Index head = 0; head < octets.cols / 24; ++head, from += 24, gradient += 16, to += 24) {
      for (Index k = 0; k < 8; k += static_cast<Index>(hn::Lanes(d))) {
        const auto A = hn::LoadU(d, from + k), B = hn::LoadU(d, from + 8 + k);
        const auto theta = hn::LoadU(d, from + 16 + k);
        const auto re = hn::LoadU(d, gradient + k), im = hn::LoadU(d, gradient + 8 + k);
        const auto exponential = clamped_exp(d, theta);
        const auto cosine = vm::cos(d, theta), sine = vm::sin(d, theta);
        const auto free = hn::Lt(hn::Abs(theta), hn::Set(d, 5));
        const auto to_theta = hn::IfThenElseZero(free, hn::Mul(re, hn::Mul(A, exponential)));
        const auto around = hn::Sub(hn::Mul(im, cosine), hn::Mul(re, sine));
        hn::StoreU(hn::Mul(re, exponential), d, to + k);
        hn::StoreU(hn::MulAdd(re, cosine, hn::Mul(im, sine)), d, to + 8 + k);
        hn::StoreU(hn::MulAdd(B, around, to_theta), d, to + 16 + k);
      }
    }
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
