// SPDX-License-Identifier: Apache-2.0
// A learned metric, its symbols and geodesics, lengths, energies and distances with their gradients
// with respect to its numbers, under the op harness.
#include "check/geometry/learned_samples.h"
#include "lior/check/op_harness.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/connection_gradient.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kD = 3, kWidth = 6, kResilienceWidth = 3, kPoints = 11, kSpeedPoints = 1024,
                kSamples = 5;

std::vector<OpInput> parameter_inputs() {
  const Fill near_unit = [](std::span<double> values, Random& random) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = (i % (kD + 1) == 0 ? 1 : 0) + 0.1 * random.normal();
    }
  };
  return {{"L", {kD, kD}, near_unit},
          {"W1", {kWidth, kD}, normal(0.5)},
          {"b1", {kWidth}, normal(0.5)},
          {"W2", {kD * kD, kWidth}, normal(0.5)},
          {"b2", {kD * kD}, normal(0.5)},
          {"V1", {kResilienceWidth, kD}, normal(0.5)},
          {"c1", {kResilienceWidth}, normal(0.5)},
          {"w2", {kResilienceWidth}, normal(0.5)},
          {"c2", {1}, normal(0.5)}};
}

/// Calls each(name, numbers) for the parameters in the order above.
template <class P, class Each>
void for_each_parameter(P& p, const Each& each) {
  each("L", p.basis.span()), each("W1", p.metric_in.span()), each("b1", p.metric_in_bias.span());
  each("W2", p.metric_out.span()), each("b2", p.metric_out_bias.span());
  each("V1", p.resilience_in.span()), each("c1", p.resilience_in_bias.span());
  each("w2", p.resilience_out.span()), each("c2", std::span(&p.resilience_out_bias, 1));
}

template <class T>
LearnedMetricParameters<T> parameters(Inputs<T> in) {
  LearnedMetricParameters<T> p(kD, kWidth, kResilienceWidth);
  for_each_parameter(p, [&](const char* name, std::span<T> numbers) {
    const std::span<const T> from = in(name);
    std::copy(from.begin(), from.end(), numbers.begin());
  });
  return p;
}

template <class T>
void give(LearnedMetricParameters<T>& gradient, Outputs<T> d) {
  for_each_parameter(gradient, [&](const char* name, std::span<T> numbers) {
    const std::span<T> to = d(name);
    std::copy(numbers.begin(), numbers.end(), to.begin());
  });
}

Op metric_op(Resilience resilience, Index points) {
  auto inputs = parameter_inputs();
  if (resilience == Resilience::off) {
    for (OpInput& input : inputs) {
      const char first = input.name[0];
      if (first == 'V' || first == 'c' || first == 'w') input.differentiable = false;
    }
  }
  inputs.push_back({"x", {kD, points}, normal(0.7)});
  return {.name = resilience == Resilience::on ? "learned_metric.lior.op" : "learned_metric.op",
          .module = "geometry",
          .shape = fmt::format("d={} N={}", kD, points),
          .inputs = std::move(inputs),
          .outputs = {{"g", {kD, kD, points}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                metric_values<T>(AnyMetric<T>(LearnedMetric<T>(parameters(in), resilience)),
                                 in("x"), out("g"));
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                Array<T, 1> r({points});
                LearnedMetric<T>(parameters(in), resilience).values(in("x"), out("g"), r.view());
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const LearnedMetricParameters<T> p = parameters(in);
                LearnedMetricParameters<T> dp(kD, kWidth, kResilienceWidth);
                metric_backward<T>({p, resilience}, in("x"), gradient("g"), dp, d("x"));
                for_each_parameter(dp, [&](const char* name, std::span<T> numbers) {
                  if (d.optional(name).data == nullptr) return;
                  const std::span<T> to = d(name);
                  std::copy(numbers.begin(), numbers.end(), to.begin());
                });
              }};
}

enum class CurveSum { length, energy };

Op curve_op(CurveSum kind, Index curves) {
  auto inputs = parameter_inputs();
  inputs.push_back({"path", {kSamples, kD, curves}, normal(0.7), false});
  const auto run = [=]<class T>(Inputs<T> in, View<const T, 1> dsum, View<T, 1> sum) {
    const LearnedMetricParameters<T> p = parameters(in);
    LearnedMetricParameters<T> dp(kD, kWidth, kResilienceWidth);
    if (kind == CurveSum::length) {
      curve_length_with_gradient<T>({p}, in("path"), dsum, sum, dp);
    } else {
      curve_energy_with_gradient<T>({p}, in("path"), dsum, sum, dp);
    }
    return dp;
  };
  return {.name = kind == CurveSum::length ? "learned_metric.length" : "learned_metric.energy",
          .module = "geometry",
          .shape = fmt::format("d={} K={} N={}", kD, kSamples, curves),
          .inputs = std::move(inputs),
          .outputs = {{"sum", {curves}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const LearnedMetric<T> metric(parameters(in));
                const View<const T, 3> path = in("path");
                const View<T, 1> sum = out("sum");
                for (Index n = 0; n < curves; ++n) {
                  sum(n) = 0;
                  for (Index k = 0; k + 1 < kSamples; ++k) {
                    std::array<T, kD> middle, step;
                    std::array<T, kD * kD> g;
                    for (Index m = 0; m < kD; ++m) {
                      middle[m] = (path(k, m, n) + path(k + 1, m, n)) / 2;
                      step[m] = path(k + 1, m, n) - path(k, m, n);
                    }
                    metric(middle.data(), g.data());
                    T square = 0;
                    for (Index i = 0; i < kD * kD; ++i) {
                      square += g[i] * step[i / kD] * step[i % kD];
                    }
                    sum(n) +=
                        kind == CurveSum::length ? std::sqrt(square) : square * (kSamples - 1) / 2;
                  }
                }
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const Array<T, 1> none({curves});
                run(in, none.view(), View<T, 1>(out("sum")));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                Array<T, 1> sum({curves});
                auto dp = run(in, View<const T, 1>(gradient("sum")), sum.view());
                give(dp, d);
              }};
}

/// The learned metric without its own accelerations: derivatives by numbers with e^2 = 0.
template <class T>
struct PlainMetric {
  const LearnedMetric<T>* metric;
  Index dimension() const { return metric->dimension(); }
  template <class S>
  void operator()(const S* x, S* g) const {
    (*metric)(x, g);
  }
};

/// Differences over steps of 1e-5 want distances good to 1e-12.
template <class T>
GeodesicOptions path_options() {
  if (sizeof(T) == 4) return {.rtol = 1e-6, .atol = 1e-7};
  return {.rtol = 1e-13, .atol = 1e-14};
}

Op distance_op(Index pairs) {
  auto inputs = parameter_inputs();
  inputs.push_back({"x", {kD, pairs}, normal(0.7), false});
  inputs.push_back({"step", {kD, pairs}, normal(0.3), false});
  const auto ends = [pairs]<class T>(Inputs<T> in) {
    Array<T, 2> y({kD, pairs});
    for (Index k = 0; k < y.size(); ++k) y.data()[k] = in("x")[k] + in("step")[k];
    return y;
  };
  const auto run = [ends]<class T>(Inputs<T> in, View<const T, 1> ddistance, View<T, 1> distance) {
    const LearnedMetricParameters<T> p = parameters(in);
    LearnedMetricParameters<T> dp(kD, kWidth, kResilienceWidth);
    const Array<T, 2> y = ends(in);
    distance_with_gradient<T>({p}, in("x"), y.view(), ddistance, path_options<T>(), distance, dp);
    return dp;
  };
  return {.name = "learned_metric.distance",
          .module = "geometry",
          .shape = fmt::format("d={} N={}", kD, pairs),
          .inputs = std::move(inputs),
          .outputs = {{"distance", {pairs}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const LearnedMetric<T> learned(parameters(in));
                distance<T>(PlainMetric<T>{&learned}, in("x"), ends(in).view(), path_options<T>(),
                            {out("distance")});
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const Array<T, 1> none({pairs});
                run(in, none.view(), View<T, 1>(out("distance")));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                Array<T, 1> distance({pairs});
                auto dp = run(in, View<const T, 1>(gradient("distance")), distance.view());
                give(dp, d);
              }};
}

Op christoffel_op(Index points) {
  auto inputs = parameter_inputs();
  inputs.push_back({"x", {kD, points}, normal(0.7)});
  return {.name = "learned_metric.christoffel",
          .module = "geometry",
          .shape = fmt::format("d={} N={}", kD, points),
          .inputs = std::move(inputs),
          .outputs = {{"gamma", {kD, kD, kD, points}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const LearnedMetric<T> learned(parameters(in));
                christoffel<T>(PlainMetric<T>{&learned}, in("x"), out("gamma"));
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                LearnedMetric<T>(parameters(in)).christoffel(in("x"), out("gamma"));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const LearnedMetricParameters<T> p = parameters(in);
                LearnedMetricParameters<T> dp(kD, kWidth, kResilienceWidth);
                christoffel_backward<T>({p}, in("x"), gradient("gamma"), dp, d("x"));
                give(dp, d);
              },
          .value_roundings = 128};  // of the condition of g, about 10
}

/// Three steps of RK4.
Op geodesic_op(Index count) {
  constexpr double kTime = 0.8, kStep = 0.3;
  auto inputs = parameter_inputs();
  inputs.push_back({"x", {kD, count}, normal(0.7)});
  inputs.push_back({"v", {kD, count}, normal(0.5)});
  const auto follow = [=]<class T>(const AnyMetric<T>& metric, Inputs<T> in, Outputs<T> out) {
    const double times[] = {kTime};
    Array<PathStatus, 1> status({count});
    Array<T, 1> reached({count});
    geodesics<T>(metric, in("x"), in("v"), times, {.method = Method::rk4, .step = kStep},
                 {{out("x_end").data, {1, kD, count}},
                  {out("v_end").data, {1, kD, count}},
                  status.view(),
                  reached.view()});
  };
  return {.name = "learned_metric.geodesic",
          .module = "geometry",
          .shape = fmt::format("d={} N={}", kD, count),
          .inputs = std::move(inputs),
          .outputs = {{"x_end", {kD, count}}, {"v_end", {kD, count}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const LearnedMetric<T> learned(parameters(in));
                follow(AnyMetric<T>(PlainMetric<T>{&learned}), in, out);
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                follow(AnyMetric<T>(LearnedMetric<T>(parameters(in))), in, out);
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const LearnedMetricParameters<T> p = parameters(in);
                LearnedMetricParameters<T> dp(kD, kWidth, kResilienceWidth);
                geodesic_backward<T>({p}, in("x"), in("v"), kTime, kStep,
                                     {gradient("x_end"), gradient("v_end")}, dp, {d("x"), d("v")});
                give(dp, d);
              }};
}

}  // namespace

void add_metric_gradient_checks(Registry& registry) {
  add_checks(registry, metric_op(Resilience::off, kPoints));
  add_checks(registry, metric_op(Resilience::on, kPoints));
  add_checks(registry, curve_op(CurveSum::length, kPoints));
  add_checks(registry, curve_op(CurveSum::energy, kPoints));
  add_checks(registry, distance_op(4));
  add_checks(registry, christoffel_op(kPoints));
  add_checks(registry, geodesic_op(kPoints));
}

// The time of a value with its gradient, as fitting needs it, beside the value alone.
void add_metric_gradient_benches(Registry& registry) {
  add_benches<float>(registry, metric_op(Resilience::on, kSpeedPoints));
  add_benches<float>(registry, curve_op(CurveSum::length, kSpeedPoints));
  add_benches<float>(registry, curve_op(CurveSum::energy, kSpeedPoints));
  add_benches<float>(registry, distance_op(16));
}

}  // namespace lior::check
