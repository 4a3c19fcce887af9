// SPDX-License-Identifier: Apache-2.0
// One octonion in each lane: the arithmetic that every CI8 kernel is made of, and the product of
// planes. Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_OCTONION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_OCTONION_INL_H
#undef LIOR_ALGEBRA_KERNELS_OCTONION_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_OCTONION_INL_H
#endif

#include "lior/algebra/octonion.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;
using simd::HWY_NAMESPACE::load_planes;
using simd::HWY_NAMESPACE::store_planes;

using algebra::Factor;  // a template argument here: signs are compile-time

/// out_k = sum_i sign(i, i^k) x_i y_{i^k}. `out` must be neither x nor y.
template <Factor kX = Factor::plain, Factor kY = Factor::plain, class V>
HWY_INLINE void multiply(const V (&x)[8], const V (&y)[8], V (&out)[8]) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) {
    V sum = hn::Mul(x[0], y[k]);
    if (kY == Factor::conjugated && k != 0) sum = hn::Neg(sum);
#pragma GCC unroll 8
    for (int i = 1; i < 8; ++i) {
      const int j = i ^ k;
      const int sign = kOctonionSign[i][j] * (kX == Factor::conjugated ? -1 : 1) *
                       (kY == Factor::conjugated && j != 0 ? -1 : 1);
      sum = sign > 0 ? hn::MulAdd(x[i], y[j], sum) : hn::NegMulAdd(x[i], y[j], sum);
    }
    out[k] = sum;
  }
}

/// Planes: components `stride` apart, `count` points of them.
template <class T>
void multiply_planes(const T* x, const T* y, T* out, Index stride, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[8], b[8], product[8];
    load_planes(d, x + n, stride, a);
    load_planes(d, y + n, stride, b);
    multiply(a, b, product);
    store_planes(product, d, out + n, stride);
  });
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
