// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/hyperbolic.h"

#include "geometry/root_of_squares.h"

namespace lior::geometry {
namespace {

/// a b - c d to two roundings, however much of it cancels (W. Kahan).
template <class T>
T difference_of_products(T a, T b, T c, T d) {
  const T second = c * d;
  return std::fma(a, b, -second) + std::fma(-c, d, second);
}

/// Vectors of n components, `stride` apart.
template <class T>
struct Rows {
  const T* x;
  Index stride;
  T operator[](Index m) const { return x[m * stride]; }
};

/// sum over k < m of (a_k x_m - a_m x_k) (b_k x_m - b_m x_k), which is
/// |x|^2 a . b - (x . a)(x . b) (Binet and Cauchy) without a difference of large terms. Divided by
/// X_0^2 term by term, as squares of x may not be numbers.
template <class T>
T across(Index n, Rows<T> x, Rows<T> a, Rows<T> b, T x0) {
  T sum = 0;
  for (Index m = 0; m < n; ++m) {
    const T xm = x[m] / x0;
    for (Index k = 0; k < m; ++k) {
      const T xk = x[k] / x0;
      sum +=
          difference_of_products(a[k], xm, a[m], xk) * difference_of_products(b[k], xm, b[m], xk);
    }
  }
  return sum;
}

/// sqrt(1 + |x|^2).
template <class T>
T first_coordinate(Index n, Rows<T> x) {
  return root_of_squares<T>([&](const auto& add) {
    add(1);
    for (Index m = 0; m < n; ++m) add(x[m]);
  });
}

/// g(a, b) at x.
template <class T>
T inner(Index n, Rows<T> x, Rows<T> a, Rows<T> b) {
  const T x0 = first_coordinate(n, x);
  T plain = 0;
  for (Index m = 0; m < n; ++m) plain += (a[m] / x0) * (b[m] / x0);
  return plain + across(n, x, a, b, x0);
}

/// |x ^ y| / X_0 to a few roundings: x is brought near to 1 by a power of two, which rounds
/// nothing, as products of large coordinates may not be numbers.
double wedge_size(Index n, Rows<double> x, Rows<double> y, double x0) {
  const int exponent = std::ilogb(x0);
  std::array<double, kMostDimensions> near_one;
  for (Index m = 0; m < n; ++m) near_one[m] = std::ldexp(x[m], -exponent);
  const double size = root_of_squares<double>([&](const auto& add) {
    for (Index m = 0; m < n; ++m) {
      for (Index k = 0; k < m; ++k) {
        add(difference_of_products(y[k], near_one[m], y[m], near_one[k]));
      }
    }
  });
  return size / std::ldexp(x0, -exponent);
}

/// sinh(l) / l and (cosh(l) - 1) / l^2.
struct Series {
  double sine, versed;
  explicit Series(double l)
      : sine(l > 0 ? std::sinh(l) / l : 1),
        versed(l > 0 ? 2 * std::pow(std::sinh(l / 2) / l, 2) : 0.5) {}
};

double norm(const double* x, Index n) {
  return root_of_squares<double>([&](const auto& add) {
    for (Index m = 0; m < n; ++m) add(x[m]);
  });
}

}  // namespace

/// With u = y - x and c = <X, Y> = X_0 Y_0 - x . y:
///     c = (1 + |x|^2 + |y|^2 + |x ^ u|^2) / (X_0 Y_0 + x . y) where x . y > 0,
///     4 sinh^2(l / 2) = <X - Y, X - Y> = (2 (1 + c) |u|^2 + 4 |x ^ u|^2) / (X_0 + Y_0)^2,
/// in which all terms are positive, and x ^ u is x ^ y, since u forgets what is small beside the
/// other end. Of c, the chord 2 sinh(l / 2) and |x ^ u| there are roots and
/// ratios alone: their squares may not be numbers where the length is.
ClosedLogarithm Hyperbolic::logarithm(const double* x, const double* y, double* v) const {
  const Rows<double> from{x, 1}, to{y, 1};
  const double x0 = first_coordinate(n, from), y0 = first_coordinate(n, to), both = x0 / 2 + y0 / 2;
  for (Index m = 0; m < n; ++m) v[m] = y[m] - x[m];
  const double size = norm(v, n), wedge = wedge_size(n, from, to, x0);  // |u|, |x ^ u| / X_0
  double along = 0;                                                     // x . y / (X_0 Y_0)
  for (Index m = 0; m < n; ++m) along += (x[m] / x0) * (y[m] / y0);
  const double ratio = x0 / y0,
               root_of_c = along > 0 ? std::hypot(std::sqrt(ratio + 1 / ratio - 1 / x0 / y0),
                                                  wedge * std::sqrt(ratio)) /
                                           std::sqrt(1 + along)
                                     : std::sqrt(x0) * std::sqrt(y0) * std::sqrt(1 - along);
  const double half_chord = std::hypot(std::hypot(1, root_of_c) / std::sqrt(2.) * (size / both / 2),
                                       wedge * (x0 / both / 2));
  const double length = 2 * std::asinh(half_chord);
  const double rounding = static_cast<double>(16 + 4 * n) * std::numeric_limits<double>::epsilon();
  // l / sinh(l) by the chord, as sinh itself would make l's rounding l times as large; and
  // (c - 1) l / sinh(l).
  const double slope = std::hypot(1, half_chord);
  const double scale = half_chord > 0 ? length / 2 / half_chord / slope : 1;
  const double push = length * (half_chord / slope);
  for (Index m = 0; m < n; ++m) v[m] = scale * v[m] - push * x[m];
  // g is at most the unit matrix: errors of components are at most so long.
  const double terms = scale * size + push * norm(x, n);
  return {std::isfinite(length) ? length : NAN, rounding * (length + terms), rounding * length};
}

void Hyperbolic::exponential(const double* x, const double* v, double* y) const {
  const Rows<double> at{x, 1}, velocity{v, 1};
  const double length = std::sqrt(inner(n, at, velocity, velocity));
  const Series series(length);
  for (Index m = 0; m < n; ++m) y[m] = std::cosh(length) * x[m] + series.sine * v[m];
}

void Hyperbolic::transport(const double* x, const double* v, const double* w, double* out) const {
  const Rows<double> at{x, 1}, velocity{v, 1}, carried{w, 1};
  const Series series(std::sqrt(inner(n, at, velocity, velocity)));
  const double share = inner(n, at, carried, velocity);
  for (Index m = 0; m < n; ++m) {
    out[m] = w[m] + share * (series.sine * x[m] + series.versed * v[m]);
  }
}

template <class T>
void Hyperbolic::accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
  for (Index lane = 0; lane < count; ++lane) {
    const Rows<T> at{x + lane, stride}, velocity{v + lane, stride};
    const T square = inner(n, at, velocity, velocity);
    for (Index m = 0; m < n; ++m) a[m * stride + lane] = square * at[m];
  }
}

template <class T>
void Hyperbolic::symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const {
  std::array<T, kMostDimensions> point;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index lane = 0; lane < count; ++lane) {
    for (Index m = 0; m < n; ++m) point[m] = x[m * x_stride + lane];
    (*this)(point.data(), g.data());
    T* out = gamma + lane;
    for (Index l = 0; l < n; ++l) {
      for (Index m = 0; m < n; ++m) {
        for (Index k = m; k < n; ++k, out += stride) *out = -point[l] * g[m * n + k];
      }
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                            \
  template void Hyperbolic::accelerations(const T*, const T*, T*, Index, Index) const; \
  template void Hyperbolic::symbols(const T*, Index, T*, Index, Index) const;
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
