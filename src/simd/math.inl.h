// SPDX-License-Identifier: Apache-2.0
// Elementary functions on vectors of float or double, any level, any number of lanes.
//
// Each takes and returns a vector of descriptor d. NaN gives NaN; infinities and arguments out of
// the domain give what <cmath> gives, the sign of a zero aside. silu and gelu of -Inf and their
// derivatives at both infinities are NaN (Inf times 0). Accuracy: lior/simd/math.h.
#if defined(LIOR_SIMD_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_SIMD_MATH_INL_H
#undef LIOR_SIMD_MATH_INL_H
#else
#define LIOR_SIMD_MATH_INL_H
#endif

#include <hwy/highway.h>
// Behind highway.h, which it needs.
#include <hwy/contrib/math/math-inl.h>

#include <cmath>
#include <limits>

#include "simd/exp.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

namespace detail {

template <class D, class V>
HWY_INLINE V constant(D d, V, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

/// c[0] + c[1] x + ... by Horner's rule.
template <class D, class V, std::size_t N>
HWY_INLINE V polynomial(D d, V x, const hn::TFromD<D> (&c)[N]) {
  V sum = hn::Set(d, c[N - 1]);
#pragma GCC unroll 32
  for (std::size_t i = N - 1; i > 0; --i) sum = hn::MulAdd(sum, x, hn::Set(d, c[i - 1]));
  return sum;
}

/// erf near 0 and erfc past 1, of some y >= 0.
template <class V>
struct ErfPieces {
  V near;  ///< erf(y), where y < 1
  V tail;  ///< erfc(y), where y >= 1
};

template <class T>
struct ErfTable;

// Chebyshev interpolation in 40 digits. kNear: erf(sqrt(s)) / sqrt(s), 0 <= s <= 1. kTail:
// e^(y^2) erfc(y) / r with r = 1/(y + 2) and u = 6 r - 1, 1 <= y <= kEnd (erfc is 0 past that).
template <>
struct ErfTable<float> {  // relative errors of the fits 1.4e-9 and 1.2e-8
  static constexpr float kEnd = 10.1f;
  static constexpr float kNear[] = {1.12837916585f,     -0.376126266667f,  0.112835947152f,
                                    -0.0268542120106f,  0.00518908742343f, -0.000801686428717f,
                                    0.0000787587506269f};
  static constexpr float kTail[] = {0.821996737408f,      0.343809513674f,    0.10291843952f,
                                    0.0166322892911f,     -0.00141905737451f, -0.00125034189013f,
                                    -0.0000224488015093f, 0.0000856107258654f};
};
template <>
struct ErfTable<double> {  // 8.1e-18 and 3.9e-17
  static constexpr double kEnd = 27;
  static constexpr double kNear[] = {
      1.1283791670955125665,     -0.37612638903183540438,     0.11283791670945006266,
      -0.02686617064323777036,   0.0052239776071164227321,    -0.00085483259753896920806,
      0.00012055294904839707917, -0.000014924736907419660338, 1.644742470331736241e-6,
      -1.6208483801871705902e-7, 1.3720064546777685604e-8,    -7.7958988270021422416e-10};
  static constexpr double kTail[] = {
      0.82199674575036833256,      0.34380947367040420974,    0.10291788782354830399,
      0.016633141230726422784,     -0.0014137333868366216789, -0.0012570181748642989884,
      -0.000036789261185119618685, 0.00010491717040981939669, 6.3437082321472663714e-6,
      -0.000011183150174215248728, -2.1026450965044411909e-7, 1.4027512066180409684e-6,
      -1.2685925900956158973e-7,   -1.7849894213842170238e-7, 4.810369274411805722e-8,
      1.7962475694356173986e-8,    -1.1083478973730212665e-8, -1.681865012065292389e-10,
      1.4811191163489958128e-9,    -3.3732586862930833486e-10};
};

/// `gauss` is e^(-y^2).
template <class D, class V>
HWY_INLINE ErfPieces<V> erf_pieces(D d, V y, V gauss) {
  using Table = ErfTable<hn::TFromD<D>>;
  const V near = hn::Mul(y, polynomial(d, hn::Mul(y, y), Table::kNear));
  const V end = hn::Set(d, Table::kEnd);
  const V r = hn::Div(constant(d, y, 1), hn::Add(hn::Min(y, end), constant(d, y, 2)));
  const V u = hn::MulSub(constant(d, y, 6), r, constant(d, y, 1));
  return {near, hn::Mul(gauss, hn::Mul(r, polynomial(d, u, Table::kTail)))};
}

/// f lane by lane, by the C library.
template <class D, class V, class Function>
HWY_NOINLINE V by_lanes(D d, V x, Function f) {
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(D())];
  hn::Store(x, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = f(lanes[i]);
  return hn::Load(d, lanes);
}

/// Where Highway's reduction modulo pi holds.
inline constexpr double kTrigonometricRange = 39000;

/// `fast` where it holds, in the other lanes the C library's `exact`: no lane depends on another.
template <class D, class V, class Fast, class Exact>
HWY_INLINE V trigonometric(D d, V x, const Fast& fast, const Exact& exact) {
  const auto near = hn::Lt(hn::Abs(x), constant(d, x, kTrigonometricRange));
  if (HWY_LIKELY(hn::AllTrue(d, near))) return fast(x);
  return hn::IfThenElse(near, fast(hn::IfThenElseZero(near, x)), by_lanes(d, x, exact));
}

}  // namespace detail

/// e^x - 1, exact to relative rounding near 0.
template <class D, class V>
HWY_INLINE V expm1(D d, V x) {
  const V high = detail::constant(d, x, sizeof(hn::TFromD<D>) == 4 ? 89.0 : 710.0);
  const V value = hn::Expm1(d, hn::Min(x, high));
  return hn::IfThenElse(hn::Eq(x, x), value, x);
}

/// Natural logarithm.
template <class D, class V>
HWY_INLINE V log(D d, V x) {
  using T = hn::TFromD<D>;
  const V zero = hn::Zero(d), infinity = hn::Set(d, std::numeric_limits<T>::infinity());
  const V at_edge = hn::IfThenElse(
      hn::Eq(x, zero), hn::Neg(infinity),
      hn::IfThenElse(hn::Eq(x, infinity), x, hn::Set(d, std::numeric_limits<T>::quiet_NaN())));
  return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, infinity)), hn::Log(d, x), at_edge);
}

/// log(1 + x), exact to relative rounding near 0.
template <class D, class V>
HWY_INLINE V log1p(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = detail::constant(d, x, 1);
  const V infinity = hn::Set(d, std::numeric_limits<T>::infinity());
  const V at_edge = hn::IfThenElse(
      hn::Eq(x, hn::Neg(one)), hn::Neg(infinity),
      hn::IfThenElse(hn::Eq(x, infinity), x, hn::Set(d, std::numeric_limits<T>::quiet_NaN())));
  return hn::IfThenElse(hn::And(hn::Gt(x, hn::Neg(one)), hn::Lt(x, infinity)), hn::Log1p(d, x),
                        at_edge);
}

template <class D, class V>
HWY_INLINE V sin(D d, V x) {
  return detail::trigonometric(
      d, x, [d](V inside) { return hn::Sin(d, inside); }, [](auto lane) { return std::sin(lane); });
}

template <class D, class V>
HWY_INLINE V cos(D d, V x) {
  return detail::trigonometric(
      d, x, [d](V inside) { return hn::Cos(d, inside); }, [](auto lane) { return std::cos(lane); });
}

/// tanh|x| = -m / (2 + m), m = e^(-2|x|) - 1: no overflow, and no cancellation near 0.
template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  const V magnitude = hn::Abs(x);
  const V m = expm1(d, hn::Mul(detail::constant(d, x, -2), magnitude));
  const V value = hn::Div(hn::Neg(m), hn::Add(detail::constant(d, x, 2), m));
  return hn::CopySign(value, x);
}

/// sigmoid(x) and 1 - sigmoid(x) = sigmoid(-x), both to relative rounding.
template <class V>
struct SigmoidPair {
  V value;
  V complement;
};

template <class D, class V>
HWY_INLINE SigmoidPair<V> sigmoid_pair(D d, V x) {
  const V one = detail::constant(d, x, 1);
  const V e = exp_negative(d, hn::Neg(hn::Abs(x)));
  const V large = hn::Div(one, hn::Add(one, e));
  const V small = hn::Mul(e, large);
  const auto negative = hn::Lt(x, hn::Zero(d));
  return {hn::IfThenElse(negative, small, large), hn::IfThenElse(negative, large, small)};
}

/// 1 / (1 + e^-x), to relative rounding on both sides.
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  return sigmoid_pair(d, x).value;
}

/// log(1 + e^x).
template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
  const V rest = log1p(d, exp_negative(d, hn::Neg(hn::Abs(x))));
  const V value = hn::Add(hn::Max(x, hn::Zero(d)), rest);
  return hn::IfThenElse(hn::Eq(x, x), value, x);
}

/// x sigmoid(x).
template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return hn::Mul(x, sigmoid(d, x));
}

/// d silu / dx = s (1 + x (1 - s)), s = sigmoid(x).
template <class D, class V>
HWY_INLINE V silu_derivative(D d, V x) {
  const auto s = sigmoid_pair(d, x);
  return hn::Mul(s.value, hn::MulAdd(x, s.complement, detail::constant(d, x, 1)));
}

template <class D, class V>
HWY_INLINE V erf(D d, V x) {
  const V one = detail::constant(d, x, 1);
  const V y = hn::Abs(x);
  const auto pieces = detail::erf_pieces(d, y, exp_negative(d, hn::Neg(hn::Mul(y, y))));
  const V value = hn::IfThenElse(hn::Ge(y, one), hn::Sub(one, pieces.tail), pieces.near);
  return hn::CopySign(value, x);
}

/// 1 - erf(x), to relative rounding where that is small.
template <class D, class V>
HWY_INLINE V erfc(D d, V x) {
  const V zero = hn::Zero(d), one = detail::constant(d, x, 1), two = detail::constant(d, x, 2);
  const V y = hn::Abs(x);
  const auto pieces = detail::erf_pieces(d, y, exp_negative(d, hn::Neg(hn::Mul(y, y))));
  const V tail = hn::IfThenElse(hn::Lt(x, zero), hn::Sub(two, pieces.tail), pieces.tail);
  return hn::IfThenElse(hn::Ge(y, one), tail, hn::Sub(one, hn::CopySign(pieces.near, x)));
}

namespace detail {

/// P(X <= x) and its density for a normal X.
template <class V>
struct Normal {
  V probability;
  V density;
};

/// `gauss` is e^(-x^2/2).
template <class D, class V>
HWY_INLINE Normal<V> normal(D d, V x, V gauss) {
  const V half = constant(d, x, 0.5), one = constant(d, x, 1);
  const V y = hn::Mul(hn::Abs(x), constant(d, x, 0.70710678118654752440));  // 1/sqrt(2)
  const auto pieces = erf_pieces(d, y, gauss);
  const V half_tail = hn::Mul(half, pieces.tail);
  const V tail = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), half_tail, hn::Sub(one, half_tail));
  const V near = hn::MulAdd(half, hn::CopySign(pieces.near, x), half);
  return {hn::IfThenElse(hn::Ge(y, one), tail, near),
          hn::Mul(gauss, constant(d, x, 0.39894228040143267794))};  // 1/sqrt(2 pi)
}

template <class D, class V>
HWY_INLINE Normal<V> normal(D d, V x) {
  return normal(d, x, exp_negative(d, hn::Mul(constant(d, x, -0.5), hn::Mul(x, x))));
}

}  // namespace detail

/// x (1 + erf(x / sqrt 2)) / 2.
template <class D, class V>
HWY_INLINE V gelu(D d, V x) {
  return hn::Mul(x, detail::normal(d, x).probability);
}

/// d gelu / dx = Phi(x) + x phi(x), the normal probability and density.
template <class D, class V>
HWY_INLINE V gelu_derivative(D d, V x) {
  const auto normal = detail::normal(d, x);
  return hn::MulAdd(x, normal.density, normal.probability);
}

}  // namespace lior::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
