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
  constexpr Dual& operator/=(const Dual& b) { return *this = *this / b; }

  // Numbers are compared by their values.
  friend constexpr bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend constexpr bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend constexpr bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }

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
  friend Dual tan(const Dual& a) {
    using std::tan;
    const T t = tan(a.value);
    return {t, (T(1.0) + t * t) * a.slope};
  }
  friend Dual asin(const Dual& a) {
    using std::asin, std::sqrt;
    return {asin(a.value), a.slope / sqrt(T(1.0) - a.value * a.value)};
  }
  friend Dual acos(const Dual& a) {
    using std::acos, std::sqrt;
    return {acos(a.value), -(a.slope / sqrt(T(1.0) - a.value * a.value))};
  }
  friend Dual atan(const Dual& a) {
    using std::atan;
    return {atan(a.value), a.slope / (T(1.0) + a.value * a.value)};
  }
  friend Dual atan2(const Dual& y, const Dual& x) {
    using std::atan2;
    return {atan2(y.value, x.value),
            (x.value * y.slope - y.value * x.slope) / (x.value * x.value + y.value * y.value)};
  }
  friend Dual sinh(const Dual& a) {
    using std::cosh, std::sinh;
    return {sinh(a.value), cosh(a.value) * a.slope};
  }
  friend Dual cosh(const Dual& a) {
    using std::cosh, std::sinh;
    return {cosh(a.value), sinh(a.value) * a.slope};
  }
  /// At 0 the slope from the right.
  friend Dual abs(const Dual& a) { return a.value < T(0.0) ? -a : a; }
  /// Of a base that is not positive only the power by a constant has a slope.
  friend Dual pow(const Dual& a, const Dual& b) {
    using std::log, std::pow;
    const T p = pow(a.value, b.value);
    const T by_base = b.value * pow(a.value, b.value - T(1.0)) * a.slope;
    return {p, b.slope == T(0.0) ? by_base : by_base + p * log(a.value) * b.slope};
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
