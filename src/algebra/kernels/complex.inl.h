// SPDX-License-Identifier: Apache-2.0
// Sixteen numbers in each lane as two parts of eight: the complex form of any real product of
// eight. Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_COMPLEX_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_COMPLEX_INL_H
#undef LIOR_ALGEBRA_KERNELS_COMPLEX_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_COMPLEX_INL_H
#endif

#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;
using simd::HWY_NAMESPACE::load_planes;
using simd::HWY_NAMESPACE::store_planes;

/// out = x y = (a c - b d) + I (a d + b c) for x = a + I b, y = c + I d: [0] is Re, [1] is Im.
/// `Product{}(a, b, out)` is the real product.
/// The real product's code stands once: four copies, inlined, only compile longer, for a product of
/// planes waits for memory.
template <class Product, class V>
HWY_NOINLINE void complex_product(const V (&x)[2][8], const V (&y)[2][8], V (&out)[2][8]) {
  V term[8];
#pragma GCC unroll 1
  for (int p = 0; p < 2; ++p) {
#pragma GCC unroll 1
    for (int q = 0; q < 2; ++q) {
      Product{}(x[p], y[q], term);
      V(&sum)[8] = out[p ^ q];
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        sum[k] = p == 0 ? term[k] : q == 0 ? hn::Add(sum[k], term[k]) : hn::Sub(sum[k], term[k]);
      }
    }
  }
}

/// out = (x y) z - x (y z).
template <class Product, class V>
HWY_INLINE void complex_associator(const V (&x)[2][8], const V (&y)[2][8], const V (&z)[2][8],
                                   V (&out)[2][8]) {
  V inner[2][8], right[2][8];
  complex_product<Product>(y, z, inner);
  complex_product<Product>(x, inner, right);
  complex_product<Product>(x, y, inner);
  complex_product<Product>(inner, z, out);
  for (int p = 0; p < 2; ++p) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) out[p][k] = hn::Sub(out[p][k], right[p][k]);
  }
}

/// Both parts of a complex octonion from planes, and back.
template <class D, class V>
HWY_INLINE void load_ci8(D d, const hn::TFromD<D>* point, Index stride, V (&x)[2][8]) {
  for (int p = 0; p < 2; ++p) load_planes(d, point + 8 * p * stride, stride, x[p]);
}
template <class D, class V>
HWY_INLINE void store_ci8(const V (&x)[2][8], D d, hn::TFromD<D>* point, Index stride) {
  for (int p = 0; p < 2; ++p) store_planes(x[p], d, point + 8 * p * stride, stride);
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
