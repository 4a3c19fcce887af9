// The operators R_u, L_u, B_u and their adjoints on one octonion in each lane.
#if defined(LIOR_ALGEBRA_KERNELS_CI8_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_CI8_INL_H
#undef LIOR_ALGEBRA_KERNELS_CI8_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_CI8_INL_H
#endif

#include "algebra/kernels/octonion.inl.h"
#include "lior/algebra/ci8.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::HWY_NAMESPACE {

/// sum_k x_k y_k, in two chains of four.
template <class V>
HWY_INLINE V dot(const V (&x)[8], const V (&y)[8]) {
  V even = hn::Mul(x[0], y[0]), odd = hn::Mul(x[1], y[1]);
#pragma GCC unroll 8
  for (int k = 2; k < 8; k += 2) {
    even = hn::MulAdd(x[k], y[k], even);
    odd = hn::MulAdd(x[k + 1], y[k + 1], odd);
  }
  return hn::Add(even, odd);
}

/// x . conj(y) = x_0 y_0 - sum_{k>0} x_k y_k.
template <class V>
HWY_INLINE V dot_conjugated(const V (&x)[8], const V (&y)[8]) {
  V even = hn::Mul(x[0], y[0]), odd = hn::Mul(x[1], y[1]);
#pragma GCC unroll 8
  for (int k = 2; k < 8; k += 2) {
    even = hn::NegMulAdd(x[k], y[k], even);
    odd = hn::MulAdd(x[k + 1], y[k + 1], odd);
  }
  return hn::Sub(even, odd);
}

/// out = F_u x for unit u. `out` must not be x.
template <Transition kTransition, class V>
HWY_INLINE void apply(const V (&u)[8], const V (&x)[8], V (&out)[8]) {
  if constexpr (kTransition == Transition::right) {
    multiply(x, u, out);
  } else if constexpr (kTransition == Transition::left) {
    multiply(u, x, out);
  } else {  // 2 u (u . conj(x)) - conj(x)
    const V projection = dot_conjugated(u, x);
    const V twice = hn::Add(projection, projection);
    out[0] = hn::MulSub(twice, u[0], x[0]);
#pragma GCC unroll 8
    for (int k = 1; k < 8; ++k) out[k] = hn::MulAdd(twice, u[k], x[k]);
  }
}

/// The adjoint of F at (u, x), u unit: out = F_u^T g, and du += the gradient with respect to u, to
/// be projected on u's sphere. `out` must not be g.
template <Transition kTransition, class V>
HWY_INLINE void apply_adjoint(const V (&u)[8], const V (&x)[8], const V (&g)[8], V (&out)[8],
                              V (&du)[8]) {
  if constexpr (kTransition == Transition::two_sided) {  // conj(2 (u.g) u - g)
    const V along = dot(u, g);
    const V twice_along = hn::Add(along, along);
    out[0] = hn::MulSub(twice_along, u[0], g[0]);
#pragma GCC unroll 8
    for (int k = 1; k < 8; ++k) out[k] = hn::NegMulAdd(twice_along, u[k], g[k]);
    // 2 [(u.g) conj(x) + (u.conj(x)) g]
    const V projection = dot_conjugated(u, x);
    const V twice_projection = hn::Add(projection, projection);
    du[0] = hn::MulAdd(twice_along, x[0], hn::MulAdd(twice_projection, g[0], du[0]));
#pragma GCC unroll 8
    for (int k = 1; k < 8; ++k) {
      du[k] = hn::NegMulAdd(twice_along, x[k], hn::MulAdd(twice_projection, g[k], du[k]));
    }
  } else {
    V gradient[8];
    if constexpr (kTransition == Transition::right) {
      multiply<Factor::plain, Factor::conjugated>(g, u, out);       // g conj(u)
      multiply<Factor::conjugated, Factor::plain>(x, g, gradient);  // conj(x) g
    } else {
      multiply<Factor::conjugated, Factor::plain>(u, g, out);       // conj(u) g
      multiply<Factor::plain, Factor::conjugated>(g, x, gradient);  // g conj(x)
    }
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) du[k] = hn::Add(du[k], gradient[k]);
  }
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
