// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/curvature_parts.h"
#include "lior/geometry/events.h"
#include "lior/geometry/frechet_mean.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/geodesic_regression.h"
#include "lior/geometry/jacobi.h"
#include "metric.h"
#include "representation.h"

namespace lior::python {
namespace {

using geometry::GeodesicOptions;
using geometry::PathStatus;

/// The bytes of an output as statuses.
View<PathStatus, 1> statuses(View<std::uint8_t, 1> bytes) {
  static_assert(sizeof(PathStatus) == 1);
  return {reinterpret_cast<PathStatus*>(bytes.data()), bytes.shape()};
}

NumPy metric_values(const Metric& metric, const Argument& x, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto values = call.out<T>({d, d, 'N'});
    return call.run_watched([&] { geometry::metric_values<T>(at.metric, at.x, values); });
  });
}

NumPy christoffel(const Metric& metric, const Argument& x, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto gamma = call.out<T>({d, d, d, 'N'});
    return call.run_watched([&] { geometry::christoffel<T>(at.metric, at.x, gamma); });
  });
}

NumPy christoffel_packed(const Metric& metric, const Argument& x, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto gamma = call.out<T>({d, d * (d + 1) / 2, 'N'});
    return call.run_watched([&] { geometry::christoffel_packed<T>(at.metric, at.x, gamma); });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy, NumPy, NumPy> curvature(const Metric& metric,
                                                                         const Argument& x,
                                                                         const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto riemann = call.out<T>({d, d, d, d, 'N'});
    const auto ricci = call.out<T>({d, d, 'N'});
    const auto scalar = call.out<T>({'N'});
    const auto kretschmann = call.out<T>({'N'});
    const auto scalar_error = call.out<T>({'N'});
    const auto kretschmann_error = call.out<T>({'N'});
    return call.run_watched([&] {
      geometry::curvature<T>(
          at.metric, at.x, {riemann, ricci, scalar, kretschmann, scalar_error, kretschmann_error});
    });
  });
}

/// Einstein's tensor, Schouten's, Weyl's.
nb::typed<nb::tuple, NumPy, NumPy, NumPy> curvature_parts(const Metric& metric, const Argument& x,
                                                          const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto einstein = call.out<T>({d, d, 'N'});
    const auto schouten = call.out<T>({d, d, 'N'});
    const auto weyl = call.out<T>({d, d, d, d, 'N'});
    return call.run_watched([&] {
      geometry::curvature_parts<T>(at.metric, at.x, {einstein, schouten, weyl});
    });
  });
}

NumPy sectional_curvature(const Metric& metric, const Argument& x, const Argument& u,
                          const Argument& w, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const auto first = call.in<T>("u", u, {at.d, 'N'});
    const auto second = call.in<T>("w", w, {at.d, 'N'});
    const auto curvature = call.out<T>({'N'});
    return call.run_watched(
        [&] { geometry::sectional_curvature<T>(at.metric, at.x, first, second, curvature); });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy> geodesics(const Metric& metric, const Argument& x,
                                                           const Argument& v,
                                                           const std::vector<double>& times,
                                                           const GeodesicOptions& options,
                                                           const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto path_x = call.out<T>({times.size(), d, 'N'});
    const auto path_v = call.out<T>({times.size(), d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    const auto reached = call.out<T>({'N'});
    return call.run_watched([&] {
      geometry::geodesics<T>(at.metric, at.x, velocities, times, options,
                             {path_x, path_v, statuses(status), reached});
    });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy, NumPy, NumPy> jacobi_fields(
    const Metric& metric, const Argument& x, const Argument& v, const Argument& field,
    const Argument& rate, const std::vector<double>& times, const GeodesicOptions& options,
    const Outputs& out) {
  Call call(out);
  const Index d = metric.dimension();
  const auto points = call.in<double>("x", x, {d, 'N'});
  const auto velocities = call.in<double>("v", v, {d, 'N'});
  const auto fields = call.in<double>("field", field, {d, 'N'});
  const auto rates = call.in<double>("rate", rate, {d, 'N'});
  const auto path_x = call.out<double>({times.size(), d, 'N'});
  const auto path_v = call.out<double>({times.size(), d, 'N'});
  const auto path_field = call.out<double>({times.size(), d, 'N'});
  const auto path_rate = call.out<double>({times.size(), d, 'N'});
  const auto status = call.out<std::uint8_t>({'N'});
  const auto reached = call.out<double>({'N'});
  return call.run_watched([&] {
    geometry::jacobi_fields(metric.precise, points, velocities, fields, rates, times, options,
                            {path_x, path_v, path_field, path_rate, statuses(status), reached});
  });
}

/// (path, parameter, multiplicity) of each.
nb::typed<nb::tuple, NumPy, NumPy, NumPy> conjugate_points(const Metric& metric, const Argument& x,
                                                           const Argument& v, double length,
                                                           Index samples,
                                                           const GeodesicOptions& options) {
  Call call;
  const auto points = call.in<double>("x", x, {metric.dimension(), 'N'});
  const auto velocities = call.in<double>("v", v, {metric.dimension(), 'N'});
  std::vector<geometry::ConjugatePoint> found;
  call.run_watched([&] {
    found =
        geometry::conjugate_points(metric.precise, points, velocities, length, samples, options);
  });
  Call result;
  const auto path = result.out<std::int64_t>({std::ssize(found)});
  const auto parameter = result.out<double>({std::ssize(found)});
  const auto multiplicity = result.out<std::int64_t>({std::ssize(found)});
  return result.run([&] {
    for (Index i = 0; i < std::ssize(found); ++i) {
      path(i) = found[i].path, parameter(i) = found[i].parameter;
      multiplicity(i) = found[i].multiplicity;
    }
  });
}

/// (path, parameter, rising, x, v) of each event.
nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy, NumPy> find_events(
    const Metric& metric, const std::string& formula, const Argument& x, const Argument& v,
    const std::vector<double>& times, const Argument& reached, const GeodesicOptions& options) {
  Call call;
  const Index d = metric.dimension(), samples = std::ssize(times);
  const auto points = call.in<double>("x", x, {samples, d, 'N'});
  const auto velocities = call.in<double>("v", v, {samples, d, 'N'});
  const auto ends = call.in<double>("reached", reached, {'N'});
  std::vector<geometry::PathEvent> events;
  call.run_watched([&] {
    events =
        geometry::find_events(metric.precise, formula, points, velocities, times, ends, options);
  });
  const Index count = std::ssize(events);
  Array<Index, 1> path({count});
  Array<double, 1> parameter({count});
  Array<bool, 1> rising({count});
  Array<double, 2> at({d, count}), speed({d, count});
  for (Index n = 0; n < count; ++n) {
    path(n) = events[n].path, parameter(n) = events[n].parameter, rising(n) = events[n].rising;
    for (Index m = 0; m < d; ++m) at(m, n) = events[n].x[m], speed(m, n) = events[n].v[m];
  }
  return nb::make_tuple(copied(path), copied(parameter), copied(rising), copied(at), copied(speed));
}

/// (mean, variance, error, sets of logarithms, whether it converged).
nb::typed<nb::tuple, NumPy, double, double, Index, bool> frechet_mean(
    const Metric& metric, const Argument& y, const Argument& weights,
    const GeodesicOptions& options) {
  Call call;
  const Index d = metric.dimension();
  const auto points = call.in<double>("y", y, {d, 'N'});
  const auto shares = call.in_or_none<double>("weights", weights, {'N'});
  Array<double, 1> mean({d});
  geometry::FrechetMean found{};
  call.run_watched([&] {
    found = geometry::frechet_mean(metric.precise, points, shares, options, mean.view());
  });
  return nb::make_tuple(copied(mean), found.variance, found.error, found.iterations,
                        found.converged);
}

/// (x, v, r_squared, variance, fitted, residuals, error, sets of logarithms, whether it converged).
nb::typed<nb::tuple, NumPy, NumPy, double, double, NumPy, NumPy, double, Index, bool>
geodesic_regression(const Metric& metric, const Argument& t, const Argument& y,
                    const Argument& weights, const Argument& origin,
                    const GeodesicOptions& options) {
  Call call;
  const Index d = metric.dimension();
  const auto points = call.in<double>("y", y, {d, 'N'});
  const auto times = call.in<double>("t", t, {'K', 'N'});
  const auto shares = call.in_or_none<double>("weights", weights, {'N'});
  const auto from = call.in<double>("origin", origin, {'K'});
  const Index variables = times.extent(0), count = points.extent(1);
  Array<double, 1> x({d}), residuals({count});
  Array<double, 2> v({d, variables}), fitted({d, count});
  geometry::GeodesicRegression found{};
  call.run_watched([&] {
    found = geometry::geodesic_regression(metric.precise, times, points, shares, from, options,
                                          {x.view(), v.view(), fitted.view(), residuals.view()});
  });
  return nb::make_tuple(copied(x), copied(v), found.r_squared, found.variance, copied(fitted),
                        copied(residuals), found.error, found.iterations, found.converged);
}

Pair exp_map(const Metric& metric, const Argument& x, const Argument& v,
             const GeodesicOptions& options, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto y = call.out<T>({d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    return call.run_watched(
        [&] { geometry::exp_map<T>(at.metric, at.x, velocities, options, y, statuses(status)); });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy> log_map(const Metric& metric, const Argument& x,
                                                         const Argument& y,
                                                         const GeodesicOptions& options,
                                                         const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto to = call.in<T>("y", y, {d, 'N'});
    const auto v = call.out<T>({d, 'N'});
    const auto converged = call.out<bool>({'N'});
    const auto error = call.out<T>({'N'});
    const auto shortest = call.out<bool>({'N'});
    return call.run_watched([&] {
      geometry::log_map<T>(at.metric, at.x, to, options, {v, converged, error, shortest});
    });
  });
}

NumPy distance(const Metric& metric, const Argument& x, const Argument& y,
               const GeodesicOptions& options, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto to = call.in<T>("y", y, {d, 'N'});
    const auto lengths = call.out<T>({'N'});
    return call.run_watched(
        [&] { geometry::distance<T>(at.metric, at.x, to, options, {lengths}); });
  });
}

Triple distance_details(const Metric& metric, const Argument& x, const Argument& y,
                        const GeodesicOptions& options, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const auto to = call.in<T>("y", y, {at.d, 'N'});
    const auto lengths = call.out<T>({'N'});
    const auto error = call.out<T>({'N'});
    const auto shortest = call.out<bool>({'N'});
    return call.run_watched([&] {
      geometry::distance<T>(at.metric, at.x, to, options, {lengths, error, shortest});
    });
  });
}

/// "Metric('sphere:n=2,r=1')".
std::string representation(const Metric& metric) {
  return fmt::format("Metric('{}')", shown(metric.text));
}

std::vector<std::string> texts_of_kinds() {
  std::vector<std::string> texts;
  for (const geometry::MetricKind& kind : geometry::metric_kinds()) texts.push_back(kind.text());
  return texts;
}

std::vector<std::string> coordinates_of(const Metric& metric) {
  std::vector<std::string> names;
  for (const geometry::Coordinate& x : metric.precise.chart().coordinates) names.push_back(x.name);
  return names;
}

std::vector<double> periods_of(const Metric& metric) {
  std::vector<double> periods;
  for (const geometry::Coordinate& x : metric.precise.chart().coordinates) {
    periods.push_back(x.period);
  }
  return periods;
}

Pair transport(const Metric& metric, const Argument& x, const Argument& v, const Argument& w,
               const GeodesicOptions& options, const Outputs& out) {
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const Index d = at.d;
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto vectors = call.in<T>("w", w, {d, 'N'});
    const auto carried = call.out<T>({d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    return call.run_watched([&] {
      geometry::transport<T>(at.metric, at.x, velocities, vectors, options, carried,
                             statuses(status));
    });
  });
}

NumPy curve_length(const Metric& metric, const Argument& path, const Outputs& out) {
  return for_real("path", path, [&]<class T>() {
    Call call(out);
    const auto curve = call.in<T>("path", path, {'K', metric.dimension(), 'N'});
    const auto lengths = call.out<T>({'N'});
    return call.run_watched([&] { geometry::curve_length<T>(metric.of<T>(), curve, lengths); });
  });
}

/// The metric of an operation: of the option "metric", a text, or learned, with its parameters
/// behind the other arrays.
class MetricOperation {
 public:
  explicit MetricOperation(const Options& options) : options_(options) {
    if (options.contains("metric")) {
      named_ = std::make_shared<Metric>(options.get<std::string>("metric"));
    }
  }
  /// body(metric), whose own parameters are in[first] and behind it.
  template <class Body>
  void with(Arguments in, std::size_t first, const Body& body) const {
    body(named_ ? *named_ : *learned_metric(options_, in, first));
  }

 private:
  Options options_;
  std::shared_ptr<const Metric> named_;
};

GeodesicOptions geodesic_options(const std::string& method, double rtol, double atol, double step,
                                 Index most_steps) {
  return {parse_name<geometry::Method>(method, "method"), rtol, atol, step, most_steps};
}

GeodesicOptions geodesic_options_of(const Options& options) {
  const GeodesicOptions usual;
  return geodesic_options(options.get("method", std::string(name(usual.method))),
                          options.get("rtol", usual.rtol), options.get("atol", usual.atol),
                          options.get("step", usual.step),
                          options.get("most_steps", usual.most_steps));
}

/// x -> g.
Operation metric_values_operation(const Options& options) {
  return [metric = MetricOperation(options)](Arguments in, Outputs& out) {
    metric.with(in, 1, [&](const Metric& m) { metric_values(m, in[0], out); });
  };
}

/// x -> the symbols.
Operation christoffel_operation(const Options& options) {
  return [metric = MetricOperation(options)](Arguments in, Outputs& out) {
    metric.with(in, 1, [&](const Metric& m) { christoffel(m, in[0], out); });
  };
}

/// (x, v) -> (exp_x(v), status).
Operation exp_map_operation(const Options& options) {
  return [metric = MetricOperation(options), how = geodesic_options_of(options)](Arguments in,
                                                                                 Outputs& out) {
    metric.with(in, 2, [&](const Metric& m) { exp_map(m, in[0], in[1], how, out); });
  };
}

/// (x, y) -> (log_x(y), converged, error, shortest).
Operation log_map_operation(const Options& options) {
  return [metric = MetricOperation(options), how = geodesic_options_of(options)](Arguments in,
                                                                                 Outputs& out) {
    metric.with(in, 2, [&](const Metric& m) { log_map(m, in[0], in[1], how, out); });
  };
}

/// (x, y) -> the distance.
Operation distance_operation(const Options& options) {
  return [metric = MetricOperation(options), how = geodesic_options_of(options)](Arguments in,
                                                                                 Outputs& out) {
    metric.with(in, 2, [&](const Metric& m) { distance(m, in[0], in[1], how, out); });
  };
}

/// (x, v) -> (x and v of each sample, status, reached).
Operation geodesics_operation(const Options& options) {
  return [metric = MetricOperation(options), how = geodesic_options_of(options),
          times = options.get<std::vector<double>>("times")](Arguments in, Outputs& out) {
    metric.with(in, 2, [&](const Metric& m) { geodesics(m, in[0], in[1], times, how, out); });
  };
}

}  // namespace

void bind_geometry(nb::module_& m) {
  define_operation("metric_values", &metric_values_operation);
  define_operation("christoffel", &christoffel_operation);
  define_operation("exp_map", &exp_map_operation);
  define_operation("log_map", &log_map_operation);
  define_operation("distance", &distance_operation);
  define_operation("geodesics", &geodesics_operation);
  nb::class_<GeodesicOptions>(m, "GeodesicOptions", "How geodesics are integrated.")
      .def(
          "__init__",
          [](GeodesicOptions* self, const std::string& method, double rtol, double atol,
             double step, Index most_steps) {
            new (self) GeodesicOptions(geodesic_options(method, rtol, atol, step, most_steps));
          },
          nb::kw_only(), "method"_a = "dopri5", "rtol"_a = 1e-8, "atol"_a = 1e-10, "step"_a = 0.1,
          "most_steps"_a = 100000,
          R"(method: 'dopri5' or, for tolerances of 1e-9 and less, 'dop853' (each lane its own steps, error
<= atol + rtol |state|), 'rk4' or 'midpoint' (fixed steps of at most `step`); at most `most_steps` steps a lane.)")
      .def("__repr__", shows({"method", "rtol", "atol", "step", "most_steps"}))
      .def_prop_ro("method",
                   [](const GeodesicOptions& options) { return std::string(name(options.method)); })
      .def_ro("rtol", &GeodesicOptions::rtol)
      .def_ro("atol", &GeodesicOptions::atol)
      .def_ro("step", &GeodesicOptions::step)
      .def_ro("most_steps", &GeodesicOptions::most_steps);

  const std::string kinds =
      fmt::format(R"(A metric that a text names, for points of either precision.

The text is a name and some of its keys, as 'sphere:n=3,r=2'. Names, keys with their defaults, and coordinates:
{}Or it is a file of formulas and some of its parameters, 'hole.toml:mass=2', or the formulas themselves:
coordinates, definitions and the line element, 'expr:r, phi; a = 2; dr^2 + a^2*sinh(r/a)^2*dphi^2'
(docs/math/conventions.md, 6.6). traced_metric takes a Python function.
Where a function takes a metric, the text itself will do. Error for an unknown name, key or value, with what
there is.)",
                  geometry::describe_metric_kinds());
  nb::class_<Metric>(m, "Metric", kinds.c_str())
      .def(nb::init<const std::string&>(), "text"_a)
      .def("__repr__", &representation)
      .def_ro("text", &Metric::text, "The text that makes it; '' where none does.")
      .def_prop_ro("coordinates", &coordinates_of, "The coordinates' names.")
      .def_prop_ro(
          "periods", &periods_of,
          "The coordinates' periods, 0 for those without one: x and x + period are the same point.")
      .def_prop_ro("dimension", &Metric::dimension, "d, the number of coordinates.")
      .def_prop_ro(
          "negative_directions", [](const Metric& m) { return m.precise.negative_directions(); },
          "Of the signature; 0 for a Riemannian metric.");

  bind_learned_metric(m);
  m.def("metric_values", with_metric(&metric_values), "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none(),
        "g: (d, d, N) at x: (d, N). Error that names the first point outside the chart.");
  m.def("christoffel", with_metric(&christoffel), "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none(),
        R"(Gamma^l_mn = g^lr (d_m g_nr + d_n g_mr - d_r g_mn) / 2, from exact derivatives.

x: (d, N) -> (d, d, d, N), the upper index first. Error outside the chart, and where g cannot be
inverted, with the point. Source: docs/math/conventions.md, section 6.)");
  m.def("christoffel_packed", with_metric(&christoffel_packed), "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none(), "The pairs m <= n only: (d, d(d+1)/2, N).");
  m.def("curvature", with_metric(&curvature), "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def(
      "curvature_parts", with_metric(&curvature_parts), "metric"_a, "x"_a, nb::kw_only(),
      "out"_a = nb::none(),
      R"((Einstein (d, d, N), Schouten (d, d, N), Weyl (d, d, d, d, N)) at x: (d, N), indices lowered, d >= 3:
G = Ricci - R g / 2, P = (Ricci - R g / (2 (d - 1))) / (d - 2),
C_rsmn = R_rsmn - (g_rm P_sn - g_rn P_sm + g_sn P_rm - g_sm P_rn). Raises as curvature does.)");
  m.def(
      "sectional_curvature", with_metric(&sectional_curvature), "metric"_a, "x"_a, "u"_a, "w"_a,
      nb::kw_only(), "out"_a = nb::none(),
      R"(K(u, w) = R_rsmn u^r w^s u^m w^n / (g(u,u) g(w,w) - g(u,w)^2): (N,), of the planes that u, w: (d, N) span
at x: (d, N): 1 / r^2 on a sphere of radius r. NaN where they span none. Raises as curvature does.)");
  m.def("geodesics", with_metric(&geodesics), "metric"_a, "x"_a, "v"_a, "times"_a, "options"_a,
        nb::kw_only(), "out"_a = nb::none());
  m.def("jacobi_fields", with_metric(&jacobi_fields), "metric"_a, "x"_a, "v"_a, "field"_a, "rate"_a,
        "times"_a, "options"_a, nb::kw_only(), "out"_a = nb::none());
  m.def("conjugate_points", with_metric(&conjugate_points), "metric"_a, "x"_a, "v"_a, "length"_a,
        "samples"_a, "options"_a);
  m.def("find_events", with_metric(&find_events), "metric"_a, "formula"_a, "x"_a, "v"_a, "times"_a,
        "reached"_a, "options"_a);
  m.def("frechet_mean", with_metric(&frechet_mean), "metric"_a, "y"_a, "weights"_a.none(),
        "options"_a);
  m.def("_geodesic_regression", with_metric(&geodesic_regression), "metric"_a, "t"_a, "y"_a,
        "weights"_a.none(), "origin"_a, "options"_a);
  m.def("exp_map", with_metric(&exp_map), "metric"_a, "x"_a, "v"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("log_map", with_metric(&log_map), "metric"_a, "x"_a, "y"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("distance", with_metric(&distance), "metric"_a, "x"_a, "y"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("_distance_details", with_metric(&distance_details), "metric"_a, "x"_a, "y"_a, "options"_a,
        nb::kw_only(), "out"_a = nb::none());
  bind_enum<PathStatus>(m, "PathStatus", R"(Why a geodesic ended where it did.

ok; edge: it left the metric's domain; horizon: it reached a horizon; singular: the metric cannot be inverted there;
stalled: the tolerance asks for steps too small, or for more than most_steps; saturated: it went on to its end, but so
near an edge that one rounding of its coordinates changes the metric by 1 % or more, so they do not say where it is, or,
of closed forms, so far that a rounding of v moves the end by 1 % of the path's length.)");
  m.def("metric_texts", &texts_of_kinds,
        "The kinds of metrics that texts name, each with its keys' defaults: 'sphere:n=2,r=1'.");
  m.def("transport", with_metric(&transport), "metric"_a, "x"_a, "v"_a, "w"_a, "options"_a,
        nb::kw_only(), "out"_a = nb::none());
  m.def("curve_length", with_metric(&curve_length), "metric"_a, "path"_a, nb::kw_only(),
        "out"_a = nb::none(),
        R"(The length of each curve, path: (K, d, N) -> (N,), by the midpoint rule (error 1 / K^2).
Error unless the metric is Riemannian.)");
  bind_geometry_checks(m);
  bind_velocities(m);
  bind_image(m);
}

}  // namespace lior::python
