// The inverse of the exponential map by shooting, and the distance that it gives.
#include "geometry/point.h"
#include "lior/geometry/geodesic.h"

namespace lior::geometry {
namespace {

constexpr int kMostIterations = 40;
constexpr double kLeastFraction = 1.0 / 1024;  // of a Newton step

/// Shoots from one x at one y.
template <class T>
class Shooter {
 public:
  using Vector = std::array<T, kMostDimensions>;

  Shooter(const AnyMetric<T>& metric, const GeodesicOptions& options)
      : metric_(metric),
        options_(options),
        d_(metric.dimension()),
        from_({d_, 2 * d_}),
        velocity_({d_, 2 * d_}),
        end_({d_, 2 * d_}),
        jacobian_({d_, d_}),
        status_({2 * d_}) {
    options_.method = Method::dopri5;
  }

  struct Result {
    Vector v;
    bool converged;
    T error;
  };

  /// From the straight line; where that is too far off, by way of nearer targets on it, each from
  /// the velocity found for the one before.
  Result shoot(const Vector& x, const Vector& y) {
    const Result direct = newton(x, y, sum(y, -1, x));
    if (direct.converged) return direct;
    Result found{{}, false, 0};
    double reached = 0, step = 0.25;
    while (reached < 1 && step >= kLeastFraction) {
      const double next = std::min(1.0, reached + step);
      const Vector target = sum(x, static_cast<T>(next), sum(y, -1, x));
      const Vector start =
          reached > 0 ? sum({}, static_cast<T>(next / reached), found.v) : sum(target, -1, x);
      const Result trial = newton(x, target, start);
      if (trial.converged) {
        found = trial, reached = next, step *= 1.5;
      } else {
        step /= 2;
      }
    }
    return reached == 1 ? found : direct;
  }

 private:
  /// a + factor b.
  Vector sum(const Vector& a, T factor, const Vector& b) const {
    Vector out{};
    for (Index m = 0; m < d_; ++m) out[m] = a[m] + factor * b[m];
    return out;
  }
  T norm(const Vector& a) const {
    T square = 0;
    for (Index m = 0; m < d_; ++m) square += a[m] * a[m];
    return std::sqrt(square);
  }

  /// Newton's method on exp_x(v) = y.
  Result newton(const Vector& x, const Vector& y, const Vector& start) {
    // Shooting is no better than the paths: their own error is the goal.
    const T goal = static_cast<T>(10 * (options_.atol + options_.rtol * scale_of(x, y)));
    Result best{start, false, std::numeric_limits<T>::infinity()};
    T fraction = 1;
    Vector end{};
    while (!end_of(x, best.v, end)) {  // a start that leaves the domain: aim shorter
      fraction /= 2;
      if (fraction < kLeastFraction) return best;
      best.v = sum({}, fraction, start);
    }
    Vector residual = sum(end, -1, y);
    for (int iteration = 0; iteration < kMostIterations; ++iteration) {
      Vector step = residual;
      set_jacobian(x, best.v);
      linalg::eliminate<T>(jacobian_.view(), {step.data(), static_cast<std::size_t>(d_)});
      best.error = norm(step);
      if (!std::isfinite(best.error)) return best;
      best.converged = norm(residual) <= goal;
      if (best.converged) return best;
      // Halve the step until it helps.
      T part = 1;
      for (; part >= kLeastFraction; part /= 2) {
        const Vector trial = sum(best.v, -part, step);
        if (!end_of(x, trial, end)) continue;
        const Vector there = sum(end, -1, y);
        if (!(norm(there) < norm(residual))) continue;
        best.v = trial, residual = there;
        break;
      }
      if (part < kLeastFraction) return best;
    }
    return best;
  }

  double scale_of(const Vector& x, const Vector& y) const {
    return std::max({1.0, static_cast<double>(norm(x)), static_cast<double>(norm(y))});
  }

  /// exp_x(v); false where the geodesic ends before.
  bool end_of(const Vector& x, const Vector& v, Vector& end) {
    Array<PathStatus, 1> status({1});
    exp_map<T>(metric_, {x.data(), {d_, 1}}, {v.data(), {d_, 1}}, options_, {end.data(), {d_, 1}},
               status.view());
    return status(0) == PathStatus::ok;
  }

  /// d exp_x(v) / dv by central differences, all directions in one batch.
  void set_jacobian(const Vector& x, const Vector& v) {
    const T step =
        std::cbrt(std::max(std::numeric_limits<T>::epsilon(), static_cast<T>(options_.rtol))) *
        std::max(T(1), norm(v)) / 4;
    for (Index m = 0; m < d_; ++m) {
      for (Index lane = 0; lane < 2 * d_; ++lane) {
        from_(m, lane) = x[m];
        velocity_(m, lane) = v[m] + (lane / 2 == m ? (lane % 2 == 0 ? step : -step) : T(0));
      }
    }
    exp_map<T>(metric_, from_.view(), velocity_.view(), options_, end_.view(), status_.view());
    for (Index column = 0; column < d_; ++column) {
      const bool usable =
          status_(2 * column) == PathStatus::ok && status_(2 * column + 1) == PathStatus::ok;
      for (Index m = 0; m < d_; ++m) {
        jacobian_(m, column) =
            usable ? (end_(m, 2 * column) - end_(m, 2 * column + 1)) / (2 * step) : T(NAN);
      }
    }
  }

  const AnyMetric<T>& metric_;
  GeodesicOptions options_;
  Index d_;
  Array<T, 2> from_, velocity_, end_, jacobian_;
  Array<PathStatus, 1> status_;
};

}  // namespace

template <class T>
void log_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
             const GeodesicOptions& options, const Logarithm<T>& out) {
  const Index d = metric.dimension(), count = x.extent(1);
  LIOR_CHECK(x.extent(0) == d, "x has shape {}; expected [{}, N]", to_string(x.shape()), d);
  check_shape(y, x.shape(), "y");
  check_shape(out.v, x.shape(), "v");
  check_shape(out.converged, {count}, "converged");
  check_shape(out.error, {count}, "error");
  std::array<T, kMostDimensions> point;
  for (Index n = 0; n < count; ++n) {
    for (const View<const T, 2>& end : {x, y}) {
      gather_point(end, n, point.data());
      check_domain(metric, point.data(), n);
    }
  }
  parallel_for(count, 1, [&](Index begin, Index end, int) {
    Shooter<T> shooter(metric, options);
    typename Shooter<T>::Vector from{}, to{};
    for (Index n = begin; n < end; ++n) {
      for (Index m = 0; m < d; ++m) from[m] = x(m, n), to[m] = y(m, n);
      const auto result = shooter.shoot(from, to);
      for (Index m = 0; m < d; ++m) out.v(m, n) = result.v[m];
      out.converged(n) = result.converged;
      out.error(n) = result.error;
    }
  });
}

template <class T>
void distance(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
              const GeodesicOptions& options, View<T, 1> out) {
  LIOR_CHECK(metric.riemannian(),
             "distances are of Riemannian metrics; this one has {} minus signs",
             metric.negative_directions());
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(out, {count}, "out");
  Array<T, 2> v({d, count});
  Array<bool, 1> converged({count});
  log_map<T>(metric, x, y, options, {v.view(), converged.view(), out});
  std::array<T, kMostDimensions> point;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index n = 0; n < count; ++n) {
    gather_point(x, n, point.data());
    metric.value(point.data(), g.data());
    T square = 0;
    for (Index k = 0; k < d * d; ++k) square += g[k] * v(k / d, n) * v(k % d, n);
    out(n) = converged(n) ? std::sqrt(square) : T(NAN);
  }
}

#define LIOR_INSTANTIATE(T)                                                       \
  template void log_map(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,  \
                        const GeodesicOptions&, const Logarithm<T>&);             \
  template void distance(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>, \
                         const GeodesicOptions&, View<T, 1>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
