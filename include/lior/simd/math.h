// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Elementary functions of arrays: the face of src/simd/math.inl.h, which kernels include.
///
/// Largest errors, float and double, every level, in units in the last place of the result where
/// that is a normal number (checks simd.math.*):
///   log 1.1; exp, exp_negative, exp2_negative 1.6 (1.2 with FMA); log1p, sigmoid 2.5; sin, cos,
///   tanh, softplus, silu, erf 3; expm1 4; erfc 10 + x^2 and gelu 12 + x^2 (both keep relative
///   accuracy in their small tails, where the rounding of the exponent costs x^2; near 1 and -sqrt
///   2 they cancel 1 - erf, which costs 6 of erf's own errors); silu_derivative, gelu_derivative: 3
///   epsilon, absolute (each has a zero, at -1.278 and -0.752).
/// exp_negative and exp2_negative (e^x and 2^x, x <= 0) cost half to three quarters of exp: they
/// give 0 where their result is no normal number. sigmoid, silu, softplus, erfc and gelu hold them:
/// a tail whose exponential is no normal number is 0. NaN gives NaN; infinities and arguments out
/// of the domain give what <cmath> gives.

#include <span>

#include "lior/core/view.h"

namespace lior::simd {

enum class Elementary {
  exp,
  exp_negative,
  exp2_negative,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tanh,
  sigmoid,
  softplus,
  silu,
  silu_derivative,
  erf,
  erfc,
  gelu,
  gelu_derivative,
};

/// out_i = f(x_i). Equal sizes; `out` may be x. Runs on the calling thread.
template <class T>
void evaluate(Elementary f, std::span<const T> x, std::span<T> out);

namespace reference {
/// The same in long double, by the C library.
long double evaluate(Elementary f, long double x);
}  // namespace reference

}  // namespace lior::simd
