// SPDX-License-Identifier: Apache-2.0
// Rays that meet shadows, disks and skies where closed forms say.
#include "lior/geometry/rays.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/geometry/image.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

constexpr double kPi = std::numbers::pi;

/// Rays of a camera, traced.
struct Traced {
  Array<double, 2> x, v;
  Array<RayEnd, 1> end;
};

/// Rays through these points of a picture of 2 x 2 whose edges are -1 and 1, x to the right, y up.
Traced trace(const AnyMetric<double>& metric, const Camera& camera, const RayScene& scene,
             const std::vector<std::array<double, 2>>& points, const RayOptions& options = {}) {
  const Index count = std::ssize(points);
  Array<double, 2> pixels({2, count});
  for (Index n = 0; n < count; ++n) {
    pixels(0, n) = 1 + points[n][0], pixels(1, n) = 1 - points[n][1];
  }
  Traced out{Array<double, 2>({4, count}), Array<double, 2>({4, count}), Array<RayEnd, 1>({count})};
  camera_rays(metric, camera, 2, 2, pixels.view(), out.x.view(), out.v.view());
  trace_rays(metric, out.x.view(), out.v.view(), scene, options,
             {out.x.view(), out.v.view(), out.end.view()});
  return out;
}

Camera camera_at(const AnyMetric<double>& metric, double radius, double theta, double view) {
  return {.place = scene_place(metric, radius, theta, 0), .view = view};
}

/// How far from `centre` the shadow reaches in each direction, by bisection.
std::vector<double> shadow_edge(const AnyMetric<double>& metric, const Camera& camera,
                                std::array<double, 2> centre, const std::vector<double>& angles,
                                double most, int halvings, const RayOptions& options) {
  std::vector<double> low(angles.size(), 0.0), high(angles.size(), most);
  for (int k = 0; k < halvings; ++k) {
    std::vector<std::array<double, 2>> points;
    for (std::size_t n = 0; n < angles.size(); ++n) {
      const double middle = (low[n] + high[n]) / 2;
      points.push_back(
          {centre[0] + middle * std::cos(angles[n]), centre[1] + middle * std::sin(angles[n])});
    }
    const Traced rays = trace(metric, camera, {.sky = 1000}, points, options);
    for (std::size_t n = 0; n < angles.size(); ++n) {
      const RayEnd end = rays.end(static_cast<Index>(n));
      EXPECT_TRUE(end == RayEnd::horizon || end == RayEnd::sky) << name(end);
      (end == RayEnd::horizon ? low[n] : high[n]) = (low[n] + high[n]) / 2;
    }
  }
  return low;
}

TEST(Rays, SchwarzschildsShadowHasItsRadius) {
  // A static observer at R sees light of impact parameter b at the angle whose sine is
  // b sqrt(1 - 2 M / R) / R; the shadow's edge has b = 3 sqrt(3) M.
  struct Case {
    const char* metric;
    double radius, area_radius;  // in the chart, and that of spheres
  };
  const double isotropic = 30, outside = isotropic * std::pow(1 + 1 / (2 * isotropic), 2);
  for (const Case& c :
       {Case{"schwarzschild", 30, 30}, Case{"eddington_finkelstein", 30, 30},
        Case{"schwarzschild_isotropic", isotropic, outside}, Case{"kerr_schild:spin=0", 30, 30}}) {
    const auto metric = metric_in_lanes(c.metric);
    const Camera camera = camera_at(metric, c.radius, 1.3, 0.6);
    const auto edge = shadow_edge(metric, camera, {1e-4, 2e-4}, {0.3, 1.9, 4}, 1, 22,
                                  {.rtol = 1e-8, .atol = 1e-10});
    for (std::size_t n = 0; n < edge.size(); ++n) {
      const double angle = std::array{0.3, 1.9, 4.0}[n];
      const double out =
          std::hypot(1e-4 + edge[n] * std::cos(angle), 2e-4 + edge[n] * std::sin(angle));
      const double sine = std::sin(std::atan(std::tan(0.3) * out));
      const double impact = sine * c.area_radius / std::sqrt(1 - 2 / c.area_radius);
      EXPECT_NEAR(impact, 3 * std::sqrt(3.0), 1e-5) << c.metric;
    }
  }
}

/// The edge of the shadow of Kerr's hole, mass 1, in the picture of that camera, whose plane is
/// `wide` pixels from its middle to its edge: the light that comes from orbits of constant r
/// (J. M. Bardeen, in Black Holes, 1973), seen in the observer's frame at its own distance.
std::vector<std::array<double, 2>> bardeen_curve(double a, const AnyMetric<double>& metric,
                                                 const Camera& camera) {
  const double r = camera.place[1], theta = camera.place[2];
  const double delta = r * r - 2 * r + a * a;
  const ObserverFrame frame = observer_frame(metric, camera.place.data(), camera.observer);
  const auto orbit = [&](double sign) { return 2 * (1 + std::cos(2 * std::acos(sign * a) / 3)); };
  std::vector<std::array<double, 2>> curve;
  constexpr int kPoints = 20000;
  for (const int side : {1, -1}) {
    for (int k = 0; k <= kPoints; ++k) {
      const double share = (1 - std::cos(kPi * k / kPoints)) / 2;
      const double p = orbit(-1) + share * (orbit(1) - orbit(-1));
      const double lambda = (p * p * (3 - p) - a * a * (p + 1)) / (a * (p - 1));
      const double eta =
          p * p * p * (4 * a * a - p * (p - 3) * (p - 3)) / (a * a * (p - 1) * (p - 1));
      const double cosine = std::cos(theta), sine = std::sin(theta);
      const double polar =
          eta + a * a * cosine * cosine - lambda * lambda * cosine * cosine / (sine * sine);
      if (polar < 0) continue;
      const double radial =
          std::pow(r * r + a * a - a * lambda, 2) - delta * (eta + (lambda - a) * (lambda - a));
      const double momentum[] = {-1, std::sqrt(radial) / delta, side * std::sqrt(polar), lambda};
      const auto part = [&](std::size_t leg) {
        double sum = 0;
        for (std::size_t m = 0; m < 4; ++m) sum += frame.e[leg][m] * momentum[m];
        return -sum;  // towards where the light comes from
      };
      curve.push_back({part(3) / part(1), part(2) / part(1)});
    }
  }
  const double scale = std::tan(camera.view / 2);
  for (auto& point : curve) point = {point[0] / scale, point[1] / scale};
  return curve;
}

TEST(Rays, KerrsShadowHasBardeensEdge) {
  for (const Observer observer : {Observer::fixed, Observer::zamo}) {
    for (const double spin : {0.5, 0.99}) {
      if (spin == 0.5 && observer == Observer::zamo) continue;
      const auto metric = metric_in_lanes(fmt::format("kerr:spin={}", spin));
      Camera camera = camera_at(metric, 30, 80 * kPi / 180, 0.5);
      camera.observer = observer;
      std::vector<double> angles;
      for (int k = 0; k < 16; ++k) angles.push_back(0.1 + k * kPi / 8);
      const std::array<double, 2> centre{spin == 0.5 ? 0.1 : 0.2, 0.01};
      const auto edge = shadow_edge(metric, camera, centre, angles, 1.2, 16, {});
      const auto curve = bardeen_curve(spin, metric, camera);
      double most = 0;
      for (std::size_t n = 0; n < angles.size(); ++n) {
        double apart = INFINITY;
        for (const auto& point : curve) {
          apart = std::min(apart, std::hypot(centre[0] + edge[n] * std::cos(angles[n]) - point[0],
                                             centre[1] + edge[n] * std::sin(angles[n]) - point[1]));
        }
        most = std::max(most, apart);
      }
      // By the tolerance of a picture, 1e-6; a tenth of a pixel is a fifth of what shows.
      EXPECT_LT(640 * most, 0.1) << "pixels of a picture 1280 wide, spin " << spin;
    }
  }
}

TEST(Rays, FaceOnDiskIsRedshiftedAsTheClosedFormSays) {
  // From the axis every ray has no angular momentum: g = sqrt(1 - 3 M / r) / sqrt(1 - 2 M / R).
  const auto metric = metric_in_lanes("schwarzschild_isotropic");
  const auto area = [](double radius) { return radius * std::pow(1 + 1 / (2 * radius), 2); };
  const Camera camera = camera_at(metric, 40, 0, 0.8);
  const Traced rays = trace(metric, camera, {.sky = 500, .disk = Ring{5, 25}},
                            {{0.45, 0.1}, {-0.2, 0.5}, {0.6, -0.7}, {0, -0.9}});
  Array<double, 1> g({4});
  disk_redshift(metric, rays.x.view(), rays.v.view(), g.view());
  for (Index n = 0; n < 4; ++n) {
    ASSERT_EQ(rays.end(n), RayEnd::disk);
    const double r = area(std::hypot(rays.x(1, n), rays.x(2, n)));
    EXPECT_NEAR(g(n), std::sqrt(1 - 3 / r) / std::sqrt(1 - 2 / area(40)), 1e-6);
    EXPECT_NEAR(rays.x(3, n), 0, 1e-6);
  }
}

TEST(Rays, DiskOfKerrsHoleTurnsAtKeplersRate) {
  // u ~ d_t + d_phi / (r^(3/2) + a): of light along d_t - d_r, without angular momentum, g = 1 /
  // u^t up to the observer's own, so the closed form of u^t is seen.
  const double a = 0.7, r = 6.5;
  const auto metric = metric_from_text<double>("kerr:spin=0.7");
  Array<double, 2> x({4, 1}), v({4, 1});
  x(1, 0) = r, x(2, 0) = kPi / 2, v(0, 0) = 1;
  Array<double, 1> g({1});
  disk_redshift(metric, x.view(), v.view(), g.view());
  const double rate = 1 / (std::pow(r, 1.5) + a);
  const double tt = -(1 - 2 / r), tp = -2 * a / r, pp = r * r + a * a + 2 * a * a / r;
  const double square = tt + 2 * tp * rate + pp * rate * rate;
  EXPECT_NEAR(g(0), std::sqrt(-square) / (tt + tp * rate), 1e-13);
}

TEST(Rays, StraightRaysOfFlatSpaceMeetDiskAndSkyWhereLinesDo) {
  const auto metric = metric_in_lanes("minkowski");
  const Camera camera = camera_at(metric, 10, kPi / 3, 1);
  const RayScene scene{.sky = 50, .disk = Ring{3, 8}};
  const std::vector<std::array<double, 2>> points{
      {0.1, 0.3}, {-0.5, 0.2}, {0.05, 0.02}, {0.9, 0.9}, {-0.1, -0.8}};
  const Traced rays = trace(metric, camera, scene, points);
  const double theta = kPi / 3;
  for (std::size_t n = 0; n < points.size(); ++n) {
    const double right = std::tan(0.5) * points[n][0], up = std::tan(0.5) * points[n][1];
    // At azimuth 0: right is y, up is -d_theta, ahead -d_r.
    const std::array<double, 3> from{10 * std::sin(theta), 0, 10 * std::cos(theta)};
    const std::array<double, 3> way{-std::sin(theta) - up * std::cos(theta), right,
                                    -std::cos(theta) + up * std::sin(theta)};
    const auto at = [&](double s) {
      return std::array{from[0] + s * way[0], from[1] + s * way[1], from[2] + s * way[2]};
    };
    const auto met = at(-from[2] / way[2]);
    const double radius = std::hypot(met[0], met[1]);
    const bool disk = -from[2] / way[2] > 0 && radius >= 3 && radius <= 8;
    double square = 0, product = 0, start = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      square += way[i] * way[i], product += way[i] * from[i], start += from[i] * from[i];
    }
    const double far = (-product + std::sqrt(product * product - square * (start - 2500))) / square;
    const auto want = disk ? met : at(far);
    const auto ray = static_cast<Index>(n);
    EXPECT_EQ(rays.end(ray), disk ? RayEnd::disk : RayEnd::sky) << n;
    for (Index i = 0; i < 3; ++i) {
      EXPECT_NEAR(rays.x(1 + i, ray), want[static_cast<std::size_t>(i)], 1e-6) << n;
    }
  }
}

TEST(Rays, PassThroughAWormhole) {
  const auto metric = metric_in_lanes("morris_thorne");
  const Camera camera = camera_at(metric, 5, kPi / 2, 1.5);
  // Ellis's throat of radius 1: light passes where its impact parameter is below 1.
  const double radius = std::sqrt(26.0), edge = std::tan(std::asin(1 / radius)) / std::tan(0.75);
  const Traced rays = trace(metric, camera, {.sky = 100},
                            {{0.999 * edge, 1e-5}, {1.001 * edge, 1e-5}, {0.1, 0.02}, {0.9, 0.1}});
  EXPECT_NEAR(rays.x(1, 0), -100, 1e-6);
  EXPECT_NEAR(rays.x(1, 1), 100, 1e-6);
  EXPECT_NEAR(rays.x(1, 2), -100, 1e-6);
  EXPECT_NEAR(rays.x(1, 3), 100, 1e-6);
}

TEST(Rays, AreTheSameForAnyNumberOfThreadsAndCompany) {
  const auto metric = metric_in_lanes("kerr");
  const Camera camera = camera_at(metric, 20, 1.2, 1);
  const RayScene scene{.sky = 500, .disk = Ring{4, 12}};
  std::vector<std::array<double, 2>> points;
  for (int k = 0; k < 300; ++k) points.push_back({std::sin(1.7 * k), std::cos(0.9 * k)});
  const int before = threads();
  set_threads(1);
  const Traced one = trace(metric, camera, scene, points);
  set_threads(3);
  const Traced three = trace(metric, camera, scene, points);
  set_threads(before);
  EXPECT_TRUE(std::ranges::equal(one.x.span(), three.x.span()));
  EXPECT_TRUE(std::ranges::equal(one.end.span(), three.end.span()));
  const Traced alone = trace(metric, camera, scene, {points[77]});
  for (Index m = 0; m < 4; ++m) EXPECT_EQ(alone.x(m, 0), one.x(m, 77));
}

TEST(Rays, FrameIsOrthonormal) {
  for (const char* text : {"kerr:spin=0.9", "kerr_schild:spin=0.9", "morris_thorne"}) {
    for (const Observer observer : {Observer::fixed, Observer::zamo}) {
      const auto metric = metric_from_text<double>(text);
      const auto place = scene_place(metric, 4, 1.1, 0.4);
      const ObserverFrame frame = observer_frame(metric, place.data(), observer);
      double g[16];
      metric.value(place.data(), g);
      for (std::size_t a = 0; a < 4; ++a) {
        for (std::size_t b = 0; b < 4; ++b) {
          double product = 0;
          for (std::size_t i = 0; i < 16; ++i)
            product += g[i] * frame.e[a][i / 4] * frame.e[b][i % 4];
          EXPECT_NEAR(product, a != b ? 0 : a == 0 ? -1 : 1, 1e-14) << text;
        }
      }
    }
  }
}

TEST(Rays, RefuseWhatCannotBeSeen) {
  const auto error = [](const char* text, double radius, RayScene scene,
                        Observer observer = Observer::fixed) {
    return error_of([&] {
      const auto metric = metric_from_text<double>(text);
      Camera camera = camera_at(metric, radius, 1.2, 1);
      camera.observer = observer;
      Array<std::uint8_t, 3> pixels({2, 2, 3});
      draw_image(metric, {.camera = camera, .scene = scene}, pixels.view());
    });
  };
  EXPECT_NE(error("sphere", 3, {10}).find("four coordinates and one minus sign"),
            std::string::npos);
  EXPECT_NE(error("flrw", 3, {10}).find("changes with its time t"), std::string::npos);
  EXPECT_NE(error("expr:t, a, b, c; -dt^2 + da^2 + db^2 + dc^2; signature = - + + +", 3, {10})
                .find("(t, a, b, c)"),
            std::string::npos);
  EXPECT_NE(error("kerr", 1.2, {10}).find("horizon"), std::string::npos);
  EXPECT_NE(error("kerr:spin=.99", 1.6, {10}).find("ergosphere"), std::string::npos);
  EXPECT_NE(error("eddington_finkelstein", 5, {10}, Observer::zamo).find("or static"),
            std::string::npos);
  EXPECT_NE(error("schwarzschild", 20, {10}).find("larger sky"), std::string::npos);
  EXPECT_NE(error("schwarzschild", 20, {100, Ring{2.5, 9}}).find("no circular orbit"),
            std::string::npos);
  EXPECT_NE(error("schwarzschild", 20, {100, Ring{9, 6}}).find("smaller one first"),
            std::string::npos);
}

TEST(Image, ShowsTheShadowInItsMiddle) {
  const auto metric = metric_in_lanes("schwarzschild");
  Array<std::uint8_t, 3> pixels({9, 16, 3});
  std::vector<double> seen;
  const ImageCounts counts = draw_image(
      metric, {.camera = camera_at(metric, 30, 1.3, 0.9), .scene = {.sky = 100}, .samples = 2},
      pixels.view(), [&](double done) { seen.push_back(done); });
  const auto rays = [&](RayEnd end) { return counts.rays[static_cast<std::size_t>(end)]; };
  EXPECT_EQ(rays(RayEnd::horizon) + rays(RayEnd::sky), 9 * 16 * 4);
  EXPECT_GT(rays(RayEnd::horizon), 0);
  for (Index c = 0; c < 3; ++c) EXPECT_EQ(pixels(4, 8, c), 0);
  EXPECT_GT(pixels(0, 0, 2), 0);
  EXPECT_EQ(seen.back(), 1);
}

TEST(Image, ShowsThePanoramaBehindFlatSpace) {
  const auto metric = metric_in_lanes("minkowski");
  Array<std::uint8_t, 3> panorama({64, 128, 3}), pixels({1, 1, 3});
  for (Index y = 0; y < 64; ++y) {
    for (Index x = 0; x < 128; ++x) {
      panorama(y, x, 0) = static_cast<std::uint8_t>(x < 64 ? 200 : 100);
      panorama(y, x, 1) = static_cast<std::uint8_t>(y < 32 ? 200 : 100);
      panorama(y, x, 2) = 50;
    }
  }
  // Straight ahead, behind the origin, is azimuth pi, the middle; theta = pi - 1.2, below it.
  ImageOptions options{.camera = camera_at(metric, 30, 1.2, 0.1), .scene = {.sky = 1000}};
  options.camera.place = scene_place(metric, 30, 1.2, 0.3);  // so azimuth pi + 0.3
  options.panorama = panorama.view();
  draw_image(metric, options, pixels.view());
  EXPECT_EQ(pixels(0, 0, 0), 100);
  EXPECT_EQ(pixels(0, 0, 1), 100);
  EXPECT_EQ(pixels(0, 0, 2), 50);
}

}  // namespace
}  // namespace lior::geometry
