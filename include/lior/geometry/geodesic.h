// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Geodesics, x'' = -Gamma(x)(x', x'), many at a time: the exponential map, its inverse,
/// distances, parallel transport, lengths of curves.
///
/// Points are planes [d, N], one geodesic a lane. Accelerations come without Christoffel symbols:
/// a = -g^-1 [(d_v g) v - grad_x (v^T g v) / 2], one directional derivative, one gradient, one
/// solve. Source: docs/math/conventions.md, section 6.

#include <cstdint>

#include "lior/core/names.h"
#include "lior/geometry/learned_metric.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

enum class Method {
  dopri5,    ///< Dormand-Prince 5(4), each lane its own step
  dop853,    ///< Dormand-Prince 8(5,3), the same: for tolerances of 1e-9 and less
  rk4,       ///< fixed steps
  midpoint,  ///< explicit midpoint, fixed steps: the original's
};
constexpr auto enum_names(Method) { return enum_words("dopri5", "dop853", "rk4", "midpoint"); }

/// Why a geodesic ended where it did.
enum class PathStatus : std::uint8_t {
  ok,
  edge,      ///< it left the metric's domain
  horizon,   ///< it reached a horizon
  singular,  ///< the metric cannot be inverted there
  stalled,   ///< the tolerance asks for steps too small, or more than most_steps
  /// It went on to its end, but so near an edge or horizon that one rounding of its coordinates
  /// changes the metric by 1 % or more, or so far out that numbers do not hold the metric's slopes:
  /// the coordinates no longer say where it is. Of closed forms also where a rounding of v moves
  /// the end by 1 % of the path's length.
  saturated,
};
constexpr auto enum_names(PathStatus) {
  return enum_words("ok", "edge", "horizon", "singular", "stalled", "saturated");
}

struct GeodesicOptions {
  Method method = Method::dopri5;
  double rtol = 1e-8, atol = 1e-10;  ///< of those that adapt: error a step <= atol + rtol |state|
  double step = 0.1;                 ///< of rk4 and midpoint, at most; of the others, the first
  Index most_steps = 100000;         ///< a lane
};

/// Where the paths go. K samples.
template <class T>
struct Paths {
  View<T, 3> x, v;             ///< [K, d, N]
  View<PathStatus, 1> status;  ///< [N]
  View<T, 1> reached;          ///< [N]: the parameter where the lane ended
};

/// Follows the geodesics from (x, v), planes [d, N], and writes states at the parameters `times`
/// (>= 0, increasing, K of them). A lane that cannot go on stops: its status says why, and its
/// later samples repeat the last state inside the domain.
///
/// Threads over lanes; bit-equal across thread counts and whatever shares the batch. A workspace a
/// thread and call. Throws lior::Error when shapes or times do not fit, and one that names the
/// start point that lies outside the metric's domain or where the metric is singular
/// (check_regular), or a velocity that is not finite.
template <class T>
void geodesics(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
               std::span<const double> times, const GeodesicOptions& options,
               const Paths<T>& paths);

/// exp_x(v): the end of the geodesic at parameter 1, in closed form where the metric has one
/// (AnyMetric::exponential), else by following it. y: [d, N]; where numbers do not hold an end of a
/// closed form, which may grow as e^|v|, the status is edge and y is x; where they only round it to
/// an edge, saturated. Closed forms are exact to a few roundings of x and v, which negative
/// curvature may magnify by e^length: where that is 1 % of the length, the status is saturated.
/// They cross the poles of a sphere's angles. Throws as geodesics does.
template <class T>
void exp_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
             const GeodesicOptions& options, View<T, 2> y, View<PathStatus, 1> status);

/// By how much one rounding of the coordinates x changes g: the largest |dg_mn| / sqrt|g_mm g_nn|.
/// Next to an edge it is large, 1e-7 where the ball's 1 - |x|^2 is 1e-9, and what is measured there
/// loses as many digits. Infinite where some g_kk / |x_k| is below the smallest number: the slopes
/// of g are lost there, in double those of the half plane above x_2 = 1e102.
template <class T>
double metric_rounding(const AnyMetric<T>& metric, const T* x);

/// v = log_x(y), a lane.
template <class T>
struct Logarithm {
  View<T, 2> v;              ///< [d, N], exp_x(v) = y, up to the periods of coordinates
  View<bool, 1> converged;   ///< [N]
  View<T, 1> error;          ///< [N]: estimate of |v - exact v| in the norm of g(x)
  View<bool, 1> shortest{};  ///< [N]: no shorter geodesic exists; false: one is not excluded
};

/// v = log_x(y): in closed form where the metric has one (AnyMetric::logarithm), else by shooting.
///
/// Shooting is Newton's method on the end of a path, along a short way (below), or from the
/// straight line y - x; where ends answer too wildly to starts, on 4, 12 and 24 segments of a path
/// at once, then by way of nearer targets on the straight line. A lane has converged when its error
/// is at most 10 rtol |v| (or rounding); the error is measured by paths that are far more exact.
/// g(v, v) must be the same at both ends: no path counts that leaps over a place where g is
/// singular, as y = 0 in a formula of the half plane without a domain. It gives up after a fixed
/// amount of work, a second at most; a lane that has not converged says so, holds y - x, and has an
/// error of NaN.
///
/// Pairs that are 30 apart in hyperbolic space, where differences grow by e^30, are found within
/// 1e-10 where their coordinates have the digits. Next to an edge they have not (metric_rounding):
/// from 1e-8 or so on it makes steps of Newton's method too long, and the lane does not converge.
///
/// Shooting finds a geodesic, not always the shortest one. On a Riemannian metric it starts from
/// ways that are short: the straight line in coordinates, those that go around circles (coordinates
/// with a period) the other way, and arcs beside it, each pulled tight as a polygon of 48 sides,
/// and of 192 for segments.
/// The shortest geodesic is kept, which is never much longer than the straight line; a shorter one
/// is not excluded, so `shortest` stays false. On an indefinite metric no geodesic is the shortest:
/// y - x is taken as it is.
///
/// Norms of an indefinite g(x) are those of its diagonal, each entry by its size. Errors include
/// what the coordinates' roundings leave open. Throws as geodesics does, and for a coordinate with
/// a period that is so large that rounding says nothing of its place on the circle.
template <class T>
void log_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
             const GeodesicOptions& options, const Logarithm<T>& out);

/// The distances of pairs of points. Empty views are left out.
template <class T>
struct Distances {
  View<T, 1> length;         ///< [N]; NaN where log does not converge, and only there
  View<T, 1> error{};        ///< [N]: estimate of |length - exact length|; NaN with it
  View<bool, 1> shortest{};  ///< as in Logarithm: false where a shorter way is not excluded
};

/// The length sqrt(v^T g(x) v) of v = log_x(y). Closed forms are exact to a few roundings, at any
/// distance; by shooting the relative error is at most 10 rtol and the coordinates' roundings. From
/// y to x it is the same number. Throws as log_map does, and unless the metric is Riemannian.
template <class T>
void distance(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
              const GeodesicOptions& options, const Distances<T>& out);

/// Carries w: [d, N] along the geodesic from (x, v) to parameter 1, keeping it parallel:
/// w'^l = -Gamma^l_mn v^m w^n, in closed form where the metric has one. out: [d, N]; where a lane
/// stops early, w as carried that far.
template <class T>
void transport(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
               View<const T, 2> w, const GeodesicOptions& options, View<T, 2> out,
               View<PathStatus, 1> status);

/// The length of each curve, path: [K, d, N], by the midpoint rule: sum_k sqrt(dx^T g(middle) dx),
/// whose error falls as 1 / K^2. With R^2 g it is the LIoR length, the integral of R sqrt(dx^T g
/// dx). Throws lior::Error unless the metric is Riemannian, and for a middle outside the domain.
template <class T>
void curve_length(const AnyMetric<T>& metric, View<const T, 3> path, View<T, 1> out);

/// compat: the original's distance along the straight line, which is not a length in any metric.
/// Ten samples t_i = i/9, dx = (y - x)/10, trapezoid with spacing 1/10 of
/// R sqrt(max(dx^T R^2 g dx, 1e-8)). `metric` has Resilience::on. x, y: [d, N], out: [N].
template <class T>
void lior_distance_compat(const LearnedMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
                          View<T, 1> out);

}  // namespace lior::geometry
