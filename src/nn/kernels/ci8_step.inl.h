// SPDX-License-Identifier: Apache-2.0
// One step of the CI8 recurrence, in pieces: what its kernels share. Compiled once per level.
#if defined(LIOR_NN_KERNELS_CI8_STEP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CI8_STEP_INL_H
#undef LIOR_NN_KERNELS_CI8_STEP_INL_H
#else
#define LIOR_NN_KERNELS_CI8_STEP_INL_H
#endif

#include "algebra/kernels/ci8.inl.h"
#include "nn/ci8_scan_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using algebra::Transition;
using algebra::HWY_NAMESPACE::apply;
using algebra::HWY_NAMESPACE::apply_adjoint;
using algebra::HWY_NAMESPACE::dot;

template <class D, class V = hn::Vec<D>>
HWY_INLINE void load8(D d, const hn::TFromD<D>* at, Index plane, V (&x)[8]) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) x[k] = hn::LoadU(d, at + k * plane);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store8(D d, const V (&x)[8], hn::TFromD<D>* at, Index plane) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) hn::StoreU(x[k], d, at + k * plane);
}

/// (re, im) <- e^{i angle} (re, im), the angle by its cosine and sine.
template <class V>
HWY_INLINE void turn(V cosine, V sine, V& re, V& im) {
  const V turned = hn::NegMulAdd(sine, im, hn::Mul(cosine, re));
  im = hn::MulAdd(sine, re, hn::Mul(cosine, im));
  re = turned;
}

/// u = w / |w| by its inverse norm; e0 where that is 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void load_unit(D d, const hn::TFromD<D>* at, Index plane, V inverse, V (&u)[8]) {
  load8(d, at, plane, u);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) u[k] = hn::Mul(u[k], inverse);
  u[0] = hn::IfThenElse(hn::Eq(inverse, hn::Zero(d)), hn::Set(d, hn::TFromD<D>(1)), u[0]);
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
