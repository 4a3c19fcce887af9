// SPDX-License-Identifier: Apache-2.0
// The original's products, one pair of numbers of eight or sixteen components in each lane.
// Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_COMPAT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_COMPAT_INL_H
#undef LIOR_ALGEBRA_KERNELS_COMPAT_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_COMPAT_INL_H
#endif

#include "algebra/kernels/complex.inl.h"
#include "lior/algebra/compat.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::compat::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace algebra::HWY_NAMESPACE;

/// out_k = sum over the lines (i, j, k), cyclic, of a_i b_j - a_j b_i; out_7 = 0.
struct FanoProduct {
  template <class V>
  HWY_INLINE void operator()(const V (&a)[8], const V (&b)[8], V (&out)[8]) const {
    for (V& component : out) component = hn::Zero(hn::DFromV<V>());
#pragma GCC unroll 8
    for (const auto& line : kFanoLines) {
#pragma GCC unroll 8
      for (int shift = 0; shift < 3; ++shift) {
        const int i = line[shift], j = line[(shift + 1) % 3], k = line[(shift + 2) % 3];
        out[k] = hn::MulAdd(a[i], b[j], hn::NegMulAdd(a[j], b[i], out[k]));
      }
    }
  }
};

// Planes: components `stride` apart, `count` points of them.

template <class T>
void componentwise_multiply_planes(const T* x, const T* y, T* out, Index stride,
                                   Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    for (int k = 0; k < 4; ++k) {
      // One component of each block: (A, B, A', B') and (c, d, c', d').
      hn::Vec<decltype(d)> a[4], b[4], product[4];
      load_planes(d, x + k * stride + n, 4 * stride, a);
      load_planes(d, y + k * stride + n, 4 * stride, b);
      for (int p = 0; p < 2; ++p) {
        const auto &A = a[2 * p], &B = a[2 * p + 1], &c = b[2 * p], &e = b[2 * p + 1];
        product[p] = hn::NegMulAdd(e, B, hn::Mul(A, c));
        product[2 + p] = hn::MulAdd(e, A, hn::Mul(B, c));
      }
      store_planes(product, d, out + k * stride + n, 4 * stride);
    }
  });
}

template <class T>
void fano_multiply_planes(const T* x, const T* y, T* out, Index stride, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[8], b[8], product[8];
    load_planes(d, x + n, stride, a);
    load_planes(d, y + n, stride, b);
    FanoProduct{}(a, b, product);
    store_planes(product, d, out + n, stride);
  });
}

template <class T>
void fano_multiply_complex_planes(const T* x, const T* y, T* out, Index stride,
                                  Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[2][8], b[2][8], product[2][8];
    load_ci8(d, x + n, stride, a);
    load_ci8(d, y + n, stride, b);
    complex_product<FanoProduct>(a, b, product);
    store_ci8(product, d, out + n, stride);
  });
}

template <class T>
void fano_associator_planes(const T* x, const T* y, const T* z, T* out, Index stride,
                            Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[2][8], b[2][8], c[2][8], associator[2][8];
    load_ci8(d, x + n, stride, a);
    load_ci8(d, y + n, stride, b);
    load_ci8(d, z + n, stride, c);
    complex_associator<FanoProduct>(a, b, c, associator);
    store_ci8(associator, d, out + n, stride);
  });
}

}  // namespace lior::algebra::compat::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
