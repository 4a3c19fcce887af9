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
/// and, where it can do better than derivatives along one axis after another,
///     void forces(const T* x, const T* v, T* g, T* along, T* gradient) const;
///     void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const;
/// (see AnyMetric).
/// Index order and signs: docs/math/conventions.md, section 6.

#include <algorithm>
#include <array>
#include <concepts>
#include <memory>

#include "lior/core/view.h"
#include "lior/geometry/dual.h"

namespace lior::geometry {

/// Largest coordinate dimension.
inline constexpr Index kMostDimensions = 16;

/// Where a point lies: `edge` is not of the chart (|x| >= 1 in the ball, a pole of the sphere),
/// `horizon` is on or inside one (r <= 2M). A coordinate that is NaN is never inside.
enum class Domain { inside, edge, horizon };

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
      AnyMetric(M metric)
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

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual Index dimension() const = 0;
    virtual Index negative_directions() const = 0;
    virtual Domain domain(const T* x) const = 0;
    virtual bool unbounded() const = 0;
    virtual void value(const T* x, T* g) const = 0;
    virtual void first(const T* x, T* g, T* dg) const = 0;
    virtual void second(const T* x, T* g, T* dg, T* ddg) const = 0;
    virtual void forces(const T* x, const T* v, T* g, T* along, T* gradient) const = 0;
    virtual bool accelerations(const T* x, const T* v, T* a, Index stride, Index count) const = 0;
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

  explicit Model(M m) : metric(std::move(m)) {}
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
    return !requires(const T* x) { metric.domain(x); };
  }
  void value(const T* x, T* g) const override { metric(x, g); }

  void first(const T* x, T* g, T* dg) const override {
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

  void forces(const T* x, const T* v, T* g, T* along, T* gradient) const override {
    if constexpr (requires { metric.forces(x, v, g, along, gradient); }) {
      return metric.forces(x, v, g, along, gradient);
    }
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

/// g_n at many points: x: [d, N] -> g: [d, d, N]. Throws lior::Error when shapes do not fit, and
/// one that names the first point outside the metric's domain.
template <class T>
void metric_values(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 3> g);

}  // namespace lior::geometry
