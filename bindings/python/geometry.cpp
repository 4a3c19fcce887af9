#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metric_gradient.h"
#include "lior/geometry/metrics.h"

namespace lior::python {
namespace {

using geometry::AnyMetric;
using geometry::GeodesicOptions;
using geometry::LearnedMetricParameters;
using geometry::PathStatus;
using geometry::Resilience;

/// Numbers, and the gradients of a metric's tensors by name.
using NumberAndGradients = nb::typed<nb::tuple, NumPy, nb::dict>;

/// A metric for points of either precision.
struct Metric {
  AnyMetric<float> single;
  AnyMetric<double> precise;

  explicit Metric(const std::string& text)
      : single(geometry::metric_from_text<float>(text)),
        precise(geometry::metric_from_text<double>(text)) {}
  Metric(AnyMetric<float> f, AnyMetric<double> d) : single(std::move(f)), precise(std::move(d)) {}

  Index dimension() const { return precise.dimension(); }
  template <class T>
  const AnyMetric<T>& of() const {
    if constexpr (std::is_same_v<T, float>) {
      return single;
    } else {
      return precise;
    }
  }
};

/// The tensors of a learned metric by the names that files give them; `visit(name, view)`.
template <class Parameters, class Visit>
void visit_tensors(Parameters& p, Visit&& visit) {
  visit("L", p.basis.view());
  visit("metric_net.0.weight", p.metric_in.view());
  visit("metric_net.0.bias", p.metric_in_bias.view());
  visit("metric_net.2.weight", p.metric_out.view());
  visit("metric_net.2.bias", p.metric_out_bias.view());
  visit("resilience_net.0.weight", p.resilience_in.view());
  visit("resilience_net.0.bias", p.resilience_in_bias.view());
  visit("resilience_net.2.weight",
        p.resilience_out.view().template reshaped<2>({1, p.resilience_out.size()}));
  using T = std::remove_reference_t<decltype(p.resilience_out_bias)>;
  visit("resilience_net.2.bias", View<T, 1>(&p.resilience_out_bias, {1}));
}

Argument argument_of(nb::handle object) { return nb::cast<Argument>(object); }

/// Copies of the arrays of a dict, or an error that names what is missing or does not fit.
template <class T>
LearnedMetricParameters<T> parameters_from(const nb::dict& tensors) {
  const auto at = [&](const char* name) {
    LIOR_CHECK(tensors.contains(name), "parameters lack '{}'", name);
    return argument_of(tensors[name]);
  };
  Call sizes;
  sizes.in<T>("metric_net.0.weight", at("metric_net.0.weight"), {'H', 'd'});
  sizes.in<T>("resilience_net.0.weight", at("resilience_net.0.weight"), {'K', 'd'});
  LearnedMetricParameters<T> parameters(sizes['d'], sizes['H'], sizes['K']);
  visit_tensors(parameters, [&]<std::size_t Rank>(const char* name, View<T, Rank> to) {
    Call call;
    const auto given = [&] {
      if constexpr (Rank == 1) {
        return call.in<T>(name, at(name), {to.extent(0)});
      } else {
        return call.in<T>(name, at(name), {to.extent(0), to.extent(1)});
      }
    }();
    call.run([&] { std::copy(given.begin(), given.end(), to.begin()); });
  });
  return parameters;
}

template <class To, class From>
LearnedMetricParameters<To> converted(const LearnedMetricParameters<From>& from) {
  LearnedMetricParameters<To> to(from.basis.shape()[0], from.metric_in.shape()[0],
                                 from.resilience_in.shape()[0]);
  const auto copy = [](const auto& source, auto& target) {
    std::copy(source.span().begin(), source.span().end(), target.data());
  };
  copy(from.basis, to.basis);
  copy(from.metric_in, to.metric_in);
  copy(from.metric_in_bias, to.metric_in_bias);
  copy(from.metric_out, to.metric_out);
  copy(from.metric_out_bias, to.metric_out_bias);
  copy(from.resilience_in, to.resilience_in);
  copy(from.resilience_in_bias, to.resilience_in_bias);
  copy(from.resilience_out, to.resilience_out);
  to.resilience_out_bias = static_cast<To>(from.resilience_out_bias);
  return to;
}

/// A learned metric with its numbers, in both precisions.
class LearnedMetric : public Metric {
 public:
  LearnedMetric(LearnedMetricParameters<float> f, LearnedMetricParameters<double> d,
                bool resilience, bool spd_floor)
      : Metric(geometry::LearnedMetric<float>(f, switched(resilience), spd_floor),
               geometry::LearnedMetric<double>(d, switched(resilience), spd_floor)),
        single_(std::move(f)),
        precise_(std::move(d)),
        resilience_(switched(resilience)),
        spd_floor_(spd_floor) {}

  static LearnedMetric from_arrays(const nb::dict& tensors, bool resilience, bool spd_floor) {
    LIOR_CHECK(tensors.contains("L"), "parameters lack 'L'");
    return for_real("L", argument_of(tensors["L"]), [&]<class T>() {
      const auto parameters = parameters_from<T>(tensors);
      return LearnedMetric(converted<float>(parameters), converted<double>(parameters), resilience,
                           spd_floor);
    });
  }
  static LearnedMetric from_file(const std::string& path, bool resilience, bool spd_floor) {
    const auto file = io::SafeTensors::open(path);
    return LearnedMetric(LearnedMetricParameters<float>::read(file),
                         LearnedMetricParameters<double>::read(file), resilience, spd_floor);
  }

  Pair values(const Argument& x, const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto g = call.out<T>({d, d, 'N'});
      const auto r = call.out<T>({'N'});
      return call.run([&] { model<T>().metric().values(points, g, r); });
    });
  }

  NumberAndGradients backward(const Argument& x, const Argument& dg) const {
    return for_real("x", x, [&]<class T>() {
      Call call;
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto d_metric = call.in<T>("dg", dg, {d, d, 'N'});
      const auto dx = call.out<T>({d, 'N'});
      auto sums = zeros<T>();
      const nb::object result =
          call.run([&] { geometry::metric_backward<T>(model<T>(), points, d_metric, sums, dx); });
      return with_gradients(result, sums);
    });
  }

  NumberAndGradients distance_with_gradient(const Argument& x, const Argument& y,
                                            const Argument& ddistance,
                                            const GeodesicOptions& options) const {
    return for_real("x", x, [&]<class T>() {
      Call call;
      const Index d = dimension();
      const auto from = call.in<T>("x", x, {d, 'N'});
      const auto to = call.in<T>("y", y, {d, 'N'});
      const auto weight = call.in<T>("ddistance", ddistance, {'N'});
      const auto distance = call.out<T>({'N'});
      auto sums = zeros<T>();
      const nb::object result = call.run([&] {
        geometry::distance_with_gradient<T>(model<T>(), from, to, weight, options, distance, sums);
      });
      return with_gradients(result, sums);
    });
  }

  NumberAndGradients curve_length_with_gradient(const Argument& path,
                                                const Argument& dlength) const {
    return of_curve("dlength", path, dlength, [](auto&&... arguments) {
      geometry::curve_length_with_gradient(arguments...);
    });
  }
  NumberAndGradients curve_energy_with_gradient(const Argument& path,
                                                const Argument& denergy) const {
    return of_curve("denergy", path, denergy, [](auto&&... arguments) {
      geometry::curve_energy_with_gradient(arguments...);
    });
  }

 private:
  /// A number of each curve, and the gradient of their sum weighted by `weights`.
  template <class Function>
  NumberAndGradients of_curve(const char* name, const Argument& path, const Argument& weights,
                              Function function) const {
    return for_real("path", path, [&]<class T>() {
      Call call;
      const auto curve = call.in<T>("path", path, {'K', dimension(), 'N'});
      const auto weight = call.in<T>(name, weights, {'N'});
      const auto numbers = call.out<T>({'N'});
      auto sums = zeros<T>();
      const nb::object result =
          call.run([&] { function(model<T>(), curve, weight, numbers, sums); });
      return with_gradients(result, sums);
    });
  }

  static Resilience switched(bool on) { return on ? Resilience::on : Resilience::off; }
  template <class T>
  const LearnedMetricParameters<T>& parameters() const {
    if constexpr (std::is_same_v<T, float>) {
      return single_;
    } else {
      return precise_;
    }
  }
  template <class T>
  geometry::LearnedMetricModel<T> model() const {
    return {parameters<T>(), resilience_, spd_floor_};
  }
  template <class T>
  LearnedMetricParameters<T> zeros() const {
    const auto& like = parameters<T>();
    return LearnedMetricParameters<T>(like.basis.shape()[0], like.metric_in.shape()[0],
                                      like.resilience_in.shape()[0]);
  }
  template <class T>
  static Result with_gradients(const nb::object& first, LearnedMetricParameters<T>& sums) {
    nb::dict gradients;
    visit_tensors(sums, [&]<std::size_t Rank>(const char* name, View<T, Rank> sum) {
      gradients[name] = copied(View<const T, Rank>(sum));
    });
    return {nb::make_tuple(first, gradients)};
  }

  LearnedMetricParameters<float> single_;
  LearnedMetricParameters<double> precise_;
  Resilience resilience_;
  bool spd_floor_;
};

geometry::Method method_of(const std::string& text) {
  return choose<geometry::Method>("method", text,
                                  {{"dopri5", geometry::Method::dopri5},
                                   {"rk4", geometry::Method::rk4},
                                   {"midpoint", geometry::Method::midpoint}});
}

/// The bytes of an output as statuses.
View<PathStatus, 1> statuses(View<std::uint8_t, 1> bytes) {
  static_assert(sizeof(PathStatus) == 1);
  return {reinterpret_cast<PathStatus*>(bytes.data()), bytes.shape()};
}

NumPy metric_values(const Metric& metric, const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto g = call.out<T>({d, d, 'N'});
    return call.run([&] { geometry::metric_values<T>(metric.of<T>(), points, g); });
  });
}

NumPy christoffel(const Metric& metric, const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto gamma = call.out<T>({d, d, d, 'N'});
    return call.run([&] { geometry::christoffel<T>(metric.of<T>(), points, gamma); });
  });
}

NumPy christoffel_packed(const Metric& metric, const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto gamma = call.out<T>({d, d * (d + 1) / 2, 'N'});
    return call.run([&] { geometry::christoffel_packed<T>(metric.of<T>(), points, gamma); });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy> curvature(const Metric& metric, const Argument& x,
                                                           const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto riemann = call.out<T>({d, d, d, d, 'N'});
    const auto ricci = call.out<T>({d, d, 'N'});
    const auto scalar = call.out<T>({'N'});
    const auto kretschmann = call.out<T>({'N'});
    return call.run([&] {
      geometry::curvature<T>(metric.of<T>(), points, {riemann, ricci, scalar, kretschmann});
    });
  });
}

nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy> geodesics(const Metric& metric, const Argument& x,
                                                           const Argument& v,
                                                           const std::vector<double>& times,
                                                           const GeodesicOptions& options,
                                                           const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto path_x = call.out<T>({times.size(), d, 'N'});
    const auto path_v = call.out<T>({times.size(), d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    const auto reached = call.out<T>({'N'});
    return call.run([&] {
      geometry::geodesics<T>(metric.of<T>(), points, velocities, times, options,
                             {path_x, path_v, statuses(status), reached});
    });
  });
}

Pair exp_map(const Metric& metric, const Argument& x, const Argument& v,
             const GeodesicOptions& options, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto y = call.out<T>({d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    return call.run([&] {
      geometry::exp_map<T>(metric.of<T>(), points, velocities, options, y, statuses(status));
    });
  });
}

Triple log_map(const Metric& metric, const Argument& x, const Argument& y,
               const GeodesicOptions& options, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto from = call.in<T>("x", x, {d, 'N'});
    const auto to = call.in<T>("y", y, {d, 'N'});
    const auto v = call.out<T>({d, 'N'});
    const auto converged = call.out<bool>({'N'});
    const auto error = call.out<T>({'N'});
    return call.run([&] {
      geometry::log_map<T>(metric.of<T>(), from, to, options, {v, converged, error});
    });
  });
}

NumPy distance(const Metric& metric, const Argument& x, const Argument& y,
               const GeodesicOptions& options, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto from = call.in<T>("x", x, {d, 'N'});
    const auto to = call.in<T>("y", y, {d, 'N'});
    const auto lengths = call.out<T>({'N'});
    return call.run([&] { geometry::distance<T>(metric.of<T>(), from, to, options, lengths); });
  });
}

Pair transport(const Metric& metric, const Argument& x, const Argument& v, const Argument& w,
               const GeodesicOptions& options, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto velocities = call.in<T>("v", v, {d, 'N'});
    const auto vectors = call.in<T>("w", w, {d, 'N'});
    const auto carried = call.out<T>({d, 'N'});
    const auto status = call.out<std::uint8_t>({'N'});
    return call.run([&] {
      geometry::transport<T>(metric.of<T>(), points, velocities, vectors, options, carried,
                             statuses(status));
    });
  });
}

NumPy curve_length(const Metric& metric, const Argument& path, const Outputs& out) {
  return for_real("path", path, [&]<class T>() {
    Call call(out);
    const auto curve = call.in<T>("path", path, {'K', metric.dimension(), 'N'});
    const auto lengths = call.out<T>({'N'});
    return call.run([&] { geometry::curve_length<T>(metric.of<T>(), curve, lengths); });
  });
}

}  // namespace

void bind_geometry(nb::module_& m) {
  nb::class_<GeodesicOptions>(m, "GeodesicOptions", "How geodesics are integrated.")
      .def(
          "__init__",
          [](GeodesicOptions* self, const std::string& method, double rtol, double atol,
             double step, Index most_steps) {
            new (self) GeodesicOptions{method_of(method), rtol, atol, step, most_steps};
          },
          nb::kw_only(), "method"_a = "dopri5", "rtol"_a = 1e-8, "atol"_a = 1e-10, "step"_a = 0.1,
          "most_steps"_a = 100000,
          R"(method: 'dopri5' (each lane its own steps, error <= atol + rtol |state|), 'rk4' or
'midpoint' (fixed steps of at most `step`); at most `most_steps` steps a lane.)");

  nb::class_<Metric>(m, "Metric", R"(A metric that a text names, for points of either precision.

'euclidean:n', 'sphere:n,r', 'half_plane:n', 'ball:n', 'torus:minor,major', 'schwarzschild:mass',
'conformal:n,a', 'paraboloid:a', with keys as in 'sphere:n=3,r=2'. Where a function takes a metric,
the text itself will do. Error for an unknown name, key or value, with what there is.)")
      .def(nb::init<const std::string&>(), "text"_a)
      .def_prop_ro("dimension", &Metric::dimension, "d, the number of coordinates.")
      .def_prop_ro(
          "negative_directions", [](const Metric& m) { return m.precise.negative_directions(); },
          "Of the signature; 0 for a Riemannian metric.");
  nb::implicitly_convertible<std::string, Metric>();

  nb::class_<LearnedMetric, Metric>(m, "LearnedMetric",
                                    R"(R^2 g, or g without resilience, of a fixed matrix and nets.

g(x) = L L^T + 0.1 tanh((h + h^T)/2) + 1e-4 I (+ 0.1 d I with spd_floor), h a GELU net of x;
R = clamp(softplus(net of x), 0.1, 10). Source: docs/math/conventions.md, section 6.)")
      .def_static(
          "from_arrays", &LearnedMetric::from_arrays, "parameters"_a, nb::kw_only(),
          "resilience"_a = true, "spd_floor"_a = false,
          R"(From a dict of arrays of one dtype, copied: L (d, d), metric_net.0.weight (H, d),
metric_net.0.bias (H,), metric_net.2.weight (d d, H), metric_net.2.bias (d d,),
resilience_net.0.weight (K, d), resilience_net.0.bias (K,), resilience_net.2.weight (1, K),
resilience_net.2.bias (1,); d <= 16, H and K <= 64.)")
      .def_static("from_file", &LearnedMetric::from_file, "path"_a, nb::kw_only(),
                  "resilience"_a = true, "spd_floor"_a = false,
                  "From a safetensors file with these names, or with 'param.' before them.")
      .def("values", &LearnedMetric::values, "x"_a, nb::kw_only(), "out"_a = nb::none(),
           "(metric (d, d, N), R (N,)) at x: (d, N).")
      .def("backward", &LearnedMetric::backward, "x"_a, "dg"_a,
           R"((dx (d, N), dict of gradients) for dg: (d, d, N), the gradient with respect to each
entry of the metric as if all were independent.)")
      .def("distance_with_gradient", &LearnedMetric::distance_with_gradient, "x"_a, "y"_a,
           "ddistance"_a, "options"_a,
           R"((distance (N,), dict of gradients) of x, y: (d, N) for ddistance: (N,), by the first
variation. A pair whose log does not converge has distance NaN and adds nothing.)")
      .def("curve_length_with_gradient", &LearnedMetric::curve_length_with_gradient, "path"_a,
           "dlength"_a, "(length (N,), dict of gradients) of path: (K, d, N) for dlength: (N,).")
      .def(
          "curve_energy_with_gradient", &LearnedMetric::curve_energy_with_gradient, "path"_a,
          "denergy"_a,
          R"((energy (N,), dict of gradients) of path: (K, d, N), unit parameter, for denergy: (N,).)");

  m.def("metric_values", &metric_values, "metric"_a, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        "g: (d, d, N) at x: (d, N). Error that names the first point outside the chart.");
  m.def("christoffel", &christoffel, "metric"_a, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        R"(Gamma^l_mn = g^lr (d_m g_nr + d_n g_mr - d_r g_mn) / 2, from exact derivatives.

x: (d, N) -> (d, d, d, N), the upper index first. Error outside the chart, and where g cannot be
inverted, with the point. Source: docs/math/conventions.md, section 6.)");
  m.def("christoffel_packed", &christoffel_packed, "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none(), "The pairs m <= n only: (d, d(d+1)/2, N).");
  m.def("curvature", &curvature, "metric"_a, "x"_a, nb::kw_only(), "out"_a = nb::none());
  m.def("geodesics", &geodesics, "metric"_a, "x"_a, "v"_a, "times"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("exp_map", &exp_map, "metric"_a, "x"_a, "v"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("log_map", &log_map, "metric"_a, "x"_a, "y"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("distance", &distance, "metric"_a, "x"_a, "y"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("transport", &transport, "metric"_a, "x"_a, "v"_a, "w"_a, "options"_a, nb::kw_only(),
        "out"_a = nb::none());
  m.def("curve_length", &curve_length, "metric"_a, "path"_a, nb::kw_only(), "out"_a = nb::none(),
        R"(The length of each curve, path: (K, d, N) -> (N,), by the midpoint rule (error 1 / K^2).
Error unless the metric is Riemannian.)");
}

}  // namespace lior::python
