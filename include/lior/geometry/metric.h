// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Metrics: what one is, and a handle for any of them.
///
/// A metric is a small object with
///     Index dimension() const;
///     template <class S> void operator()(const S* x, S* g) const;
/// that writes the symmetric matrix g[m d + n] = g_mn at the point x, in arithmetic that S = T,
/// Dual<T> and Dual<Dual<T>> have: derivatives follow from the formula, exact. It may also have
///     Index negative_directions() const;                    signature; 0 (Riemannian) without it
///     template <class T> Domain domain(const T* x) const;   where its chart ends; nowhere without
///     Chart chart() const;                                  names and periods; x0, x1 .. without
///     ClosedLogarithm logarithm(const double* x, const double* y, double* v) const;
///     void exponential(const double* x, const double* v, double* y) const;       and, with it,
///     void transport(const double* x, const double* v, const double* w, double* out) const;
///     const char* remedy() const;                           advice where g cannot be inverted
///     std::string fault(const double* x, Index m, Index n, std::span<const Index> axes) const;
/// and, where it can do better than derivatives along one axis after another,
///     void first(const T* x, T* g, T* dg) const;
///     void second(const T* x, T* g, T* dg, T* ddg) const;
///     void forces(const T* x, const T* v, T* g, T* along, T* gradient) const;
///     bool ignorable(Index m) const;
///     bool unbounded() const;
///     kernels of many points, for which `bool kernels_know_domain() const` says whether they give
///     NaN outside the domain:
///     void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const;
///     void symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const;
/// (see AnyMetric). One with `first` and `second` needs only operator() of its own T.
/// Index order and signs: docs/math/conventions.md, section 6.

#include <algorithm>
#include <array>
#include <concepts>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lior/core/view.h"
#include "lior/geometry/dual.h"

namespace lior::geometry {

/// Largest coordinate dimension.
inline constexpr Index kMostDimensions = 16;

/// Where a point lies: `edge` is not of the chart (|x| >= 1 in the ball, a pole of the sphere),
/// `horizon` is on or inside one (r <= 2M). A coordinate that is NaN is never inside.
enum class Domain { inside, edge, horizon };

/// A coordinate of a chart.
struct Coordinate {
  std::string name;
  std::string range{};  ///< for people, such as "in (0, pi)"; empty: any number
  double period = 0;    ///< x and x + period are the same point; 0: it has none
};

/// How a plane shows points.
struct PlaneView {
  std::array<std::string, 2> labels{"x0", "x1"};
  std::function<std::array<double, 2>(const double* x)> project = [](const double* x) {
    return std::array{x[0], x[1]};
  };
  bool equal_scales = false;  ///< one unit is as long on both axes
  double circle = 0;          ///< radius of a horizon or edge about the origin; 0: none
};

/// A metric's coordinates and the plane that shows them, which is for two or more.
struct Chart {
  std::vector<Coordinate> coordinates;
  PlaneView plane{};
};

/// A shortest geodesic by a closed form.
struct ClosedLogarithm {
  double length;        ///< sqrt(v^T g(x) v), the distance; NaN where it exceeds the largest number
  double error;         ///< bound of |v - exact v| in the norm of g(x), by rounding
  double length_error;  ///< bound of the length's own error, by rounding
};

/// The chart of d coordinates x0, x1, .., the last with that range.
inline Chart numbered_chart(Index d, const char* range = "") {
  Chart chart;
  for (Index m = 0; m < d; ++m) {
    chart.coordinates.push_back({fmt::format("x{}", m), m + 1 == d ? range : ""});
  }
  return chart;
}

template <class M>
concept Metric = requires(const M& metric, const double* x, double* g) {
  { metric.dimension() } -> std::convertible_to<Index>;
  metric(x, g);
};

/// A metric of float or double coordinates whose kind is known when the program runs.
/// Copies share the metric, which never changes.
///
/// One point at a time: x: [d]; g: [d, d]; dg: [d, d, d] with dg[m][n][r] = d_m g_nr; ddg:
/// [d, d, d, d] with ddg[k][m][n][r] = d_k d_m g_nr. Derivatives are exact. No call allocates.
template <class T>
class AnyMetric {
 public:
  /// Throws lior::Error unless 1 <= dimension <= kMostDimensions.
  template <class M>
  requires(Metric<M> || requires(const M& m, const T* x, T* g) { m(x, g); })  //
      explicit(false) AnyMetric(M metric)
      : model_(std::make_shared<const Model<M>>(std::move(metric))) {
    LIOR_CHECK(dimension() >= 1 && dimension() <= kMostDimensions,
               "a metric of {} dimensions; expected 1 to {}", dimension(), kMostDimensions);
  }

  Index dimension() const { return model_->dimension(); }
  Index negative_directions() const { return model_->negative_directions(); }
  bool riemannian() const { return negative_directions() == 0; }
  Domain domain(const T* x) const { return model_->domain(x); }
  /// Whether every finite point lies in the domain.
  bool unbounded() const { return model_->unbounded(); }
  const Chart& chart() const { return model_->chart; }
  /// Whether the formula of g does not contain coordinate m, tried at the point x: then g_mn v^n is
  /// conserved along geodesics. A derivative that happens to vanish at x does not count.
  bool ignorable(Index m, const T* x) const { return model_->ignorable(m, x); }
  /// Writes v = log_x(y) of the shortest geodesic, if the metric has a closed form.
  std::optional<ClosedLogarithm> logarithm(const T* x, const T* y, T* v) const {
    return model_->logarithm(x, y, v);
  }
  /// Whether `exponential` and `transport` are there: closed forms, whose numbers are not finite or
  /// not of the domain where they exceed what T holds.
  bool has_closed_paths() const { return model_->has_closed_paths(); }
  /// Writes y = exp_x(v).
  void exponential(const T* x, const T* v, T* y) const { model_->exponential(x, v, y); }
  /// Writes w as carried along the geodesic from (x, v) to parameter 1.
  void transport(const T* x, const T* v, const T* w, T* out) const {
    model_->transport(x, v, w, out);
  }
  /// Advice where g cannot be inverted, or nullptr.
  const char* remedy() const { return model_->remedy(); }
  /// Why g_mn, or its derivative along these axes, is no finite number at x: "1/0 in hole.toml:7:
  /// metric.t.t = -f". Empty where it is one, or nothing is known.
  std::string fault(const T* x, Index m, Index n, std::span<const Index> axes) const {
    return model_->fault(x, m, n, axes);
  }

  void value(const T* x, T* g) const { model_->value(x, g); }
  void first(const T* x, T* g, T* dg) const { model_->first(x, g, dg); }
  void second(const T* x, T* g, T* dg, T* ddg) const { model_->second(x, g, dg, ddg); }
  /// along[n][r] = v^m d_m g_nr and gradient[m] = v^n v^r d_m g_nr: what a geodesic feels.
  void forces(const T* x, const T* v, T* g, T* along, T* gradient) const {
    model_->forces(x, v, g, along, gradient);
  }
  /// Geodesic accelerations by the metric's own kernel, planes [d, count] whose rows are `stride`
  /// apart; NaN where g has no Cholesky factor. False, and nothing done, if it has no kernel.
  bool accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
    return model_->accelerations(x, v, a, stride, count);
  }
  /// Christoffel symbols by the metric's own kernel: points in planes [d, count] with rows x_stride
  /// apart, gamma packed as in christoffel.h in rows `stride` apart; NaN somewhere in the column of
  /// a point where g cannot be inverted. False, and nothing done, if it has no kernel.
  bool symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const {
    return model_->symbols(x, x_stride, gamma, stride, count);
  }
  /// Whether these kernels give NaN outside the domain too: in the first row of accelerations.
  bool kernels_know_domain() const { return model_->kernels_know_domain(); }

 private:
  struct Interface {
    Chart chart;
    virtual ~Interface() = default;
    virtual Index dimension() const = 0;
    virtual Index negative_directions() const = 0;
    virtual Domain domain(const T* x) const = 0;
    virtual bool unbounded() const = 0;
    virtual bool ignorable(Index m, const T* x) const = 0;
    virtual std::optional<ClosedLogarithm> logarithm(const T* x, const T* y, T* v) const = 0;
    virtual bool has_closed_paths() const = 0;
    virtual void exponential(const T* x, const T* v, T* y) const = 0;
    virtual void transport(const T* x, const T* v, const T* w, T* out) const = 0;
    virtual const char* remedy() const = 0;
    virtual std::string fault(const T* x, Index m, Index n, std::span<const Index> axes) const = 0;
    virtual void value(const T* x, T* g) const = 0;
    virtual void first(const T* x, T* g, T* dg) const = 0;
    virtual void second(const T* x, T* g, T* dg, T* ddg) const = 0;
    virtual void forces(const T* x, const T* v, T* g, T* along, T* gradient) const = 0;
    virtual bool accelerations(const T* x, const T* v, T* a, Index stride, Index count) const = 0;
    virtual bool symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const = 0;
    virtual bool kernels_know_domain() const = 0;
  };
  template <class M>
  struct Model;

  std::shared_ptr<const Interface> model_;
};

template <class T>
template <class M>
struct AnyMetric<T>::Model final : Interface {
  static constexpr Index kSize = kMostDimensions * kMostDimensions;
  M metric;

  explicit Model(M m) : metric(std::move(m)) {
    if constexpr (requires { metric.chart(); }) {
      this->chart = metric.chart();
    } else {
      this->chart = numbered_chart(metric.dimension());
    }
  }
  Index dimension() const override { return metric.dimension(); }
  Index negative_directions() const override {
    if constexpr (requires { metric.negative_directions(); }) return metric.negative_directions();
    return 0;
  }
  Domain domain(const T* x) const override {
    for (Index m = 0; m < metric.dimension(); ++m) {
      if (!std::isfinite(x[m])) return Domain::edge;
    }
    if constexpr (requires { metric.domain(x); }) return metric.domain(x);
    return Domain::inside;
  }
  bool unbounded() const override {
    if constexpr (requires { metric.unbounded(); }) return metric.unbounded();
    return !requires(const T* x) { metric.domain(x); };
  }
  bool kernels_know_domain() const override {
    if constexpr (requires { metric.kernels_know_domain(); }) return metric.kernels_know_domain();
    return false;
  }
  bool ignorable(Index m, const T* x) const override {
    if constexpr (requires { metric.ignorable(m); }) {
      return metric.ignorable(m);
    } else {
      return ignorable_by_slopes(m, x);
    }
  }
  bool ignorable_by_slopes(Index m, const T* x) const {
    // A slope that is NaN goes through every operation, even a product with 0.
    const Index d = metric.dimension();
    std::array<Dual<T>, kMostDimensions> point;
    std::array<Dual<T>, kSize> jet;
    for (Index k = 0; k < d; ++k) {
      point[k] = {x[k], k == m ? std::numeric_limits<T>::quiet_NaN() : T(0)};
    }
    metric(point.data(), jet.data());
    return std::none_of(jet.begin(), jet.begin() + d * d,
                        [](const Dual<T>& entry) { return std::isnan(entry.slope); });
  }

  // Closed forms are of doubles.
  using Doubles = std::array<double, kMostDimensions>;
  Doubles doubles(const T* x) const {
    Doubles out{};
    std::copy_n(x, metric.dimension(), out.data());
    return out;
  }
  void store(const Doubles& from, T* to) const {
    for (Index m = 0; m < metric.dimension(); ++m) to[m] = static_cast<T>(from[m]);
  }
  std::optional<ClosedLogarithm> logarithm(const T* x, const T* y, T* v) const override {
    if constexpr (requires(const double* p, double* u) { metric.logarithm(p, p, u); }) {
      Doubles velocity{};
      const ClosedLogarithm found =
          metric.logarithm(doubles(x).data(), doubles(y).data(), velocity.data());
      store(velocity, v);
      return found;
    }
    return {};
  }
  static constexpr bool kClosedPaths = requires(const M& m, const double* p, double* u) {
    m.exponential(p, p, u);
    m.transport(p, p, p, u);
  };
  bool has_closed_paths() const override { return kClosedPaths; }
  void exponential(const T* x, const T* v, T* y) const override {
    if constexpr (kClosedPaths) {
      Doubles end{};
      metric.exponential(doubles(x).data(), doubles(v).data(), end.data());
      store(end, y);
    }
  }
  void transport(const T* x, const T* v, const T* w, T* out) const override {
    if constexpr (kClosedPaths) {
      Doubles carried{};
      metric.transport(doubles(x).data(), doubles(v).data(), doubles(w).data(), carried.data());
      store(carried, out);
    }
  }

  const char* remedy() const override {
    if constexpr (requires { metric.remedy(); }) return metric.remedy();
    return nullptr;
  }
  std::string fault(const T* x, Index m, Index n, std::span<const Index> axes) const override {
    if constexpr (requires { metric.fault(doubles(x).data(), m, n, axes); }) {
      return metric.fault(doubles(x).data(), m, n, axes);
    }
    return {};
  }

  void value(const T* x, T* g) const override { metric(x, g); }

  void first(const T* x, T* g, T* dg) const override {
    if constexpr (requires { metric.first(x, g, dg); }) {
      metric.first(x, g, dg);
    } else {
      first_by_slopes(x, g, dg);
    }
  }
  void first_by_slopes(const T* x, T* g, T* dg) const {
    const Index d = metric.dimension();
    std::array<Dual<T>, kMostDimensions> point;
    std::array<Dual<T>, kSize> jet;
    for (Index m = 0; m < d; ++m) {
      for (Index k = 0; k < d; ++k) point[k] = {x[k], T(k == m ? 1 : 0)};
      metric(point.data(), jet.data());
      for (Index i = 0; i < d * d; ++i) g[i] = jet[i].value, dg[m * d * d + i] = jet[i].slope;
    }
  }

  void second(const T* x, T* g, T* dg, T* ddg) const override {
    if constexpr (requires { metric.second(x, g, dg, ddg); }) {
      metric.second(x, g, dg, ddg);
    } else {
      second_by_slopes(x, g, dg, ddg);
    }
  }
  void second_by_slopes(const T* x, T* g, T* dg, T* ddg) const {
    const Index d = metric.dimension();
    std::array<Dual<Dual<T>>, kMostDimensions> point;
    std::array<Dual<Dual<T>>, kSize> jet;
    for (Index k = 0; k < d; ++k) {
      for (Index m = k; m < d; ++m) {
        for (Index i = 0; i < d; ++i) {
          point[i] = {{x[i], T(i == k ? 1 : 0)}, {T(i == m ? 1 : 0), T(0)}};
        }
        metric(point.data(), jet.data());
        for (Index i = 0; i < d * d; ++i) {
          g[i] = jet[i].value.value;
          dg[k * d * d + i] = jet[i].value.slope;
          ddg[(k * d + m) * d * d + i] = ddg[(m * d + k) * d * d + i] = jet[i].slope.slope;
        }
      }
    }
  }

  bool accelerations(const T* x, const T* v, T* a, Index stride, Index count) const override {
    if constexpr (requires { metric.accelerations(x, v, a, stride, count); }) {
      metric.accelerations(x, v, a, stride, count);
      return true;
    }
    return false;
  }

  bool symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const override {
    if constexpr (requires { metric.symbols(x, x_stride, gamma, stride, count); }) {
      metric.symbols(x, x_stride, gamma, stride, count);
      return true;
    }
    return false;
  }

  void forces(const T* x, const T* v, T* g, T* along, T* gradient) const override {
    if constexpr (requires { metric.forces(x, v, g, along, gradient); }) {
      metric.forces(x, v, g, along, gradient);
    } else {
      forces_by_slopes(x, v, g, along, gradient);
    }
  }
  void forces_by_slopes(const T* x, const T* v, T* g, T* along, T* gradient) const {
    const Index d = metric.dimension();
    std::array<Dual<T>, kMostDimensions> point;
    std::array<Dual<T>, kSize> jet;
    std::fill_n(along, d * d, T(0));
    for (Index m = 0; m < d; ++m) {
      for (Index k = 0; k < d; ++k) point[k] = {x[k], T(k == m ? 1 : 0)};
      metric(point.data(), jet.data());
      gradient[m] = 0;
      for (Index n = 0; n < d; ++n) {
        for (Index r = 0; r < d; ++r) {
          const T slope = jet[n * d + r].slope;
          g[n * d + r] = jet[n * d + r].value;
          along[n * d + r] += v[m] * slope;
          gradient[m] += v[n] * v[r] * slope;
        }
      }
    }
  }
};

/// Throws lior::Error unless x is [d, N], and one that names a point where paths and symbols cannot
/// start: outside the metric's domain, or where g or its first derivatives are not finite, or g
/// cannot be inverted. It says which entry, and of a metric by formulas which of them and why.
template <class T>
void check_regular(const AnyMetric<T>& metric, View<const T, 2> x);

/// g_n at many points: x: [d, N] -> g: [d, d, N]. Throws lior::Error when shapes do not fit, and
/// one that names a point outside the metric's domain, or where g is not finite.
template <class T>
void metric_values(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 3> g);

}  // namespace lior::geometry
