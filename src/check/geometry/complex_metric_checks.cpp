// SPDX-License-Identifier: Apache-2.0
// The complex metric: A symmetric and positive, B antisymmetric, closed and not zero, eigenvalues
// real.
#include <limits>

#include "check/geometry/learned_samples.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/geometry/complex_metric.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kD = 6, kPoints = 20;
constexpr double kAlpha = 0.4;

template <class T>
struct Sample {
  LearnedMetric<T> metric{random_learned_metric<T>(kD, 71)};
  Array<T, 2> x = random_planes<T>(kD, kPoints, 72);
  Array<T, 3> a{{kD, kD, kPoints}}, b{{kD, kD, kPoints}};

  explicit Sample(PhaseForm form = PhaseForm::exact) {
    complex_metric<T>(metric, T(kAlpha), form, x.view(), a.view(), b.view());
  }
};

double size_of(std::span<const double> values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

/// B against central differences of theta and ln R.
double differences_error() {
  const Sample<double> sample;
  const double step = 1e-5;
  Array<double, 3> want({kD, kD, kPoints});
  for (Index p = 0; p < kPoints; ++p) {
    std::array<double, kD> point, theta, log_r;
    for (Index m = 0; m < kD; ++m) point[m] = sample.x(m, p);
    for (Index m = 0; m < kD; ++m) {
      const auto slope = [&](auto f) {
        auto moved = point;
        moved[m] = point[m] + step;
        const double above = f(moved.data());
        moved[m] = point[m] - step;
        return (above - f(moved.data())) / (2 * step);
      };
      theta[m] = slope([](const double* x) { return phase(kAlpha, x, kD); });
      log_r[m] = slope([&](const double* x) { return std::log(sample.metric.resilience(x)); });
    }
    for (Index k = 0; k < kD * kD; ++k) {
      const Index m = k / kD, n = k % kD;
      want(m, n, p) = theta[m] * log_r[n] - theta[n] * log_r[m];
    }
  }
  return relative_difference(sample.b.span(), want.span());
}

/// A = I, B_12 = 2 has eigenvalues -1 and 3: real, not all positive.
double indefinite_example() {
  Array<double, 3> a({2, 2, 1}), b({2, 2, 1});
  a(0, 0, 0) = a(1, 1, 0) = 1;
  b(0, 1, 0) = 2, b(1, 0, 0) = -2;
  return eigenvalue_residual<double>(a.view(), b.view());
}

/// At x = 0 the phase has no gradient, by definition.
double origin() {
  Sample<double> sample;
  std::fill_n(sample.x.data(), sample.x.size(), 0.0);
  complex_metric<double>(sample.metric, kAlpha, PhaseForm::exact, sample.x.view(), sample.a.view(),
                         sample.b.view());
  return size_of(sample.b.span());
}

template <class T>
void add_checks_of(Registry& registry) {
  const double eps = std::numeric_limits<T>::epsilon();
  const auto add = [&](const char* name, double tolerance, std::function<double()> error) {
    registry.checks.push_back({.name = std::string("complex_metric.") + name,
                               .module = "geometry",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("d={} N={}", kD, kPoints),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  add("symmetric", 0, [] { return symmetry_residual<T>(Sample<T>().a.view()); });
  add("positive", 0, [] { return positive_definite<T>(Sample<T>().a.view()) ? 0 : 1; });
  add("antisymmetric", 0, [] { return antisymmetry_residual<T>(Sample<T>().b.view()); });
  add("closed", 32 * eps, [] {
    const Sample<T> sample;
    return closedness_residual<T>(sample.metric, T(kAlpha), sample.x.view());
  });
  add("eigenvalues_real", std::max(32 * eps, 1e-12), [] {
    const Sample<T> sample;
    return eigenvalue_residual<T>(sample.a.view(), sample.b.view());
  });
  if constexpr (std::is_same_v<T, double>) {
    add("differences", 1e-7, differences_error);
    add("not_zero", 0, [] { return size_of(Sample<double>().b.span()) > 1e-3 ? 0 : 1; });
    add("compat_is_zero", 0, [] { return size_of(Sample<double>(PhaseForm::compat).b.span()); });
    add("indefinite", 32 * eps, indefinite_example);
    add("origin", 0, origin);
  }
}

}  // namespace

void add_complex_metric_checks(Registry& registry) {
  add_checks_of<float>(registry);
  add_checks_of<double>(registry);
}

}  // namespace lior::check
