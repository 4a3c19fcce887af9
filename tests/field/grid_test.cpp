// SPDX-License-Identifier: Apache-2.0
// Grids whose cells are not square, and grids of one dimension, against closed forms.
#include "lior/field/grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/worst.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "support/error_of.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

constexpr Scheme kSchemes[] = {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                               Scheme::rk4, Scheme::chebyshev};

Hamiltonian<double> hamiltonian(const Grid& grid, std::string_view potential,
                                const Physics& physics = {.hbar = 1, .mass = 1},
                                const InverseMetric& metric = {}) {
  Array<double, 2> v({grid.nx, grid.ny});
  fill_formula(grid, potential, "potential", v.view());
  return {grid, physics, metric, v.view()};
}

Array<Number, 4> field_of(const Grid& grid, std::string_view modulus, std::string_view phase) {
  Array<Number, 4> t(grid.shape());
  PolarFormula(grid, {modulus, "modulus"}, {phase, "phase"}, {.entry = true}).fill(t.view());
  return t;
}

double distance(ConstField<double> a, ConstField<double> b) {
  Worst<double> worst;
  for (Index k = 0; k < a.size(); ++k) worst.add(std::abs(a.data()[k] - b.data()[k]));
  return worst.value();
}

double energy_of(const Evolution<double>& evolution, const Grid& grid) {
  Array<Number, 4> work(grid.shape());
  Buffer<double> sums(3 * grid.nx);
  return evolution.energy(evolution.field(), 0, work.view(), sums.span());
}

// Differences along y are of (dy)^-2 g^yy: dy = 2 dx is g^yy = 1/4, and powers of 2 keep all bits.
TEST(Grid, ASpacingOfItsOwnAlongYIsAnInverseMetricOfItsOwn) {
  const Grid square{.nx = 12, .ny = 10, .d = 2, .dx = 0.5};
  Grid wide = square;
  wide.spacing_y = 1;
  const auto by_metric = hamiltonian(square, "x^2/8", {}, {.gyy = 0.25});
  const auto by_spacing = hamiltonian(wide, "x^2/8", {});
  const auto start = field_of(square, "exp(-(x^2 + y^2)/4) + 0.1*i", "x*y + j");
  for (const Scheme scheme : kSchemes) {
    Evolution<double> one(by_metric, {.scheme = scheme, .dt = 0.1}, start.view());
    Evolution<double> other(by_spacing, {.scheme = scheme, .dt = 0.1}, start.view());
    one.run(5);
    other.run(5);
    EXPECT_EQ(distance(one.field(), other.field()), 0) << name(scheme);
  }
  EXPECT_EQ(by_spacing.highest(), by_metric.highest());
  EXPECT_EQ(largest_stable_step(by_spacing), largest_stable_step(by_metric));
}

// hbar omega = sum (2 hbar^2 / m) sin^2(k dx / 2) / dx^2 over both axes.
TEST(Grid, PlaneWavesTurnAsBothSpacingsSay) {
  const Grid grid{.nx = 12, .ny = 10, .d = 1, .dx = 0.5, .spacing_y = 0.8};
  const auto h = hamiltonian(grid, "0");
  const auto start = field_of(grid, "1", "2*pi*(x/Lx + 2*y/Ly)");
  const double kx = 2 * std::numbers::pi / 6, ky = 2 * std::numbers::pi * 2 / 8;
  const auto sine = [](double k, double step) { return std::sin(k * step / 2) / step; };
  const double discrete = 2 * (std::pow(sine(kx, 0.5), 2) + std::pow(sine(ky, 0.8), 2));
  for (const Scheme scheme : kSchemes) {
    Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.01}, start.view());
    evolution.run(100);
    const double turned = -std::arg(evolution.field()(3, 4, 0, 0) / start(3, 4, 0, 0));
    // The error of Crank-Nicolson: omega^3 dt^2 / 12.
    EXPECT_NEAR(turned, discrete, scheme == Scheme::crank_nicolson ? 2e-4 : 1e-8) << name(scheme);
  }
  Evolution<double> exact(h, {.dt = 0.01, .symbol = Symbol::continuous}, start.view());
  exact.run(100);
  EXPECT_NEAR(-std::arg(exact.field()(3, 4, 0, 0) / start(3, 4, 0, 0)), (kx * kx + ky * ky) / 2,
              1e-12);
}

TEST(Grid, MeansAndEnergiesAreInUnitsOfLength) {
  const Grid grid{.nx = 64, .ny = 40, .d = 1, .dx = 0.25, .spacing_y = 0.5};
  const auto h = hamiltonian(grid, "1");
  const auto start = field_of(grid, "exp(-(x - 1)^2/4 - (y + 2)^2/9)", "0.3*x - 0.2*y");
  Buffer<double> sums(3 * grid.nx);
  const Expectations means = expectations<double>(h, start.view(), sums.span());
  EXPECT_NEAR(means.x, 1, 1e-9);
  EXPECT_NEAR(means.y, -2, 1e-6);  // the tails at the edge
  EXPECT_NEAR(means.width_x, 1, 1e-10);
  EXPECT_NEAR(means.width_y, 1.5, 1e-5);
  EXPECT_NEAR(means.p_x, std::sin(0.3 * 0.25) / 0.25 * std::exp(-0.25 * 0.25 / 8), 1e-9);
  EXPECT_NEAR(means.p_y, -std::sin(0.2 * 0.5) / 0.5 * std::exp(-0.25 / 18), 1e-6);
  const Evolution<double> evolution(h, {.symbol = Symbol::continuous}, start.view());
  // <p^2> / 2 = (k^2 + 1 / (4 width^2)) / 2 along each axis, and V = 1, of the integral of |T|^2.
  const double norm = 2 * std::numbers::pi * 1 * 1.5;
  const double each = 1 + (0.09 + 0.25) / 2 + (0.04 + 0.25 / 2.25) / 2;
  EXPECT_NEAR(energy_of(evolution, grid), norm * each, 1e-4);
}

TEST(Grid, AnAxisOfOneCellIsNone) {
  const Grid row{.nx = 24, .ny = 1, .d = 2, .dx = 0.5},
      column{.nx = 1, .ny = 24, .d = 2, .dx = 0.5};
  EXPECT_EQ(row.y(0), 0);
  EXPECT_EQ(column.x(0), 0);
  const auto along_x = hamiltonian(row, "x^2/8"), along_y = hamiltonian(column, "y^2/8");
  // Only the differences of one axis: 4 (1/2) / dx^2 above the highest V.
  EXPECT_EQ(along_x.highest(), 36.0 / 8 + 8);
  EXPECT_EQ(along_y.highest(), along_x.highest());
  const auto start_x = field_of(row, "exp(-x^2/4) + i*0.1", "x + j");
  const auto start_y = field_of(column, "exp(-y^2/4) + i*0.1", "y + j");
  for (const Scheme scheme : kSchemes) {
    Evolution<double> one(along_x, {.scheme = scheme, .dt = 0.05}, start_x.view());
    Evolution<double> other(along_y, {.scheme = scheme, .dt = 0.05}, start_y.view());
    one.run(20);
    other.run(20);
    Worst<double> worst;
    for (Index k = 0; k < row.numbers(); ++k) {
      worst.add(std::abs(one.field().data()[k] - other.field().data()[k]));
    }
    EXPECT_LT(worst.value(), 1e-13) << name(scheme);  // other transforms, other rounding
  }
}

/// hbar = m = w = 1 on a line of 16.
const Grid kLine{.nx = 64, .ny = 1, .d = 1, .dx = 0.25};

TEST(OneDimension, ImaginaryTimeFindsTheOscillatorsGroundState) {
  const auto h = hamiltonian(kLine, "x^2/2");
  const auto start = field_of(kLine, "exp(-x^2/5) + 0.2*x*exp(-x^2/4)", "0");
  Evolution<double> evolution(
      h, {.dt = 0.02, .symbol = Symbol::continuous, .time = Time::imaginary}, start.view());
  evolution.run(1500);
  double norm = 0;
  for (const Number& entry : evolution.field()) norm += kLine.dx * std::norm(entry);
  // Strang's own ground state is off by dt^2 / 32 of 1/2.
  EXPECT_NEAR(energy_of(evolution, kLine) / norm, 0.5, 1e-7);
}

TEST(OneDimension, ExcitedStatesTurnByTheirEnergies) {
  const auto h = hamiltonian(kLine, "x^2/2");
  for (const auto& [state, level] :
       {std::pair("exp(-x^2/2)", 0.5), {"x*exp(-x^2/2)", 1.5}, {"(2*x^2 - 1)*exp(-x^2/2)", 2.5}}) {
    const auto start = field_of(kLine, state, "0");
    Evolution<double> evolution(
        h, {.scheme = Scheme::yoshida4, .dt = 0.02, .symbol = Symbol::continuous}, start.view());
    evolution.run(100);
    auto want = field_of(kLine, state, "0");
    for (Number& entry : want.span()) entry *= std::polar(1.0, -level * 2);
    EXPECT_LT(distance(evolution.field(), want.view()), 1e-5) << state;  // dt^4 of Yoshida
  }
}

/// |T|^2 of a free packet has the width s sqrt(1 + (t / 2 s^2)^2), and its middle moves with k.
TEST(OneDimension, AFreePacketSpreadsAndMoves) {
  const Grid grid{.nx = 256, .ny = 1, .d = 1, .dx = 0.25};
  const auto h = hamiltonian(grid, "0");
  Array<Number, 4> start(grid.shape());
  fill_packet(grid, {.width = 1.5, .x0 = -4, .kx = 2}, start.view());
  EXPECT_NEAR(std::abs(start(112, 0, 0, 0)), 1, 1e-15);  // its height, at x = -4
  Evolution<double> evolution(h, {.dt = 0.5, .symbol = Symbol::continuous}, start.view());
  evolution.run(8);
  Buffer<double> sums(3 * grid.nx);
  const Expectations means = expectations<double>(h, evolution.field(), sums.span());
  EXPECT_NEAR(means.x, -4 + 2 * 4, 1e-10);
  EXPECT_NEAR(means.width_x, 1.5 * std::sqrt(1 + std::pow(4 / (2 * 1.5 * 1.5), 2)), 1e-10);
  EXPECT_EQ(means.y, 0);
  EXPECT_EQ(means.width_y, 0);
}

// The energy of a coherent state oscillates by the order of the scheme.
TEST(OneDimension, EnergyDriftsWithTheOrderOfTheScheme) {
  const auto h = hamiltonian(kLine, "x^2/2");
  const auto start = field_of(kLine, "exp(-(x - 1)^2/2)", "0");
  for (const auto& [scheme, order] : {std::pair(Scheme::strang, 2.0), {Scheme::yoshida4, 4.0}}) {
    double off[2];
    for (const Index half : {0, 1}) {
      Evolution<double> evolution(
          h, {.scheme = scheme, .dt = 0.1 / (1 << half), .symbol = Symbol::continuous},
          start.view());
      const double before = energy_of(evolution, kLine);
      evolution.run(Index{13} << half);
      off[half] = std::abs(energy_of(evolution, kLine) - before);
    }
    EXPECT_NEAR(std::log2(off[0] / off[1]), order, 0.1) << name(scheme);
  }
}

TEST(Grid, WrongSpacingsAndSizesAreRefused) {
  const auto message = [](const Grid& grid) { return error_of([&] { grid.check(); }); };
  EXPECT_EQ(message({.nx = 4, .ny = 4, .d = 1, .dx = 1, .spacing_y = -1}),
            "the grid's spacing dy is -1; expected a finite number > 0");
  EXPECT_EQ(message({.nx = 4, .ny = 4, .d = 1, .dx = 1, .spacing_y = INFINITY}),
            "the grid's spacing dy is inf; expected a finite number > 0");
  EXPECT_EQ(message({.nx = 4, .ny = 0}), "the grid is 4 x 0 cells; expected at least 1 x 1");
}

// 1 x 1, 2 x 1 and odd counts: all schemes turn an even field by V alone.
TEST(Grid, TheSmallestGridsTurnAnEvenFieldByItsPotential) {
  for (const auto& [nx, ny] : {std::pair<Index, Index>(1, 1), {2, 1}, {1, 2}, {2, 2}, {3, 1}}) {
    const Grid grid{.nx = nx, .ny = ny, .d = 1, .dx = 0.5, .spacing_y = 0.7};
    const auto h = hamiltonian(grid, "0.4");
    const auto start = field_of(grid, "1", "0.3");
    for (const Scheme scheme : kSchemes) {
      Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.01}, start.view());
      evolution.run(10);
      const Number want = std::polar(1.0, 0.3 - 0.4 * 0.1);
      for (const Number& entry : evolution.field()) {
        EXPECT_LT(std::abs(entry - want), 1e-7) << name(scheme) << nx << ny;  // Crank-Nicolson's
      }
    }
  }
}

}  // namespace
}  // namespace lior::field
