// SPDX-License-Identifier: Apache-2.0
#include "geometry/space_chart.h"

#include <numbers>

#include "lior/geometry/rays.h"

namespace lior::geometry {
namespace {

/// Whether the chart's coordinates from `first` on have these names.
bool has_names(const Chart& chart, std::size_t first, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (chart.coordinates[first++].name != name) return false;
  }
  return true;
}

}  // namespace

SpaceChart::SpaceChart(const AnyMetric<double>& metric) {
  const Chart& chart = metric.chart();
  const bool four = metric.dimension() == 4;
  spherical_ = four && has_names(chart, 2, {"theta", "phi"});
  std::string names;
  for (const Coordinate& x : chart.coordinates) names += (names.empty() ? "" : ", ") + x.name;
  LIOR_CHECK(spherical_ || (four && has_names(chart, 1, {"x", "y", "z"})),
             "the metric's coordinates are ({}); rays are traced in (t, r, theta, phi), whatever "
             "the names of t and r, or in (t, x, y, z)",
             names);
}

double SpaceChart::height(const double* x) const {
  return spherical_ ? x[2] - std::numbers::pi / 2 : x[3];
}

double SpaceChart::polar_angle(const double* x) const {
  return spherical_ ? x[2] : std::atan2(std::hypot(x[1], x[2]), x[3]);
}

Vector4 SpaceChart::place(double radius, double polar_angle, double azimuth) const {
  if (spherical_) return {0, radius, polar_angle, azimuth};
  const double across = radius * std::sin(polar_angle);
  return {0, across * std::cos(azimuth), across * std::sin(azimuth),
          radius * std::cos(polar_angle)};
}

Vector4 SpaceChart::outwards(const double* x) const {
  if (spherical_) return {0, x[1] < 0 ? -1.0 : 1.0, 0, 0};
  return {0, x[1], x[2], x[3]};
}

Vector4 SpaceChart::southwards(const double* x) const {
  if (spherical_) return {0, 0, 1, 0};
  const double theta = polar_angle(x), phi = azimuth(x);
  return {0, std::cos(theta) * std::cos(phi), std::cos(theta) * std::sin(phi), -std::sin(theta)};
}

Vector4 SpaceChart::eastwards(const double* x) const {
  if (spherical_) return {0, 0, 0, 1};
  return {0, -std::sin(azimuth(x)), std::cos(azimuth(x)), 0};
}

Vector4 SpaceChart::rotation(const double* x) const {
  if (spherical_) return {0, 0, 0, 1};
  return {0, -x[2], x[1], 0};
}

void check_scene_metric(const AnyMetric<double>& metric) {
  LIOR_CHECK(metric.dimension() == 4 && metric.negative_directions() == 1,
             "pictures are of metrics with four coordinates and one minus sign; this one has {} "
             "and {}",
             metric.dimension(), metric.negative_directions());
  const SpaceChart chart(metric);
  // Somewhere off every axis; formulas without t are without it everywhere.
  const Vector4 place = chart.place(20, 1, 0.5);
  LIOR_CHECK(metric.ignorable(0, place.data()),
             "the metric changes with its time {}; pictures are of metrics that do not",
             metric.chart().coordinates[0].name);
}

}  // namespace lior::geometry
