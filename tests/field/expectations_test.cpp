// SPDX-License-Identifier: Apache-2.0
// Means of fields whose means are known.
#include "lior/field/expectations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/field/evolution.h"
#include "lior/field/setup.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;
constexpr double kRounding = 1e-12;

struct Space {
  Grid grid;
  Array<double, 2> v{{grid.nx, grid.ny}};
  Hamiltonian<double> h{grid, {.hbar = 0.7, .mass = 1}, {}, v.view()};

  /// The means of a field whose every entry is f(x, y).
  template <class F>
  Expectations of(const F& f) const {
    Array<Number, 4> t(grid.shape());
    for (Index i = 0; i < grid.nx; ++i) {
      for (Index j = 0; j < grid.ny; ++j) {
        const double x = (static_cast<double>(i) - static_cast<double>(grid.nx) / 2) * grid.dx;
        const double y = (static_cast<double>(j) - static_cast<double>(grid.ny) / 2) * grid.dx;
        for (Index k = 0; k < grid.d * grid.d; ++k) t(i, j, k / grid.d, k % grid.d) = f(x, y);
      }
    }
    return of_field(t);
  }
  Expectations of_field(const Array<Number, 4>& t) const {
    Buffer<double> sums(2 * grid.nx);
    return expectations<double>(h, t.view(), sums.span());
  }
};

TEST(Expectations, OfAPlaneWaveAreItsMomentum) {
  const Space space{{.nx = 12, .ny = 20, .d = 2, .dx = 0.5}};
  const double kx = 2 * std::numbers::pi / 6, ky = -3 * 2 * std::numbers::pi / 10;
  const auto found = space.of([&](double x, double y) { return std::polar(1.0, kx * x + ky * y); });
  EXPECT_NEAR(found.p_x, 0.7 * std::sin(kx * 0.5) / 0.5, kRounding);
  EXPECT_NEAR(found.p_y, 0.7 * std::sin(ky * 0.5) / 0.5, kRounding);
  EXPECT_NEAR(found.x, -0.25, kRounding);  // cells from -3 to 2.5
  EXPECT_NEAR(found.width_x, 0.5 * std::sqrt((144 - 1) / 12.0), kRounding);
}

TEST(Expectations, OfAPacketAreItsPlaceAndWidth) {
  const Space space{{.nx = 96, .ny = 96, .d = 1, .dx = 0.25}};
  const auto found = space.of([](double x, double y) {
    return std::exp(-(x - 2) * (x - 2) / 4 - (y + 1) * (y + 1) / (4 * 0.81)) *
           std::polar(1.0, 0.4 * x);
  });
  EXPECT_NEAR(found.x, 2, kRounding);
  EXPECT_NEAR(found.y, -1, kRounding);
  EXPECT_NEAR(found.width_x, 1, kRounding);
  EXPECT_NEAR(found.width_y, 0.9, kRounding);
  // The mean of sin(k dx) / dx over momenta of width 1/2: the cells' part is exp(-dx^2 / 8).
  EXPECT_NEAR(found.p_x, 0.7 * std::sin(0.4 * 0.25) / 0.25 * std::exp(-0.25 * 0.25 / 8), kRounding);
  EXPECT_NEAR(found.p_y, 0, kRounding);
  EXPECT_NEAR(found.l_z, found.x * found.p_y - found.y * found.p_x, kRounding);
}

TEST(Expectations, OfAVortexAreItsTurns) {
  const Space space{{.nx = 128, .ny = 128, .d = 1, .dx = 0.1}};
  for (const double turns : {1.0, -1.0}) {
    const auto found = space.of(
        [&](double x, double y) { return Number(x, turns * y) * std::exp(-(x * x + y * y) / 2); });
    // Central differences of a step .1 are right to dx^2 / 6 of the third derivative's part.
    EXPECT_NEAR(found.l_z, 0.7 * turns, 0.005 * 0.7);
    EXPECT_NEAR(found.p_x, 0, kRounding);
    EXPECT_NEAR(found.x, 0, kRounding);
  }
}

TEST(Expectations, OfAHarmonicWellSwing) {
  // Ehrenfest: <x> = 3 cos(w t), <p> = -3 m w sin(w t).
  const Grid grid{.nx = 128, .ny = 1, .d = 1, .dx = 0.2};
  Array<double, 2> v({128, 1});
  fill_potential(Potential::harmonic, 1, grid, v.view());
  const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, {}, v.view());
  Array<Number, 4> t(grid.shape());
  for (Index i = 0; i < 128; ++i) {
    const double x = (static_cast<double>(i) - 64) * 0.2;
    t.data()[i] = std::exp(-(x - 3) * (x - 3) / 2);
  }
  Evolution<double> evolution(
      h, {.scheme = Scheme::strang, .dt = 0.01, .symbol = Symbol::continuous}, t.view());
  evolution.run(100);
  Buffer<double> sums(2 * 128);
  const auto found = expectations<double>(h, evolution.field(), sums.span());
  EXPECT_NEAR(found.x, 3 * std::cos(1.0), 1e-4);  // dt^2
  // By central differences sin(k dx) / dx, over momenta whose variance is 1/2.
  EXPECT_NEAR(found.p_x, -std::sin(3 * std::sin(1.0) * 0.2) / 0.2 * std::exp(-0.04 / 4), 1e-3);
  EXPECT_NEAR(found.width_x, std::sqrt(0.5), 1e-4);
  const Array<Number, 4> nothing(grid.shape());
  EXPECT_TRUE(std::isnan(expectations<double>(h, nothing.view(), sums.span()).x));
}

}  // namespace
}  // namespace lior::field
