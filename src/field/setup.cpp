// SPDX-License-Identifier: Apache-2.0
#include "lior/field/setup.h"

#include <cmath>

#include "lior/core/random.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

/// value(x, y) times a matrix of 1 on the diagonal and 1/2 off it.
template <class Value>
void fill(const Grid& grid, Field<double> t, const Value& value) {
  grid.check();
  check_shape(t, grid.shape(), "the field");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const Complex here = value(grid.x(i), grid.y(j));
      for (Index a = 0; a < grid.d; ++a) {
        for (Index b = 0; b < grid.d; ++b) t(i, j, a, b) = (a == b ? 1 : 0.5) * here;
      }
    }
  }
}

void check_wave(double kx, double ky) {
  LIOR_CHECK(std::isfinite(kx) && std::isfinite(ky),
             "a wave's vector is ({}, {}); expected finite numbers", kx, ky);
}

}  // namespace

void fill_packet(const Grid& grid, const Packet& packet, Field<double> t) {
  LIOR_CHECK(packet.width >= 1e-150 && packet.width <= 1e150,  // whose squares are numbers
             "a packet's width is {}; expected 1e-150 to 1e150", packet.width);
  LIOR_CHECK(std::isfinite(packet.x0) && std::isfinite(packet.y0),
             "a packet's centre is ({}, {}); expected finite numbers", packet.x0, packet.y0);
  check_wave(packet.kx, packet.ky);
  fill(grid, t, [&](double x, double y) {
    const double u = x - packet.x0, v = y - packet.y0;
    return std::exp(-(u * u + v * v) / (4 * packet.width * packet.width)) *
           std::polar(1.0, packet.kx * x + packet.ky * y);
  });
}

void fill_plane_wave(const Grid& grid, double kx, double ky, Field<double> t) {
  check_wave(kx, ky);
  fill(grid, t, [=](double x, double y) { return std::polar(1.0, kx * x + ky * y); });
}

void fill_random(const Grid& grid, std::uint64_t seed, Field<double> t) {
  grid.check();
  check_shape(t, grid.shape(), "the field");
  Random random(seed);
  const Index before = grid.first_row() * grid.ny * grid.d * grid.d;
  for (Index k = 0; k < 2 * before; ++k) random.normal();
  for (Complex& entry : t) entry = {random.normal(), random.normal()};
}

void fill_spots(const Grid& grid, Field<double> t) {
  const double away = grid.length_x() / 4, width = away / 3;
  fill(grid, t, [=](double x, double y) {
    const double left = (x + away) * (x + away) + y * y, right = (x - away) * (x - away) + y * y;
    return Complex(std::exp(-left / (2 * width * width)) + std::exp(-right / (2 * width * width)));
  });
}

void fill_bump(const Grid& grid, double height, View<double, 2> out) {
  grid.check();
  check_shape(out, {grid.nx, grid.ny}, "the metric's factor");
  const double sigma = grid.part_of_side(6);
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = grid.x(i), y = grid.y(j);
      out(i, j) = 1 + height * std::exp(-(x * x + y * y) / (2 * sigma * sigma));
    }
  }
}

}  // namespace lior::field
