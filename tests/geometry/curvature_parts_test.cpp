// SPDX-License-Identifier: Apache-2.0
// Einstein, Schouten, Weyl and sectional curvature where they are known.
#include "lior/geometry/curvature_parts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/buffer.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

/// The parts at one point, and the metric there.
struct Parts {
  Index d;
  Array<double, 3> g, einstein, schouten;
  Array<double, 5> weyl;

  Parts(const char* text, const std::vector<double>& point)
      : d(std::ssize(point)),
        g({d, d, 1}),
        einstein(g.shape()),
        schouten(g.shape()),
        weyl({d, d, d, d, 1}) {
    const auto metric = metric_from_text<double>(text);
    const View<const double, 2> x(point.data(), {d, 1});
    metric_values<double>(metric, x, g.view());
    curvature_parts<double>(metric, x, {einstein.view(), schouten.view(), weyl.view()});
  }
};

double largest(std::span<const double> values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

constexpr double kRounding = 1e-10;  // of second derivatives, beside numbers of order 1

TEST(CurvatureParts, OfSpacesOfConstantCurvatureAreTheMetric) {
  // Ricci = (d - 1) K g: G = -(d - 1)(d - 2) K g / 2, P = K g / 2, C = 0.
  struct Case {
    const char* metric;
    std::vector<double> x;
    double curvature;
  };
  for (const Case& c : {Case{"sphere:n=3,r=2", {1.1, 0.8, 0.4}, 0.25},
                        Case{"ball:n=4", {0.1, 0.2, -0.3, 0.2}, -1.0},
                        Case{"de_sitter:a=10", {0, 4, 1.1, 0.2}, 0.01}}) {
    const Parts at(c.metric, c.x);
    const double d = static_cast<double>(at.d);
    const double scale = largest(at.g.span());
    for (Index i = 0; i < at.g.size(); ++i) {
      const double g = at.g.data()[i];
      EXPECT_NEAR(at.einstein.data()[i], -(d - 1) * (d - 2) * c.curvature * g / 2,
                  kRounding * scale)
          << c.metric;
      EXPECT_NEAR(at.schouten.data()[i], c.curvature * g / 2, kRounding * scale) << c.metric;
    }
    EXPECT_LT(largest(at.weyl.span()), kRounding * scale * scale) << c.metric;
  }
}

TEST(CurvatureParts, OfAVacuumAreWeylsAlone) {
  // C_rsmn C^rsmn = 48 M^2 / r^6, and C_trtr = -2 M / r^3 in a frame, so with g_tt g_rr = -1.
  const Parts at("schwarzschild:mass=1.5", {0, 7, 1.2, 0.3});
  EXPECT_LT(largest(at.einstein.span()), kRounding);
  EXPECT_LT(largest(at.schouten.span()), kRounding);
  EXPECT_NEAR(at.weyl(0, 1, 0, 1, 0), -2 * 1.5 / std::pow(7.0, 3), 1e-14);
}

TEST(CurvatureParts, WeylsTensorHasNoTraceAndIsConformal) {
  // The same but for the factor of a metric and of e^{2f} times it.
  const char* plain = "expr:x, y, z, w; dx^2*exp(x*y) + dy^2 + (1 + z^2)*dz^2 + dw^2*exp(y*z)";
  const char* scaled =
      "expr:x, y, z, w; f = exp(2*(x - y*w)); f*(dx^2*exp(x*y) + dy^2 + (1 + z^2)*dz^2 + "
      "dw^2*exp(y*z))";
  const std::vector<double> x{0.3, 0.5, -0.2, 0.4};
  const Parts one(plain, x), two(scaled, x);
  const double factor = std::exp(2 * (0.3 - 0.5 * 0.4));
  EXPECT_GT(largest(one.weyl.span()), 0.01);
  for (Index i = 0; i < one.weyl.size(); ++i) {
    EXPECT_NEAR(two.weyl.data()[i], factor * one.weyl.data()[i], 1e-13);
  }
  for (Index s = 0; s < 4; ++s) {
    for (Index n = 0; n < 4; ++n) {
      double trace = 0;  // the metric is diagonal
      for (Index r = 0; r < 4; ++r) trace += one.weyl(r, s, r, n, 0) / one.g(r, r, 0);
      EXPECT_NEAR(trace, 0, 1e-13);
    }
  }
}

TEST(CurvatureParts, SectionalCurvatureIsThatOfTheSpace) {
  const auto of = [](const char* text, std::vector<double> x, std::vector<double> u,
                     std::vector<double> w) {
    const Shape<2> shape{std::ssize(x), 1};
    double out = 0;
    sectional_curvature<double>(metric_from_text<double>(text), {x.data(), shape},
                                {u.data(), shape}, {w.data(), shape}, {&out, {1}});
    return out;
  };
  EXPECT_NEAR(of("sphere:n=3,r=2", {1.1, 0.8, 0.4}, {1, 2, 0}, {0.3, 0, 1}), 0.25, kRounding);
  EXPECT_NEAR(of("half_plane:n=3", {0.1, 0.2, 0.7}, {1, 2, 0}, {0.3, 0, 1}), -1, kRounding);
  // Gauss: cos(theta) / (r (R + r cos(theta))) of a torus.
  EXPECT_NEAR(of("torus", {0.7, 0.1}, {1, 0}, {1, 1}), std::cos(0.7) / (2 + std::cos(0.7)),
              kRounding);
  // In Schwarzschild's, M / r^3 twice over of spheres' tangents: K = 2 M / r^3.
  EXPECT_NEAR(of("schwarzschild", {0, 5, 1.2, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}), 2 / 125.0, 1e-12);
  EXPECT_TRUE(std::isnan(of("sphere:n=3", {1, 1, 1}, {1, 2, 3}, {2, 4, 6})));
}

TEST(CurvatureParts, RefuseTensorsThatAPlaneHasNot) {
  EXPECT_NE(error_of([] {
              Parts("sphere", {1, 1});
            }).find("three dimensions and more"),
            std::string::npos);
}

}  // namespace
}  // namespace lior::geometry
