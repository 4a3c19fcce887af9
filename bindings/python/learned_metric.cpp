// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "lior/geometry/complex_metric.h"
#include "lior/geometry/connection_gradient.h"
#include "lior/geometry/geodesic.h"
#include "metric.h"
#include "operations.h"

namespace lior::python {
namespace {

using geometry::GeodesicOptions;
using geometry::LearnedMetricParameters;
using geometry::Resilience;

/// Numbers, and the gradients of a metric's tensors by name.
using NumberAndGradients = nb::typed<nb::tuple, NumPy, NamedArrays>;
using StartAndGradients = nb::typed<nb::tuple, Pair, NamedArrays>;

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

/// An output for each tensor: its gradient.
template <class T>
class Gradients {
 public:
  Gradients(Call& call, const LearnedMetricParameters<T>& like)
      : sums_(like.basis.shape()[0], like.metric_in.shape()[0], like.resilience_in.shape()[0]) {
    visit_tensors(sums_, [&]<std::size_t Rank>(const char* name, View<T, Rank> sum) {
      if constexpr (Rank == 1) {
        outputs_.push_back({name, call.out<T>({sum.extent(0)}).data()});
      } else {
        outputs_.push_back({name, call.out<T>({sum.extent(0), sum.extent(1)}).data()});
      }
    });
  }

  /// Sums, zeros at first, which a kernel adds to; then `give` copies them to the outputs.
  LearnedMetricParameters<T>& sums() { return sums_; }
  void give() {
    auto output = outputs_.begin();
    visit_tensors(sums_, [&]<std::size_t Rank>(const char*, View<T, Rank> sum) {
      std::copy(sum.begin(), sum.end(), (output++)->data);
    });
  }

  /// (the first result or, of two, their pair, a dict of the gradients behind them); nothing where
  /// arrays are no objects.
  Result named(const Result& result) const {
    if (!result.object.is_valid()) return {};
    const nb::tuple all = nb::borrow<nb::tuple>(result.object);
    const std::size_t others = all.size() - outputs_.size();
    nb::dict gradients;
    for (std::size_t i = 0; i < outputs_.size(); ++i) gradients[outputs_[i].name] = all[others + i];
    const nb::object first = others == 1 ? nb::object(all[0]) : nb::make_tuple(all[0], all[1]);
    return {nb::make_tuple(first, gradients)};
  }

 private:
  struct Named {
    const char* name;
    T* data;
  };
  LearnedMetricParameters<T> sums_;
  std::vector<Named> outputs_;
};

/// Copies of the arrays of a dict, or an error that names what is missing or does not fit.
template <class T>
LearnedMetricParameters<T> parameters_from(const NamedArguments& tensors) {
  const auto at = [&](const char* name) { return tensors.at(name); };
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

  static LearnedMetric from_arrays(const NamedArguments& tensors, bool resilience, bool spd_floor) {
    return for_real("L", tensors.at("L"), [&]<class T>() {
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

  std::string representation() const {
    const auto& p = precise_;
    return fmt::format("LearnedMetric(d={}, widths=({}, {}), resilience={}, spd_floor={})",
                       dimension(), p.metric_in.shape()[0], p.resilience_in.shape()[0],
                       resilience_ == Resilience::on ? "True" : "False",
                       spd_floor_ ? "True" : "False");
  }

  Pair values(const Argument& x, const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto g = call.out<T>({d, d, 'N'});
      const auto r = call.out<T>({'N'});
      return call.run_watched([&] { model<T>().metric().values(points, g, r); });
    });
  }

  /// Hand-derived derivatives, points in lanes: what any metric's christoffel gives, much faster.
  NumPy christoffel(const Argument& x, const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto gamma = call.out<T>({d, d, d, 'N'});
      return call.run_watched([&] { model<T>().metric().christoffel(points, gamma); });
    });
  }

  Pair complex(const Argument& x, double alpha, const std::string& form, const Outputs& out) const {
    check_resilience();
    const auto chosen = parse_name<geometry::PhaseForm>(form, "form");
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto a = call.out<T>({d, d, 'N'});
      const auto b = call.out<T>({d, d, 'N'});
      return call.run_watched([&] {
        geometry::complex_metric<T>(model<T>().metric(), static_cast<T>(alpha), chosen, points, a,
                                    b);
      });
    });
  }

  NumberAndGradients backward(const Argument& x, const Argument& dg, const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto d_metric = call.in<T>("dg", dg, {d, d, 'N'});
      const auto dx = call.out<T>({d, 'N'});
      Gradients<T> gradients(call, parameters<T>());
      return gradients.named(call.run_watched([&] {
        geometry::metric_backward<T>(model<T>(), points, d_metric, gradients.sums(), dx);
        gradients.give();
      }));
    });
  }

  double closedness_residual(const Argument& x, double alpha) const {
    check_resilience();
    return for_real("x", x, [&]<class T>() {
      Call call;
      const auto points = call.in<T>("x", x, {dimension(), 'N'});
      double result = 0;
      call.run_watched([&] {
        result =
            geometry::closedness_residual<T>(model<T>().metric(), static_cast<T>(alpha), points);
      });
      return result;
    });
  }

  NumPy distance_compat(const Argument& x, const Argument& y, const Outputs& out) const {
    check_resilience();
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const auto from = call.in<T>("x", x, {dimension(), 'N'});
      const auto to = call.in<T>("y", y, {dimension(), 'N'});
      const auto numbers = call.out<T>({'N'});
      return call.run_watched(
          [&] { geometry::lior_distance_compat<T>(model<T>().metric(), from, to, numbers); });
    });
  }

  NumberAndGradients christoffel_backward(const Argument& x, const Argument& dgamma,
                                          const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto d_symbols = call.in<T>("dgamma", dgamma, {d, d, d, 'N'});
      const auto dx = call.out<T>({d, 'N'});
      Gradients<T> gradients(call, parameters<T>());
      return gradients.named(call.run_watched([&] {
        geometry::christoffel_backward<T>(model<T>(), points, d_symbols, gradients.sums(), dx);
        gradients.give();
      }));
    });
  }

  StartAndGradients geodesic_backward(const Argument& x, const Argument& v, double time,
                                      double step, const Argument& dx_end, const Argument& dv_end,
                                      const Outputs& out) const {
    return for_real("x", x, [&]<class T>() {
      Call call(out);
      const Index d = dimension();
      const auto points = call.in<T>("x", x, {d, 'N'});
      const auto velocities = call.in<T>("v", v, {d, 'N'});
      const auto d_end = call.in<T>("dx_end", dx_end, {d, 'N'});
      const auto d_speed = call.in<T>("dv_end", dv_end, {d, 'N'});
      const auto dx = call.out<T>({d, 'N'});
      const auto dv = call.out<T>({d, 'N'});
      Gradients<T> gradients(call, parameters<T>());
      return gradients.named(call.run_watched([&] {
        geometry::geodesic_backward<T>(model<T>(), points, velocities, time, step, {d_end, d_speed},
                                       gradients.sums(), {dx, dv});
        gradients.give();
      }));
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
      Gradients<T> gradients(call, parameters<T>());
      return gradients.named(call.run_watched([&] {
        geometry::distance_with_gradient<T>(model<T>(), from, to, weight, options, distance,
                                            gradients.sums());
        gradients.give();
      }));
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
      Gradients<T> gradients(call, parameters<T>());
      return gradients.named(call.run_watched([&] {
        function(model<T>(), curve, weight, numbers, gradients.sums());
        gradients.give();
      }));
    });
  }

  void check_resilience() const {
    LIOR_CHECK(resilience_ == Resilience::on,
               "this metric has no resilience, which this is made of; expected resilience=True");
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
  LearnedMetricParameters<float> single_;
  LearnedMetricParameters<double> precise_;
  Resilience resilience_;
  bool spd_floor_;
};

/// The metric of an operation whose parameters are in[first] and behind it, in the order of
/// visit_tensors.
class LearnedOperation {
 public:
  explicit LearnedOperation(const Options& options)
      : resilience_(options.get<bool>("resilience")), spd_floor_(options.get<bool>("spd_floor")) {}

  LearnedMetric of(Arguments in, std::size_t first) const {
    NamedArguments tensors;
    LearnedMetricParameters<float> any(1, 1, 1);
    visit_tensors(any,
                  [&](const char* name, auto) { tensors.items.emplace_back(name, in[first++]); });
    return LearnedMetric::from_arrays(tensors, resilience_, spd_floor_);
  }

 private:
  bool resilience_, spd_floor_;
};

/// (x, parameters ...) -> (g, R).
Operation values_operation(const Options& options) {
  return [metric = LearnedOperation(options)](Arguments in, Outputs& out) {
    metric.of(in, 1).values(in[0], out);
  };
}

/// (x, dg, parameters ...) -> (dx, gradients ...).
Operation values_backward_operation(const Options& options) {
  return [metric = LearnedOperation(options)](Arguments in, Outputs& out) {
    metric.of(in, 2).backward(in[0], in[1], out);
  };
}

/// (x, parameters ...) -> the symbols.
Operation christoffel_operation(const Options& options) {
  return [metric = LearnedOperation(options)](Arguments in, Outputs& out) {
    metric.of(in, 1).christoffel(in[0], out);
  };
}

/// (x, dgamma, parameters ...) -> (dx, gradients ...).
Operation christoffel_backward_operation(const Options& options) {
  return [metric = LearnedOperation(options)](Arguments in, Outputs& out) {
    metric.of(in, 2).christoffel_backward(in[0], in[1], out);
  };
}

/// (x, v, dx_end, dv_end, parameters ...) -> (dx, dv, gradients ...).
Operation geodesic_backward_operation(const Options& options) {
  return [metric = LearnedOperation(options), time = options.get<double>("time"),
          step = options.get<double>("step")](Arguments in, Outputs& out) {
    metric.of(in, 4).geodesic_backward(in[0], in[1], time, step, in[2], in[3], out);
  };
}

}  // namespace

std::shared_ptr<const Metric> learned_metric(const Options& options, Arguments in,
                                             std::size_t first) {
  return std::make_shared<LearnedMetric>(LearnedOperation(options).of(in, first));
}

void bind_learned_metric(nb::module_& m) {
  define_operation("learned_metric", &values_operation);
  define_operation("learned_metric_backward", &values_backward_operation);
  define_operation("learned_christoffel", &christoffel_operation);
  define_operation("learned_christoffel_backward", &christoffel_backward_operation);
  define_operation("learned_geodesic_backward", &geodesic_backward_operation);
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
      .def("__repr__", &LearnedMetric::representation)
      .def("values", &LearnedMetric::values, "x"_a, nb::kw_only(), "out"_a = nb::none(),
           "(metric (d, d, N), R (N,)) at x: (d, N).")
      .def(
          "complex", &LearnedMetric::complex, "x"_a, "alpha"_a, nb::kw_only(), "form"_a = "exact",
          "out"_a = nb::none(),
          R"((A, B), (d, d, N) each, of the complex metric A + i B at x: (d, N). A is the metric, and
B = dtheta ^ d(ln R), theta = pi alpha / 2 - alpha ln(|x| + 1e-8); form 'compat': the original's
dtheta ^ dtheta, which is 0. Exact derivatives. Error for a metric without resilience.
Source: docs/math/conventions.md, section 6.)")
      .def("backward", &LearnedMetric::backward, "x"_a, "dg"_a, nb::kw_only(), "out"_a = nb::none(),
           R"((dx (d, N), dict of gradients) for dg: (d, d, N), the gradient with respect to each
entry of the metric as if all were independent.)")
      .def(
          "closedness_residual", &LearnedMetric::closedness_residual, "x"_a, "alpha"_a,
          R"(Largest |d_k B_mn + d_m B_nk + d_n B_km| of complex's exact B at x: (d, N), by exact second
derivatives, relative to the largest term: B is closed.)")
      .def(
          "distance_compat", &LearnedMetric::distance_compat, "x"_a, "y"_a, nb::kw_only(),
          "out"_a = nb::none(),
          R"((N,) of x, y: (d, N): the original's distance along the straight line, which is not a length in
any metric; to compare with it. For use take geometry.distance.)")
      .def(
          "christoffel_backward", &LearnedMetric::christoffel_backward, "x"_a, "dgamma"_a,
          nb::kw_only(), "out"_a = nb::none(),
          R"((dx (d, N), dict of gradients) for dgamma: (d, d, d, N), the gradient with respect to each of
christoffel's symbols at x: (d, N) as if all were independent. Errors as christoffel.)")
      .def(
          "geodesic_backward", &LearnedMetric::geodesic_backward, "x"_a, "v"_a, "time"_a, "step"_a,
          "dx_end"_a, "dv_end"_a, nb::kw_only(), "out"_a = nb::none(),
          R"(((dx, dv) (d, N) each, dict of gradients) for dx_end, dv_end: (d, N), gradients with respect to
the point and velocity at parameter `time` of the geodesics from (x, v), (d, N) each, by method 'rk4' in steps
of `step` at most. Exact for those steps. Error that names the point and step where the metric is not
positive definite.)")
      .def("distance_with_gradient", &LearnedMetric::distance_with_gradient, "x"_a, "y"_a,
           "ddistance"_a, "options"_a,
           R"((distance (N,), dict of gradients) of x, y: (d, N) for ddistance: (N,), by the first
variation. A pair whose log does not converge has distance NaN and adds nothing.)")
      .def("curve_length_with_gradient", &LearnedMetric::curve_length_with_gradient, "path"_a,
           "dlength"_a, "(length (N,), dict of gradients) of path: (K, d, N) for dlength: (N,).")
      .def(
          "curve_energy_with_gradient", &LearnedMetric::curve_energy_with_gradient, "path"_a,
          "denergy"_a,
          R"((energy (N,), dict of gradients) of path: (K, d, N) for denergy: (N,). The energy is half the integral of
g(x', x') over a unit parameter: (K - 1) / 2 times the sum of dx^T g(middle) dx.)");

  m.def("christoffel", &LearnedMetric::christoffel, "metric"_a, "x"_a, nb::kw_only(),
        "out"_a = nb::none());
}

}  // namespace lior::python
