// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/image.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "geometry/image_colours.h"
#include "geometry/space_chart.h"
#include "lior/core/buffer.h"
#include "lior/core/parallel.h"

namespace lior::geometry {
namespace {

// Rays of whole rows that are traced at once: what bounds memory, and paces progress.
constexpr Index kRaysAtOnce = 50'000;
constexpr double kBeside = 1e-5;  // of a pixel
constexpr Light kNothing{0.05, 0, 0.01};

/// The rays of some rows, and what they met.
class Band {
 public:
  Band(const AnyMetric<double>& metric, const ImageOptions& options, Index width, Index height,
       Index rows)
      : metric_(metric),
        options_(options),
        chart_(metric),
        width_(width),
        height_(height),
        most_(rows * width * options.samples * options.samples),
        pixels_({2, most_}),
        x_({4, most_}),
        v_({4, most_}),
        end_({most_}),
        redshift_({most_}) {}

  /// Traces the rays of the rows [first, last).
  void trace(Index first, Index last, ImageCounts& counts) {
    const Index n = options_.samples;
    count_ = (last - first) * width_ * n * n;
    const View<double, 2> pixels(pixels_.data(), {2, count_});
    for (Index ray = 0; ray < count_; ++ray) {
      const Index sample = ray % (n * n), pixel = ray / (n * n);
      const auto place = [&](Index whole, Index part) {
        return static_cast<double>(whole) + kBeside +
               (static_cast<double>(part) + 0.5) / static_cast<double>(n);
      };
      pixels(0, ray) = place(pixel % width_, sample % n);
      pixels(1, ray) = place(first + pixel / width_, sample / n);
    }
    camera_rays(metric_, options_.camera, width_, height_, pixels, x(), v());
    counts.steps += trace_rays(metric_, x(), v(), options_.scene, options_.rays,
                               {x(), v(), {end_.data(), {count_}}});
    for (Index ray = 0; ray < count_; ++ray) ++counts.rays[static_cast<std::size_t>(end_(ray))];
    find_redshifts();
  }

  /// The mean light of the pixel's rays.
  Light light_of(Index pixel) const {
    const Index rays = options_.samples * options_.samples;
    Light mean{};
    for (Index ray = pixel * rays; ray < (pixel + 1) * rays; ++ray) {
      const Light light = light_of_ray(ray);
      for (std::size_t c = 0; c < 3; ++c) mean[c] += light[c] / static_cast<double>(rays);
    }
    return mean;
  }

 private:
  View<double, 2> x() { return {x_.data(), {4, count_}}; }
  View<double, 2> v() { return {v_.data(), {4, count_}}; }
  double at(const Array<double, 2>& planes, Index m, Index ray) const {
    return planes.data()[m * count_ + ray];
  }

  /// Of the rays that meet the disk.
  void find_redshifts() {
    std::vector<Index> rays;
    for (Index ray = 0; ray < count_; ++ray) {
      if (end_(ray) == RayEnd::disk) rays.push_back(ray);
    }
    const Index count = std::ssize(rays);
    Array<double, 2> x({4, count}), v({4, count});
    Array<double, 1> g({count});
    for (Index m = 0; m < 4; ++m) {
      for (Index n = 0; n < count; ++n) x(m, n) = at(x_, m, rays[n]), v(m, n) = at(v_, m, rays[n]);
    }
    disk_redshift(metric_, x.view(), v.view(), g.view());
    for (Index n = 0; n < count; ++n) redshift_(rays[n]) = g(n);
  }

  Light light_of_ray(Index ray) const {
    const Vector4 place{at(x_, 0, ray), at(x_, 1, ray), at(x_, 2, ray), at(x_, 3, ray)};
    switch (end_(ray)) {
      case RayEnd::sky: return sky_light(place.data());
      case RayEnd::disk: return disk_light(std::abs(chart_.radius(place.data())), redshift_(ray));
      case RayEnd::horizon: return {};
      default: return kNothing;
    }
  }
  Light sky_light(const double* place) const {
    const double theta = chart_.polar_angle(place), phi = chart_.azimuth(place);
    if (!options_.panorama.empty()) return panorama_sky(options_.panorama, theta, phi);
    const double camera = chart_.radius(options_.camera.place.data());
    return grid_sky(theta, phi, (chart_.radius(place) < 0) != (camera < 0));
  }
  Light disk_light(double radius, double redshift) const {
    const double flux = disk_flux(radius, options_.scene.disk->inner);
    const double seen = flux * std::pow(redshift, 4);
    if (!(seen > 0)) return {};
    Light light = black_body(options_.temperature * std::pow(seen, 0.25));
    for (double& part : light) part *= -std::expm1(-0.8 * seen);
    return light;
  }

  const AnyMetric<double>& metric_;
  const ImageOptions& options_;
  SpaceChart chart_;
  Index width_, height_, most_, count_ = 0;
  Array<double, 2> pixels_, x_, v_;
  Array<RayEnd, 1> end_;
  Array<double, 1> redshift_;
};

/// The disk's innermost orbit must be one.
void check_disk(const AnyMetric<double>& metric, const ImageOptions& options) {
  if (!options.scene.disk) return;
  const SpaceChart chart(metric);
  const Ring& disk = *options.scene.disk;
  LIOR_CHECK(disk.inner > 0 && disk.outer > disk.inner && disk.outer < options.scene.sky,
             "the disk is from {} to {}; expected radii > 0, the smaller one first, within the "
             "sky's {}",
             disk.inner, disk.outer, options.scene.sky);
  const Vector4 place = chart.place(disk.inner, std::numbers::pi / 2, 0), still{1, 0, 0, 0};
  double redshift = std::numeric_limits<double>::quiet_NaN();
  if (metric.domain(place.data()) == Domain::inside) {
    disk_redshift(metric, {place.data(), {4, 1}}, {still.data(), {4, 1}}, {&redshift, {1}});
  }
  LIOR_CHECK(std::isfinite(redshift),
             "the disk's inner radius {} has no circular orbit; expected one outside the orbit of "
             "light (3 mass of Schwarzschild's hole)",
             disk.inner);
}

}  // namespace

ImageCounts draw_image(const AnyMetric<double>& metric, const ImageOptions& options,
                       View<std::uint8_t, 3> pixels,
                       const std::function<void(double done)>& progress) {
  const Index height = pixels.extent(0), width = pixels.extent(1), n = options.samples;
  check_shape(pixels, {height, width, 3}, "pixels");
  LIOR_CHECK(n >= 1 && n <= 16, "samples is {}; expected 1 to 16", n);
  LIOR_CHECK(options.temperature > 0, "temperature is {}; expected one > 0", options.temperature);
  check_scene_metric(metric);
  check_disk(metric, options);
  const Index a_row = checked_product(width, n * n, "rays of a row");
  const Index rows = std::clamp<Index>(kRaysAtOnce / a_row, 1, height);
  Band band(metric, options, width, height, rows);
  ImageCounts counts;
  for (Index first = 0; first < height; first += rows) {
    const Index last = std::min(first + rows, height);
    band.trace(first, last, counts);
    parallel_for((last - first) * width, 1024, [&](Index begin, Index end, int) {
      for (Index pixel = begin; pixel < end; ++pixel) {
        const Light light = band.light_of(pixel);
        for (Index c = 0; c < 3; ++c) {
          pixels(first + pixel / width, pixel % width, c) =
              encoded(light[static_cast<std::size_t>(c)]);
        }
      }
    });
    if (progress) progress(static_cast<double>(last) / static_cast<double>(height));
  }
  return counts;
}

}  // namespace lior::geometry
