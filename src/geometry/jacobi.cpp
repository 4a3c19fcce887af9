// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/jacobi.h"

#include "geometry/path_blocks.h"

namespace lior::geometry {
namespace {

/// (x, v, J, K)' = (v, -Gamma(v, v), K - Gamma(v, J), -R(J, v) v - Gamma(v, K)) at one point.
class JacobiEquation {
 public:
  explicit JacobiEquation(const AnyMetric<double>& metric)
      : metric_(metric),
        solver_(metric),
        d_(metric.dimension()),
        dg_(power(3)),
        ddg_(power(4)),
        lower_(power(3)),
        gamma_(power(3)) {}

  void operator()(const double* state, double* slope, Index stride, Index count,
                  PathStatus* status) {
    for (Index lane = 0; lane < count; ++lane) {
      Vector x{}, v{}, field{}, rate{};
      Vector* const parts[] = {&x, &v, &field, &rate};
      for (Index c = 0; c < 4 * d_; ++c) (*parts[c / d_])[c % d_] = state[c * stride + lane];
      Vector slopes[4]{};
      status[lane] = set_point(x);
      if (status[lane] == PathStatus::ok) set_slopes(v, field, rate, slopes);
      for (Index c = 0; c < 4 * d_; ++c) slope[c * stride + lane] = slopes[c / d_][c % d_];
    }
  }

 private:
  using Vector = std::array<double, kMostDimensions>;
  using Matrix = std::array<double, kMostDimensions * kMostDimensions>;

  std::size_t power(int exponent) const {
    std::size_t size = 1;
    for (int i = 0; i < exponent; ++i) size *= static_cast<std::size_t>(d_);
    return size;
  }

  PathStatus set_point(const Vector& x) {
    const PathStatus where = status_of(metric_.domain(x.data()));
    if (where != PathStatus::ok) return where;
    metric_.second(x.data(), g_.data(), dg_.data(), ddg_.data());
    if (solver_.factor(g_.data())) return PathStatus::singular;
    lower_christoffel(dg_.data(), d_, lower_.data());
    raise_christoffel(solver_, lower_.data(), d_, gamma_.data());
    return PathStatus::ok;
  }

  /// Gamma^l_mn a^m b^n.
  Vector bent(const Vector& a, const Vector& b) const {
    Vector out{};
    for (Index i = 0; i < d_ * d_ * d_; ++i) {
      out[i / (d_ * d_)] += gamma_[i] * a[i / d_ % d_] * b[i % d_];
    }
    return out;
  }

  /// R_rsmn v^s w^m v^n, with R_rsmn = (d_s d_m g_rn + d_r d_n g_sm - d_s d_n g_rm - d_r d_m g_sn)
  /// / 2 + g_ab (Gamma^a_sm Gamma^b_rn - Gamma^a_sn Gamma^b_rm).
  Vector tide(const Vector& v, const Vector& w) const {
    const View<const double, 4> second(ddg_.data(), {d_, d_, d_, d_});
    const View<const double, 3> gamma(gamma_.data(), {d_, d_, d_});
    const Vector across = bent(v, w), along = bent(v, v);
    Vector out{};
    for (Index r = 0; r < d_; ++r) {
      for (Index s = 0; s < d_; ++s) {
        for (Index m = 0; m < d_; ++m) {
          double sum = 0;
          for (Index n = 0; n < d_; ++n) {
            sum += v[n] * (second(s, m, r, n) + second(r, n, s, m) - second(s, n, r, m) -
                           second(r, m, s, n));
          }
          out[r] += v[s] * w[m] * sum / 2;
        }
      }
      for (Index b = 0; b < d_; ++b) {
        double lowered_across = 0, lowered_along = 0;
        for (Index a = 0; a < d_; ++a) {
          lowered_across += g_[a * d_ + b] * across[a];
          lowered_along += g_[a * d_ + b] * along[a];
        }
        for (Index n = 0; n < d_; ++n) {
          out[r] += gamma(b, r, n) * (lowered_across * v[n] - lowered_along * w[n]);
        }
      }
    }
    return out;
  }

  void set_slopes(const Vector& v, const Vector& field, const Vector& rate, Vector* slopes) {
    const Vector a = bent(v, v), carried = bent(v, field), carried_rate = bent(v, rate);
    Vector pull = tide(v, field);
    solver_.solve(pull.data());
    for (Index m = 0; m < d_; ++m) {
      slopes[0][m] = v[m];
      slopes[1][m] = -a[m];
      slopes[2][m] = rate[m] - carried[m];
      slopes[3][m] = -pull[m] - carried_rate[m];
    }
  }

  const AnyMetric<double>& metric_;
  MetricSolver<double> solver_;
  Index d_;
  Matrix g_{};
  std::vector<double> dg_, ddg_, lower_, gamma_;
};

}  // namespace

void jacobi_fields(const AnyMetric<double>& metric, View<const double, 2> x,
                   View<const double, 2> v, View<const double, 2> field, View<const double, 2> rate,
                   std::span<const double> times, const GeodesicOptions& options,
                   const JacobiFields& out) {
  check_start(metric, x, v, options);
  const Index d = metric.dimension(), count = x.extent(1);
  const auto samples = static_cast<Index>(times.size());
  check_times(times);
  check_shape(field, x.shape(), "field");
  check_shape(rate, x.shape(), "rate");
  const View<double, 3> parts[] = {out.x, out.v, out.field, out.rate};
  for (const auto& part : parts) check_shape(part, {samples, d, count}, "x, v, field and rate");
  check_shape(out.status, {count}, "status");
  check_shape(out.reached, {count}, "reached");
  integrate_blocks<double>(
      metric, {x, v, field, rate}, times, options, [&] { return JacobiEquation(metric); },
      [&](Index lane, Index lanes, Index k, const double* state, Index stride) {
        for (Index c = 0; c < 4 * d; ++c) {
          std::copy_n(state + c * stride, lanes, &parts[c / d](k, c % d, lane));
        }
      },
      [&](Index lane, PathStatus status, double reached) {
        out.status(lane) = status;
        out.reached(lane) = reached;
      });
}

}  // namespace lior::geometry
