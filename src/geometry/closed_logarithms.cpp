// SPDX-License-Identifier: Apache-2.0
// Shortest geodesics in closed form. Each is written so that nothing cancels: points may be next to
// each other, opposite, or next to the edge of their chart.
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

}  // namespace

ClosedLogarithm Euclidean::logarithm(const double* x, const double* y, double* v) const {
  for (Index m = 0; m < n; ++m) v[m] = y[m] - x[m];
  const double length = norm(v, n), error = rounding(n) * length;
  return {std::isfinite(length) ? length : NAN, error, error};
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

}  // namespace lior::geometry
