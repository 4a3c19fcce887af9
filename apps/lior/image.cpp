// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/image.h"

#include <fmt/core.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <numbers>

#include "command.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/expr/constant.h"
#include "lior/geometry/metrics.h"
#include "lior/io/png.h"
#include "output.h"
#include "progress.h"

namespace lior::app {
namespace {

using namespace geometry;

constexpr Index kMostPixels = 100'000'000;

constexpr const char* kNote =
    R"(Rays are traced backwards from the camera until they meet the disk, the sky or a horizon. The metric has the
coordinates (t, r, theta, phi), whatever the names of the first two, or (t, x, y, z), one minus sign, and no t in its
formulas: kerr, schwarzschild, reissner_nordstroem, kerr_newman, morris_thorne, kerr_schild, ... or your own.
The disk is of circular orbits and glows by its temperature, redshift and beaming included. Angles are in radians, or
in degrees as 80deg. lior help metrics lists the metrics.
)";

struct Flags {
  std::string metric, camera, out, observer = "static", size = "1280x720", progress = "auto";
  std::optional<std::string> view, disk, sky;
  std::optional<double> sky_radius;
  std::int64_t samples = 1;
  double temperature = ImageOptions{}.temperature, rtol = RayOptions{}.rtol;
};

/// The two numbers of "1280x720" or "6:20".
std::array<double, 2> pair_of(const char* flag, std::string_view text, char separator,
                              const char* example) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const auto first = expr::constant_of(text.substr(0, at));
  const auto second = expr::constant_of(text.substr(std::min(at + 1, text.size())));
  LIOR_CHECK(first && second, "{} '{}': expected two numbers, such as {}", flag, shown(text),
             example);
  return {*first, *second};
}

struct Place {
  double radius = 0, theta = std::numbers::pi / 2, phi = 0;
};

/// "r=30,theta=80deg"; the radius also by the metric's name for it.
Place place_of(const AnyMetric<double>& metric, std::string_view text) {
  Place place;
  bool has_radius = false;
  const std::string& radial = metric.chart().coordinates[1].name;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string_view key = item.substr(0, equals);
    const auto value = expr::constant_of(item.substr(std::min(equals + 1, item.size())));
    const bool is_radius = key == "r" || (key == radial && radial != "x");
    double* target = is_radius        ? &place.radius
                     : key == "theta" ? &place.theta
                     : key == "phi"   ? &place.phi
                                      : nullptr;
    LIOR_CHECK(target != nullptr && value,
               "--camera '{}': '{}' is none of {}=, theta= and phi= with a number; expected such "
               "as {}=30,theta=80deg",
               shown(text), shown(item), radial == "x" ? "r" : radial,
               radial == "x" ? "r" : radial);
    *target = *value;
    has_radius = has_radius || is_radius;
  }
  LIOR_CHECK(has_radius, "--camera '{}' has no radius; expected such as r=30,theta=80deg",
             shown(text));
  return place;
}

/// A third wider than the disk, or than what shows the hole's shadow.
double usual_view(double radius, const std::optional<Ring>& disk) {
  constexpr double kMargin = 1.3, kWithoutDisk = 12;
  return 2 * std::atan(kMargin * (disk ? disk->outer : kWithoutDisk) / std::abs(radius));
}

ImageOptions options_of(const AnyMetric<double>& metric, const Flags& flags) {
  check_scene_metric(metric);
  const Place place = place_of(metric, flags.camera);
  ImageOptions options;
  if (flags.disk) {
    const auto [inner, outer] = pair_of("--disk", *flags.disk, ':', "6:20");
    options.scene.disk = Ring{inner, outer};
  }
  options.scene.sky = flags.sky_radius.value_or(std::max(1000.0, 30 * std::abs(place.radius)));
  options.camera.place = scene_place(metric, place.radius, place.theta, place.phi);
  options.camera.observer = parse_name<Observer>(flags.observer, "--observer");
  options.camera.view = usual_view(place.radius, options.scene.disk);
  if (flags.view) {
    const auto view = expr::constant_of(*flags.view);
    LIOR_CHECK(view && *view > 0 && *view < std::numbers::pi,
               "--view '{}': expected an angle between 0 and 180deg", shown(*flags.view));
    options.camera.view = *view;
  }
  options.samples = flags.samples;
  options.temperature = flags.temperature;
  // A state's numbers are about 1; what is small beside them is an angle's rate far away.
  options.rays = {.rtol = flags.rtol, .atol = 0.01 * flags.rtol};
  return options;
}

/// "62.1 % sky, 20 % disk".
std::string shares_of(const ImageCounts& counts) {
  Index all = 0;
  for (const Index count : counts.rays) all += count;
  std::string text;
  for (std::size_t k = 0; k < counts.rays.size(); ++k) {
    if (counts.rays[k] == 0) continue;
    text += fmt::format("{}{:.3g} % {}", text.empty() ? "" : ", ",
                        100 * static_cast<double>(counts.rays[k]) / static_cast<double>(all),
                        enum_names(RayEnd{})[k]);
  }
  return fmt::format("{}; {:.0f} steps a ray", text,
                     static_cast<double>(counts.steps) / static_cast<double>(all));
}

int run(const Flags& flags) {
  LIOR_CHECK(std::filesystem::path(flags.out).extension() == ".png",
             "--out {}: a PNG is written; give a name that ends in .png", shown_path(flags.out));
  check_folder_of("--out", flags.out);
  ProgressDisplay display(flags.progress);
  const auto [width, height] = pair_of("--size", flags.size, 'x', "1280x720");
  LIOR_CHECK(width >= 1 && height >= 1 && width == std::floor(width) &&
                 height == std::floor(height) && width * height <= kMostPixels,
             "--size '{}': expected whole numbers, such as 1280x720, of at most {} pixels",
             shown(flags.size), kMostPixels);
  const AnyMetric<double> metric = metric_in_lanes(flags.metric);
  ImageOptions options = options_of(metric, flags);
  Array<std::uint8_t, 3> panorama;
  if (flags.sky) {
    panorama = io::read_png(*flags.sky);
    options.panorama = panorama.view();
  }
  Array<std::uint8_t, 3> pixels({static_cast<Index>(height), static_cast<Index>(width), 3});
  const Timer timer;
  const ImageCounts counts = draw_image(metric, options, pixels.view(), [&](double done) {
    const double left = timer.seconds() * (1 - done) / done;
    if (display.due(done)) display.draw(done, fmt::format("rays, {} left", clock_text(left)));
  });
  io::write_png(flags.out, pixels.view());
  display.say(fmt::format("drawn in {}: {}", shown_path(flags.out), shares_of(counts)));
  return kSuccess;
}

}  // namespace

Run image_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add_note(kNote);
  options.require("--metric", flags->metric, "NAME[:k=v,...]|FILE.toml|expr:...",
                  "a metric of the list, or by formulas");
  options.require("--camera", flags->camera, "r=R,theta=A[,phi=B]", "where the camera stands");
  options.require("--out", flags->out, "FILE.png", "the picture");
  options.add("--size", flags->size, "WxH", "pixels (1280x720)");
  options.add("--disk", flags->disk, "INNER:OUTER", "a disk in the equator's plane, by its radii");
  options.add("--view", flags->view, "ANGLE",
              "how wide the picture is (a third more than the disk)");
  options.add("--observer", flags->observer, "NAME", name_list<Observer>() + " (static)");
  options.suggest("--observer", name_list<Observer>());
  options.add("--sky", flags->sky, "FILE.png",
              "the sky as an equirectangular picture, its middle behind the hole (a grid of 10 "
              "degrees)");
  options.add("--sky-radius", flags->sky_radius, "R",
              "of the sphere that shows the sky (1000, or 30 times the camera's)");
  options.add("--samples", flags->samples, "N", "N x N rays a pixel, against jagged edges (1)");
  options.add("--temperature", flags->temperature, "K",
              "of the disk's hottest ring, in kelvin (4500)");
  options.add("--rtol", flags->rtol, "R", "relative tolerance of a ray's steps (1e-6)");
  add_progress(options, flags->progress);
  return [=] { return run(*flags); };
}

}  // namespace lior::app
