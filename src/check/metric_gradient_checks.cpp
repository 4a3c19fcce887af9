// Gradients with respect to a learned metric's numbers, under the op harness.
#include "check/learned_samples.h"
#include "lior/check/op_harness.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/metric_gradient.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kD = 3, kWidth = 6, kResilienceWidth = 3, kPoints = 11, kSamples = 5;

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

Op metric_op(Resilience resilience) {
  auto inputs = parameter_inputs();
  if (resilience == Resilience::off) {
    for (OpInput& input : inputs) {
      const char first = input.name[0];
      if (first == 'V' || first == 'c' || first == 'w') input.differentiable = false;
    }
  }
  inputs.push_back({"x", {kD, kPoints}, normal(0.7)});
  return {.name = resilience == Resilience::on ? "learned_metric.lior.op" : "learned_metric.op",
          .module = "geometry",
          .shape = fmt::format("d={} N={}", kD, kPoints),
          .inputs = std::move(inputs),
          .outputs = {{"g", {kD, kD, kPoints}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                metric_values<T>(AnyMetric<T>(LearnedMetric<T>(parameters(in), resilience)),
                                 in("x"), out("g"));
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                Array<T, 1> r({kPoints});
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

Op curve_op(CurveSum kind) {
  auto inputs = parameter_inputs();
  inputs.push_back({"path", {kSamples, kD, kPoints}, normal(0.7), false});
  const auto run = [kind]<class T>(Inputs<T> in, View<const T, 1> dsum, View<T, 1> sum) {
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
          .shape = fmt::format("d={} K={} N={}", kD, kSamples, kPoints),
          .inputs = std::move(inputs),
          .outputs = {{"sum", {kPoints}}},
          .reference =
              [kind]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const LearnedMetric<T> metric(parameters(in));
                const View<const T, 3> path = in("path");
                const View<T, 1> sum = out("sum");
                for (Index n = 0; n < kPoints; ++n) {
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
                const Array<T, 1> none({kPoints});
                run(in, none.view(), View<T, 1>(out("sum")));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                Array<T, 1> sum({kPoints});
                auto dp = run(in, View<const T, 1>(gradient("sum")), sum.view());
                give(dp, d);
              }};
}

/// Gradient of sum w_n distance_n along a random direction of all parameters, against central
/// differences, relative to its size.
double distance_gradient_error() {
  constexpr Index kPairs = 4;
  const auto start = random_learned_metric<double>(kD, 81);
  const auto x = random_planes<double>(kD, kPairs, 82);
  auto y = random_planes<double>(kD, kPairs, 83);
  for (Index k = 0; k < y.size(); ++k) y.data()[k] = x.data()[k] + 0.5 * y.data()[k];
  Array<double, 1> weights({kPairs}), length({kPairs});
  Random(84).fill_normal(weights.span());
  const GeodesicOptions options{.rtol = 1e-11, .atol = 1e-13};

  double along = 0, size = 0;
  const auto at = [&](double step) {
    auto moved = random_learned_metric<double>(kD, 81);
    LearnedMetricParameters<double> gradient(kD, 2 * kD, kD);
    Random random(85);
    std::vector<double> direction;
    for_each_parameter(moved, [&](const char*, std::span<double> numbers) {
      for (double& number : numbers) {
        direction.push_back(random.normal());
        number += step * direction.back();
      }
    });
    distance_with_gradient<double>({moved}, x.view(), y.view(), weights.view(), options,
                                   length.view(), gradient);
    along = size = 0;
    std::size_t i = 0;
    for_each_parameter(gradient, [&](const char*, std::span<double> numbers) {
      for (const double number : numbers) along += number * direction[i++], size += number * number;
    });
    double sum = 0;
    for (Index n = 0; n < kPairs; ++n) sum += weights(n) * length(n);
    return sum;
  };
  const double step = 1e-5, difference = (at(step) - at(-step)) / (2 * step);
  at(0);
  return std::abs(along - difference) / std::sqrt(size);
}

}  // namespace

void add_metric_gradient_checks(Registry& registry) {
  add_checks(registry, metric_op(Resilience::off));
  add_checks(registry, metric_op(Resilience::on));
  add_checks(registry, curve_op(CurveSum::length));
  add_checks(registry, curve_op(CurveSum::energy));
  // Simpson's rule on 16 intervals, and differences of lengths good to 1e-10 over a step of 1e-5.
  registry.checks.push_back({.name = "learned_metric.distance.gradient",
                             .module = "geometry",
                             .dtype = "f64",
                             .shape = "d=3 N=4",
                             .tolerance = 1e-5,
                             .error = distance_gradient_error});
}

}  // namespace lior::check
