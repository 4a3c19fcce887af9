// SPDX-License-Identifier: Apache-2.0
// Distances and logarithms: closed forms in the precision of long double beside ours, and shooting
// beside both.
#include <cfloat>
#include <cmath>
#include <limits>
#include <numbers>

#include "check/geometry/parts.h"
#include "check/geometry/shot.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/geodesic.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPairs = 200;

/// Pairs of points, planes [n, kPairs]. Steps to the second point are of all sizes.
struct Pairs {
  Array<double, 2> x, y;

  explicit Pairs(Index n) : x({n, kPairs}), y({n, kPairs}) {
    Random(81).fill_uniform(x.span(), -1, 1);
    Random(82).fill_uniform(y.span(), -1, 1);
  }
  Index n() const { return x.shape()[0]; }
  /// 10^low to 10^high, evenly in the exponent.
  static double size(Index pair, double low, double high) {
    return std::pow(10, low + (high - low) * static_cast<double>(pair) / (kPairs - 1));
  }
};

using Exact = long double;
#if LDBL_MANT_DIG >= 113  // 64-bit ARM, where no other name for it is there
using Quadruple = long double;
#else
__extension__ using Quadruple = __float128;
#endif

/// arsinh(|x - y| / f), doubled, f from the exact forms below.
Exact hyperbolic(const Pairs& pairs, Index p, Exact f) {
  Exact square = 0;
  for (Index m = 0; m < pairs.n(); ++m) {
    const Exact step = static_cast<Exact>(pairs.y(m, p)) - pairs.x(m, p);
    square += step * step;
  }
  return 2 * std::asinh(std::sqrt(square) / f);
}

/// Steps from a size of 1e-12 to one that is 30 away.
Pairs half_plane_pairs(Index n) {
  Pairs pairs(n);
  for (Index p = 0; p < kPairs; ++p) {
    double& height = pairs.x(n - 1, p);
    height = std::exp(5 * height);
    const double step = height * Pairs::size(p, -12, 6.5);
    for (Index m = 0; m + 1 < n; ++m) pairs.y(m, p) = pairs.x(m, p) + step * pairs.y(m, p);
    pairs.y(n - 1, p) = height + step * std::abs(pairs.y(n - 1, p));
  }
  return pairs;
}

Exact half_plane_distance(const Pairs& pairs, Index p) {
  const Index last = pairs.n() - 1;
  return hyperbolic(pairs, p,
                    2 * std::sqrt(static_cast<Exact>(pairs.x(last, p)) * pairs.y(last, p)));
}

/// Ends up to 1e-13 from the edge, and steps from 1e-12 of the room that there is.
Pairs ball_pairs(Index n) {
  Pairs pairs(n);
  for (Index p = 0; p < kPairs; ++p) {
    double x_size = 0, y_size = 0;
    for (Index m = 0; m < n; ++m) {
      x_size = std::hypot(x_size, pairs.x(m, p)), y_size = std::hypot(y_size, pairs.y(m, p));
    }
    const double room = Pairs::size(p, -13, -0.1);
    const double step = std::max(1e-15, room * Pairs::size(p * 89 % kPairs, -12, -1));
    for (Index m = 0; m < n; ++m) {
      pairs.x(m, p) *= (1 - room) / x_size;
      const double far = pairs.y(m, p) / y_size;
      pairs.y(m, p) = p % 2 == 0 ? (1 - room) * far : pairs.x(m, p) + step * far;
    }
  }
  return pairs;
}

Exact ball_distance(const Pairs& pairs, Index p) {
  Quadruple x_room = 1, y_room = 1;  // squares of doubles are exact in it
  for (Index m = 0; m < pairs.n(); ++m) {
    x_room -= static_cast<Quadruple>(pairs.x(m, p)) * pairs.x(m, p);
    y_room -= static_cast<Quadruple>(pairs.y(m, p)) * pairs.y(m, p);
  }
  return hyperbolic(pairs, p, std::sqrt(static_cast<Exact>(x_room * y_room)));
}

/// All over the sphere, in steps from 1e-12, the last angle more than once around.
Pairs sphere_pairs(Index n) {
  Pairs pairs(n);
  for (Index p = 0; p < kPairs; ++p) {
    const double step = Pairs::size(p, -12, 0.1);
    for (Index m = 0; m < n; ++m) {
      const bool last = m + 1 == n;
      double &x = pairs.x(m, p), &y = pairs.y(m, p);
      x = last ? 3 * x : std::numbers::pi / 2 + 1.5 * x;
      y = x + step * (last ? 9 * y : y);
      if (!last) y = std::clamp(y, 0.01, 3.1);
    }
  }
  return pairs;
}

/// By squares of chords, from the last angle to the first.
Exact sphere_distance(const Pairs& pairs, Index p) {
  const auto square = [](Exact value) { return value * value; };
  const Index last = pairs.n() - 1;
  const Exact turn = static_cast<Exact>(pairs.y(last, p)) - pairs.x(last, p);
  Exact chord = square(2 * std::sin(turn / 2)), opposite = square(2 * std::cos(turn / 2));
  for (Index m = last - 1; m >= 0; --m) {
    const Exact a = pairs.x(m, p), b = pairs.y(m, p), both = std::sin(a) * std::sin(b);
    chord = square(2 * std::sin((a - b) / 2)) + both * chord;
    opposite = square(2 * std::cos((a + b) / 2)) + both * opposite;
  }
  return 2 * std::atan2(std::sqrt(chord), std::sqrt(opposite));
}

/// Largest relative error; NaN where an error exceeds its estimate, and where a length is missing.
template <class Closed>
double distance_error(const AnyMetric<double>& metric, const Pairs& pairs, const Closed& closed,
                      bool shortest) {
  Array<double, 1> length({kPairs}), estimate({kPairs});
  Array<bool, 1> is_shortest({kPairs});
  distance<double>(metric, pairs.x.view(), pairs.y.view(), {},
                   {length.view(), estimate.view(), is_shortest.view()});
  Worst<double> worst;
  for (Index p = 0; p < kPairs; ++p) {
    const Exact want = closed(pairs, p);
    const auto error = static_cast<double>(std::abs(length(p) - want));
    const bool stated = error <= estimate(p);
    worst.add(stated && is_shortest(p) == shortest ? error / static_cast<double>(want) : NAN);
  }
  return worst.value();
}

/// |exp_x(v) - y| where the way is short enough for one path.
double exp_of_closed_log(const AnyMetric<double>& metric, const Pairs& pairs) {
  Array<double, 2> v(pairs.x.shape()), end(pairs.x.shape());
  Array<bool, 1> converged({kPairs});
  Array<double, 1> error({kPairs}), length({kPairs});
  Array<PathStatus, 1> status({kPairs});
  const GeodesicOptions options{.rtol = 1e-12, .atol = 1e-14};
  log_map<double>(metric, pairs.x.view(), pairs.y.view(), options,
                  {v.view(), converged.view(), error.view()});
  distance<double>(metric, pairs.x.view(), pairs.y.view(), options, {length.view()});
  exp_map<double>(metric, pairs.x.view(), v.view(), options, end.view(), status.view());
  Worst<double> worst;
  for (Index p = 0; p < kPairs; ++p) {
    if (length(p) > 3 || status(p) != PathStatus::ok) continue;
    for (Index m = 0; m < pairs.n(); ++m) {
      const double period = metric.chart().coordinates[m].period;
      const double apart = end(m, p) - pairs.y(m, p);
      worst.add(std::abs(period > 0 ? std::remainder(apart, period) : apart));
    }
  }
  return worst.value();
}

/// Pairs at moderate distances, which shooting finds.
Pairs nearby(Pairs pairs) {
  for (Index p = 0; p < kPairs; ++p) {
    for (Index m = 0; m < pairs.n(); ++m) {
      pairs.x(m, p) = 1 + 0.3 * std::sin(static_cast<double>(3 * p + m));
      pairs.y(m, p) =
          pairs.x(m, p) + Pairs::size(p, -12, -0.2) * std::cos(static_cast<double>(p + 2 * m));
    }
  }
  return pairs;
}

/// Pairs 12 to 26 apart in hyperbolic space, exp(-2 u) dx^2 + du^2: every other one lies above the
/// other, and every other one beside it, where the straight line is 1e6 times as long.
Pairs far_pairs() {
  Pairs pairs(2);
  for (Index p = 0; p < kPairs; ++p) {
    const double apart = 12 + 13 * static_cast<double>(p) / kPairs, side = p % 4 < 2 ? 1 : -1;
    pairs.y(0, p) *= 3;
    if (p % 2 == 0) {
      pairs.y(1, p) = pairs.x(1, p) + side * apart;
    } else {
      pairs.y(0, p) = side * std::exp(apart / 2);
    }
  }
  return pairs;
}
constexpr const char* kHyperbolic = "expr:x, u; dx^2*exp(-2*u) + du^2";

Exact far_distance(const Pairs& pairs, Index p) {
  const Exact a = pairs.x(1, p), b = pairs.y(1, p);
  const Exact aside = (static_cast<Exact>(pairs.y(0, p)) - pairs.x(0, p)) / 2;
  return 2 * std::asinh(std::hypot(aside * std::exp(-(a + b) / 2), std::sinh((a - b) / 2)));
}

/// The plane by x and the logarithm of its other coordinate, 2,000 wide.
Pairs plane_pairs() {
  Pairs pairs(2);
  for (Index p = 0; p < kPairs; ++p) {
    for (Array<double, 2>* end : {&pairs.x, &pairs.y}) (*end)(0, p) *= 1000, (*end)(1, p) *= 4.5;
  }
  return pairs;
}
constexpr const char* kPlane = "expr:x, u; dx^2 + d(exp(u))^2";

Exact plane_distance(const Pairs& pairs, Index p) {
  const Exact aside = static_cast<Exact>(pairs.y(0, p)) - pairs.x(0, p);
  return std::hypot(aside, std::exp(static_cast<Exact>(pairs.y(1, p))) -
                               std::exp(static_cast<Exact>(pairs.x(1, p))));
}

/// The sphere from its pole.
constexpr const char* kStereographic = "expr:x, y; 4*(dx^2 + dy^2)/(1 + x^2 + y^2)^2";

Exact stereographic_distance(const Pairs& pairs, Index p) {
  // As complex numbers: |y - x| beside |1 + conj(x) y|.
  const Exact a = pairs.x(0, p), b = pairs.x(1, p), c = pairs.y(0, p), e = pairs.y(1, p);
  return 2 * std::atan2(std::hypot(c - a, e - b), std::hypot(1 + a * c + b * e, a * e - b * c));
}

/// Around the tube and around the hole, the shorter way: from (0, 0) to (0, 6.5) it is 3 (6.5 - 2
/// pi) along the outer equator.
double torus_around() {
  Array<double, 2> x({2, 2}), y({2, 2});
  y(1, 0) = 6.5, y(0, 1) = -6.5;
  Array<double, 1> length({2});
  distance<double>(Torus{}, x.view(), y.view(), {}, {length.view()});
  const double turn = 6.5 - 2 * std::numbers::pi;
  Worst<double> worst;
  worst.add(std::abs(length(0) - 3 * turn));
  worst.add(std::abs(length(1) - turn));
  return worst.value();
}

/// 1 unless a pair that no path joins is given up: its length is NaN, its error too.
double gives_up() {
  Array<double, 2> x({2, 1}), y({2, 1});
  x(0, 0) = 1, y(0, 0) = 80;  // e^320 times as far as in coordinates
  Array<double, 1> length({1}), error({1});
  distance<double>(Conformal<QuadraticExponent>{2, {2, 0.05}}, x.view(), y.view(), {},
                   {length.view(), error.view()});
  return std::isnan(length(0)) && std::isnan(error(0)) ? 0 : 1;
}

}  // namespace

void add_distance_checks(Registry& registry) {
  const auto add = [&](const std::string& name, const std::string& shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = "distance." + name,
                               .module = "geometry",
                               .dtype = "f64",
                               .shape = shape,
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // A dozen roundings.
  constexpr double kClosed = 16 * std::numeric_limits<double>::epsilon();
  for (const Index n : {2, 3, 5}) {
    const std::string shape = fmt::format("n={} N={}", n, kPairs);
    add("half_plane", shape, kClosed, [=] {
      return distance_error(HalfPlane{n}, half_plane_pairs(n), half_plane_distance, true);
    });
    add("ball", shape, kClosed,
        [=] { return distance_error(PoincareBall{n}, ball_pairs(n), ball_distance, true); });
    add("sphere", shape, kClosed,
        [=] { return distance_error(Sphere{n}, sphere_pairs(n), sphere_distance, true); });
    add("half_plane.log", shape, 1e-9,
        [=] { return exp_of_closed_log(HalfPlane{n}, nearby(Pairs(n))); });
    add("ball.log", shape, 1e-9, [=] { return exp_of_closed_log(PoincareBall{n}, ball_pairs(n)); });
    add("sphere.log", shape, 1e-9, [=] { return exp_of_closed_log(Sphere{n}, nearby(Pairs(n))); });
  }
  // Ten times the tolerance of paths, 1e-8.
  constexpr double kShot = 1e-7;
  add("half_plane.shot", "n=2", kShot, [] {
    return distance_error(Shot{HalfPlane{2}}, nearby(Pairs(2)), half_plane_distance, false);
  });
  add("sphere.shot", "n=3", kShot,
      [] { return distance_error(Shot{Sphere{3}}, nearby(Pairs(3)), sphere_distance, false); });
  add("half_plane.far", "n=2", kShot, [] {
    return distance_error(Shot{HalfPlane{2}}, half_plane_pairs(2), half_plane_distance, false);
  });
  const auto formulas = [](const char* text) { return metric_from_text<double>(text); };
  add("formulas.far", "hyperbolic", kShot,
      [=] { return distance_error(formulas(kHyperbolic), far_pairs(), far_distance, false); });
  add("formulas.far", "plane", kShot,
      [=] { return distance_error(formulas(kPlane), plane_pairs(), plane_distance, false); });
  add("formulas.far", "sphere", kShot, [=] {
    return distance_error(formulas(kStereographic), Pairs(2), stereographic_distance, false);
  });
  add("torus.around", "", kShot, torus_around);
  add("gives_up", "conformal", 0, gives_up);
}

}  // namespace lior::check
