// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Fields to start from, evidence and metrics in closed form: one definition for the program, C++
/// and Python.
///
/// x, y and z count from the grid's middle (grid.h) in units of length. Entries can be told apart:
/// T_ij = value(x, y, z) on the diagonal, half of it off the diagonal.

#include "lior/field/grid.h"

namespace lior::field {

/// exp(-|r - r0|^2 / (4 width^2) + i k.r), r = (x, y, z): |T|^2 has the standard deviation `width`
/// along each axis, and the momentum hbar k. A grid without z leaves z0 and kz out.
struct Packet {
  double width = 5;
  double x0 = 0, y0 = 0;
  double kx = 0.5, ky = 0;
  double z0 = 0, kz = 0;
};
/// t: [Nx, Ny, D, D]; so below. Throws lior::Error unless 1e-150 <= width <= 1e150, the other
/// numbers are finite and shapes agree.
void fill_packet(const Grid& grid, const Packet& packet, Field<double> t);

/// exp(i (kx x + ky y + kz z)).
void fill_plane_wave(const Grid& grid, double kx, double ky, Field<double> t, double kz = 0);

/// Real and imaginary parts standard normal, by the counter generator of `seed`; all entries alike.
void fill_random(const Grid& grid, std::uint64_t seed, Field<double> t);

/// Two bells of height 1 and standard deviation Nx dx / 12, a quarter of the grid left and right of
/// the middle.
void fill_spots(const Grid& grid, Field<double> t);

/// 1 + height exp(-r^2 / (2 sigma^2)), sigma = a sixth of the shorter side as in fill_potential: a
/// factor of an inverse metric. out: [Nx, Ny].
void fill_bump(const Grid& grid, double height, View<double, 2> out);

}  // namespace lior::field
