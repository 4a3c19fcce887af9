// SPDX-License-Identifier: Apache-2.0
// Zeros along geodesics whose places are known.
#include "lior/geometry/events.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

constexpr GeodesicOptions kOptions{.rtol = 1e-11, .atol = 1e-13};

std::vector<PathEvent> events_of(const AnyMetric<double>& metric, std::string_view formula,
                                 const std::vector<double>& x, const std::vector<double>& v,
                                 double length, Index samples) {
  const Index d = metric.dimension(), count = std::ssize(x) / d;
  std::vector<double> times;
  for (Index k = 0; k < samples; ++k) {
    times.push_back(length * static_cast<double>(k) / static_cast<double>(samples - 1));
  }
  Array<double, 3> xs({samples, d, count}), vs(xs.shape());
  Array<PathStatus, 1> status({count});
  Array<double, 1> reached({count});
  geodesics<double>(metric, {x.data(), {d, count}}, {v.data(), {d, count}}, times, kOptions,
                    {xs.view(), vs.view(), status.view(), reached.view()});
  return find_events(metric, formula, xs.view(), vs.view(), times, reached.view(), kOptions);
}

// A hundred times rtol: paths go on from samples that have errors of their own.
constexpr double kPath = 1e-9;

TEST(Events, GreatCirclesCrossTheEquatorEveryHalfTurn) {
  const double tilt = 0.4;
  const auto events =
      events_of(metric_from_text<double>("sphere"), "theta - pi/2",
                {std::numbers::pi / 2 - tilt, 0.3}, {0, 1 / std::cos(tilt)}, 10, 21);
  ASSERT_EQ(events.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    const double want = std::numbers::pi * (static_cast<double>(k) + 0.5);
    EXPECT_NEAR(events[k].parameter, want, kPath);
    EXPECT_NEAR(events[k].x[0], std::numbers::pi / 2, kPath);
    EXPECT_NEAR(events[k].x[1], 0.3 + want, kPath);
    EXPECT_EQ(events[k].rising, k % 2 == 0);
  }
}

TEST(Events, StraightLinesTurnWhereTheyAreNearest) {
  // In polar coordinates of the plane: from (3, 0) past the origin at distance 1, and a second
  // path that never comes nearer than it starts.
  const auto polar =
      metric_from_text<double>("expr:r, phi; dr^2 + r^2*dphi^2; domain.edge = r > 0");
  const double sine = 1.0 / 3, cosine = std::sqrt(1 - sine * sine);
  const auto events = events_of(polar, "dr", {3, 3, 0, 0}, {-cosine, 1, sine / 3, 0}, 6, 5);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].path, 0);
  EXPECT_NEAR(events[0].parameter, 3 * cosine, kPath);
  EXPECT_NEAR(events[0].x[0], 1, kPath);
  EXPECT_TRUE(events[0].rising);
}

TEST(Events, AZeroAtASampleCountsOnceAndAtTheStartNot) {
  const auto flat = metric_from_text<double>("euclidean:n=1");
  const auto at = [&](std::string_view formula) {
    std::vector<double> parameters;
    for (const PathEvent& event : events_of(flat, formula, {0}, {1}, 4, 5)) {
      parameters.push_back(event.parameter);
    }
    return parameters;
  };
  EXPECT_EQ(at("x0"), std::vector<double>{});
  ASSERT_EQ(at("x0 - 2").size(), 1u);
  EXPECT_NEAR(at("x0 - 2")[0], 2, 1e-14);
  ASSERT_EQ(at("(x0 - 0.5)*(x0 - 3)").size(), 2u);
  EXPECT_NEAR(at("(x0 - 0.5)*(x0 - 3)")[0], 0.5, 1e-14);
  EXPECT_EQ(at("log(x0 - 9)"), std::vector<double>{});
}

TEST(Events, FormulasOfOtherNamesAreRefused) {
  EXPECT_EQ(
      error_of([] {
        events_of(metric_from_text<double>("sphere"), "r - 6", {1, 0}, {0, 1}, 1, 2);
      }),
      "event: unknown name 'r'; expected one of theta, phi, dtheta, dphi at column 1: ▶r - 6");
}

}  // namespace
}  // namespace lior::geometry
