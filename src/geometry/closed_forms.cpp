// SPDX-License-Identifier: Apache-2.0
// Shortest geodesics, ends of geodesics and what is carried along them, in closed form. Each is
// written so that nothing cancels: points may be next to each other, opposite, or next to the edge
// of their chart.
#include "lior/geometry/metrics.h"

namespace lior::geometry {
namespace {

// Each form is a dozen roundings deep, and a few more a dimension.
double rounding(Index d) {
  return static_cast<double>(16 + 4 * d) * std::numeric_limits<double>::epsilon();
}

/// |x| without overflow.
double norm(const double* x, Index d) {
  double size = 0;
  for (Index m = 0; m < d; ++m) size = std::hypot(size, x[m]);
  return size;
}

/// 1 - |x|^2, whose rounding errors are summed beside it: next to 1 they are all that is left.
double one_minus_square(const double* x, Index d) {
  double sum = 1, lost = 0;
  for (Index m = 0; m < d; ++m) {
    const double square = x[m] * x[m], next = sum - square, taken = sum - next;
    lost -= std::fma(x[m], x[m], -square);              // the square's rounding
    lost += (sum - (next + taken)) + (taken - square);  // the difference's
    sum = next;
  }
  return sum + lost;
}

/// v = length direction / |direction|, in coordinates where a unit vector has size `unit`.
ClosedLogarithm along(const double* direction, double length, double unit, Index d, double* v) {
  const double size = norm(direction, d);
  for (Index m = 0; m < d; ++m) v[m] = size > 0 ? direction[m] / size * unit * length : 0;
  const double error = rounding(d) * length;
  return {std::isfinite(length) ? length : NAN, error, error};
}

double product(const double* a, const double* b, Index d) {
  double sum = 0;
  for (Index m = 0; m < d; ++m) sum += a[m] * b[m];
  return sum;
}

/// out = scale R w, R the turn of the plane of the unit vectors a and b, at right angles, by the
/// angle of that cosine and sine from a to b.
void turn(const double* a, const double* b, double cosine, double sine, double scale,
          const double* w, Index d, double* out) {
  const double along = product(a, w, d), across = product(b, w, d);
  for (Index m = 0; m < d; ++m) {
    out[m] = scale * (w[m] + (cosine - 1) * (along * a[m] + across * b[m]) +
                      sine * (along * b[m] - across * a[m]));
  }
}

using Vector = std::array<double, kMostDimensions>;

/// A point of the unit sphere in space, of the angles x, and the vector there of the velocity v.
struct Embedded {
  std::array<double, kMostDimensions + 1> point, vector;

  Embedded(const double* x, const double* v, Index n) {
    point[n - 1] = std::cos(x[n - 1]), point[n] = std::sin(x[n - 1]);
    vector[n - 1] = -point[n] * v[n - 1], vector[n] = point[n - 1] * v[n - 1];
    for (Index m = n - 2; m >= 0; --m) {
      const double cosine = std::cos(x[m]), sine = std::sin(x[m]);
      for (Index k = m + 1; k <= n; ++k) {
        vector[k] = cosine * v[m] * point[k] + sine * vector[k];
        point[k] *= sine;
      }
      point[m] = cosine, vector[m] = -sine * v[m];
    }
  }
};

}  // namespace

ClosedLogarithm Euclidean::logarithm(const double* x, const double* y, double* v) const {
  for (Index m = 0; m < n; ++m) v[m] = y[m] - x[m];
  const double length = norm(v, n), error = rounding(n) * length;
  return {std::isfinite(length) ? length : NAN, error, error};
}

void Euclidean::exponential(const double* x, const double* v, double* y) const {
  for (Index m = 0; m < n; ++m) y[m] = x[m] + v[m];
}

void Euclidean::transport(const double*, const double*, const double* w, double* out) const {
  std::copy_n(w, n, out);
}

/// By squares of chords from the last angle to the first. Of the points X = (cos a, sin a X') and
/// Y = (cos b, sin b Y'):
///   |X - Y|^2 = 4 sin^2((a - b) / 2) + sin a sin b |X' - Y'|^2,
///   |X + Y|^2 = 4 cos^2((a + b) / 2) + sin a sin b |X' + Y'|^2,
/// the distance is 2 atan2(|X - Y|, |X + Y|), and the tangent at X towards Y has the components
///   dX/da . Y = sin(b - a) - cos a sin b |X' - Y'|^2 / 2, and sin a sin b dX'/da' . Y'.
ClosedLogarithm Sphere::logarithm(const double* x, const double* y, double* v) const {
  const Index last = n - 1;
  const double turn = y[last] - x[last];
  double chord = 4 * std::pow(std::sin(turn / 2), 2),
         opposite = 4 * std::pow(std::cos(turn / 2), 2);
  v[last] = std::sin(turn);
  for (Index m = last - 1; m >= 0; --m) {
    const double a = x[m], b = y[m], both = std::sin(a) * std::sin(b);
    v[m] = std::sin(b - a) - std::cos(a) * std::sin(b) * chord / 2;
    chord = 4 * std::pow(std::sin((b - a) / 2), 2) + both * chord;
    opposite = 4 * std::pow(std::cos((a + b) / 2), 2) + both * opposite;
  }
  const double angle = 2 * std::atan2(std::sqrt(chord), std::sqrt(opposite));
  const double sine = std::sqrt(chord * opposite) / 2;
  // Of opposite points, no direction is the right one; along the first angle is as good as any.
  const bool many = chord > 0 && !(sine > 0);
  double scale = many ? 0 : (angle > 0 ? angle / sine : 1);
  for (Index m = 0; m < n; ++m) {
    v[m] *= scale;
    scale *= m < last ? std::sin(y[m]) / std::sin(x[m]) : 1;
  }
  if (many) v[0] = angle;
  // Next to the opposite point, what is known of the angle says little of the direction.
  const double eps = std::numeric_limits<double>::epsilon();
  const double error = rounding(n) * angle + eps * std::abs(turn);
  const double magnified = many ? 2 * angle : error * (angle > 0 ? angle / sine : 1);
  return {r * angle, r * std::min(2 * angle, magnified), r * error};
}

/// In space: Y = cos(l) X + sin(l) / l V. The last angle always turns the same way, by pi while l
/// grows by pi.
void Sphere::exponential(const double* x, const double* v, double* y) const {
  const auto& [X, V] = Embedded(x, v, n);
  const double l = norm(V.data(), n + 1);
  const double sine = l > 0 ? std::sin(l) / l : 1, cosine = std::cos(l);
  std::array<double, kMostDimensions + 1> Y;
  for (Index k = 0; k <= n; ++k) Y[k] = cosine * X[k] + sine * V[k];
  double area = v[n - 1];  // X x V in the plane of the last angle
  for (Index m = 0; m + 1 < n; ++m) area *= std::pow(std::sin(x[m]), 2);
  // Half turns: an odd number where the sine says so, as l / pi may be a rounding off.
  const double odd = sine < 0 ? 1 : 0, sign = 1 - 2 * odd;
  const double halves = 2 * std::round((l / std::numbers::pi - odd - 0.5) / 2) + odd;
  const double angle =
      std::atan2(std::abs(area * sine), sign * (X[n - 1] * Y[n - 1] + X[n] * Y[n]));
  y[n - 1] = x[n - 1] + std::copysign(halves * std::numbers::pi + angle, area);
  double rest = std::hypot(Y[n - 1], Y[n]);
  for (Index m = n - 2; m >= 0; --m) {
    y[m] = std::atan2(rest, Y[m]);
    rest = std::hypot(rest, Y[m]);
  }
}

/// In space: what of W is along V turns with it, the rest stays. Then the slopes along W of the
/// angles atan2(|(Y_m+1, ..)|, Y_m).
void Sphere::transport(const double* x, const double* v, const double* w, double* out) const {
  const auto& [X, V] = Embedded(x, v, n);
  auto [Y, W] = Embedded(x, w, n);
  const double l = norm(V.data(), n + 1);
  if (l > 0) {
    const double share = product(W.data(), V.data(), n + 1) / l, sine = std::sin(l);
    const double less = -2 * std::pow(std::sin(l / 2), 2);  // cos(l) - 1
    for (Index k = 0; k <= n; ++k) {
      const double direction = V[k] / l;
      Y[k] += less * X[k] + sine * direction;
      W[k] += share * (less * direction - sine * X[k]);
    }
  }
  double whole = 1;  // |(Y_m, ..)|
  for (Index m = 0; m + 1 < n; ++m) {
    const double rest = norm(Y.data() + m + 1, n - m);
    const double change = product(Y.data() + m + 1, W.data() + m + 1, n - m) / rest;
    out[m] = (Y[m] * change - rest * W[m]) / (whole * whole);
    whole = rest;
  }
  out[n - 1] = (Y[n - 1] * W[n] - Y[n] * W[n - 1]) / (whole * whole);
}

/// Of the points (0, a) and (h, b) of the plane that holds them: a circle about the edge, whose
/// tangent at the first is (2 h a, h^2 + b^2 - a^2); distance 2 arsinh(|x - y| / (2 sqrt(a b))).
ClosedLogarithm HalfPlane::logarithm(const double* x, const double* y, double* v) const {
  const double a = x[n - 1], b = y[n - 1];
  for (Index m = 0; m < n; ++m) v[m] = y[m] - x[m];
  const double h = norm(v, n - 1), apart = norm(v, n);
  const double length = 2 * std::asinh(apart / std::sqrt(a) / std::sqrt(b) / 2);
  const double scale = std::max({h, a, b});
  const double up = h / scale * (h / scale) + (v[n - 1] / scale) * (a / scale + b / scale);
  for (Index m = 0; m + 1 < n; ++m) v[m] = 2 * (v[m] / scale) * (a / scale);
  v[n - 1] = up;
  return along(v, length, a, n, v);
}

namespace {

/// Whether a length is so short that 1 / sinh of it may be no number; space is flat there.
bool is_short(double length) { return length < 1e-300; }

/// A geodesic of the half-space from (0, a) in the plane that holds it, with the unit direction
/// (p, q) at first: after the length l it is at (a p sinh(l), a) / D, D = cosh(l) - q sinh(l), with
/// the direction (p, q cosh(l) - sinh(l)) / D.
struct Circle {
  double l, p, q, slowing, turned;  ///< D / sinh(l), (q cosh(l) - sinh(l)) / sinh(l)
  Vector direction{};               ///< in coordinates, of length 1

  Circle(const double* v, double height, Index n) {
    const double size = norm(v, n), cotangent = 1 / std::tanh(l = size / height);
    for (Index m = 0; m < n; ++m) direction[m] = v[m] / size;
    p = norm(direction.data(), n - 1), q = direction[n - 1];
    // For q > 0 by 1 - q = p^2 / (1 + q), as cosh(l) - sinh(l) cancels.
    const double lean = p * p / (1 + q), fall = std::exp(-l) / std::sinh(l);
    slowing = q > 0 ? fall + lean : cotangent - q;
    turned = q > 0 ? fall - lean * cotangent : q * cotangent - 1;
  }
  /// Of the last height over the first: 1 / D.
  double growth() const { return p > 0 ? 1 / slowing / std::sinh(l) : std::exp(q * l); }
};

}  // namespace

void HalfPlane::exponential(const double* x, const double* v, double* y) const {
  const double height = x[n - 1];
  for (Index m = 0; m < n; ++m) y[m] = x[m] + v[m];
  if (is_short(norm(v, n) / height)) return;
  std::copy_n(x, n, y);
  const Circle circle(v, height, n);
  for (Index m = 0; m + 1 < n && circle.p > 0; ++m) {
    y[m] += height * circle.direction[m] / circle.slowing;
  }
  y[n - 1] *= circle.growth();
}

/// w turns with the direction in its plane, and grows as the height.
void HalfPlane::transport(const double* x, const double* v, const double* w, double* out) const {
  std::copy_n(w, n, out);
  if (is_short(norm(v, n) / x[n - 1])) return;
  const Circle circle(v, x[n - 1], n);
  const double p = circle.p, q = circle.q, growth = circle.growth();
  Vector normal{};  // (-q, p) in the plane
  for (Index m = 0; m + 1 < n && p > 0; ++m) normal[m] = -q * circle.direction[m] / p;
  normal[n - 1] = p;
  const double across = p * growth, along = p > 0 ? circle.turned / circle.slowing : q;
  turn(circle.direction.data(), normal.data(), p * across + q * along, p * along - q * across,
       growth, w, n, out);
}

/// With s = 1 - |x|^2 and u = y - x, the direction of (-x) + y (Moebius addition) is s u - |u|^2 x;
/// distance 2 arsinh(|u| / sqrt((1 - |x|^2) (1 - |y|^2))).
ClosedLogarithm PoincareBall::logarithm(const double* x, const double* y, double* v) const {
  const double room = one_minus_square(x, n);
  for (Index m = 0; m < n; ++m) v[m] = y[m] - x[m];
  const double apart = norm(v, n);
  const double length = 2 * std::asinh(apart / std::sqrt(room) / std::sqrt(one_minus_square(y, n)));
  // Divided by |u|, so that no square underflows.
  for (Index m = 0; m < n && apart > 0; ++m) v[m] = room * (v[m] / apart) - apart * x[m];
  return along(v, length, room / 2, n, v);
}

namespace {

/// A geodesic of the ball from x in the direction u: with s = 1 - |x|^2 and t = tanh(|v| / s) it
/// comes to x + t u (Moebius addition), which is
///     x + s t (u + t x) / (A^2 + B^2),    A = 1 + t x . u,  B = t |x ^ u|,
/// and its direction turns by 2 atan2(B, A) in the plane of u and x.
struct Arc {
  Vector u{};
  double room, way, t, along, wedge, ahead, den;  ///< s, |v| / s, t, x . u, |x ^ u|, A, A^2 + B^2

  Arc(const double* x, const double* v, double size, Index n)
      : room(one_minus_square(x, n)), way(size / room), t(std::tanh(way)), along(0), wedge(0) {
    for (Index m = 0; m < n; ++m) u[m] = v[m] / size;
    along = product(x, u.data(), n);
    for (Index m = 0; m < n; ++m) {
      for (Index k = 0; k < m; ++k) wedge = std::hypot(wedge, x[m] * u[k] - x[k] * u[m]);
    }
    // Where x . u < 0, by 1 - t and 1 - |x|, since A may be small.
    const double radius = norm(x, n);
    const double short_of = room / (1 + radius) + wedge * wedge / (radius - along);
    ahead = along < 0 ? 2 / (std::exp(2 * way) + 1) + t * short_of : 1 + t * along;
    den = ahead * ahead + t * t * wedge * wedge;
  }
};

}  // namespace

void PoincareBall::exponential(const double* x, const double* v, double* y) const {
  std::copy_n(x, n, y);
  const double size = norm(v, n);
  if (size == 0) return;
  const Arc arc(x, v, size, n);
  for (Index m = 0; m < n; ++m) y[m] += arc.room * arc.t / arc.den * (arc.u[m] + arc.t * x[m]);
}

/// w turns with the direction, and shrinks as 1 - |x|^2.
void PoincareBall::transport(const double* x, const double* v, const double* w, double* out) const {
  std::copy_n(w, n, out);
  const double size = norm(v, n);
  if (size == 0) return;
  const Arc arc(x, v, size, n);
  Vector normal{};  // of x, what is across u
  for (Index m = 0; m < n; ++m) normal[m] = x[m] - arc.along * arc.u[m];
  const double wide = norm(normal.data(), n);
  for (Index m = 0; m < n && wide > 0; ++m) normal[m] /= wide;
  const double aside = arc.t * arc.wedge;
  const double cosine = (arc.ahead * arc.ahead - aside * aside) / arc.den,
               sine = 2 * arc.ahead * aside / arc.den;
  const double shrinks = 1 / (std::pow(std::cosh(arc.way), 2) * arc.den);
  turn(arc.u.data(), normal.data(), cosine, sine, shrinks, w, n, out);
}

}  // namespace lior::geometry
