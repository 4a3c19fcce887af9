// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Metrics in closed form. Each is its own formula; see metric.h for what a metric is.

#include <cmath>
#include <numbers>
#include <span>
#include <string_view>

#include "lior/geometry/metric.h"

namespace lior::geometry {

namespace detail {
/// g = diag(entry(0), entry(1), ...).
template <class S, class Entry>
void diagonal(Index d, S* g, const Entry& entry) {
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < d; ++n) g[m * d + n] = m == n ? S(entry(m)) : S(0.0);
  }
}
/// |x|^2.
template <class S>
S square_norm(const S* x, Index d) {
  S sum = 0.0;
  for (Index m = 0; m < d; ++m) sum += x[m] * x[m];
  return sum;
}
/// Whether an angle is strictly between 0 and pi.
template <class T>
bool polar(T angle) {
  return angle > 0 && angle < std::numbers::pi_v<T>;
}
inline Coordinate polar_angle(std::string name) { return {std::move(name), "in (0, pi)"}; }
inline Coordinate full_angle(std::string name) {
  return {std::move(name), "of period 2 pi", 2 * std::numbers::pi};
}
/// The plane of the equator around a hole, with its horizon.
PlaneView orbit_plane(double horizon);
}  // namespace detail

/// g = delta.
struct Euclidean {
  Index n = 2;
  Index dimension() const { return n; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;
  template <class S>
  void operator()(const S*, S* g) const {
    detail::diagonal(n, g, [](Index) { return S(1.0); });
  }
};

/// S^n of radius r in angles: g = r^2 diag(1, sin^2 x_0, sin^2 x_0 sin^2 x_1, ...); all angles but
/// the last are in (0, pi). n = 2: (theta, phi).
/// log is that of the whole sphere: the shortest arc, which may cross a pole; between opposite
/// points it is one of many. exp is that of the whole sphere too, and its last angle goes on
/// turning.
struct Sphere {
  Index n = 2;
  double r = 1;
  Index dimension() const { return n; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::sin;
    S scale = r * r;
    detail::diagonal(n, g, [&](Index m) {
      const S entry = scale;
      scale = scale * sin(x[m]) * sin(x[m]);
      return entry;
    });
  }
  template <class T>
  Domain domain(const T* x) const {
    return std::all_of(x, x + n - 1, detail::polar<T>) ? Domain::inside : Domain::edge;
  }
};

/// Hyperbolic space as a half-space: g = delta / y^2, y > 0 the last coordinate.
struct HalfPlane {
  Index n = 2;
  Index dimension() const { return n; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;
  template <class S>
  void operator()(const S* x, S* g) const {
    const S entry = 1.0 / (x[n - 1] * x[n - 1]);
    detail::diagonal(n, g, [&](Index) { return entry; });
  }
  template <class T>
  Domain domain(const T* x) const {
    return x[n - 1] > 0 ? Domain::inside : Domain::edge;
  }
};

/// Hyperbolic space as a ball: g = 4 delta / (1 - |x|^2)^2, |x| < 1.
struct PoincareBall {
  Index n = 2;
  Index dimension() const { return n; }
  Chart chart() const;
  ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
  void exponential(const double* x, const double* v, double* y) const;
  void transport(const double* x, const double* v, const double* w, double* out) const;
  template <class S>
  void operator()(const S* x, S* g) const {
    const S room = 1.0 - detail::square_norm(x, n);
    const S entry = 4.0 / (room * room);
    detail::diagonal(n, g, [&](Index) { return entry; });
  }
  template <class T>
  Domain domain(const T* x) const {
    return detail::square_norm(x, n) < 1 ? Domain::inside : Domain::edge;
  }
};

/// A torus in space, (theta, phi): g = diag(r^2, (R + r cos theta)^2), 0 < r < R.
struct Torus {
  double minor = 1;
  double major = 2;
  Index dimension() const { return 2; }
  Chart chart() const {
    return {{detail::full_angle("theta"), detail::full_angle("phi")}, {{"theta", "phi"}}};
  }
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::cos;
    const S ring = major + minor * cos(x[0]);
    detail::diagonal(2, g, [&](Index m) { return m == 0 ? S(minor * minor) : ring * ring; });
  }
};

/// A black hole of mass M outside its horizon, (t, r, theta, phi), signature (- + + +):
/// g = diag(-(1 - 2M/r), 1/(1 - 2M/r), r^2, r^2 sin^2 theta), r > 2M.
struct Schwarzschild {
  double mass = 1;
  Index dimension() const { return 4; }
  Index negative_directions() const { return 1; }
  Chart chart() const;
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::sin;
    const S lapse = (x[1] - 2 * mass) / x[1], r2 = x[1] * x[1], sine = sin(x[2]);
    detail::diagonal(4, g, [&](Index m) {
      return m == 0 ? -lapse : m == 1 ? 1.0 / lapse : m == 2 ? r2 : r2 * sine * sine;
    });
  }
  template <class T>
  Domain domain(const T* x) const {
    if (!(x[1] > static_cast<T>(2 * mass))) return Domain::horizon;
    return detail::polar(x[2]) ? Domain::inside : Domain::edge;
  }
};

/// g = e^{2f} delta for a function f(x), `template <class S> S operator()(const S* x) const`.
template <class F>
struct Conformal {
  Index n;
  F f;
  Index dimension() const { return n; }
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::exp;
    const S entry = exp(2.0 * f(x));
    detail::diagonal(n, g, [&](Index) { return entry; });
  }
};

/// f = a |x|^2.
struct QuadraticExponent {
  Index n;
  double a;
  template <class S>
  S operator()(const S* x) const {
    return a * detail::square_norm(x, n);
  }
};

/// The metric that an embedding y(x) in Euclidean space induces: g_mn = d_m y . d_n y.
/// E has `dimension()`, `ambient()` (<= kMostDimensions) and
/// `template <class S> void operator()(const S* x, S* y) const`.
template <class E>
struct PullBack {
  E embedding;
  Index dimension() const { return embedding.dimension(); }
  Chart chart() const {
    if constexpr (requires { embedding.chart(); }) return embedding.chart();
    return numbered_chart(dimension());
  }
  template <class S>
  void operator()(const S* x, S* g) const {
    const Index d = dimension(), ambient = embedding.ambient();
    std::array<Dual<S>, kMostDimensions> point, image;
    std::array<std::array<S, kMostDimensions>, kMostDimensions> tangent;
    for (Index m = 0; m < d; ++m) {
      for (Index k = 0; k < d; ++k) point[k] = Dual<S>(x[k], S(k == m ? 1.0 : 0.0));
      embedding(point.data(), image.data());
      for (Index a = 0; a < ambient; ++a) tangent[m][a] = image[a].slope;
    }
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < d; ++n) {
        S sum = 0.0;
        for (Index a = 0; a < ambient; ++a) sum += tangent[m][a] * tangent[n][a];
        g[m * d + n] = sum;
      }
    }
  }
};

/// The graph (x, y) -> (x, y, a (x^2 + y^2)).
struct Paraboloid {
  double a = 0.5;
  Index dimension() const { return 2; }
  Index ambient() const { return 3; }
  Chart chart() const { return {{{"x"}, {"y"}}, {{"x", "y"}}}; }
  template <class S>
  void operator()(const S* x, S* y) const {
    y[0] = x[0], y[1] = x[1], y[2] = a * (x[0] * x[0] + x[1] * x[1]);
  }
};

/// A key of a metric's text, such as r of "sphere:r=2".
struct MetricKey {
  std::string_view name;
  double value;  ///< where the text does not give one
  double above = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool whole = false;  ///< an integer
};

/// The values of a kind's keys, each from the text or by default.
struct MetricValues {
  std::string_view text;  ///< the whole, for errors
  std::span<const MetricKey> keys;
  std::vector<double> values;

  double operator[](std::string_view key) const;
};

/// A kind of metric that texts name.
struct MetricKind {
  std::string_view name;
  std::string_view summary;
  std::vector<MetricKey> keys;
  std::function<AnyMetric<float>(const MetricValues& values)> make_float;
  std::function<AnyMetric<double>(const MetricValues& values)> make_double;
  /// The text of the same metric by formulas, of a kind in closed form that has one.
  std::function<std::string(const MetricValues& values)> by_formulas{};

  std::string text() const;  ///< with the defaults: "sphere:n=2,r=1"
};

/// All kinds: what texts may name.
std::span<const MetricKind> metric_kinds();

/// A line a kind: its text with the defaults, what it is, its coordinates.
std::string describe_metric_kinds();

/// The metric that a text names: a kind and some of its keys, such as "torus" or "sphere:n=3,r=2",
/// a file of formulas and some of its parameters, "hole.toml:mass=2", or the formulas themselves,
/// "expr:r, phi; dr^2 + sinh(r)^2*dphi^2" (lior/geometry/expression_metric.h).
/// Throws lior::Error that lists the names, or the keys of that name, or says which value is wrong.
template <class T>
AnyMetric<T> metric_from_text(std::string_view text);

/// The same metric to rounding, by formulas where its kind has them, whose kernels run over lanes:
/// several times as fast on many points. Throws as metric_from_text.
AnyMetric<double> metric_in_lanes(std::string_view text);

}  // namespace lior::geometry
