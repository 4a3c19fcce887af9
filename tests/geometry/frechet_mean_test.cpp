// SPDX-License-Identifier: Apache-2.0
// Means of points whose mean symmetry or a closed form gives.
#include "lior/geometry/frechet_mean.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

constexpr GeodesicOptions kOptions{.rtol = 1e-10, .atol = 1e-12};
constexpr double kNear = 1e-8;  // rtol ten times over, of distances of order 1 to 10

struct Mean : FrechetMean {
  std::vector<double> x;
};

/// y: coordinate after coordinate.
Mean mean_of(const char* metric, const std::vector<double>& y,
             const std::vector<double>& weights = {}) {
  const auto any = metric_from_text<double>(metric);
  const Index d = any.dimension();
  Mean out{{}, std::vector<double>(static_cast<std::size_t>(d))};
  static_cast<FrechetMean&>(out) =
      frechet_mean(any, {y.data(), {d, std::ssize(y) / d}}, {weights.data(), {std::ssize(weights)}},
                   kOptions, {out.x.data(), {d}});
  return out;
}

TEST(FrechetMean, OfFlatSpaceIsTheWeightedMean) {
  const Mean mean = mean_of("euclidean:n=3", {1, 2, 6, 0, 1, -1, 5, 5, 2}, {1, 2, 1});
  EXPECT_TRUE(mean.converged);
  EXPECT_NEAR(mean.x[0], 11 / 4.0, kNear);
  EXPECT_NEAR(mean.x[1], 1 / 4.0, kNear);
  EXPECT_NEAR(mean.x[2], 17 / 4.0, kNear);
  EXPECT_LE(mean.iterations, 3);
}

TEST(FrechetMean, OfACircleOfPointsIsItsCentre) {
  // Three points at angle .7 about the pole's neighbour (1, 0.5) of the sphere.
  const double theta = 1, phi = 0.5, apart = 0.7;
  const std::array<double, 3> centre{std::sin(theta) * std::cos(phi),
                                     std::sin(theta) * std::sin(phi), std::cos(theta)};
  const std::array<double, 3> south{std::cos(theta) * std::cos(phi),
                                    std::cos(theta) * std::sin(phi), -std::sin(theta)};
  const std::array<double, 3> east{-std::sin(phi), std::cos(phi), 0};
  std::vector<double> y(6);
  for (std::size_t k = 0; k < 3; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) / 3 + 0.2;
    std::array<double, 3> p;
    for (std::size_t i = 0; i < 3; ++i) {
      p[i] = std::cos(apart) * centre[i] +
             std::sin(apart) * (std::cos(angle) * south[i] + std::sin(angle) * east[i]);
    }
    y[k] = std::acos(p[2]), y[3 + k] = std::atan2(p[1], p[0]);
  }
  const Mean mean = mean_of("sphere", y);
  EXPECT_TRUE(mean.converged);
  EXPECT_NEAR(mean.x[0], theta, kNear);
  EXPECT_NEAR(mean.x[1], phi, kNear);
  EXPECT_NEAR(mean.variance, apart * apart, kNear);
}

TEST(FrechetMean, OfTwoPointsDividesTheirGeodesic) {
  // The half plane's vertical line: distances are those of log y. A long one, where steps of 1
  // would overshoot.
  const Mean mean = mean_of("half_plane", {0, 0, 1, std::exp(9.0)}, {1, 2});
  EXPECT_TRUE(mean.converged);
  EXPECT_NEAR(mean.x[0], 0, kNear);
  EXPECT_NEAR(std::log(mean.x[1]), 6, kNear);
  EXPECT_NEAR(mean.variance, 36 / 3.0 + 2 * 9 / 3.0, 1e-6);
}

TEST(FrechetMean, OfWidePointsOfHyperbolicSpaceIsFound) {
  // By symmetry the centre of the ball; r = .999 is 7.6 away from it.
  const double r = 0.999, half = std::sqrt(3.0) / 2;
  const Mean mean = mean_of("ball", {r, -r / 2, -r / 2, 0, r * half, -r * half});
  EXPECT_TRUE(mean.converged);
  EXPECT_NEAR(mean.x[0], 0, kNear);
  EXPECT_NEAR(mean.x[1], 0, kNear);
}

TEST(FrechetMean, OfAMetricByFormulasIsFoundByShooting) {
  // The hyperbolic plane in polar coordinates, mirrored at the axis phi = 0.
  const Mean mean =
      mean_of("expr:r, phi; dr^2 + sinh(r)^2*dphi^2; domain.edge = r > 0", {1, 1, 2, 0.3, -0.3, 0});
  EXPECT_TRUE(mean.converged);
  EXPECT_NEAR(mean.x[1], 0, 1e-6);
  EXPECT_GT(mean.x[0], 1);
  EXPECT_LT(mean.x[0], 2);
}

TEST(FrechetMean, OfPositiveMatricesOfOneSizeIsTheGeometricOne) {
  // 1 x 1 matrices in all but name: diagonal metrics d a^2 / a^2.
  const Mean mean = mean_of("expr:a; da^2/a^2; domain.edge = a > 0", {1, 10, 100, 7});
  EXPECT_NEAR(mean.x[0], std::pow(7000.0, 0.25), 1e-7);
}

TEST(FrechetMean, RefusesWhatHasNone) {
  const auto error = [](const char* metric, std::vector<double> y, std::vector<double> weights) {
    return error_of([&] { mean_of(metric, y, weights); });
  };
  EXPECT_NE(error("schwarzschild", {0, 5, 1, 1}, {}).find("Riemannian"), std::string::npos);
  EXPECT_NE(error("sphere", {}, {}).find("at least one"), std::string::npos);
  EXPECT_NE(error("sphere", {1, 1, 0, 0}, {1, -1}).find(">= 0"), std::string::npos);
  EXPECT_NE(error("sphere", {1, 1, 0, 0}, {0, 0}).find("all weights are 0"), std::string::npos);
  EXPECT_NE(error("sphere", {1, 1, 0, 0}, {1}).find("weights"), std::string::npos);
}

}  // namespace
}  // namespace lior::geometry
