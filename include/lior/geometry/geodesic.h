#pragma once
/// Geodesics, x'' = -Gamma(x)(x', x'), many at a time: the exponential map, its inverse by
/// shooting, distances, parallel transport, lengths of curves.
///
/// Points are planes [d, N], one geodesic a lane. Accelerations come without Christoffel symbols:
/// a = -g^-1 [(d_v g) v - grad_x (v^T g v) / 2], one directional derivative, one gradient, one
/// solve. Source: docs/math/conventions.md, section 6.

#include <cstdint>

#include "lior/geometry/learned_metric.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

enum class Method {
  dopri5,    ///< Dormand-Prince 5(4), each lane its own step
  rk4,       ///< fixed steps
  midpoint,  ///< explicit midpoint, fixed steps: the original's
};

/// Why a geodesic ended where it did.
enum class PathStatus : std::uint8_t {
  ok,
  edge,      ///< it left the metric's domain
  horizon,   ///< it reached a horizon
  singular,  ///< the metric cannot be inverted there
  stalled,   ///< the tolerance asks for steps too small, or more than most_steps
};
const char* name(PathStatus status);

struct GeodesicOptions {
  Method method = Method::dopri5;
  double rtol = 1e-8, atol = 1e-10;  ///< of dopri5: error a step <= atol + rtol |state|
  double step = 0.1;                 ///< of rk4 and midpoint, at most; of dopri5, the first
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
/// first start point outside the metric's domain or velocity that is not finite.
template <class T>
void geodesics(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
               std::span<const double> times, const GeodesicOptions& options,
               const Paths<T>& paths);

/// exp_x(v): the end of the geodesic at parameter 1. y: [d, N]. Throws as geodesics does.
template <class T>
void exp_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
             const GeodesicOptions& options, View<T, 2> y, View<PathStatus, 1> status);

/// What shooting found, a lane.
template <class T>
struct Logarithm {
  View<T, 2> v;             ///< [d, N], exp_x(v) = y
  View<bool, 1> converged;  ///< [N]
  View<T, 1> error;         ///< [N]: estimate of |v - exact v| in coordinates, J^-1 (exp_x(v) - y)
};

/// v = log_x(y) by Newton's method on exp with step control, from the straight line y - x, and
/// where that is too far off by way of nearer points on it, which should lie in the domain; the
/// Jacobian from central differences of exp. A lane that does not converge says so and holds the
/// best v found. Integrates by dopri5 with the options' tolerances. Throws as geodesics does.
template <class T>
void log_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
             const GeodesicOptions& options, const Logarithm<T>& out);

/// sqrt(v^T g(x) v), v = log_x(y): [N]; NaN where log does not converge, and only there. Throws
/// lior::Error unless the metric is Riemannian.
template <class T>
void distance(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
              const GeodesicOptions& options, View<T, 1> out);

/// Carries w: [d, N] along the geodesic from (x, v) to parameter 1, keeping it parallel:
/// w'^l = -Gamma^l_mn v^m w^n. out: [d, N]; where a lane stops early, w as carried that far.
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
