#include "geodesic_plot.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "lior/geometry/metrics.h"
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

void plot_path(const std::string& metric, View<const double, 2> path, const std::string& file) {
  LIOR_CHECK(path.extent(1) >= 2, "--plot draws two coordinates; metric '{}' has {}", metric,
             path.extent(1));
  const bool orbit = metric.starts_with("schwarzschild"), ball = metric.starts_with("ball");
  std::vector<Point> line;
  for (Index k = 0; k < path.extent(0); ++k) {
    const Point point =
        orbit ? Point{path(k, 1) * std::cos(path(k, 3)), path(k, 1) * std::sin(path(k, 3))}
              : Point{path(k, 0), path(k, 1)};
    line.push_back(point);
  }
  plot::Chart chart{
      .title = metric,
      .x_label = orbit ? "r cos phi" : "x0",
      .y_label = orbit ? "r sin phi" : "x1",
      .equal_scales = orbit || ball || metric.starts_with("half") || metric.starts_with("euclid")};
  if (orbit) {
    // g_tt = -(1 - 2M/r) gives M; the horizon is where it vanishes.
    double x[4] = {0, 1e6, 1, 0}, g[16];
    geometry::metric_from_text<double>(metric).value(x, g);
    chart.lines.push_back({circle((1 + g[0]) * x[1]), plot::kGrey});
  }
  if (ball) chart.lines.push_back({circle(1), plot::kGrey});
  chart.lines.push_back({std::move(line), plot::kBlue});
  chart.lines.push_back({{chart.lines.back().points.front()}, plot::kRed});  // where it starts
  plot::write(chart, file);
}

}  // namespace lior::app
