// SPDX-License-Identifier: Apache-2.0
#include "lior/field/setup.h"

#include <cmath>

#include "lior/core/random.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

/// value(x, y, z) times a matrix of 1 on the diagonal and 1/2 off it.
template <class Value>
void fill(const Grid& grid, Field<double> t, const Value& value) {
  grid.check();
  check_shape(t, grid.shape(), "the field");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      const Complex here = value(grid.x(i), grid.y(grid.j_of(c)), grid.z(grid.k_of(c)));
      for (Index a = 0; a < grid.d; ++a) {
        for (Index b = 0; b < grid.d; ++b) t(i, c, a, b) = (a == b ? 1 : 0.5) * here;
      }
    }
  }
}

/// k of exp(i k.r).
struct WaveVector {
  WaveVector(const Grid& grid, double kx, double ky, double kz)
      : x(kx), y(ky), z(kz), has_z(grid.axis_count() == 3) {
    LIOR_CHECK(std::isfinite(x) && std::isfinite(y) && std::isfinite(z),
               "a wave's vector is ({}, {}{}); expected finite numbers", x, y,
               has_z ? fmt::format(", {}", z) : "");
  }
  Complex at(double at_x, double at_y, double at_z) const {
    const double flat = x * at_x + y * at_y;
    return std::polar(1.0, has_z ? flat + z * at_z : flat);
  }

  double x, y, z;
  bool has_z;
};

}  // namespace

void fill_packet(const Grid& grid, const Packet& packet, Field<double> t) {
  LIOR_CHECK(packet.width >= 1e-150 && packet.width <= 1e150,  // whose squares are numbers
             "a packet's width is {}; expected 1e-150 to 1e150", packet.width);
  const bool has_z = grid.axis_count() == 3;
  LIOR_CHECK(std::isfinite(packet.x0) && std::isfinite(packet.y0) && std::isfinite(packet.z0),
             "a packet's centre is ({}, {}{}); expected finite numbers", packet.x0, packet.y0,
             has_z ? fmt::format(", {}", packet.z0) : "");
  const WaveVector k(grid, packet.kx, packet.ky, packet.kz);
  const double z0 = has_z ? packet.z0 : 0;
  fill(grid, t, [&](double x, double y, double z) {
    const double u = x - packet.x0, v = y - packet.y0, w = z - z0;
    return std::exp(-(u * u + v * v + w * w) / (4 * packet.width * packet.width)) * k.at(x, y, z);
  });
}

void fill_plane_wave(const Grid& grid, double kx, double ky, Field<double> t, double kz) {
  const WaveVector k(grid, kx, ky, kz);
  fill(grid, t, [&](double x, double y, double z) { return k.at(x, y, z); });
}

void fill_random(const Grid& grid, std::uint64_t seed, Field<double> t) {
  grid.check();
  check_shape(t, grid.shape(), "the field");
  Random random(seed);
  const Index before = grid.first_row() * grid.row_cells() * grid.d * grid.d;
  for (Index k = 0; k < 2 * before; ++k) random.normal();
  for (Complex& entry : t) entry = {random.normal(), random.normal()};
}

void fill_spots(const Grid& grid, Field<double> t) {
  const double away = grid.length_x() / 4, width = away / 3;
  fill(grid, t, [=](double x, double y, double z) {
    const double left = (x + away) * (x + away) + y * y + z * z;
    const double right = (x - away) * (x - away) + y * y + z * z;
    return Complex(std::exp(-left / (2 * width * width)) + std::exp(-right / (2 * width * width)));
  });
}

void fill_bump(const Grid& grid, double height, View<double, 2> out) {
  grid.check();
  check_shape(out, grid.cell_shape(), "the metric's factor");
  const double sigma = grid.part_of_side(6);
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      const double x = grid.x(i), y = grid.y(grid.j_of(c)), z = grid.z(grid.k_of(c));
      out(i, c) = 1 + height * std::exp(-(x * x + y * y + z * z) / (2 * sigma * sigma));
    }
  }
}

}  // namespace lior::field
