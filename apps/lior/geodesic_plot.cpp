// SPDX-License-Identifier: Apache-2.0
#include "geodesic_plot.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "lior/core/text.h"
#include "lior/plot/chart.h"

namespace lior::app {
namespace {

using plot::Point;

std::vector<Point> circle(double radius) {
  constexpr int kSides = 180;
  std::vector<Point> points;
  for (int k = 0; k <= kSides; ++k) {
    const double angle = 2 * std::numbers::pi * k / kSides;
    points.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return points;
}

}  // namespace

void plot_path(const geometry::AnyMetric<double>& metric, const std::string& title,
               View<const double, 2> path, const std::string& file) {
  LIOR_CHECK(path.extent(1) >= 2, "--plot draws two coordinates; metric '{}' has {}", shown(title),
             path.extent(1));
  const geometry::PlaneView& plane = metric.chart().plane;
  std::vector<Point> line;
  for (Index k = 0; k < path.extent(0); ++k) {
    const auto [x, y] = plane.project(&path(k, 0));
    line.push_back({x, y});
  }
  plot::Chart chart{.title = title,
                    .x_label = plane.labels[0],
                    .y_label = plane.labels[1],
                    .equal_scales = plane.equal_scales};
  if (plane.circle > 0) chart.lines.push_back({circle(plane.circle), plot::kGrey});
  chart.lines.push_back({std::move(line), plot::kBlue});
  chart.lines.push_back({{chart.lines.back().points.front()}, plot::kRed});  // where it starts
  plot::write(chart, file);
}

}  // namespace lior::app
