// SPDX-License-Identifier: Apache-2.0
// Elementary functions against the C library in long double: the accuracy that lior/simd/math.h
// states.
#include <cmath>
#include <limits>
#include <vector>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/simd/math.h"

namespace lior::check {
namespace {

using simd::Elementary;

constexpr Index kPoints = 20000;

/// |error| <= bound (1 + growth x^2) ulp of the result; or bound epsilon, where `absolute`.
struct Accuracy {
  Elementary f;
  const char* name;
  double low, high;
  double bound;
  double growth = 0;
  bool absolute = false;
};

constexpr Accuracy kAccuracy[] = {
    {Elementary::exp, "exp", -87, 88, 1.6},
    {Elementary::exp, "exp", -1, 1, 1.6},
    {Elementary::exp, "exp", -104, -86, 1.6},
    {Elementary::exp_negative, "exp_negative", -87.3, 0, 1.6},
    {Elementary::exp_negative, "exp_negative", -1, 0, 1.6},
    {Elementary::exp2_negative, "exp2_negative", -126, 0, 1.6},
    {Elementary::exp2_negative, "exp2_negative", -1, 0, 1.6},
    {Elementary::expm1, "expm1", -100, 88, 4},
    {Elementary::expm1, "expm1", -1, 1, 4},
    {Elementary::log, "log", 0, 1e-30, 1.1},
    {Elementary::log, "log", 0.5, 2, 1.1},
    {Elementary::log, "log", 0, 1e30, 1.1},
    {Elementary::log1p, "log1p", -0.9999, 1, 2.5},
    {Elementary::log1p, "log1p", -1e-3, 1e-3, 2.5},
    {Elementary::log1p, "log1p", 0, 1e30, 2.5},
    {Elementary::sin, "sin", -10, 10, 3},
    {Elementary::sin, "sin", -38999, 38999, 3},
    {Elementary::sin, "sin", -1e30, 1e30, 3},
    {Elementary::cos, "cos", -10, 10, 3},
    {Elementary::cos, "cos", -38999, 38999, 3},
    {Elementary::cos, "cos", -1e30, 1e30, 3},
    {Elementary::tanh, "tanh", -1, 1, 3},
    {Elementary::tanh, "tanh", -30, 30, 3},
    {Elementary::sigmoid, "sigmoid", -1, 1, 2.5},
    {Elementary::sigmoid, "sigmoid", -87, 87, 2.5},
    {Elementary::softplus, "softplus", -1, 1, 3},
    {Elementary::softplus, "softplus", -87, 87, 3},
    {Elementary::silu, "silu", -1, 1, 3},
    {Elementary::silu, "silu", -87, 87, 3},
    {Elementary::silu_derivative, "silu_derivative", -30, 30, 3, 0, true},
    {Elementary::erf, "erf", -1, 1, 3},
    {Elementary::erf, "erf", -7, 7, 3},
    {Elementary::erfc, "erfc", -9, 9, 10, 0.1},
    {Elementary::gelu, "gelu", -1.5, 1.5, 12, 0.1},
    {Elementary::gelu, "gelu", -12, 12, 12, 0.1},
    {Elementary::gelu_derivative, "gelu_derivative", -12, 12, 3, 0, true},
};

/// One unit in the last place of T at `value`, not below the smallest normal number's.
template <class T>
long double last_place(long double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  using Limits = std::numeric_limits<T>;
  return std::ldexp(1.0L, std::max(exponent, Limits::min_exponent) - Limits::digits);
}

template <class T>
double largest_error(const Accuracy& row) {
  std::vector<T> x(kPoints), got(kPoints);
  Random(1).fill_uniform(std::span<T>(x), row.low, row.high);
  simd::evaluate<T>(row.f, x, got);
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double want = simd::reference::evaluate(row.f, x[i]);
    const long double unit = row.absolute
                                 ? static_cast<long double>(std::numeric_limits<T>::epsilon())
                                 : last_place<T>(want) * (1 + row.growth * x[i] * x[i]);
    const double error = static_cast<double>(std::abs(got[i] - want) / unit);
    largest = worst_of<double>({largest, error});
    if (std::isnan(largest)) return largest;
  }
  return largest;
}

template <class T>
void add_math_checks(Registry& registry) {
  for (const Accuracy& row : kAccuracy) {
    registry.checks.push_back(
        {.name = std::string("math.") + row.name,
         .module = "simd",
         .dtype = kDtype<T>,
         .shape = fmt::format("[{}] in {:g} .. {:g}", kPoints, row.low, row.high),
         .tolerance = row.bound,
         .error = [row] { return largest_error<T>(row); }});
  }
}

}  // namespace

void add_simd_checks(Registry& registry) {
  add_math_checks<float>(registry);
  add_math_checks<double>(registry);
}

}  // namespace lior::check
