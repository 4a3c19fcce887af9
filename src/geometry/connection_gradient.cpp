// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/connection_gradient.h"

#include "geometry/borrowed_metric.h"
#include "geometry/metric_point_gradient.h"
#include "geometry/point.h"
#include "geometry/runge_kutta.h"

namespace lior::geometry {
namespace {

template <class T>
using Vector = std::array<T, kMostDimensions>;
template <class T>
using Matrix = std::array<T, kMostDimensions * kMostDimensions>;

/// A learned metric at one point after another.
template <class T>
class Connection {
 public:
  Connection(const LearnedMetricModel<T>& model, LearnedMetricParameters<T>& dparameters)
      : model_(model),
        metric_(model.metric()),
        plain_(model.parameters, Resilience::off, model.spd_floor),
        dparameters_(dparameters),
        d_(metric_.dimension()),
        any_(Borrowed<T>{&metric_}),
        solver_(any_) {
    check_same_sizes(model.parameters, dparameters);
  }

  Index dimension() const { return d_; }
  const LearnedMetric<T>& metric() const { return metric_; }
  const AnyMetric<T>& any_metric() const { return any_; }

  /// g, d_m g: [m][n][r], and the factors of g at x. `where` names the point to an error.
  template <class Where>
  void visit(const T* x, const Where& where) {
    Vector<Dual<T>> point;
    Matrix<Dual<T>> jet;
    dg_.resize(static_cast<std::size_t>(d_ * d_ * d_));
    for (Index m = 0; m < d_; ++m) {
      for (Index k = 0; k < d_; ++k) point[k] = {x[k], T(k == m ? 1 : 0)};
      metric_(point.data(), jet.data());
      for (Index i = 0; i < d_ * d_; ++i) g_[i] = jet[i].value, dg_[m * d_ * d_ + i] = jet[i].slope;
    }
    if (const auto pivot = solver_.factor(g_.data())) where(*pivot);
  }
  void solve(T* b) { solver_.solve(b); }
  const std::vector<T>& dg() const { return dg_; }

  /// Adds the gradient of <e, d_t g> + <p, g> to the parameters' and to dx; the gradient of <e, g>
  /// to x is added to dx_of_e, where there is one.
  void add_along(const T* x, const T* t, const Matrix<T>& e, const Matrix<T>& p, T* dx,
                 T* dx_of_e = nullptr) {
    Vector<Dual<T>> point, dpoint;
    Matrix<Dual<T>> weight;
    for (Index m = 0; m < d_; ++m) point[m] = {x[m], t[m]};
    for (Index k = 0; k < d_ * d_; ++k) weight[k] = {e[k], p[k]};
    metric_point_backward(model_, plain_, point.data(), weight.data(), dparameters_, dpoint.data());
    for (Index m = 0; m < d_; ++m) {
      dx[m] += dpoint[m].slope;
      if (dx_of_e != nullptr) dx_of_e[m] += dpoint[m].value;
    }
  }

 private:
  const LearnedMetricModel<T>& model_;
  LearnedMetric<T> metric_, plain_;
  LearnedMetricParameters<T>& dparameters_;
  Index d_;
  AnyMetric<T> any_;
  MetricSolver<T> solver_;
  Matrix<T> g_;
  std::vector<T> dg_;
};

/// (x, v) of one geodesic, or a gradient with respect to them.
template <class T>
struct State {
  Vector<T> x{}, v{};

  State plus(T factor, const State& other, Index d) const {
    State sum = *this;
    for (Index m = 0; m < d; ++m) sum.x[m] += factor * other.x[m], sum.v[m] += factor * other.v[m];
    return sum;
  }
};

/// (v, a(x, v)).
template <class T>
State<T> slope_at(const LearnedMetric<T>& metric, const State<T>& at) {
  State<T> slope{.x = at.v};
  metric.accelerations(at.x.data(), at.v.data(), slope.v.data(), 1, 1);
  return slope;
}

/// The gradient with respect to `at` of <weight, slope_at(at)>; adds that of the parameters.
template <class T, class Where>
State<T> slope_backward(Connection<T>& connection, const State<T>& at, const State<T>& weight,
                        const Where& where) {
  const Index d = connection.dimension();
  connection.visit(at.x.data(), where);
  const std::vector<T>& dg = connection.dg();
  const auto derivative = [&](Index m, Index n, Index r) { return dg[(m * d + n) * d + r]; };
  Vector<T> p = weight.v, a{};
  for (Index m = 0; m < d; ++m) p[m] = -p[m];
  connection.solve(p.data());
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < d; ++n) {
      for (Index r = 0; r < d; ++r) {
        a[m] += at.v[n] * at.v[r] * (derivative(m, n, r) / 2 - derivative(n, m, r));
      }
    }
  }
  connection.solve(a.data());

  State<T> gradient{.v = weight.x};
  Matrix<T> along_v, along_p, plain, none{};
  for (Index k = 0; k < d * d; ++k) {
    along_v[k] = p[k / d] * at.v[k % d];
    along_p[k] = -at.v[k / d] * at.v[k % d] / 2;
    plain[k] = p[k / d] * a[k % d];
  }
  // The gradient of p^T (d_v g) v to the v that turns the derivative: <p v^T, d_k g>.
  connection.add_along(at.x.data(), at.v.data(), along_v, plain, gradient.x.data(),
                       gradient.v.data());
  connection.add_along(at.x.data(), p.data(), along_p, none, gradient.x.data());
  for (Index k = 0; k < d; ++k) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < d; ++n) {
        gradient.v[k] += derivative(m, k, n) * (at.v[m] * p[n] - p[m] * at.v[n]);
      }
    }
  }
  return gradient;
}

}  // namespace

template <class T>
void christoffel_backward(const LearnedMetricModel<T>& model, View<const T, 2> x,
                          View<const T, 4> dgamma, LearnedMetricParameters<T>& dparameters,
                          View<T, 2> dx) {
  Connection<T> connection(model, dparameters);
  const AnyMetric<T>& metric = connection.any_metric();
  const Index d = connection.dimension(), count = x.extent(1);
  check_shape(x, {d, count}, "x");
  check_shape(dgamma, {d, d, d, count}, "dgamma");
  check_shape(dx, {d, count}, "dx");
  const auto cube = static_cast<std::size_t>(d * d * d);
  std::vector<T> lower(cube), gamma(cube), raised(cube);
  Vector<T> point, column, dpoint, axis;
  Matrix<T> e, plain;
  for (Index n = 0; n < count; ++n) {
    gather_point(x, n, point.data());
    check_domain(metric, point.data(), n);
    connection.visit(point.data(),
                     [&](const auto& pivot) { fail_at_point<T>(metric, point.data(), n, pivot); });
    lower_christoffel(connection.dg().data(), d, lower.data());
    plain.fill(0);
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) {
        for (Index l = 0; l < d; ++l) {  // g is symmetric: so are the symbols
          column[l] = (dgamma(l, i, j, n) + dgamma(l, j, i, n)) / 2;
        }
        connection.solve(column.data());
        for (Index r = 0; r < d; ++r) raised[(r * d + i) * d + j] = column[r];
        for (Index r = 0; r < d; ++r) column[r] = lower[(r * d + i) * d + j];
        connection.solve(column.data());
        for (Index k = 0; k < d * d; ++k) {
          plain[k] -= raised[(k / d * d + i) * d + j] * column[k % d];
        }
      }
    }
    dpoint.fill(0);
    for (Index k = 0; k < d; ++k) {
      for (Index a = 0; a < d; ++a) {
        for (Index b = 0; b < d; ++b) {
          e[a * d + b] = raised[(b * d + k) * d + a] - raised[(k * d + a) * d + b] / 2;
        }
      }
      axis.fill(0);
      axis[k] = 1;
      connection.add_along(point.data(), axis.data(), e, plain, dpoint.data());
      plain.fill(0);  // once
    }
    for (Index m = 0; m < d; ++m) dx(m, n) = dpoint[m];
  }
}

template <class T>
void geodesic_backward(const LearnedMetricModel<T>& model, View<const T, 2> x, View<const T, 2> v,
                       double time, double step, const EndGradients<T>& dend,
                       LearnedMetricParameters<T>& dparameters, const StartGradients<T>& dstart) {
  Connection<T> connection(model, dparameters);
  const LearnedMetric<T>& metric = connection.metric();
  const Index d = connection.dimension(), count = x.extent(1);
  check_shape(x, {d, count}, "x");
  check_shape(v, {d, count}, "v");
  check_shape(dend.x, {d, count}, "dend.x");
  check_shape(dend.v, {d, count}, "dend.v");
  check_shape(dstart.x, {d, count}, "dstart.x");
  check_shape(dstart.v, {d, count}, "dstart.v");
  LIOR_CHECK(time >= 0 && std::isfinite(time) && step > 0,
             "time is {} and step {}; expected a finite time >= 0 and a step > 0", time, step);
  const auto steps = time > 0 ? static_cast<Index>(equal_steps(time, step)) : Index{0};
  const T h = steps > 0 ? static_cast<T>(time / static_cast<double>(steps)) : T(0);

  std::vector<State<T>> path(static_cast<std::size_t>(steps + 1));
  for (Index n = 0; n < count; ++n) {
    gather_point(x, n, path[0].x.data());
    gather_point(v, n, path[0].v.data());
    for (Index k = 0; k < steps; ++k) {
      const State<T>& y = path[k];
      const State<T> k1 = slope_at(metric, y), k2 = slope_at(metric, y.plus(h / 2, k1, d)),
                     k3 = slope_at(metric, y.plus(h / 2, k2, d)),
                     k4 = slope_at(metric, y.plus(h, k3, d));
      path[k + 1] = y.plus(h / 6, k1, d).plus(h / 3, k2, d).plus(h / 3, k3, d).plus(h / 6, k4, d);
    }
    State<T> gradient;
    gather_point(dend.x, n, gradient.x.data());
    gather_point(dend.v, n, gradient.v.data());
    for (Index k = steps - 1; k >= 0; --k) {
      const auto where = [&](const linalg::FailedPivot<T>& pivot) {
        throw Error(fmt::format(
            "the metric is not positive definite on geodesic {} in step {}: pivot {} is {}; {}", n,
            k, pivot.index, pivot.value, connection.metric().remedy()));
      };
      const State<T>& y = path[k];
      const State<T> k1 = slope_at(metric, y), y2 = y.plus(h / 2, k1, d), k2 = slope_at(metric, y2),
                     y3 = y.plus(h / 2, k2, d), k3 = slope_at(metric, y3), y4 = y.plus(h, k3, d);
      const State<T> zero{}, end = gradient;
      const State<T> d4 = slope_backward(connection, y4, zero.plus(h / 6, end, d), where);
      const State<T> d3 =
          slope_backward(connection, y3, zero.plus(h / 3, end, d).plus(h, d4, d), where);
      const State<T> d2 =
          slope_backward(connection, y2, zero.plus(h / 3, end, d).plus(h / 2, d3, d), where);
      const State<T> d1 =
          slope_backward(connection, y, zero.plus(h / 6, end, d).plus(h / 2, d2, d), where);
      gradient = end.plus(1, d1, d).plus(1, d2, d).plus(1, d3, d).plus(1, d4, d);
    }
    for (Index m = 0; m < d; ++m) dstart.x(m, n) = gradient.x[m], dstart.v(m, n) = gradient.v[m];
  }
}

#define LIOR_INSTANTIATE(T)                                                                      \
  template void christoffel_backward(const LearnedMetricModel<T>&, View<const T, 2>,             \
                                     View<const T, 4>, LearnedMetricParameters<T>&, View<T, 2>); \
  template void geodesic_backward(const LearnedMetricModel<T>&, View<const T, 2>,                \
                                  View<const T, 2>, double, double, const EndGradients<T>&,      \
                                  LearnedMetricParameters<T>&, const StartGradients<T>&);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
