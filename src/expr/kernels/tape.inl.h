// SPDX-License-Identifier: Apache-2.0
// Runs a tape over blocks of lanes: one operation at a time, each over its whole block, which stays
// in the nearest cache. Compiled once per level.
#if defined(LIOR_EXPR_KERNELS_TAPE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_EXPR_KERNELS_TAPE_INL_H
#undef LIOR_EXPR_KERNELS_TAPE_INL_H
#else
#define LIOR_EXPR_KERNELS_TAPE_INL_H
#endif

#include <cmath>

#include "expr/tape_kernel.h"
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::expr::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace vm = lior::simd::HWY_NAMESPACE;

template <class T>
using Wide = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Wide<T>>;

/// The operands of one instruction: blocks of `lanes` numbers.
template <class T>
struct Operands {
  const T *a, *b, *c;
  T* out;  // may be one of them
  Index lanes;

  template <class F>
  HWY_INLINE void unary(const F& f) const {
    const Wide<T> d;
    for (Index n = 0; n < lanes; n += static_cast<Index>(hn::Lanes(d))) {
      hn::Store(f(hn::Load(d, a + n)), d, out + n);
    }
  }
  template <class F>
  HWY_INLINE void binary(const F& f) const {
    const Wide<T> d;
    for (Index n = 0; n < lanes; n += static_cast<Index>(hn::Lanes(d))) {
      hn::Store(f(hn::Load(d, a + n), hn::Load(d, b + n)), d, out + n);
    }
  }
  template <class F>
  HWY_INLINE void ternary(const F& f) const {
    const Wide<T> d;
    for (Index n = 0; n < lanes; n += static_cast<Index>(hn::Lanes(d))) {
      hn::Store(f(hn::Load(d, a + n), hn::Load(d, b + n), hn::Load(d, c + n)), d, out + n);
    }
  }
  /// Lane by lane, by the C library.
  template <class F>
  void each(const F& f) const {
    for (Index n = 0; n < lanes; ++n) out[n] = f(a[n], b[n]);
  }
};

template <class T>
HWY_NOINLINE void run_by_vectors(Op op, const Operands<T>& at) {
  const Wide<T> d;
  switch (op) {
    case Op::sin: return at.unary([d](auto x) { return vm::sin(d, x); });
    case Op::cos: return at.unary([d](auto x) { return vm::cos(d, x); });
    case Op::exp: return at.unary([d](auto x) { return vm::exp(d, x); });
    case Op::log: return at.unary([d](auto x) { return vm::log(d, x); });
    case Op::tanh: return at.unary([d](auto x) { return vm::tanh(d, x); });
    default: return at.unary([d](auto x) { return vm::erf(d, x); });
  }
}

/// The rarer functions.
template <class T>
HWY_NOINLINE void run_by_library(Op op, const Operands<T>& at) {
  switch (op) {
    case Op::tan: return at.each([](T x, T) { return std::tan(x); });
    case Op::asin: return at.each([](T x, T) { return std::asin(x); });
    case Op::acos: return at.each([](T x, T) { return std::acos(x); });
    case Op::atan: return at.each([](T x, T) { return std::atan(x); });
    case Op::sinh: return at.each([](T x, T) { return std::sinh(x); });
    case Op::cosh: return at.each([](T x, T) { return std::cosh(x); });
    case Op::power: return at.each([](T x, T y) { return std::pow(x, y); });
    default: return at.each([](T y, T x) { return std::atan2(y, x); });
  }
}

template <class T>
HWY_INLINE void run_instruction(Op op, const Operands<T>& at) {
  const Wide<T> d;
  const auto zero = hn::Zero(d), one = hn::Set(d, T(1));
  switch (op) {
    case Op::add: return at.binary([](auto a, auto b) { return hn::Add(a, b); });
    case Op::subtract: return at.binary([](auto a, auto b) { return hn::Sub(a, b); });
    case Op::multiply: return at.binary([](auto a, auto b) { return hn::Mul(a, b); });
    case Op::divide: return at.binary([](auto a, auto b) { return hn::Div(a, b); });
    case Op::multiply_add:
      return at.ternary([](auto a, auto b, auto c) { return hn::MulAdd(a, b, c); });
    case Op::multiply_subtract:
      return at.ternary([](auto a, auto b, auto c) { return hn::MulSub(a, b, c); });
    case Op::subtract_product:
      return at.ternary([](auto a, auto b, auto c) { return hn::NegMulAdd(a, b, c); });
    case Op::negate: return at.unary([](auto a) { return hn::Neg(a); });
    case Op::abs: return at.unary([](auto a) { return hn::Abs(a); });
    case Op::sqrt: return at.unary([](auto a) { return hn::Sqrt(a); });
    case Op::minimum:
      return at.binary([](auto a, auto b) { return hn::IfThenElse(hn::Lt(b, a), b, a); });
    case Op::maximum:
      return at.binary([](auto a, auto b) { return hn::IfThenElse(hn::Lt(a, b), b, a); });
    case Op::less:
      return at.binary([&](auto a, auto b) { return hn::IfThenElseZero(hn::Lt(a, b), one); });
    case Op::less_equal:
      return at.binary([&](auto a, auto b) { return hn::IfThenElseZero(hn::Le(a, b), one); });
    case Op::equal:
      return at.binary([&](auto a, auto b) { return hn::IfThenElseZero(hn::Eq(a, b), one); });
    case Op::where:
      return at.ternary(
          [&](auto a, auto b, auto c) { return hn::IfThenElse(hn::Eq(a, zero), c, b); });
    case Op::sin:
    case Op::cos:
    case Op::exp:
    case Op::log:
    case Op::tanh:
    case Op::erf: return run_by_vectors(op, at);
    default: return run_by_library(op, at);
  }
}

template <class T>
void run_tape(const TapeRun<T>& tape, const T* const* x, T* y, Index stride, Index count) noexcept {
  const Wide<T> d;
  const Index width = static_cast<Index>(hn::Lanes(d));
  const auto operand = [&](std::int32_t place) {
    return place >= 0 ? tape.slots + place * tape.block
                      : tape.constants + (-1 - place) * kLongestBlock;
  };
  for (Index begin = 0; begin < count; begin += tape.block) {
    const Index points = HWY_MIN(tape.block, count - begin);
    const Index lanes = (points + width - 1) / width * width;
    for (Index m = 0; m < tape.inputs; ++m) {
      T* slot = tape.slots + m * tape.block;
      std::copy_n(x[m] + begin, points, slot);
      std::fill(slot + points, slot + lanes, slot[0]);
    }
    for (const Instruction& next : tape.code) {
      if (next.op == Op::store) {
        std::copy_n(operand(next.a), points, y + next.out * stride + begin);
        continue;
      }
      run_instruction<T>(next.op, {operand(next.a), operand(next.b), operand(next.c),
                                   tape.slots + next.out * tape.block, lanes});
    }
  }
}

}  // namespace lior::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
