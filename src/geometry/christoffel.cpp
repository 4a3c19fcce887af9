// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/christoffel.h"

#include "geometry/planes.h"
#include "geometry/point.h"

namespace lior::geometry {
namespace {

constexpr Index workspace_of_symbols(Index d) { return d * d + 3 * d * d * d; }

/// Gamma at the point n of planes, from derivatives(x, g, dg); it lies in the workspace.
template <class T, class Derivatives>
const T* symbols_at(const AnyMetric<T>& metric, const T* point, Index n,
                    const Derivatives& derivatives, T* workspace) {
  const Index d = metric.dimension();
  T* g = workspace;
  T *dg = g + d * d, *c = dg + d * d * d, *gamma = c + d * d * d;
  derivatives(point, g, dg);
  MetricSolver<T> solver(metric);
  if (const auto failed = solver.factor(g)) fail_at_point(metric, point, n, failed);
  lower_christoffel(dg, d, c);
  raise_christoffel(solver, c, d, gamma);
  if (!all_finite(gamma, 1, d * d * d, d * d * d)) fail_at_point(metric, point, n);
  return gamma;
}

/// Calls store(n, gamma) with Gamma at each point.
template <class T, class Derivatives, class Store>
void for_each_christoffel(const AnyMetric<T>& metric, View<const T, 2> x,
                          const Derivatives& derivatives, const Store& store) {
  for_each_point(metric, x, workspace_of_symbols(metric.dimension()),
                 [&](const T* point, Index n, T* workspace) {
                   store(n, symbols_at(metric, point, n, derivatives, workspace));
                 });
}

template <class T>
auto exact(const AnyMetric<T>& metric) {
  return [&](const T* x, T* g, T* dg) { metric.first(x, g, dg); };
}

/// The pairs m <= n of gamma, [d, d, d], a row each.
template <class T>
void pack(const T* gamma, Index d, T* out, Index stride) {
  for (Index l = 0; l < d; ++l) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = m; n < d; ++n, out += stride) *out = gamma[(l * d + m) * d + n];
    }
  }
}

/// The reverse for `points` columns. `packed` may be the last rows of gamma: from the first row on,
/// nothing is overwritten before it is read.
template <class T>
void unpack(const T* packed, Index d, T* gamma, Index stride, Index points) {
  for (Index l = 0; l < d; ++l) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < d; ++n) {
        T* row = gamma + ((l * d + m) * d + n) * stride;
        const T* from = n < m ? gamma + ((l * d + n) * d + m) * stride : packed;
        if (n >= m) packed += stride;
        if (from != row) std::copy_n(from, points, row);
      }
    }
  }
}

constexpr Index kBlock = 64;  // of points that a metric's own kernel gets at once

/// Packed symbols by the metric's own kernel, in rows `count` apart; false if it has none. A block
/// with numbers that are not finite is done again point by point, which finds what is wrong. Then
/// finish(column, points) is called.
template <class T, class Finish>
bool packed_by_kernel(const AnyMetric<T>& metric, View<const T, 2> x, T* gamma,
                      const Finish& finish) {
  const Index d = metric.dimension(), count = x.extent(1), rows = d * d * (d + 1) / 2;
  if (!metric.kernels_know_domain() && !metric.unbounded()) return false;
  if (!metric.symbols(x.data(), count, gamma, count, 0)) return false;
  parallel_for((count + kBlock - 1) / kBlock, 1, [&](Index first, Index last, int) {
    std::vector<T> workspace(static_cast<std::size_t>(workspace_of_symbols(d)));
    std::array<T, kMostDimensions> point;
    for (Index begin = first * kBlock; begin < std::min(count, last * kBlock); begin += kBlock) {
      const Index points = std::min(kBlock, count - begin);
      metric.symbols(x.data() + begin, count, gamma + begin, count, points);
      const bool whole = all_finite(x.data() + begin, d, count, points) &&
                         all_finite(gamma + begin, rows, count, points);
      for (Index n = begin; !whole && n < begin + points; ++n) {
        gather_point(x, n, point.data());
        check_domain(metric, point.data(), n);
        pack(symbols_at(metric, point.data(), n, exact(metric), workspace.data()), d, gamma + n,
             count);
      }
      finish(begin, points);
    }
  });
  return true;
}

}  // namespace

template <class T>
void metric_values(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 3> g) {
  const Index d = metric.dimension();
  check_shape(g, {d, d, x.extent(1)}, "g");
  for_each_point(metric, x, d * d, [&](const T* point, Index n, T* value) {
    metric.value(point, value);
    if (!all_finite(value, 1, d * d, d * d)) fail_at_point(metric, point, n);
    for (Index k = 0; k < d * d; ++k) g(k / d, k % d, n) = value[k];
  });
}

template <class T>
void check_regular(const AnyMetric<T>& metric, View<const T, 2> x) {
  for_each_point(metric, x, 0, [&](const T* point, Index n, T*) { check_point(metric, point, n); });
}

template <class T>
void christoffel(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 4> gamma) {
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(gamma, {d, d, d, count}, "gamma");
  check_points(metric, x);
  // Packed into the last rows, and from there to their places.
  T* packed = gamma.data() + d * (d * d - d * (d + 1) / 2) * count;
  const auto unpack_block = [&](Index begin, Index points) {
    unpack(packed + begin, d, gamma.data() + begin, count, points);
  };
  if (packed_by_kernel(metric, x, packed, unpack_block)) return;
  for_each_christoffel(metric, x, exact(metric), [&](Index n, const T* value) {
    for (Index k = 0; k < d * d * d; ++k) gamma.data()[k * count + n] = value[k];
  });
}

template <class T>
void christoffel_packed(const AnyMetric<T>& metric, View<const T, 2> x, View<T, 3> gamma) {
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(gamma, {d, d * (d + 1) / 2, count}, "gamma");
  check_points(metric, x);
  if (packed_by_kernel(metric, x, gamma.data(), [](Index, Index) {})) return;
  for_each_christoffel(metric, x, exact(metric), [&](Index point, const T* value) {
    pack(value, d, gamma.data() + point, count);
  });
}

template <class T>
void christoffel_differences(const AnyMetric<T>& metric, View<const T, 2> x, T step,
                             View<T, 4> gamma) {
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(gamma, {d, d, d, count}, "gamma");
  LIOR_CHECK(step > 0 && std::isfinite(step),
             "step of differences is {}; expected a finite number > 0", step);
  const auto differences = [&](const T* x_n, T* g, T* dg) {
    std::array<T, kMostDimensions> moved;
    std::array<T, kMostDimensions * kMostDimensions> below;
    std::copy_n(x_n, d, moved.data());
    for (Index m = 0; m < d; ++m) {
      T* slope = dg + m * d * d;
      moved[m] = x_n[m] + step;
      metric.value(moved.data(), slope);
      moved[m] = x_n[m] - step;
      metric.value(moved.data(), below.data());
      moved[m] = x_n[m];
      for (Index k = 0; k < d * d; ++k) slope[k] = (slope[k] - below[k]) / (2 * step);
    }
    metric.value(x_n, g);
  };
  for_each_christoffel(metric, x, differences, [&](Index n, const T* value) {
    for (Index k = 0; k < d * d * d; ++k) gamma.data()[k * count + n] = value[k];
  });
}

template <class T>
double torsion_residual(View<const T, 4> gamma) {
  const Index d = gamma.extent(0), count = gamma.extent(3);
  Worst<double> worst;
  for (Index l = 0; l < d; ++l) {
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < m; ++n) {
        for (Index p = 0; p < count; ++p) {
          worst.add(std::abs(gamma(l, m, n, p) - gamma(l, n, m, p)));
        }
      }
    }
  }
  return relative(worst.value(), largest(gamma.span()));
}

template <class T>
double compatibility_residual(const AnyMetric<T>& metric, View<const T, 2> x,
                              View<const T, 4> gamma) {
  const Index d = metric.dimension();
  check_shape(gamma, {d, d, d, x.extent(1)}, "gamma");
  std::vector<Worst<double>> worst(static_cast<std::size_t>(x.extent(1))), scale(worst);
  for_each_point(metric, x, d * d + d * d * d, [&](const T* point, Index p, T* g) {
    T* dg = g + d * d;
    metric.first(point, g, dg);
    for (Index m = 0; m < d; ++m) {
      for (Index n = 0; n < d; ++n) {
        for (Index r = 0; r < d; ++r) {
          const T slope = dg[(m * d + n) * d + r];
          T residual = slope;
          for (Index s = 0; s < d; ++s) {
            residual -= gamma(s, m, n, p) * g[s * d + r] + gamma(s, m, r, p) * g[n * d + s];
          }
          worst[p].add(std::abs(residual));
          scale[p].add(std::abs(slope));
        }
      }
    }
  });
  Worst<double> residual, size;
  for (const auto& at : worst) residual.add(at.value());
  for (const auto& at : scale) size.add(at.value());
  return relative(residual.value(), size.value());
}

#define LIOR_INSTANTIATE(T)                                                                    \
  template void metric_values(const AnyMetric<T>&, View<const T, 2>, View<T, 3>);              \
  template void check_regular(const AnyMetric<T>&, View<const T, 2>);                          \
  template void christoffel(const AnyMetric<T>&, View<const T, 2>, View<T, 4>);                \
  template void christoffel_packed(const AnyMetric<T>&, View<const T, 2>, View<T, 3>);         \
  template void christoffel_differences(const AnyMetric<T>&, View<const T, 2>, T, View<T, 4>); \
  template double torsion_residual(View<const T, 4>);                                          \
  template double compatibility_residual(const AnyMetric<T>&, View<const T, 2>, View<const T, 4>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
