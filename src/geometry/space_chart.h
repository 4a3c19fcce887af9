// SPDX-License-Identifier: Apache-2.0
#pragma once
// Charts of space about a centre: (t, r, theta, phi) or (t, x, y, z).

#include <array>
#include <cmath>

#include "lior/geometry/metric.h"

namespace lior::geometry {

using Vector4 = std::array<double, 4>;

/// How such a chart names places. Points are [4].
class SpaceChart {
 public:
  /// Throws lior::Error for other charts.
  explicit SpaceChart(const AnyMetric<double>& metric);

  bool spherical() const { return spherical_; }

  /// Negative beyond the throat of a wormhole.
  double radius(const double* x) const {
    return spherical_ ? x[1] : std::sqrt(x[1] * x[1] + x[2] * x[2] + x[3] * x[3]);
  }
  /// The rate of `radius` along v.
  double radius_rate(const double* x, const double* v) const {
    if (spherical_) return v[1];
    return (x[1] * v[1] + x[2] * v[2] + x[3] * v[3]) / radius(x);
  }
  /// A coordinate that is 0 in the equator's plane: theta - pi/2, or z.
  double height(const double* x) const;
  double height_rate(const double* v) const { return spherical_ ? v[2] : v[3]; }

  double polar_angle(const double* x) const;
  double azimuth(const double* x) const { return spherical_ ? x[3] : std::atan2(x[2], x[1]); }
  /// The point of time 0 there.
  Vector4 place(double radius, double polar_angle, double azimuth) const;

  /// Directions of larger radius, polar angle and azimuth; no lengths are promised.
  Vector4 outwards(const double* x) const;
  Vector4 southwards(const double* x) const;
  Vector4 eastwards(const double* x) const;
  /// The rotation about the axis, d/dphi: 0 on the axis.
  Vector4 rotation(const double* x) const;

 private:
  bool spherical_;
};

}  // namespace lior::geometry
