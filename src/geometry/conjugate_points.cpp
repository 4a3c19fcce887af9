// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/geometry/jacobi.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {
namespace {

/// One geodesic with the d fields that begin as 0, each with the rate of one coordinate: lane m has
/// d exp_x(t v) along that one, times t. Lengths are those of g, or of its diagonal's sizes where g
/// is indefinite, which is as good for what is 0.
class Bundle {
 public:
  Bundle(const AnyMetric<double>& metric, const GeodesicOptions& options)
      : metric_(metric), options_(options), d_(metric.dimension()) {}

  struct State {
    double parameter = 0;
    Array<double, 2> x, v, field, rate;  // [d, d]
    bool ok = true;
  };

  State start(View<const double, 2> x, View<const double, 2> v, Index path) const {
    State out{.x = square(), .v = square(), .field = square(), .rate = square()};
    for (Index m = 0; m < d_; ++m) {
      for (Index lane = 0; lane < d_; ++lane) {
        out.x(m, lane) = x(m, path), out.v(m, lane) = v(m, path);
      }
    }
    const std::vector<double> g = lengths_at(out);
    for (Index m = 0; m < d_; ++m) out.rate(m, m) = 1 / std::sqrt(g[m * d_ + m]);
    return out;
  }

  State follow(const State& from, double parameter) const {
    State to{
        .parameter = parameter, .x = square(), .v = square(), .field = square(), .rate = square()};
    Array<PathStatus, 1> status({d_});
    Array<double, 1> reached({d_});
    const double time[] = {parameter - from.parameter};
    const auto sample = [&](Array<double, 2>& part) {
      return View<double, 3>(part.data(), {1, d_, d_});
    };
    jacobi_fields(metric_, from.x.view(), from.v.view(), from.field.view(), from.rate.view(), time,
                  options_,
                  {sample(to.x), sample(to.v), sample(to.field), sample(to.rate), status.view(),
                   reached.view()});
    for (const PathStatus each : status.span()) to.ok = to.ok && each == PathStatus::ok;
    return to;
  }

  /// The smallest singular value of d exp_x(t v), by bisection of its square's exponent.
  double smallest(const State& at) const {
    constexpr int kHalvings = 60;
    constexpr double kRange = 1e-40;
    const std::vector<double> gram = gram_at(at);
    double high = 0;
    for (Index m = 0; m < d_; ++m) high += gram[m * d_ + m];
    double low = kRange * high;
    for (int halving = 0; halving < kHalvings; ++halving) {
      const double middle = std::sqrt(low * high);
      (below(gram, middle) > 0 ? high : low) = middle;
    }
    return std::sqrt(high);
  }

  /// How many of its singular values are below that one.
  Index count_below(const State& at, double value) const {
    return below(gram_at(at), value * value);
  }

 private:
  Array<double, 2> square() const { return Array<double, 2>({d_, d_}); }

  std::vector<double> lengths_at(const State& at) const {
    std::vector<double> g(static_cast<std::size_t>(d_ * d_)), x;
    for (Index m = 0; m < d_; ++m) x.push_back(at.x(m, 0));
    metric_.value(x.data(), g.data());
    if (metric_.riemannian()) return g;
    for (Index i = 0; i < d_ * d_; ++i) g[i] = i / d_ == i % d_ ? std::abs(g[i]) : 0;
    return g;
  }

  /// Scalar products of the fields over t^2.
  std::vector<double> gram_at(const State& at) const {
    const std::vector<double> g = lengths_at(at);
    std::vector<double> gram(g.size());
    for (Index a = 0; a < d_; ++a) {
      for (Index b = 0; b < d_; ++b) {
        double sum = 0;
        for (Index i = 0; i < d_ * d_; ++i) sum += g[i] * at.field(i / d_, a) * at.field(i % d_, b);
        gram[a * d_ + b] = sum / (at.parameter * at.parameter);
      }
    }
    return gram;
  }

  /// Eigenvalues below that one, by Sylvester's law.
  Index below(std::vector<double> gram, double value) const {
    for (Index m = 0; m < d_; ++m) gram[m * d_ + m] -= value;
    std::vector<int> order(static_cast<std::size_t>(d_));
    const View<double, 2> matrix(gram.data(), {d_, d_});
    if (linalg::ldlt<double>(matrix, order)) return 1;  // it is one of them
    return linalg::ldlt_negative_eigenvalues<double>(matrix, order);
  }

  const AnyMetric<double>& metric_;
  GeodesicOptions options_;
  Index d_;
};

/// The parameter of the least singular value in (from.parameter, last), by golden section.
Bundle::State find_least(const Bundle& bundle, const Bundle::State& from, double last) {
  constexpr double kGolden = 1 / std::numbers::phi;
  constexpr int kSteps = 36;  // to 3e-8
  double low = from.parameter, high = last;
  Bundle::State left = bundle.follow(from, high - kGolden * (high - low));
  Bundle::State right = bundle.follow(from, low + kGolden * (high - low));
  double left_value = bundle.smallest(left), right_value = bundle.smallest(right);
  for (int step = 0; step < kSteps; ++step) {
    if (left_value < right_value) {
      high = right.parameter, right = std::move(left), right_value = left_value;
      left = bundle.follow(from, high - kGolden * (high - low));
      left_value = bundle.smallest(left);
    } else {
      low = left.parameter, left = std::move(right), left_value = right_value;
      right = bundle.follow(from, low + kGolden * (high - low));
      right_value = bundle.smallest(right);
    }
  }
  return left_value < right_value ? std::move(left) : std::move(right);
}

}  // namespace

std::vector<ConjugatePoint> conjugate_points(const AnyMetric<double>& metric,
                                             View<const double, 2> x, View<const double, 2> v,
                                             double length, Index samples,
                                             const GeodesicOptions& options) {
  // The singular value changes by about 1 over the way to the next conjugate point; located to
  // 3e-8 of a step, it is left with less than this.
  constexpr double kZero = 1e-6;
  constexpr Index kMostSamples = 1'000'000;  // a minute or so a path
  LIOR_CHECK(length > 0 && std::isfinite(length) && samples >= 4 && samples <= kMostSamples,
             "length {}, samples {}; expected a length > 0 and 4 samples or more, at most {}",
             length, samples, kMostSamples);
  const Bundle bundle(metric, options);
  std::vector<ConjugatePoint> found;
  for (Index path = 0; path < x.extent(1); ++path) {
    // Three samples in a row: a minimum between the outer ones.
    std::array<Bundle::State, 3> last;
    std::array<double, 3> value{};
    last[2] = bundle.start(x, v, path);
    value[2] = 1;
    for (Index k = 1; k <= samples && last[2].ok; ++k) {
      const double to = length * static_cast<double>(k) / static_cast<double>(samples);
      std::rotate(last.begin(), last.begin() + 1, last.end());
      std::rotate(value.begin(), value.begin() + 1, value.end());
      last[2] = bundle.follow(last[1], to);
      if (!last[2].ok) break;
      value[2] = bundle.smallest(last[2]);
      if (k < 2 || !(value[1] <= value[0] && value[1] < value[2])) continue;
      const Bundle::State least = find_least(bundle, last[0], to);
      const Index zeros = bundle.count_below(least, kZero);
      if (zeros > 0) found.push_back({path, least.parameter, zeros});
    }
  }
  return found;
}

}  // namespace lior::geometry
