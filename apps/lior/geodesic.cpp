// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/geodesic.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "command.h"
#include "geodesic_plot.h"
#include "geodesic_starts.h"
#include "lior/geometry/events.h"
#include "lior/geometry/jacobi.h"
#include "lior/geometry/metrics.h"
#include "lior/geometry/velocity.h"
#include "metric_option.h"
#include "output.h"
#include "program.h"
#include "progress.h"
#include "ranks.h"

namespace lior::app {
namespace {

using namespace geometry;

std::string metrics_note() {
  return "Metrics, their keys with defaults (such as sphere:n=3,r=2), and their coordinates:\n" +
         describe_metric_kinds() +
         R"(A row has the parameter, the coordinates (r) and the velocity (dr), and behind them what a geodesic keeps: g(v,v), and
p_r = g_rn v^n for each coordinate r that the metric's formula does not contain. --to takes the shortest way where
the metric has a closed form; elsewhere it says that a shorter one is not excluded. Coordinates with a period lead the
shorter way round. Where the metric has minus signs there is no shortest way: g(v,v) is of the geodesic that was found.
A path that ends at an edge or a horizon is a result; one that stalls, goes nowhere or misses --to ends with status 1.
By formulas: 'expr:r, phi; a = 2; dr^2 + a^2*sinh(r/a)^2*dphi^2' has coordinates, definitions and the line element; d(f)
is the differential of a formula; signature = - + + + says which metric has minus signs, domain.edge = r > 0 where it
ends. FILE.toml has the same keys, and parameters that FILE.toml:k=v sets. Surfaces, 'graph:z=a*x*y; a = 2', may have
definitions too. Numbers of points, velocities and angles, and cells of --starts, may be formulas and angles: pi/2, 80deg.
)";
}

struct Flags {
  std::string metric, from, method = "dopri5", observer = "static", progress = "auto";
  std::optional<std::string> velocity, to, plot, starts, out, event, angles;
  std::optional<double> energy, momentum, carter, speed;
  double length = 1, rtol = 1e-8, atol = 1e-10, step = 0.1;
  std::int64_t samples = 21;
  bool json = false, spd_floor = false, timelike = false, null = false, past = false,
       outwards = false, conjugate = false;

  /// g(v, v) that the first velocity is set to.
  std::optional<double> square() const {
    if (timelike) return -1;
    if (null) return 0;
    return {};
  }
  Toward toward() const { return past ? Toward::past : Toward::future; }
};

/// A path with what it conserves.
struct Path {
  Index d, samples;
  std::vector<double> times;
  Array<double, 3> x, v;
  Array<PathStatus, 1> status{{1}};
  Array<double, 1> reached{{1}};
  std::vector<PathEvent> events;
  std::vector<ConjugatePoint> conjugates;
  std::vector<Index> ignorable;  // coordinates that the metric's formula does not contain

  /// Samples up to where it ended.
  Index valid() const {
    Index count = 1;
    while (count < samples && times[count] <= reached(0)) ++count;
    return count;
  }
};

Path trace(const AnyMetric<double>& metric, const Array<double, 2>& from,
           const Array<double, 2>& velocity, double length, Index samples,
           const GeodesicOptions& options) {
  const Index d = metric.dimension();
  Path path{.d = d,
            .samples = samples,
            .times = {},
            .x = Array<double, 3>({samples, d, 1}),
            .v = Array<double, 3>({samples, d, 1}),
            .events = {},
            .conjugates = {},
            .ignorable = {}};
  for (Index k = 0; k < samples; ++k) {
    path.times.push_back(length * static_cast<double>(k) / static_cast<double>(samples - 1));
  }
  geodesics<double>(metric, from.view(), velocity.view(), path.times, options,
                    {path.x.view(), path.v.view(), path.status.view(), path.reached.view()});
  for (Index m = 0; m < d; ++m) {
    if (metric.ignorable(m, from.data())) path.ignorable.push_back(m);
  }
  return path;
}

/// g(v, v), then the momenta g_mn v^n of the ignorable coordinates.
std::vector<double> invariants(const AnyMetric<double>& metric, const Path& path, Index k) {
  const Index d = path.d;
  std::vector<double> g(static_cast<std::size_t>(d * d)), values(1, 0.0);
  metric.value(&path.x(k, 0, 0), g.data());
  const auto momentum = [&](Index m) {
    double sum = 0;
    for (Index n = 0; n < d; ++n) sum += g[m * d + n] * path.v(k, n, 0);
    return sum;
  };
  for (Index m = 0; m < d; ++m) values[0] += path.v(k, m, 0) * momentum(m);
  for (const Index m : path.ignorable) values.push_back(momentum(m));
  return values;
}

/// The geodesic to --to, if there is one. Distances are of Riemannian metrics; g(v, v) is the
/// square of one, and otherwise tells what kind of geodesic it is.
struct Aim {
  Array<double, 2> to;
  double distance = NAN, distance_error = NAN, velocity_error;
  double interval, interval_error;  // g(v, v)
  bool shortest;
};

/// ": timelike, proper time 5.2", of a geodesic of parameter 1; nothing but of one time.
std::string kind_of(const AnyMetric<double>& metric, const Aim& aim) {
  if (metric.negative_directions() != 1) return "";
  const double size = std::sqrt(std::abs(aim.interval));
  if (!(std::abs(aim.interval) > aim.interval_error)) return ": lightlike to rounding";
  return aim.interval < 0 ? fmt::format(": timelike, proper time {:.10g}", size)
                          : fmt::format(": spacelike, proper length {:.10g}", size);
}

/// A line of formulas is too long for a picture's title.
std::string picture_title_of(const std::string& metric) {
  return is_formulas(metric) ? "by formulas" : title_of(metric);
}

void print_json(const AnyMetric<double>& metric, const Flags& flags, const Path& path,
                const std::optional<Aim>& aim) {
  std::string shooting;
  if (aim) {
    shooting = fmt::format(
        "\"velocity_error\": {}, \"distance\": {}, \"distance_error\": {}, \"shortest\": {}, "
        "\"interval\": {}, \"interval_error\": {}, ",
        json_number(aim->velocity_error), json_number(aim->distance),
        json_number(aim->distance_error), aim->shortest, json_number(aim->interval),
        json_number(aim->interval_error));
  }
  fmt::print(
      "{{\"metric\": {}, \"coordinates\": {}, \"method\": \"{}\", \"status\": \"{}\", "
      "\"reached\": {}, {}\"rows\": [",
      nlohmann::json(title_of(flags.metric)).dump(), json_coordinates(metric), flags.method,
      name(path.status(0)), path.reached(0), shooting);
  for (Index k = 0; k < path.valid(); ++k) {
    const auto kept = invariants(metric, path, k);
    std::string momenta;
    for (std::size_t i = 0; i < path.ignorable.size(); ++i) {
      momenta += fmt::format("{}\"p{}\": {}", i == 0 ? "" : ", ", path.ignorable[i], kept[i + 1]);
    }
    fmt::print("{}\n {{\"t\": {}, \"x\": [{}], \"v\": [{}], \"speed2\": {}, \"momenta\": {{{}}}}}",
               k == 0 ? "" : ",", path.times[k], list(&path.x(k, 0, 0), path.d),
               list(&path.v(k, 0, 0), path.d), kept[0], momenta);
  }
  std::string events;
  for (const PathEvent& event : path.events) {
    events += fmt::format("{}\n {{\"t\": {}, \"rising\": {}, \"x\": [{}], \"v\": [{}]}}",
                          events.empty() ? "" : ",", event.parameter, event.rising,
                          list(event.x.data(), path.d), list(event.v.data(), path.d));
  }
  std::string conjugates;
  for (const ConjugatePoint& point : path.conjugates) {
    conjugates += fmt::format("{}\n {{\"t\": {}, \"multiplicity\": {}}}",
                              conjugates.empty() ? "" : ",", point.parameter, point.multiplicity);
  }
  fmt::print("]{}{}}}\n", flags.event ? fmt::format(", \"events\": [{}]", events) : "",
             flags.conjugate ? fmt::format(", \"conjugate_points\": [{}]", conjugates) : "");
}

/// "parameter    r    phi    dr    dphi": the columns of rows.
std::string header_of(const AnyMetric<double>& metric) {
  std::string header = fmt::format("{:>10}", "parameter");
  for (const char* prefix : {"", "d"}) {
    for (const Coordinate& x : metric.chart().coordinates) {
      header += fmt::format("{:>15}", prefix + x.name);
    }
  }
  return header;
}

std::string row_of(double parameter, const double* x, const double* v, Index d) {
  std::string row = fmt::format("{:>10.5g}", parameter);
  for (Index m = 0; m < d; ++m) row += fmt::format("{:>15.8g}", x[m]);
  for (Index m = 0; m < d; ++m) row += fmt::format("{:>15.8g}", v[m]);
  return row;
}

void print_table(const AnyMetric<double>& metric, const Path& path, const std::optional<Aim>& aim) {
  std::string header = header_of(metric) + fmt::format("{:>17}", "g(v,v)");
  for (const Index m : path.ignorable) {
    header += fmt::format("{:>17}", "p_" + metric.chart().coordinates[m].name);
  }
  fmt::print("{}\n", header);
  for (Index k = 0; k < path.valid(); ++k) {
    std::string row = row_of(path.times[k], &path.x(k, 0, 0), &path.v(k, 0, 0), path.d);
    for (const double value : invariants(metric, path, k)) row += fmt::format("{:>17.10g}", value);
    fmt::print("{}\n", row);
  }
  fmt::print("{} at t = {}\n", name(path.status(0)), path.reached(0));
  for (const PathEvent& event : path.events) {
    fmt::print("event, {}:\n{}\n{}\n", event.rising ? "rising" : "falling", header_of(metric),
               row_of(event.parameter, event.x.data(), event.v.data(), path.d));
  }
  for (const ConjugatePoint& point : path.conjugates) {
    fmt::print("conjugate point at t = {:.8g}, multiplicity {}\n", point.parameter,
               point.multiplicity);
  }
  if (!aim) return;
  if (!metric.riemannian()) {
    fmt::print("g(v,v) = {:.10g}, error below {:.2g}{}; other geodesics are not excluded\n",
               aim->interval, aim->interval_error, kind_of(metric, *aim));
    return;
  }
  fmt::print("distance {:.10g}, error below {:.2g}{}\n", aim->distance, aim->distance_error,
             aim->shortest ? "" : "; a shorter way is not excluded");
}

/// What may be wrong where no geodesic was found from x to y.
std::string hint_of_log(const AnyMetric<double>& metric, const Array<double, 2>& x,
                        const Array<double, 2>& y) {
  constexpr double kFewDigits = 1e-9;  // half of those that are asked for
  const double from = metric_rounding(metric, x.data()), to = metric_rounding(metric, y.data());
  if (!(std::max(from, to) > kFewDigits)) return "; try a nearer point";
  return fmt::format(
      "; one rounding of the coordinates of {} changes the metric by {:.1g} of "
      "itself, which leaves too few digits",
      from > to ? "--from" : "--to", std::max(from, to));
}

/// The velocity that leads to --to, and how good it is.
Array<double, 2> aim_at(const AnyMetric<double>& metric, const Flags& flags,
                        const Array<double, 2>& from, const GeodesicOptions& options,
                        std::optional<Aim>& aim) {
  const Index d = metric.dimension();
  Array<double, 2> to = numbers("--to", *flags.to, d);
  Array<double, 2> velocity({d, 1});
  Array<bool, 1> converged({1}), shortest({1});
  Array<double, 1> error({1}), length({1}), length_error({1});
  const auto find_way = [&](const Array<double, 2>& start) {
    log_map<double>(metric, start.view(), to.view(), options,
                    {velocity.view(), converged.view(), error.view(), shortest.view()});
  };
  of_points("--to", [&] { find_way(to); });  // nothing is found there but what is wrong with it
  find_way(from);
  if (!converged(0)) {
    throw RunError(fmt::format("no geodesic from {} to {} was found{}", shown(flags.from),
                               shown(*flags.to), hint_of_log(metric, from, to)));
  }
  if (metric.riemannian()) {
    distance<double>(metric, from.view(), to.view(), options, {length.view(), length_error.view()});
  }
  std::vector<double> g(static_cast<std::size_t>(d * d));
  metric.value(from.data(), g.data());
  double interval = 0, size = 0;  // size: of v in the norm of the diagonal, as its error is
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < d; ++n) interval += g[m * d + n] * velocity(m, 0) * velocity(n, 0);
    size += std::abs(g[m * d + m]) * velocity(m, 0) * velocity(m, 0);
  }
  aim.emplace(Aim{.to = std::move(to),
                  .distance = metric.riemannian() ? length(0) : NAN,
                  .distance_error = metric.riemannian() ? length_error(0) : NAN,
                  .velocity_error = error(0),
                  .interval = interval,
                  .interval_error = 2 * std::sqrt(size) * error(0),
                  .shortest = shortest(0)});
  return velocity;
}

/// Throws RunError where the path is not the one that was asked for. Where the metric itself ends
/// it, on the way, that is what the table says.
void check_path(const AnyMetric<double>& metric, const Flags& flags, const Path& path,
                const std::optional<Aim>& aim) {
  if (path.reached(0) == 0 || path.status(0) == PathStatus::stalled) {
    throw RunError(
        fmt::format("the path from {} ends at t = {} ({}){}", shown(flags.from), path.reached(0),
                    name(path.status(0)),
                    path.status(0) == PathStatus::stalled
                        ? "; a larger --rtol and --atol, or a shorter --length, may go further"
                        : "; nothing was followed"));
  }
  if (!aim || flags.length != 1) return;
  if (path.reached(0) < 1) {
    fmt::print(stderr,
               "note: the way to --to leaves the coordinates at t = {} ({}); the distance is of "
               "the whole way\n",
               path.reached(0), name(path.status(0)));
    return;
  }
  constexpr double kMiss = 1e-3;  // of the way
  const Index last = path.samples - 1;
  std::vector<double> g(static_cast<std::size_t>(path.d * path.d));
  metric.value(aim->to.data(), g.data());
  double miss = 0, way = 0;
  for (Index m = 0; m < path.d; ++m) {
    const double period = metric.chart().coordinates[m].period;
    double apart = path.x(last, m, 0) - aim->to(m, 0);
    if (period > 0 && metric.riemannian()) apart = std::remainder(apart, period);
    miss += std::abs(g[m * path.d + m]) * apart * apart;
    way += std::abs(g[m * path.d + m]) * path.v(last, m, 0) * path.v(last, m, 0);
  }
  if (!(std::sqrt(miss) <= kMiss * std::sqrt(way))) {
    const bool adapts = flags.method == "dopri5" || flags.method == "dop853";
    throw RunError(fmt::format(
        "the path by {} ends {:.2g} away from --to; {}", flags.method, std::sqrt(miss),
        adapts ? "what is off at its start grows along it, so that a smaller --rtol may not do; "
                 "distance and velocity are of the way itself"
               : "a smaller --step comes nearer"));
  }
}

/// Throws unless the flags say one thing.
void check_flags(const Flags& flags) {
  LIOR_CHECK(!(flags.timelike && flags.null), "give either --timelike or --null");
  LIOR_CHECK(!flags.past || (flags.square() && !flags.energy) || flags.angles,
             "--past is of --timelike, --null and --angles; of --energy and --momentum the "
             "opposites lead to the past");
  LIOR_CHECK(!flags.starts || !flags.conjugate, "--conjugate is of one path, not of --starts");
  if (flags.starts) {
    LIOR_CHECK(flags.from.empty() && !flags.velocity && !flags.to && !flags.plot && !flags.json &&
                   !flags.energy && !flags.momentum && !flags.angles,
               "--starts has points and velocities, and its table is all that is written; leave "
               "out --from, --velocity, --energy, --angles, --to, --plot and --json");
    return;
  }
  LIOR_CHECK(!flags.from.empty(), "give --from (where the path starts) or --starts (a table)");
  const int starts = flags.velocity.has_value() + flags.to.has_value() + flags.angles.has_value() +
                     (flags.energy.has_value() || flags.momentum.has_value());
  LIOR_CHECK(starts == 1,
             "give one of --velocity (a path), --energy and --momentum, --angles (what an observer "
             "sees), and --to (the path to a point)");
  LIOR_CHECK(!flags.out, "--out is of --starts; the table of one path is on standard output");
  LIOR_CHECK(!flags.to || !flags.square(),
             "--timelike and --null are of a --velocity; the way to a point has its own");
  LIOR_CHECK(flags.energy.has_value() == flags.momentum.has_value(),
             "give both --energy and --momentum");
  LIOR_CHECK(flags.energy || (!flags.carter && !flags.outwards),
             "--carter and --outwards are of --energy and --momentum");
  LIOR_CHECK(!flags.angles || flags.null != flags.speed.has_value(),
             "--angles are of light (--null) or of a particle: give its --speed, from 0 to 1");
  LIOR_CHECK(flags.angles || !flags.speed, "--speed is of --angles");
}

Array<double, 2> velocity_of_constants(const AnyMetric<double>& metric, const Flags& flags,
                                       const Array<double, 2>& from) {
  Array<double, 2> velocity(from.shape());
  orbit_velocities(metric, from.view(),
                   {.energy = *flags.energy,
                    .angular_momentum = *flags.momentum,
                    .carter = flags.carter,
                    .spin = spin_of(flags.metric),
                    .square = flags.null ? 0.0 : -1.0,
                    .outwards = flags.outwards},
                   velocity.view());
  return velocity;
}

Array<double, 2> velocity_of_angles(const AnyMetric<double>& metric, const Flags& flags,
                                    const Array<double, 2>& from) {
  const Array<double, 2> angles = numbers("--angles", *flags.angles, 2, "angles");
  Array<double, 2> velocity(from.shape());
  observed_velocities(metric, from.view(), angles.view(), flags.null ? 1 : *flags.speed,
                      parse_name<Observer>(flags.observer, "--observer"), velocity.view(),
                      flags.toward());
  return velocity;
}

/// The first velocity, in whichever way it is given.
Array<double, 2> first_velocity(const AnyMetric<double>& metric, const Flags& flags,
                                const Array<double, 2>& from, const GeodesicOptions& options,
                                std::optional<Aim>& aim) {
  if (flags.to) return aim_at(metric, flags, from, options, aim);
  if (flags.energy) return velocity_of_constants(metric, flags, from);
  if (flags.angles) return velocity_of_angles(metric, flags, from);
  Array<double, 2> velocity = numbers("--velocity", *flags.velocity, metric.dimension());
  if (flags.square()) {
    complete_velocities<double>(metric, from.view(), *flags.square(), velocity.view(),
                                flags.toward());
  }
  return velocity;
}

GeodesicOptions options_of(const Flags& flags) {
  if (flags.plot) check_picture(*flags.plot);  // a wrong name costs no path
  check_flags(flags);
  LIOR_CHECK(flags.samples >= 2 && flags.samples <= 1000000, "--samples {}: expected 2 to 1000000",
             flags.samples);
  LIOR_CHECK(std::isfinite(flags.length) && flags.length > 0, "--length {}: expected a number > 0",
             flags.length);
  return {.method = parse_name<Method>(flags.method, "--method"),
          .rtol = flags.rtol,
          .atol = flags.atol,
          .step = flags.step};
}

int run_many(const Flags& flags) {
  std::optional<ManyPaths> paths;
  ranks().together([&] {
    paths.emplace(ManyPaths{.options = options_of(flags),
                            .metric = open_metric(flags.metric, flags.spd_floor),
                            .starts = *flags.starts,
                            .out = flags.out,
                            .length = flags.length,
                            .samples = flags.samples,
                            .square = flags.square(),
                            .toward = flags.toward(),
                            .event = flags.event,
                            .progress = flags.progress});
  });
  follow_many(*paths);
  return kSuccess;
}

int run_one(const Flags& flags) {
  const GeodesicOptions options = options_of(flags);
  const AnyMetric<double> metric = open_metric(flags.metric, flags.spd_floor);
  const Index d = metric.dimension();
  const Array<double, 2> from = numbers("--from", flags.from, d);
  of_points("--from", [&] { check_regular<double>(metric, from.view()); });
  std::optional<Aim> aim;
  const Array<double, 2> velocity = first_velocity(metric, flags, from, options, aim);
  Path path = trace(metric, from, velocity, flags.length, flags.samples, options);
  if (flags.event) {
    path.events = find_events(metric, *flags.event, path.x.view(), path.v.view(), path.times,
                              path.reached.view(), options);
  }
  if (flags.conjugate) {
    constexpr std::int64_t kLeastSteps = 100;  // between which these points are looked for
    path.conjugates = conjugate_points(metric, from.view(), velocity.view(), flags.length,
                                       std::max(flags.samples, kLeastSteps), options);
  }
  if (flags.plot) {
    // A line between two rows of the table may cut through what the path goes around.
    constexpr Index kPictureSamples = 1000;
    const Path drawn = trace(metric, from, velocity, flags.length,
                             std::max<Index>(flags.samples, kPictureSamples), options);
    plot_path(metric, picture_title_of(flags.metric), {drawn.x.data(), {drawn.valid(), d}},
              *flags.plot);
    fmt::print(stderr, "drawn in {}\n", *flags.plot);
  }
  if (flags.json)
    print_json(metric, flags, path, aim);
  else
    print_table(metric, path, aim);
  check_path(metric, flags, path, aim);
  return kSuccess;
}

}  // namespace

Run geodesic_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add_note(metrics_note());
  add_metric_option(options, flags->metric);
  options.add("--from", flags->from, "A,B,...", "where the path starts");
  options.add("--velocity", flags->velocity, "C,D,...", "its velocity there");
  options.add_switch("--timelike", flags->timelike,
                     "set the first number of --velocity so that g(v,v) = -1: proper time");
  options.add_switch("--null", flags->null, "the same for light: g(v,v) = 0");
  options.add_switch("--past", flags->past,
                     "with these and --angles: the velocity that leads to the past");
  options.add(
      "--energy", flags->energy, "E",
      "in place of --velocity, around a black hole: E = -p_t of a particle of mass 1, or of "
      "light (--null)");
  options.add("--momentum", flags->momentum, "L", "and its angular momentum p_phi");
  options.add("--carter", flags->carter, "Q", "and Carter's constant; it starts southwards");
  options.add_switch("--outwards", flags->outwards, "start away from the hole, not towards it");
  options.add("--angles", flags->angles, "A,B",
              "or the direction that an observer there sees: A from outwards, B around from north "
              "to east, in radians");
  options.add("--speed", flags->speed, "V", "and the particle's speed for the observer");
  options.add("--observer", flags->observer, "NAME", name_list<Observer>() + " (static)");
  options.suggest("--observer", name_list<Observer>());
  options.add("--starts", flags->starts, "FILE.csv|.h5",
              "many paths: a column for each coordinate r, and dr of its velocity");
  options.add("--out", flags->out, "FILE.csv|.h5", "where their samples go (standard output)");
  options.add("--to", flags->to, "A,B,...", "or where it ends, at --length 1");
  options.add(
      "--event", flags->event, "FORMULA",
      "where it is 0, or both sides are equal, along the path: theta - pi/2, r = 6, dr; found "
      "between samples");
  options.add_switch("--conjugate", flags->conjugate,
                     "say where neighbours of the path come together again");
  options.add("--length", flags->length, "T", "parameter at the end (1)");
  options.add("--samples", flags->samples, "K", "rows, ends included (21)");
  options.add("--method", flags->method, "NAME", name_list<Method>() + " (dopri5)");
  options.suggest("--method", name_list<Method>());
  options.add("--step", flags->step, "H", "longest step of rk4 and midpoint (0.1)");
  options.add("--rtol", flags->rtol, "R", "relative tolerance of dopri5 and dop853 (1e-8)");
  options.add("--atol", flags->atol, "A", "absolute tolerance of dopri5 and dop853 (1e-10)");
  options.add_switch("--spd-floor", flags->spd_floor,
                     "keep a learned metric positive definite everywhere");
  add_progress(options, flags->progress);
  options.add_switch("--json", flags->json, "one JSON object in place of a table");
  options.add("--plot", flags->plot, "FILE", "draw the path: a picture .png or .svg");
  return [=] {
    return flags->starts ? run_many(*flags) : run_on_first([&] { return run_one(*flags); });
  };
}

}  // namespace lior::app
