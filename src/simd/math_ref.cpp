// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "lior/simd/math.h"

namespace lior::simd::reference {
namespace {

using Real = long double;
constexpr Real kSqrt2 = std::numbers::sqrt2_v<Real>;
constexpr Real kInvSqrtPi = std::numbers::inv_sqrtpi_v<Real>;

Real sigmoid(Real x) {
  const Real e = std::exp(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
Real normal_probability(Real x) { return std::erfc(-x / kSqrt2) / 2; }
Real normal_density(Real x) { return std::exp(-x * x / 2) * kInvSqrtPi / kSqrt2; }

}  // namespace

long double evaluate(Elementary f, long double x) {
  switch (f) {
    case Elementary::exp:
    case Elementary::exp_negative: return std::exp(x);
    case Elementary::exp2_negative: return std::exp2(x);
    case Elementary::expm1: return std::expm1(x);
    case Elementary::log: return std::log(x);
    case Elementary::log1p: return std::log1p(x);
    case Elementary::sin: return std::sin(x);
    case Elementary::cos: return std::cos(x);
    case Elementary::tanh: return std::tanh(x);
    case Elementary::sigmoid: return sigmoid(x);
    case Elementary::softplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Elementary::silu: return x * sigmoid(x);
    case Elementary::silu_derivative: return sigmoid(x) * (1 + x * sigmoid(-x));
    case Elementary::erf: return std::erf(x);
    case Elementary::erfc: return std::erfc(x);
    case Elementary::gelu: return x * normal_probability(x);
    case Elementary::gelu_derivative: return normal_probability(x) + x * normal_density(x);
  }
  return 0;
}

}  // namespace lior::simd::reference
