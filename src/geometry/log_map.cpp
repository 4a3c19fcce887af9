// SPDX-License-Identifier: Apache-2.0
// The inverse of the exponential map, and the distance that it gives.
#include "geometry/shooting.h"
#include "lior/geometry/geodesic.h"

namespace lior::geometry {
namespace {

constexpr double kOtherWay = 0.125;

/// A geodesic from x to y.
template <class T>
struct Found {
  std::array<T, kMostDimensions> v;
  bool converged = false, shortest = false;
  T error, length, length_error;  // errors in the norm of g(x)
};

template <class T>
T norm_at(const AnyMetric<T>& metric, const T* x, const T* v) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions * kMostDimensions> g;
  metric.value(x, g.data());
  T square = 0;
  for (Index k = 0; k < d * d; ++k) square += g[k] * v[k / d] * v[k % d];
  return std::sqrt(square);
}

template <class T>
class Finder {
 public:
  using Vector = typename Shooter<T>::Vector;

  Finder(const AnyMetric<T>& metric, const GeodesicOptions& options)
      : metric_(metric), shooter_(metric, options), d_(metric.dimension()) {}

  Found<T> find(const Vector& x, const Vector& y) {
    Found<T> out;
    out.error = out.length = out.length_error = T(NAN);
    if (const auto closed = metric_.logarithm(x.data(), y.data(), out.v.data())) {
      const T rounding = std::numeric_limits<T>::epsilon() * static_cast<T>(closed->length);
      out.converged = std::isfinite(static_cast<T>(closed->length));
      if (!out.converged) {
        out.v = nearest(x, y);
        return out;
      }
      out.length = static_cast<T>(closed->length);
      out.error = static_cast<T>(closed->error) + rounding;
      out.length_error = static_cast<T>(closed->length_error) + rounding;
      out.shortest = true;
      return out;
    }
    const Vector straight = nearest(x, y);
    out.v = straight;
    if (std::all_of(straight.begin(), straight.begin() + d_, [](T u) { return u == 0; })) {
      out.converged = true, out.shortest = metric_.riemannian();
      out.error = out.length = out.length_error = 0;
      return out;
    }
    shoot(x, straight, 0, out);
    return out;
  }

 private:
  /// y - x, the coordinates with a period the shorter way round if lengths have a meaning.
  Vector nearest(const Vector& x, const Vector& y) const {
    Vector straight{};
    for (Index m = 0; m < d_; ++m) {
      straight[m] = y[m] - x[m];
      const double period = metric_.chart().coordinates[m].period;
      if (period > 0 && metric_.riemannian()) {
        straight[m] = static_cast<T>(std::remainder(static_cast<double>(straight[m]), period));
      }
    }
    return straight;
  }

  /// Keeps the shortest of the geodesics along `displacement` and, from coordinate m on, the other
  /// way round, which often leads nowhere and gets less work.
  void shoot(const Vector& x, const Vector& displacement, Index m, Found<T>& best,
             double share = 1) {
    for (; m < d_; ++m) {
      const double period = metric_.chart().coordinates[m].period;
      if (!(period > 0) || !metric_.riemannian()) continue;
      Vector other = displacement;
      other[m] += static_cast<T>(displacement[m] > 0 ? -period : period);
      shoot(x, displacement, m + 1, best, share);
      return shoot(x, other, m + 1, best, share * kOtherWay);
    }
    const auto result = shooter_.shoot(x, displacement, share);
    if (!result.converged) return;
    const T length = norm_at(metric_, x.data(), result.v.data());
    if (best.converged && !(length < best.length)) return;
    best = {result.v, true, false, result.error, length, result.error};
  }

  const AnyMetric<T>& metric_;
  Shooter<T> shooter_;
  Index d_;
};

/// store(n, found) for each pair of points.
template <class T, class Store>
void for_each_pair(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
                   const GeodesicOptions& options, const Store& store) {
  const Index d = metric.dimension(), count = x.extent(1);
  LIOR_CHECK(x.extent(0) == d, "x has shape {}; expected [{}, N]", to_string(x.shape()), d);
  check_shape(y, x.shape(), "y");
  check_options(options);
  std::array<T, kMostDimensions> point;
  for (Index n = 0; n < count; ++n) {
    for (const View<const T, 2>& end : {x, y}) {
      gather_point(end, n, point.data());
      check_domain(metric, point.data(), n);
    }
  }
  parallel_for(count, 1, [&](Index begin, Index end, int) {
    Finder<T> finder(metric, options);
    typename Finder<T>::Vector from{}, to{};
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, from.data());
      gather_point(y, n, to.data());
      store(n, finder.find(from, to));
    }
  });
}

}  // namespace

template <class T>
void log_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
             const GeodesicOptions& options, const Logarithm<T>& out) {
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(out.v, {d, count}, "v");
  check_shape(out.converged, {count}, "converged");
  check_shape(out.error, {count}, "error");
  if (out.shortest.data()) check_shape(out.shortest, {count}, "shortest");
  for_each_pair(metric, x, y, options, [&](Index n, const Found<T>& found) {
    for (Index m = 0; m < d; ++m) out.v(m, n) = found.v[m];
    out.converged(n) = found.converged;
    out.error(n) = found.error;
    if (out.shortest.data()) out.shortest(n) = found.shortest;
  });
}

template <class T>
void distance(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
              const GeodesicOptions& options, const Distances<T>& out) {
  LIOR_CHECK(metric.riemannian(),
             "distances are of Riemannian metrics; this one has {} minus signs",
             metric.negative_directions());
  const Index count = x.extent(1);
  check_shape(out.length, {count}, "length");
  if (out.error.data()) check_shape(out.error, {count}, "error");
  if (out.shortest.data()) check_shape(out.shortest, {count}, "shortest");
  for_each_pair(metric, x, y, options, [&](Index n, const Found<T>& found) {
    out.length(n) = found.length;
    if (out.error.data()) out.error(n) = found.length_error;
    if (out.shortest.data()) out.shortest(n) = found.shortest;
  });
}

#define LIOR_INSTANTIATE(T)                                                       \
  template void log_map(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,  \
                        const GeodesicOptions&, const Logarithm<T>&);             \
  template void distance(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>, \
                         const GeodesicOptions&, const Distances<T>&);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
