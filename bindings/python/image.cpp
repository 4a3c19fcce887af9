// SPDX-License-Identifier: Apache-2.0
// Rays and pictures.
#include "lior/geometry/image.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "metric.h"

namespace lior::python {
namespace {

using geometry::AnyMetric;

/// The metric in the form that is fastest on many points.
AnyMetric<double> in_lanes(const Metric& metric) {
  return metric.text.empty() ? metric.precise : geometry::metric_in_lanes(metric.text);
}

geometry::RayScene scene_of(double sky_radius,
                            const std::optional<std::pair<double, double>>& disk) {
  geometry::RayScene scene{.sky = sky_radius};
  if (disk) scene.disk = geometry::Ring{disk->first, disk->second};
  return scene;
}

geometry::Camera camera_of(const std::array<double, 4>& place, const std::string& observer,
                           double view) {
  return {place, parse_name<geometry::Observer>(observer, "observer"), view};
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy> trace_rays(
    const Metric& metric, const Argument& x, const Argument& v, double sky_radius,
    const std::optional<std::pair<double, double>>& disk, double rtol, double atol,
    const Outputs& out) {
  Call call(out);
  const auto points = call.in<double>("x", x, {4, 'N'});
  const auto velocities = call.in<double>("v", v, {4, 'N'});
  const auto end_x = call.out<double>({4, 'N'});
  const auto end_v = call.out<double>({4, 'N'});
  const auto end = call.out<std::uint8_t>({'N'});
  static_assert(sizeof(geometry::RayEnd) == 1);
  return call.run_watched([&] {
    geometry::trace_rays(
        in_lanes(metric), points, velocities, scene_of(sky_radius, disk),
        {.rtol = rtol, .atol = atol},
        {end_x, end_v, {reinterpret_cast<geometry::RayEnd*>(end.data()), end.shape()}});
  });
}

Pair camera_rays(const Metric& metric, const std::array<double, 4>& place,
                 const std::string& observer, double view, std::pair<Index, Index> size,
                 const Argument& pixels, const Outputs& out) {
  Call call(out);
  const auto places = call.in<double>("pixels", pixels, {2, 'N'});
  const auto x = call.out<double>({4, 'N'});
  const auto v = call.out<double>({4, 'N'});
  return call.run_watched([&] {
    geometry::camera_rays(metric.precise, camera_of(place, observer, view), size.first, size.second,
                          places, x, v);
  });
}

NumPy disk_redshift(const Metric& metric, const Argument& x, const Argument& v,
                    const Outputs& out) {
  Call call(out);
  const auto points = call.in<double>("x", x, {4, 'N'});
  const auto velocities = call.in<double>("v", v, {4, 'N'});
  const auto redshift = call.out<double>({'N'});
  return call.run_watched(
      [&] { geometry::disk_redshift(metric.precise, points, velocities, redshift); });
}

NumPy image(const Metric& metric, const std::array<double, 4>& place, const std::string& observer,
            double view, std::pair<Index, Index> size, double sky_radius,
            const std::optional<std::pair<double, double>>& disk, Index samples, double temperature,
            const Argument& sky, double rtol, const Outputs& out) {
  Call call(out);
  const auto [width, height] = size;
  LIOR_CHECK(width >= 1 && height >= 1, "size is ({}, {}); expected a width and a height >= 1",
             width, height);
  geometry::ImageOptions options{.camera = camera_of(place, observer, view),
                                 .scene = scene_of(sky_radius, disk),
                                 .rays = {.rtol = rtol, .atol = 0.01 * rtol},
                                 .samples = samples,
                                 .temperature = temperature};
  options.panorama = call.in_or_none<std::uint8_t>("sky", sky, {'h', 'w', 3});
  const auto pixels = call.out<std::uint8_t>({height, width, 3});
  return call.run_watched([&] { geometry::draw_image(in_lanes(metric), options, pixels); });
}

std::array<double, 4> scene_place(const Metric& metric, double radius, double theta, double phi) {
  return geometry::scene_place(metric.precise, radius, theta, phi);
}

}  // namespace

void bind_image(nb::module_& m) {
  m.def("_trace_rays", with_metric(&trace_rays), "metric"_a, "x"_a, "v"_a, "sky_radius"_a,
        "disk"_a.none(), "rtol"_a, "atol"_a, nb::kw_only(), "out"_a = nb::none());
  m.def("_camera_rays", with_metric(&camera_rays), "metric"_a, "place"_a, "observer"_a, "view"_a,
        "size"_a, "pixels"_a, nb::kw_only(), "out"_a = nb::none());
  m.def(
      "disk_redshift", with_metric(&disk_redshift), "metric"_a, "x"_a, "v"_a, nb::kw_only(),
      "out"_a = nb::none(),
      R"(g: (N,), the energy that the observer measures over the one that the disk sends, for rays v: (4, N)
that met the disk at x: (4, N), as trace_rays returns them. The disk turns on circular geodesics;
NaN inside the orbit of light.)");
  m.def("_image", with_metric(&image), "metric"_a, "place"_a, "observer"_a, "view"_a, "size"_a,
        "sky_radius"_a, "disk"_a.none(), "samples"_a, "temperature"_a, "sky"_a.none(), "rtol"_a,
        nb::kw_only(), "out"_a = nb::none());
  m.def("_scene_place", with_metric(&scene_place), "metric"_a, "radius"_a, "theta"_a, "phi"_a);
  bind_enum<geometry::RayEnd>(m, "RayEnd", R"(Where a ray ended.

sky: the sphere of the sky; disk: the ring in the equator's plane; horizon: a horizon, or it nears one for ever in these
coordinates; edge: the end of the chart that is no horizon; lost: it took too many or too small steps.)");
}

}  // namespace lior::python
