// SPDX-License-Identifier: Apache-2.0
// The learned metric: its kernels against the formula itself, in double, with derivatives from
// numbers with e^2 = 0; recorded outputs of the original.
#include <limits>

#include "check/geometry/learned_samples.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 37;

AnyMetric<double> plain_metric(Index d, Resilience resilience) {
  return LearnedMetric<double>(random_learned_metric<double>(d, 41), resilience);
}

template <class T>
double value_error(Index d, Resilience resilience) {
  const LearnedMetric<T> metric(random_learned_metric<T>(d, 41), resilience);
  const LearnedMetric<double> plain(random_learned_metric<double>(d, 41), resilience);
  const auto x = random_planes<T>(d, kPoints, 42);
  const auto x64 = random_planes<double>(d, kPoints, 42);
  Array<T, 3> g({d, d, kPoints});
  Array<T, 1> r({kPoints});
  metric.values(x.view(), g.view(), r.view());
  Array<double, 3> want({d, d, kPoints});
  metric_values<double>(plain_metric(d, resilience), x64.view(), want.view());
  Array<double, 1> want_r({kPoints});
  for (Index n = 0; n < kPoints; ++n) {
    std::array<double, kMostDimensions> point;
    for (Index m = 0; m < d; ++m) point[m] = x64(m, n);
    want_r(n) = plain.resilience(point.data());
  }
  return worst_of(
      {relative_difference(g.span(), want.span()), relative_difference(r.span(), want_r.span())});
}

Array<double, 4> exact_christoffel(Index d, Resilience resilience) {
  Array<double, 4> gamma({d, d, d, kPoints});
  christoffel<double>(plain_metric(d, resilience), random_planes<double>(d, kPoints, 42).view(),
                      gamma.view());
  return gamma;
}

template <class T>
double christoffel_error(Index d, Resilience resilience) {
  const LearnedMetric<T> metric(random_learned_metric<T>(d, 41), resilience);
  const auto x = random_planes<T>(d, kPoints, 42);
  Array<T, 4> gamma({d, d, d, kPoints});
  metric.christoffel(x.view(), gamma.view());
  return relative_difference(gamma.span(), exact_christoffel(d, resilience).span());
}

template <class T>
double acceleration_error(Index d, Resilience resilience) {
  const LearnedMetric<T> metric(random_learned_metric<T>(d, 41), resilience);
  const auto x = random_planes<T>(d, kPoints, 42), v = random_planes<T>(d, kPoints, 43);
  Array<T, 2> a({d, kPoints});
  metric.accelerations(x.data(), v.data(), a.data(), kPoints, kPoints);
  const auto gamma = exact_christoffel(d, resilience);
  Array<double, 2> want({d, kPoints});
  for (Index l = 0; l < d; ++l) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < d; ++n) {
        for (Index p = 0; p < kPoints; ++p) {
          want(l, p) -= gamma(l, m, n, p) * double{v(m, p)} * double{v(n, p)};
        }
      }
    }
  }
  return relative_difference(a.span(), want.span());
}

template <class T>
void add_kernel_checks(Registry& registry) {
  const double eps = std::numeric_limits<T>::epsilon();
  for (const Index d : {1, 2, 3, 8, 16}) {
    for (const Resilience resilience : {Resilience::off, Resilience::on}) {
      const std::string factor = resilience == Resilience::on ? ".lior." : ".";
      const auto add = [&](const char* name, double tolerance, std::function<double()> error) {
        registry.checks.push_back({.name = "learned_metric" + factor + name,
                                   .module = "geometry",
                                   .dtype = kDtype<T>,
                                   .shape = fmt::format("d={} N={}", d, kPoints),
                                   .tolerance = tolerance,
                                   .error = std::move(error)});
      };
      // Sums of 2d terms behind a tanh that shrinks their rounding to a tenth; Gamma also has the
      // condition of g, 4 here.
      add("value", 16 * eps, [=] { return value_error<T>(d, resilience); });
      add("christoffel", 64 * eps, [=] { return christoffel_error<T>(d, resilience); });
      add("acceleration", 64 * eps, [=] { return acceleration_error<T>(d, resilience); });
    }
  }
}

/// The loop's form with differences, against exact derivatives.
double loop_error() {
  const LearnedMetric<double> metric(random_learned_metric<double>(4, 41));
  const auto x = random_planes<double>(4, kPoints, 42);
  Array<double, 4> gamma({4, 4, 4, kPoints});
  reference::christoffel_loop<double>(metric, x.view(), 1e-4, gamma.view());
  return relative_difference(gamma.span(), exact_christoffel(4, Resilience::on).span());
}

double bianchi_error() {
  const auto x = random_planes<double>(4, 5, 42);
  Array<double, 5> riemann({4, 4, 4, 4, 5});
  const auto metric = plain_metric(4, Resilience::on);
  curvature<double>(metric, x.view(), {.riemann = riemann.view()});
  return first_bianchi_residual<double>(riemann.view());
}

/// g is positive definite with spd_floor even where L = 0.
double floor_error() {
  auto parameters = random_learned_metric<double>(4, 44);
  std::fill_n(parameters.basis.data(), parameters.basis.size(), 0.0);
  for (double& weight : parameters.metric_out.span()) weight *= 100;
  const auto x = random_planes<double>(4, kPoints, 45);
  Array<double, 4> gamma({4, 4, 4, kPoints});
  LearnedMetric<double>(parameters, Resilience::off, true).christoffel(x.view(), gamma.view());
  try {
    LearnedMetric<double>(parameters, Resilience::off).christoffel(x.view(), gamma.view());
  } catch (const Error&) {
    return 0;
  }
  return 1;
}

}  // namespace

void add_learned_metric_checks(Registry& registry) {
  add_kernel_checks<float>(registry);
  add_kernel_checks<double>(registry);
  const auto add = [&](const char* name, double tolerance, double (*error)()) {
    registry.checks.push_back({.name = std::string("learned_metric.") + name,
                               .module = "geometry",
                               .dtype = "f64",
                               .shape = "d=4",
                               .tolerance = tolerance,
                               .error = error});
  };
  add("loop_of_differences", 1e-7, loop_error);  // step 1e-4: step^2 of third derivatives
  add("first_bianchi", 1e-13, bianchi_error);
  add("spd_floor", 0, floor_error);
}

}  // namespace lior::check
