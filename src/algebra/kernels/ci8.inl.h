// SPDX-License-Identifier: Apache-2.0
// One complex octonion in each lane: products, the operators R_u, L_u, B_u and their adjoints; then
// the planes of them. Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_CI8_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_CI8_INL_H
#undef LIOR_ALGEBRA_KERNELS_CI8_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_CI8_INL_H
#endif

#include "algebra/kernels/complex.inl.h"
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

/// The real product that a complex one is made of.
struct OctonionProduct {
  template <class V>
  HWY_INLINE void operator()(const V (&x)[8], const V (&y)[8], V (&out)[8]) const {
    multiply(x, y, out);
  }
};

// Planes: components `stride` apart, `count` points of them, `parts` 1 (real) or 2 (complex).

/// `x_sign`, `y_sign`: -1 conjugates that factor as it is loaded (28 multiplications beside 256
/// multiply-adds), 1 does not.
template <class T>
void ci8_multiply_planes(const T* x, const T* y, T* out, Index stride, Index count, T x_sign,
                         T y_sign) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[2][8], b[2][8], product[2][8];
    load_ci8(d, x + n, stride, a);
    load_ci8(d, y + n, stride, b);
    for (int p = 0; p < 2; ++p) {
      for (int k = 1; k < 8; ++k) {
        a[p][k] = hn::Mul(hn::Set(d, x_sign), a[p][k]);
        b[p][k] = hn::Mul(hn::Set(d, y_sign), b[p][k]);
      }
    }
    complex_product<OctonionProduct>(a, b, product);
    store_ci8(product, d, out + n, stride);
  });
}

template <class T>
void ci8_associator_planes(const T* x, const T* y, const T* z, T* out, Index stride,
                           Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> a[2][8], b[2][8], c[2][8], associator[2][8];
    load_ci8(d, x + n, stride, a);
    load_ci8(d, y + n, stride, b);
    load_ci8(d, z + n, stride, c);
    complex_associator<OctonionProduct>(a, b, c, associator);
    store_ci8(associator, d, out + n, stride);
  });
}

template <class T>
void conjugate_planes(const T* x, T* out, Index stride, Index count, int parts) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    for (int k = 0; k < 8 * parts; ++k) {
      const auto component = hn::LoadU(d, x + k * stride + n);
      hn::StoreU(k % 8 == 0 ? component : hn::Neg(component), d, out + k * stride + n);
    }
  });
}

template <class T>
void norm_planes(const T* x, T* out, Index stride, Index count, int parts) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> part[8];
    auto squares = hn::Zero(d);
#pragma GCC unroll 1
    for (int p = 0; p < parts; ++p) {
      load_planes(d, x + 8 * p * stride + n, stride, part);
      squares = hn::Add(squares, dot(part, part));
    }
    hn::StoreU(hn::Sqrt(squares), d, out + n);
  });
}

template <class T, Transition kTransition>
void apply_planes(const T* u, const T* x, T* out, Index stride, Index count, int parts) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> unit[8], state[8], turned[8];
    load_planes(d, u + n, stride, unit);
#pragma GCC unroll 1
    for (int p = 0; p < parts; ++p) {
      load_planes(d, x + 8 * p * stride + n, stride, state);
      apply<kTransition>(unit, state, turned);
      store_planes(turned, d, out + 8 * p * stride + n, stride);
    }
  });
}

template <class T, Transition kTransition>
void apply_adjoint_planes(const T* u, const T* x, const T* g, T* dx, T* du, Index stride,
                          Index count, int parts) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    hn::Vec<decltype(d)> unit[8], state[8], gradient[8], state_gradient[8], unit_gradient[8];
    load_planes(d, u + n, stride, unit);
    for (auto& component : unit_gradient) component = hn::Zero(d);
#pragma GCC unroll 1
    for (int p = 0; p < parts; ++p) {
      load_planes(d, x + 8 * p * stride + n, stride, state);
      load_planes(d, g + 8 * p * stride + n, stride, gradient);
      apply_adjoint<kTransition>(unit, state, gradient, state_gradient, unit_gradient);
      store_planes(state_gradient, d, dx + 8 * p * stride + n, stride);
    }
    store_planes(unit_gradient, d, du + n, stride);
  });
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
