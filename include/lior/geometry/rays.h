// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Light rays until they meet something: a thin disk, the sky, a horizon.

#include <optional>

#include "lior/core/names.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

/// The end of a ray.
enum class RayEnd : std::uint8_t {
  sky,      ///< the sphere of the scene's sky
  disk,     ///< the ring in the equator's plane
  horizon,  ///< a horizon, or it nears one for ever in these coordinates
  edge,     ///< the end of the chart that is no horizon
  lost,     ///< it took too many or too small steps
};
constexpr auto enum_names(RayEnd) { return enum_words("sky", "disk", "horizon", "edge", "lost"); }

/// Coordinate radii.
struct Ring {
  double inner, outer;
};

/// The surfaces that rays may meet, by the coordinates' own radius: |r| of (t, r, theta, phi),
/// whatever the names of t and r, and sqrt(x^2 + y^2 + z^2) of (t, x, y, z).
struct RayScene {
  double sky;                  ///< rays end on this sphere, on either side of a wormhole
  std::optional<Ring> disk{};  ///< opaque, in the plane theta = pi/2 or z = 0
};

struct RayOptions {
  double rtol = 1e-6, atol = 1e-8;  ///< as of GeodesicOptions, by dopri5
  Index most_steps = 10000;         ///< a ray
};

/// Where rays end, and how they go there.
struct RayEnds {
  View<double, 2> x, v;  ///< [4, N]
  View<RayEnd, 1> end;   ///< [N]
};

/// Throws lior::Error unless the metric has four coordinates of those names, the signature
/// (- + + +), and formulas without its time.
void check_scene_metric(const AnyMetric<double>& metric);

/// Follows the geodesics from (x, v), planes [4, N], until each meets something. Disk and sky are
/// met to 1e-9 of an angle or of the sky's radius, beside the error of the steps. A ray is at a
/// horizon where the metric's domain says so, and where its v^t has grown a million times: rays
/// traced backwards come to it so in coordinates that do not cross it. Returns the steps taken.
///
/// Threads take rays as they become free; results are the same, bit for bit, for any number of
/// threads and whatever rays share the batch. Throws lior::Error as check_scene_metric, for a start
/// outside the domain or the sky's sphere, and for radii that are not 0 < inner < outer.
Index trace_rays(const AnyMetric<double>& metric, View<const double, 2> x, View<const double, 2> v,
                 const RayScene& scene, const RayOptions& options, const RayEnds& ends);

}  // namespace lior::geometry
