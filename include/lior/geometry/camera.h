// SPDX-License-Identifier: Apache-2.0
#pragma once
/// An observer's frame, the rays that reach it, and the redshift of what they show.

#include <array>

#include "lior/core/names.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

/// How an observer moves.
enum class Observer {
  fixed,  ///< stays at its place in space: along d/dt, outside ergospheres
  zamo,   ///< at right angles to the slices of equal t: zero angular momentum
};
constexpr auto enum_names(Observer) { return enum_words("static", "zamo"); }

/// Orthonormal vectors at a point: g(e_a, e_b) = diag(-1, 1, 1, 1). e_0 is the observer's velocity.
struct ObserverFrame {
  std::array<std::array<double, 4>, 4> e;  ///< e_0, then ahead, up, right
};

/// The frame at x, [4], of an observer who looks at the centre: e_0 = d_t / sqrt(-g_tt) or
/// -grad t / sqrt(-g^tt), and by Gram and Schmidt from e_0 on: ahead from -d_r, up from -d_theta,
/// right from d_phi (in Cartesian charts these are the directions of those names). The chart is as
/// in rays.h. Throws lior::Error as check_scene_metric, outside the domain, and where no observer
/// moves like that (a static one in an ergosphere).
ObserverFrame observer_frame(const AnyMetric<double>& metric, const double* x, Observer observer);

/// The coordinates of the point of time 0 at that radius, polar angle and azimuth, in a chart as in
/// rays.h: with x = r sin theta cos phi .. in a Cartesian one. Throws as check_scene_metric.
std::array<double, 4> scene_place(const AnyMetric<double>& metric, double radius,
                                  double polar_angle, double azimuth);

struct Camera {
  std::array<double, 4> place;  ///< coordinates
  Observer observer = Observer::fixed;
  double view = 1;  ///< the angle that the picture is wide, in (0, pi)
};

/// The rays that reach the camera at `pixels`, [2, N]: column and row, fractions allowed, of a
/// picture of that size, whose top left corner is (0, 0) and whose edges are whole numbers. Traced
/// backwards: v = -e_0 + n, where n is the direction that the pixel shows,
///     n ~ ahead + tan(view/2) [(2 c / width - 1) right + (height - 2 r) / width up].
/// So g(v, e_0) = 1: in units of the energy that the observer measures. x, v: [4, N].
void camera_rays(const AnyMetric<double>& metric, const Camera& camera, Index width, Index height,
                 View<const double, 2> pixels, View<double, 2> x, View<double, 2> v);

/// g = 1 / g(v, u) of each ray: the energy that the observer measures over the one that the disk
/// sends, for v: [4, N] of camera_rays followed to x: [4, N] in the disk. u is the velocity of the
/// circular geodesic there: u ~ d_t + W d_phi with d_r (g_tt + 2 W g_tp + W^2 g_pp) = 0, the root
/// of prograde orbits, W = sqrt(M/r^3) of Schwarzschild's hole. It is NaN where there is none,
/// inside the orbit of light. out: [N].
void disk_redshift(const AnyMetric<double>& metric, View<const double, 2> x,
                   View<const double, 2> v, View<double, 1> out);

}  // namespace lior::geometry
