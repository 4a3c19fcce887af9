// SPDX-License-Identifier: Apache-2.0
// Geodesics that were planted, and linear regression in flat space.
#include "lior/geometry/geodesic_regression.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/buffer.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

constexpr GeodesicOptions kOptions{.rtol = 1e-10, .atol = 1e-12};
constexpr double kNear = 1e-7;  // a thousand times rtol, of numbers of order 1

struct Found : GeodesicRegression {
  Array<double, 1> x, residuals;
  Array<double, 2> v, fitted;
};

/// t: variable after variable; y: coordinate after coordinate.
Found regression(const AnyMetric<double>& metric, const std::vector<double>& t,
                 const std::vector<double>& y, const std::vector<double>& origin = {0},
                 const std::vector<double>& weights = {}) {
  const Index d = metric.dimension(), count = std::ssize(y) / d, k = std::ssize(origin);
  Found out{{},
            Array<double, 1>({d}),
            Array<double, 1>({count}),
            Array<double, 2>({d, k}),
            Array<double, 2>({d, count})};
  static_cast<GeodesicRegression&>(out) =
      geodesic_regression(metric, {t.data(), {k, std::ssize(t) / k}}, {y.data(), {d, count}},
                          {weights.data(), {std::ssize(weights)}}, {origin.data(), {k}}, kOptions,
                          {out.x.view(), out.v.view(), out.fitted.view(), out.residuals.view()});
  return out;
}
Found regression(const char* metric, const std::vector<double>& t, const std::vector<double>& y,
                 const std::vector<double>& origin = {0}, const std::vector<double>& weights = {}) {
  return regression(metric_from_text<double>(metric), t, y, origin, weights);
}

/// exp_x(t_n v).
std::vector<double> along(const AnyMetric<double>& metric, const std::vector<double>& x,
                          const std::vector<double>& v, const std::vector<double>& t) {
  const Index d = metric.dimension(), count = std::ssize(t);
  Array<double, 2> from({d, count}), velocity(from.shape());
  std::vector<double> y(static_cast<std::size_t>(d * count));
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < count; ++n) from(m, n) = x[m], velocity(m, n) = t[n] * v[m];
  }
  Array<PathStatus, 1> status({count});
  exp_map<double>(metric, from.view(), velocity.view(), kOptions, {y.data(), {d, count}},
                  status.view());
  return y;
}

TEST(GeodesicRegression, OfPointsOnAGeodesicFindsIt) {
  const std::vector<double> t{-1, 0.2, 0.5, 1, 1.7, 2};
  const struct {
    const char* metric;
    std::vector<double> x, v;
  } cases[] = {
      {"euclidean:n=3", {1, 2, 3}, {0.5, -1, 0.2}},
      {"sphere:n=2,r=2", {1.2, 0.3}, {0.2, 0.5}},
      {"ball:n=3", {0.1, -0.3, 0.2}, {0.2, 0.1, -0.1}},
      {"hyperbolic:n=2", {1, -3}, {0.4, 1}},
      {"spd:n=3", {2, 0.3, 0.1, 1, -0.2, 3}, {0.5, 0.1, 0, -0.2, 0.3, 1}},
      {"torus", {0.5, 0.1}, {0.3, 0.2}},
      {"expr:r, phi; dr^2 + sinh(r)^2*dphi^2; domain.edge = r > 0", {1, 0.5}, {0.2, 0.4}},
  };
  for (const auto& each : cases) {
    const auto metric = metric_from_text<double>(each.metric);
    const Found found = regression(metric, t, along(metric, each.x, each.v, t));
    EXPECT_TRUE(found.converged) << each.metric;
    EXPECT_GT(found.r_squared, 1 - kNear) << each.metric;
    for (std::size_t m = 0; m < each.x.size(); ++m) {
      EXPECT_NEAR(found.x(static_cast<Index>(m)), each.x[m], kNear) << each.metric;
      EXPECT_NEAR(found.v(static_cast<Index>(m), 0), each.v[m], kNear) << each.metric;
    }
  }
}

TEST(GeodesicRegression, IsTheSameGeodesicFromAnyOrigin) {
  const std::vector<double> t{0, 1, 2, 3}, y{1, 1.1, 1.4, 1.2, 0, 0.4, 0.5, 1.1};
  const Found near = regression("sphere", t, y), far = regression("sphere", t, y, {-1});
  ASSERT_TRUE(near.converged);
  const auto metric = metric_from_text<double>("sphere");
  const auto back = along(metric, {near.x(0), near.x(1)}, {near.v(0, 0), near.v(1, 0)}, {-1});
  EXPECT_NEAR(far.x(0), back[0], kNear);
  EXPECT_NEAR(far.x(1), back[1], kNear);
  EXPECT_NEAR(far.variance, near.variance, kNear);
  EXPECT_NE(near.variance, 0);
}

TEST(GeodesicRegression, OfFlatSpaceIsWeightedLinearRegression) {
  // y = 3 - 2 t with residuals (1, -2, 1), which weights of 1 leave at right angles to 1 and t.
  const Found found = regression("euclidean:n=1", {0, 1, 2}, {4, -1, 0});
  EXPECT_NEAR(found.x(0), 3, kNear);
  EXPECT_NEAR(found.v(0, 0), -2, kNear);
  EXPECT_NEAR(found.variance, 2, kNear);
  EXPECT_NEAR(found.r_squared, 1 - 2 / (14 / 3.0), kNear);  // mean 1: (9 + 4 + 1) / 3
  for (const Index n : {0, 1, 2}) EXPECT_NEAR(found.residuals(n), n == 1 ? 2 : 1, kNear);
  // A point that counts twice is two points.
  const Found twice = regression("euclidean:n=1", {0, 1, 2, 2}, {4, -1, 0, 0});
  const Found weighted = regression("euclidean:n=1", {0, 1, 2}, {4, -1, 0}, {0}, {1, 1, 2});
  EXPECT_NEAR(weighted.x(0), twice.x(0), kNear);
  EXPECT_NEAR(weighted.v(0, 0), twice.v(0, 0), kNear);
}

TEST(GeodesicRegression, OnSeveralVariablesFindsWhatWasPlanted) {
  const auto metric = metric_from_text<double>("sphere");
  const std::vector<double> a{0, 1, 0, 1, 2, -1}, b{0, 0, 1, 1, -1, 0.5};
  const std::vector<double> x{1.2, 0.4}, along_a{0.1, 0.2}, along_b{-0.2, 0.1};
  std::vector<double> t(a), y(12);
  t.insert(t.end(), b.begin(), b.end());
  for (std::size_t n = 0; n < 6; ++n) {
    const std::vector<double> way{a[n] * along_a[0] + b[n] * along_b[0],
                                  a[n] * along_a[1] + b[n] * along_b[1]};
    const auto end = along(metric, x, way, {1});
    y[n] = end[0], y[6 + n] = end[1];
  }
  const Found found = regression(metric, t, y, {0, 0});
  EXPECT_TRUE(found.converged);
  for (const Index m : {0, 1}) {
    EXPECT_NEAR(found.x(m), x[m], kNear);
    EXPECT_NEAR(found.v(m, 0), along_a[m], kNear);
    EXPECT_NEAR(found.v(m, 1), along_b[m], kNear);
  }
}

TEST(GeodesicRegression, OfOnePointManyTimesIsThatPoint) {
  const Found found = regression("sphere", {0, 1, 2}, {1, 1, 1, 0.5, 0.5, 0.5});
  EXPECT_TRUE(found.converged);
  EXPECT_EQ(found.v(0, 0), 0);
  EXPECT_NEAR(found.x(1), 0.5, kNear);
  EXPECT_TRUE(std::isnan(found.r_squared));
}

TEST(GeodesicRegression, RefusesWhatHasNone) {
  const auto error = [](const char* metric, std::vector<double> t, std::vector<double> y,
                        std::vector<double> origin) {
    return error_of([&] { regression(metric, t, y, origin); });
  };
  const auto says = [](const std::string& text, const char* words) {
    return text.find(words) != std::string::npos ? "" : text;
  };
  const std::vector<double> y{1, 1, 1.5, 0, 0.2, 0.1};
  EXPECT_EQ(says(error("minkowski", {0, 1}, {0, 1, 0, 0, 0, 0, 0, 0}, {0}), "Riemannian"), "");
  EXPECT_EQ(says(error("sphere", {2, 2, 2}, y, {0}), "variable 0 is 2 at all points"), "");
  EXPECT_EQ(says(error("sphere", {0, 1, NAN}, y, {0}), "variable 0 of point 2 is nan"), "");
  EXPECT_EQ(says(error("sphere", {0, 1}, y, {0}), "t has shape"), "");
  EXPECT_EQ(says(error("sphere", {0, 1, 2, 0, 2, 4}, y, {0, 0}), "not independent"), "");
}

TEST(GeodesicRegression, SaysWhereTheOriginIsNotInTheChart) {
  // Along a meridian through the pole, at t = -1.
  const std::string error = run_error_of([] {
    regression("expr:theta, phi; dtheta^2 + sin(theta)^2*dphi^2; domain.edge = 0 < theta < pi",
               {0, 1, 2}, {0.5, 1, 1.5, 0.3, 0.3, 0.3}, {-2});
  });
  EXPECT_NE(error.find("does not come to the origin -2"), std::string::npos) << error;
}

}  // namespace
}  // namespace lior::geometry
