// SPDX-License-Identifier: Apache-2.0
// The inverse of the exponential map, and the distance that it gives.
#include "geometry/shooting.h"
#include "lior/geometry/geodesic.h"

namespace lior::geometry {
namespace {

/// A geodesic from x to y.
template <class T>
struct Found {
  std::array<T, kMostDimensions> v, arrival{};  // the velocities at x and, by shooting, at y
  bool converged = false, shortest = false;
  T error, length, length_error;  // errors in the norm of g(x)
};

template <class T>
class Finder {
 public:
  using Vector = typename Shooter<T>::Vector;

  Finder(const AnyMetric<T>& metric, const GeodesicOptions& options)
      : metric_(metric), shooter_(metric, options), relaxation_(metric), d_(metric.dimension()) {}

  /// Throws where x or y, of pair n, is a place that paths cannot come to.
  Found<T> find(const Vector& x, const Vector& y, Index n) {
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
      // Beside an edge, or far out, a velocity may be no number where its length is one.
      if (!all_finite(out.v.data(), 1, d_, d_)) {
        out.converged = false, out.error = T(NAN);
        out.v = nearest(x, y);
      }
      return out;
    }
    for (const Vector& end : {x, y}) check_point(metric_, end.data(), n);
    out.v = nearest(x, y);
    if (std::all_of(out.v.begin(), out.v.begin() + d_, [](T u) { return u == 0; })) {
      out.converged = true, out.shortest = metric_.riemannian();
      out.error = out.length = out.length_error = 0;
      return out;
    }
    // Where an end has no place to 1 %, a path of any length seems to meet it.
    if (saturated(metric_, x.data()) || saturated(metric_, y.data())) return out;
    // Lengths of polygons are squares first; beside a tiny way there is no shorter one.
    if (metric_.riemannian() && !shooter_.is_tiny(x, out.v)) keep_shortest(x, y, out);
    if (!out.converged) keep(shooter_.shoot(x, out.v), out);
    if (out.converged) add_rounding({End{x, out.v}, End{y, out.arrival}}, out);
    return out;
  }

  /// The distance, the same number from either end.
  Found<T> find_length(const Vector& x, const Vector& y, Index n) {
    return comes_first(x, y) ? find(x, y, n) : find(y, x, n);
  }

 private:
  static constexpr T kNearlyShortest = T(1.03);  // more than what a polygon's length is off by
  static constexpr T kSameWay = T(0.02);
  static constexpr std::size_t kMostShot = 4;

  bool comes_first(const Vector& x, const Vector& y) const {
    return std::lexicographical_compare(x.begin(), x.begin() + d_, y.begin(), y.begin() + d_);
  }

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

  /// y, moved by periods to where `nearest` leads.
  Place<T> nearest_place(const Vector& x, const Vector& y) const {
    const Vector straight = nearest(x, y);
    Place<T> out{y, {}};
    for (Index m = 0; m < d_; ++m) {
      if (straight[m] == y[m] - x[m]) continue;
      out.base[m] = x[m];
      out.add(m, straight[m]);
    }
    return out;
  }

  /// The shortest of the geodesics along relaxed ways, which are looked for from the same end
  /// whichever of the two x is.
  void keep_shortest(const Vector& x, const Vector& y, Found<T>& best) {
    const bool forward = comes_first(x, y);
    auto ways = forward ? relaxation_.ways({x, {}}, nearest_place(x, y))
                        : relaxation_.ways({y, {}}, nearest_place(y, x));
    if (ways.empty()) return;
    const T most = kNearlyShortest * ways.front().length;
    std::size_t shot = 0;
    for (std::size_t i = 0; i < ways.size() && shot < kMostShot; ++i) {
      if (best.converged && ways[i].length > most) break;
      if (std::any_of(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(i),
                      [&](const auto& before) { return same(before, ways[i]); })) {
        continue;
      }
      ++shot;
      keep(shooter_.shoot_along(forward ? ways[i] : ways[i].reversed(x, d_), 1.0 / kMostShot,
                                [&](const auto& way) { return relaxation_.refined(way); }),
           best);
    }
  }

  /// Whether two ways are one, by their corners.
  bool same(const Polygon<T>& a, const Polygon<T>& b) const {
    for (Index m = 0; m < d_; ++m) {
      T apart = 0, extent = 0;
      for (Index k = 0; k <= a.sides(); ++k) {
        apart = std::max(apart, std::abs(a.corners[k].from(b.corners[k], m)));
        extent = std::max(extent, std::abs(a.corners[k].from(a.corners[0], m)));
      }
      if (apart > kSameWay * extent) return false;
    }
    return true;
  }

  void keep(const typename Shooter<T>::Result& result, Found<T>& best) const {
    if (!result.converged) return;
    const T length = shooter_.length(result.v);
    if (best.converged && !(length < best.length)) return;
    best = {result.v, result.arrival, true, false, result.error, length, result.error};
  }

  /// An end of a way, and the velocity there.
  struct End {
    const Vector &x, &v;
  };

  /// What the coordinates' own roundings leave open: of the period's multiples that were taken off,
  /// and of the metric along the way, which depends on x itself.
  void add_rounding(const std::array<End, 2>& ends, Found<T>& found) const {
    constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
    std::array<T, kMostDimensions * kMostDimensions> g, along;
    Vector gradient{};
    T open = 0;
    for (const End& end : ends) {
      metric_.forces(end.x.data(), end.v.data(), g.data(), along.data(), gradient.data());
      for (Index m = 0; m < d_; ++m) {
        // |v|_g changes by v^n v^r d_m g_nr / (2 |v|).
        open = std::max(open, std::abs(end.x[m] * gradient[m]) / (2 * found.length));
      }
    }
    for (Index m = 0; m < d_; ++m) {
      if (metric_.chart().coordinates[m].period > 0) {
        open = std::max(open,
                        std::abs(ends[1].x[m] - ends[0].x[m]) * std::sqrt(std::abs(g[m * d_ + m])));
      }
    }
    if (!std::isfinite(open)) return;
    found.error += kEpsilon * open, found.length_error += kEpsilon * open;
  }

  const AnyMetric<T>& metric_;
  Shooter<T> shooter_;
  Relaxation<T> relaxation_;
  Index d_;
};

/// Numbers so large that the next one is a good part of the period away name no place on a circle.
template <class T>
void check_periods(const AnyMetric<T>& metric, const T* x, Index n) {
  constexpr double kMostOpen = 1e-3;
  for (Index m = 0; m < metric.dimension(); ++m) {
    const Coordinate& coordinate = metric.chart().coordinates[m];
    const double apart = static_cast<double>(std::abs(x[m])) * std::numeric_limits<T>::epsilon();
    LIOR_CHECK(!(coordinate.period > 0) || apart < kMostOpen * coordinate.period,
               "point {}: {} is {}, where numbers of this precision are {:.2g} apart, and its "
               "period is {:.6g}; give it within a few periods of 0",
               n, coordinate.name, x[m], apart, coordinate.period);
  }
}

/// body(finder, n, x, y) for each pair of points.
template <class T, class Body>
void for_each_pair(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
                   const GeodesicOptions& options, const Body& body) {
  const Index d = metric.dimension(), count = x.extent(1);
  LIOR_CHECK(x.extent(0) == d, "x has shape {}; expected [{}, N]", to_string(x.shape()), d);
  check_shape(y, x.shape(), "y");
  check_options(options);
  std::array<T, kMostDimensions> point;
  for (Index n = 0; n < count; ++n) {
    for (const View<const T, 2>& end : {x, y}) {
      gather_point(end, n, point.data());
      check_domain(metric, point.data(), n);
      check_periods(metric, point.data(), n);
    }
  }
  parallel_for(count, 1, [&](Index begin, Index end, int) {
    Finder<T> finder(metric, options);
    typename Finder<T>::Vector from{}, to{};
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, from.data());
      gather_point(y, n, to.data());
      body(finder, n, from, to);
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
  using Vector = typename Finder<T>::Vector;
  for_each_pair(metric, x, y, options,
                [&](Finder<T>& finder, Index n, const Vector& from, const Vector& to) {
                  const Found<T> found = finder.find(from, to, n);
                  for (Index m = 0; m < d; ++m) out.v(m, n) = found.v[m];
                  out.converged(n) = found.converged;
                  out.error(n) = found.error;
                  if (out.shortest.data()) out.shortest(n) = found.converged && found.shortest;
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
  using Vector = typename Finder<T>::Vector;
  for_each_pair(metric, x, y, options,
                [&](Finder<T>& finder, Index n, const Vector& from, const Vector& to) {
                  const Found<T> found = finder.find_length(from, to, n);
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
