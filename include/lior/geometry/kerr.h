// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Kerr's metric: a black hole that rotates.

#include <cmath>

#include "lior/geometry/metrics.h"

namespace lior::geometry {

/// A black hole of mass M and spin a = J / M, |a| <= M, outside its outer horizon, in the
/// coordinates (t, r, theta, phi) of Boyer and Lindquist (J. Math. Phys. 8, 1967), signature
/// (- + + +): with S = r^2 + a^2 cos^2 theta and D = r^2 - 2 M r + a^2 = (r - r+)(r - r-),
///   g_tt = -(1 - 2 M r / S), g_rr = S / D, g_thth = S, g_tp = -2 M a r sin^2 theta / S,
///   g_pp = (r^2 + a^2 + 2 M a^2 r sin^2 theta / S) sin^2 theta,
/// r > r+ = M + sqrt(M^2 - a^2), theta in (0, pi). With a = 0 it is Schwarzschild's.
struct Kerr {
  double mass = 1;
  double spin = 0.9;

  double outer() const { return mass + std::sqrt((mass - spin) * (mass + spin)); }
  double inner() const { return mass - std::sqrt((mass - spin) * (mass + spin)); }
  Index dimension() const { return 4; }
  Index negative_directions() const { return 1; }
  Chart chart() const {
    return {{{"t"},
             {"r", "> mass + sqrt(mass^2 - spin^2)"},
             detail::polar_angle("theta"),
             detail::full_angle("phi")},
            detail::orbit_plane(outer())};
  }
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::cos, std::sin;
    const double a2 = spin * spin;
    const S r = x[1], sine = sin(x[2]), cosine = cos(x[2]), sine2 = sine * sine;
    const S sigma = r * r + a2 * cosine * cosine, drag = 2 * mass * r / sigma;
    std::fill_n(g, 16, S(0.0));
    g[0] = drag - 1.0;
    g[5] = sigma / ((r - outer()) * (r - inner()));
    g[10] = sigma;
    g[3] = g[12] = -(spin * drag * sine2);
    g[15] = (r * r + a2 + a2 * drag * sine2) * sine2;
  }
  template <class T>
  Domain domain(const T* x) const {
    if (!(x[1] > static_cast<T>(outer()))) return Domain::horizon;
    return detail::polar(x[2]) ? Domain::inside : Domain::edge;
  }
};

}  // namespace lior::geometry
