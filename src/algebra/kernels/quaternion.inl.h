// SPDX-License-Identifier: Apache-2.0
// One quaternion in each lane. Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_QUATERNION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_QUATERNION_INL_H
#undef LIOR_ALGEBRA_KERNELS_QUATERNION_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_QUATERNION_INL_H
#endif

#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;
using simd::HWY_NAMESPACE::load_planes;
using simd::HWY_NAMESPACE::store_planes;

/// out = a + r x v.
template <class V>
HWY_INLINE void add_cross(const V (&a)[3], const V (&r)[3], const V (&v)[3], V (&out)[3]) {
  out[0] = hn::MulAdd(r[1], v[2], hn::NegMulAdd(r[2], v[1], a[0]));
  out[1] = hn::MulAdd(r[2], v[0], hn::NegMulAdd(r[0], v[2], a[1]));
  out[2] = hn::MulAdd(r[0], v[1], hn::NegMulAdd(r[1], v[0], a[2]));
}

/// Planes: components `stride` apart, `count` points of them.
template <class T>
void quaternion_multiply_planes(const T* p, const T* q, T* out, Index stride,
                                Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[4], b[4], product[4];
    load_planes(d, p + n, stride, a);
    load_planes(d, q + n, stride, b);
    // (w, r)(w', r') = (w w' - r.r', w r' + w' r + r x r')
    for (int k = 0; k < 4; ++k) product[k] = hn::Mul(a[0], b[k]);
    for (int k = 1; k < 4; ++k) {
      const int next = k % 3 + 1, after = next % 3 + 1;
      product[0] = hn::NegMulAdd(a[k], b[k], product[0]);
      product[k] = hn::MulAdd(a[k], b[0], product[k]);
      product[k] = hn::MulAdd(a[next], b[after], product[k]);
      product[k] = hn::NegMulAdd(a[after], b[next], product[k]);
    }
    store_planes(product, d, out + n, stride);
  });
}

/// Where the first vector of points begins in which | |q|^2 - 1 | exceeds `most`, or -1.
template <class T>
Index quaternion_rotate_planes(const T* q, const T* v, T most, T* out, Index stride,
                               Index count) noexcept {
  Index wrong = -1;
  for_lanes<T>(count, [=, &wrong](auto d, Index n) {
    using V = hn::Vec<decltype(d)>;
    V quaternion[4], vector[3], inner[3], turned[3];
    load_planes(d, q + n, stride, quaternion);
    load_planes(d, v + n, stride, vector);
    const V r[3] = {quaternion[1], quaternion[2], quaternion[3]};
    const V twice_r[3] = {hn::Add(r[0], r[0]), hn::Add(r[1], r[1]), hn::Add(r[2], r[2])};
    for (int k = 0; k < 3; ++k) inner[k] = hn::Mul(quaternion[0], vector[k]);
    add_cross(inner, r, vector, inner);         // w v + r x v
    add_cross(vector, twice_r, inner, turned);  // v + 2 r x (w v + r x v)
    store_planes(turned, d, out + n, stride);
    V excess = hn::Set(d, T(-1));
    for (const V& component : quaternion) excess = hn::MulAdd(component, component, excess);
    const bool unit = hn::AllFalse(d, hn::Gt(hn::Abs(excess), hn::Set(d, most)));
    if (!unit && wrong < 0) wrong = n;
  });
  return wrong;
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
