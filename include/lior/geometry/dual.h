// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers with a derivative: f(x + e) = f(x) + f'(x) e, e^2 = 0.
///
/// A function that is a template over its scalar gives its exact derivative along one direction
/// when it is called with Dual<T>, its mixed second derivative with Dual<Dual<T>>. Exact: no step,
/// only the rounding of the formula itself.

#include <cmath>
#include <type_traits>

namespace lior::geometry {

inline constexpr double kTwoOverRootPi = 1.12837916709551257390;

template <class T>
struct Dual {
  T value{};
  T slope{};

  constexpr Dual() = default;
  constexpr explicit(false) Dual(double constant) : value(static_cast<T>(constant)) {}
  constexpr explicit(false) Dual(const T& v) requires(!std::is_same_v<T, double>) : value(v) {}
  constexpr Dual(const T& v, const T& s) : value(v), slope(s) {}

  friend constexpr Dual operator+(const Dual& a, const Dual& b) {
    return {a.value + b.value, a.slope + b.slope};
  }
  friend constexpr Dual operator-(const Dual& a, const Dual& b) {
    return {a.value - b.value, a.slope - b.slope};
  }
  friend constexpr Dual operator-(const Dual& a) { return {-a.value, -a.slope}; }
  friend constexpr Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
  constexpr Dual& operator+=(const Dual& b) { return *this = *this + b; }
  constexpr Dual& operator-=(const Dual& b) { return *this = *this - b; }
  constexpr Dual& operator*=(const Dual& b) { return *this = *this * b; }

  friend Dual sqrt(const Dual& a) {
    using std::sqrt;
    const T root = sqrt(a.value);
    return {root, a.slope / (root + root)};
  }
  friend Dual exp(const Dual& a) {
    using std::exp;
    const T e = exp(a.value);
    return {e, e * a.slope};
  }
  friend Dual log(const Dual& a) {
    using std::log;
    return {log(a.value), a.slope / a.value};
  }
  friend Dual sin(const Dual& a) {
    using std::cos, std::sin;
    return {sin(a.value), cos(a.value) * a.slope};
  }
  friend Dual cos(const Dual& a) {
    using std::cos, std::sin;
    return {cos(a.value), -(sin(a.value) * a.slope)};
  }
  friend Dual tanh(const Dual& a) {
    using std::tanh;
    const T t = tanh(a.value);
    return {t, (T(1.0) - t * t) * a.slope};
  }
  friend Dual erf(const Dual& a) {
    using std::erf, std::exp;
    return {erf(a.value), T(kTwoOverRootPi) * exp(-(a.value * a.value)) * a.slope};
  }
  friend Dual erfc(const Dual& a) {
    using std::erfc, std::exp;
    return {erfc(a.value), -(T(kTwoOverRootPi) * exp(-(a.value * a.value)) * a.slope)};
  }
};

/// The number without its derivatives.
template <class T>
constexpr T plain(const T& x) {
  return x;
}
template <class T>
constexpr auto plain(const Dual<T>& x) {
  return plain(x.value);
}

}  // namespace lior::geometry
