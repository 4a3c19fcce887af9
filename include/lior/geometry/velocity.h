// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Velocities of particles and of light.

#include <optional>
#include <string_view>

#include "lior/geometry/camera.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

/// Where a velocity leads, in words of the first coordinate as a time.
enum class Toward { future, past };
constexpr auto enum_names(Toward) { return enum_words("future", "past"); }

/// Sets the first component of each velocity, v: [d, N] at x: [d, N], so that g(v, v) = square: -1
/// for a particle whose parameter is its proper time, 0 for light. With a = g_00, b = g_0i v^i and
/// c = g_ij v^i v^j - square it is c / (sqrt(b^2 - a c) - b) = -(b + sqrt(b^2 - a c)) / a,
/// whichever does not cancel: the root that leads to the future where the first coordinate is a
/// time outside of ergospheres, and that goes on with it where g_00 changes its sign. The past's is
/// the other one, minus the future's of -v^i. Inside of ergospheres both may lead to the same side,
/// that of their signs where g^00 < 0. Throws lior::Error unless the metric has a minus sign, and
/// one that names the first velocity that no first component completes.
template <class T>
void complete_velocities(const AnyMetric<T>& metric, View<const T, 2> x, double square,
                         View<T, 2> v, Toward toward = Toward::future);

/// What a geodesic keeps in a chart (t, r, theta, phi) whose formulas contain neither t nor phi,
/// and how it starts.
struct OrbitConstants {
  double energy;                   ///< E = -p_t
  double angular_momentum;         ///< L = p_phi, about the axis
  std::optional<double> carter{};  ///< Q; without it p_theta is 0 at the start
  double spin = 0;                 ///< a, which Q's formula takes: spin_of
  double square = -1;              ///< g(v, v): -1 for a particle of mass 1, 0 for light
  bool outwards = false;           ///< r grows at the start
};

/// v^m = g^mn p_n at x: [4, N], the same constants at each point. p_theta >= 0 (southwards) is by
/// Carter's constant in the metrics of Kerr, Newman and their limits,
///     p_theta^2 = Q - cos^2 theta (a^2 (m^2 - E^2) + L^2 / sin^2 theta), m^2 = -square
/// (B. Carter, Phys. Rev. 174, 1968), and p_r by g(v, v), the root whose v^r has the sign that is
/// asked for. v: [4, N]. Throws lior::Error for other charts, for metrics that contain t or phi,
/// with Q for those along whose geodesics it changes (tried at the radius of each point), and one
/// that names the first point to which no geodesic with these constants comes, such as r inside a
/// centrifugal barrier.
void orbit_velocities(const AnyMetric<double>& metric, View<const double, 2> x,
                      const OrbitConstants& constants, View<double, 2> v);

/// The key spin of the metric that a text names: .9 of "kerr", 0 of metrics that have none. Throws
/// as metric_from_text.
double spin_of(std::string_view text);

/// Velocities in the frame of an observer at each point x: [4, N], in a chart as in rays.h:
///     v = e_0 + n for light (speed 1), of energy 1 for the observer,
///     v = (e_0 + speed n) / sqrt(1 - speed^2) for particles, whose g(v, v) is -1,
///     n = cos(a) outwards + sin(a) (cos(b) north + sin(b) east), (a, b) = angles: [2, N].
/// Toward the past it is -e_0 + n and (-e_0 + speed n) / sqrt(..): what arrives from there, seen
/// backwards. v: [4, N]. Throws lior::Error as observer_frame does, and unless 0 <= speed <= 1.
void observed_velocities(const AnyMetric<double>& metric, View<const double, 2> x,
                         View<const double, 2> angles, double speed, Observer observer,
                         View<double, 2> v, Toward toward = Toward::future);

}  // namespace lior::geometry
