// SPDX-License-Identifier: Apache-2.0
// Potentials and currents that follow the time: closed forms, orders, and which schemes refuse.
#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/worst.h"
#include "lior/field/evolution.h"
#include "lior/field/formula.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

double distance(ConstField<double> a, ConstField<double> b) {
  Worst<double> worst;
  for (Index k = 0; k < a.size(); ++k) worst.add(std::abs(a.data()[k] - b.data()[k]));
  return worst.value();
}

PotentialInTime potential(const Grid& grid, std::string_view formula) {
  return potential_in_time(GridFormula(grid, formula, "potential", {.time = true}));
}

/// An oscillator of hbar = m = w = 1 that F(t) = f cos(W t) swings from rest: its coherent state
/// follows the classical path q, p, with the phase of the action.
struct DrivenOscillator {
  static constexpr double kForce = 0.5, kDrive = 0.6, kTime = 3;
  const Grid grid{.nx = 64, .ny = 1, .d = 1, .dx = 0.3};
  Array<double, 2> v{{64, 1}};
  std::unique_ptr<Hamiltonian<double>> h;
  PotentialInTime u = potential(grid, "-0.5*cos(0.6*t)*x");

  DrivenOscillator() {
    fill_formula(grid, "x^2/2", "trap", v.view());
    h = std::make_unique<Hamiltonian<double>>(grid, Physics{.hbar = 1, .mass = 1}, InverseMetric{},
                                              v.view());
  }

  Array<Number, 4> at(double t) const {
    const double a = kForce / (1 - kDrive * kDrive);
    const double q = a * (std::cos(kDrive * t) - std::cos(t));
    const double p = a * (std::sin(t) - kDrive * std::sin(kDrive * t));
    // L = d(q p)/dt / 2 + F q / 2 along the path.
    const double below = 1 - kDrive, above = 1 + kDrive;
    const double swing = t / 2 + std::sin(2 * kDrive * t) / (4 * kDrive) -
                         std::sin(below * t) / (2 * below) - std::sin(above * t) / (2 * above);
    const double action = q * p / 2 + kForce * a * swing / 2;
    Array<Number, 4> state(grid.shape());
    for (Index i = 0; i < grid.nx; ++i) {
      const double x = static_cast<double>(i - 32) * grid.dx;
      state(i, 0, 0, 0) =
          std::polar(std::exp(-(x - q) * (x - q) / 2), p * (x - q) + action - t / 2);
    }
    return state;
  }

  double error(Scheme scheme, Index steps) const {
    const auto start = at(0), end = at(kTime);
    Evolution<double> evolution(
        *h,
        {.scheme = scheme, .dt = kTime / static_cast<double>(steps), .symbol = Symbol::continuous},
        start.view(), {.potential = u});
    evolution.run(steps);
    return distance(evolution.field(), end.view());
  }
};

// Measured: 2.00 and 4.00; the next term of the error is dt^2 of the first.
TEST(InTime, SplittingsFollowADrivenOscillatorToTheirOrder) {
  const DrivenOscillator oscillator;
  for (const auto& [scheme, order] : {std::pair(Scheme::strang, 2.0), {Scheme::yoshida4, 4.0}}) {
    const double coarse = oscillator.error(scheme, 30), fine = oscillator.error(scheme, 60);
    EXPECT_NEAR(std::log2(coarse / fine), order, 0.1) << name(scheme);
    EXPECT_LT(fine, 2e-3) << name(scheme);
  }
}

/// Of a potential that is the same everywhere, a plane wave is turned by its integral too; H has
/// the three-point Laplacian of every scheme.
double plane_wave_error(Scheme scheme, Index steps) {
  constexpr double kTime = 2, kHbar = 0.7;
  const Grid grid{.nx = 8, .ny = 6, .d = 2, .dx = 0.5};
  Array<double, 2> v({8, 6});
  std::fill(v.view().begin(), v.view().end(), 0.3);
  const Hamiltonian<double> h(grid, {.hbar = kHbar, .mass = 1}, {}, v.view());
  Array<Number, 4> start(grid.shape());
  const double k = 2 * std::numbers::pi / (8 * 0.5);
  PolarFormula(grid, {"1 + i + 2*j", "size"}, {"2*pi*x/Lx", "angle"}, {.entry = true})
      .fill(start.view());
  Evolution<double> evolution(h, {.scheme = scheme, .dt = kTime / static_cast<double>(steps)},
                              start.view(),
                              {.potential = potential(grid, "0.4*cos(1.5*t) + 0.2*t")});
  evolution.run(steps);
  const double sine = std::sin(k * grid.dx / 2);
  const double energy = 0.3 + kHbar * kHbar / 2 * 4 * sine * sine / (grid.dx * grid.dx);
  const double moved = 0.4 * std::sin(1.5 * kTime) / 1.5 + 0.1 * kTime * kTime;
  const Number turned = std::polar(1.0, -(energy * kTime + moved) / kHbar);
  for (Number& entry : start.span()) entry *= turned;
  return distance(evolution.field(), start.view());
}

TEST(InTime, EverySchemeTurnsAPlaneWaveByTheIntegralOfThePotential) {
  for (const auto& [scheme, order] : {std::pair(Scheme::strang, 2.0),
                                      {Scheme::yoshida4, 4.0},
                                      {Scheme::crank_nicolson, 2.0},
                                      {Scheme::rk4, 4.0}}) {
    const double coarse = plane_wave_error(scheme, 40), fine = plane_wave_error(scheme, 80);
    EXPECT_NEAR(std::log2(coarse / fine), order, 0.15) << name(scheme);
    EXPECT_LT(fine, 1e-2) << name(scheme);
  }
}

/// T' of i hbar T' = V T + J, J = j e^{-i w t}, all cells alike: T = (T_0 - c) e^{-i V t / hbar} +
/// c e^{-i w t}, c = j / (hbar w - V).
double driven_error(Scheme scheme, Index steps) {
  constexpr double kTime = 2, kHbar = 0.7, kV = 0.3;
  const Grid grid{.nx = 5, .ny = 4, .d = 2, .dx = 0.9};
  Array<double, 2> v({5, 4});
  std::fill(v.view().begin(), v.view().end(), kV);
  const Hamiltonian<double> h(grid, {.hbar = kHbar, .mass = 1}, {}, v.view());
  Array<Number, 4> start(grid.shape()), end(grid.shape());
  for (Index k = 0; k < start.size(); ++k) {
    const double j = 0.5 * static_cast<double>(1 + k % 4 / 2 + 2 * (k % 2));  // 0.5 (1 + i + 2 j)
    const double c = j / (kHbar * 1.5 - kV);
    start.data()[k] = Number(1, 0.5);
    end.data()[k] = (start.data()[k] - c) * std::polar(1.0, -kV * kTime / kHbar) +
                    c * std::polar(1.0, -1.5 * kTime);
  }
  Evolution<double> evolution(h, {.scheme = scheme, .dt = kTime / static_cast<double>(steps)},
                              start.view(),
                              {.current_in_time = current_in_time<double>(PolarFormula(
                                   grid, {"0.5*(1 + i + 2*j)", "size"}, {"-1.5*t", "angle"},
                                   {.time = true, .entry = true}))});
  evolution.run(steps);
  return distance(evolution.field(), end.view());
}

TEST(InTime, EverySchemeTakesACurrentToItsOrder) {
  for (const auto& [scheme, order] : {std::pair(Scheme::strang, 2.0),
                                      {Scheme::crank_nicolson, 2.0},
                                      {Scheme::rk4, 4.0},
                                      {Scheme::chebyshev, 2.0}}) {
    const double coarse = driven_error(scheme, 40), fine = driven_error(scheme, 80);
    EXPECT_NEAR(std::log2(coarse / fine), order, 0.15) << name(scheme);
    EXPECT_LT(fine, 1e-2) << name(scheme);
  }
}

/// The same step as Taylor's in one sweep, where nothing moves: rounding of a few operations.
TEST(InTime, RungeKuttaByStagesIsTheOneOfOneSweep) {
  const Grid grid{.nx = 9, .ny = 7, .d = 2, .dx = 1};
  Array<double, 2> v({9, 7});
  fill_formula(grid, "0.01*(x^2 + y^2)", "potential", v.view());
  const Hamiltonian<double> h(grid, {}, {}, v.view());
  Array<Number, 4> t(grid.shape()), other(grid.shape()), s(grid.shape());
  PolarFormula(grid, {"exp(-x^2/9) + i*j", "size"}, {"x - y", "angle"}, {.entry = true})
      .fill(t.view());
  PolarFormula(grid, {"0.1*x", "size"}, {}, {}).fill(s.view());
  std::copy(t.span().begin(), t.span().end(), other.data());
  RungeKutta<double>(h, 0.5).run(t, 1, {.constant = s.view()});
  RungeKuttaInTime<double>(h, 0.5).step(other.view(), 0, [&](double, Field<double> to) {
    std::copy(s.span().begin(), s.span().end(), to.data());
  });
  EXPECT_LT(distance(t.view(), other.view()), 4e-15);
}

TEST(InTime, PiecesAndThreadsHaveTheBitsOfTheWhole) {
  const Grid grid{.nx = 96, .ny = 80, .d = 2, .dx = 1};
  Array<double, 2> v({96, 80});
  const Hamiltonian<double> h(grid, {}, {}, v.view());
  Array<Number, 4> start(grid.shape());
  PolarFormula(grid, {"exp(-(x^2 + y^2)/50)", "size"}, {"x/2", "angle"}, {}).fill(start.view());
  for (const Scheme scheme : {Scheme::strang, Scheme::crank_nicolson, Scheme::rk4}) {
    const auto make = [&] {
      return Evolution<double>(
          h, {.scheme = scheme, .dt = 0.1}, start.view(),
          {.potential = potential(grid, "0.01*cos(t)*x"),
           .current_in_time = current_in_time<double>(PolarFormula(
               grid, {"0.01*sin(t)*x*i", "size"}, {}, {.time = true, .entry = true}))});
    };
    auto one = make(), three = make(), pieces = make();
    on_thread_counts([&](int count) { (count == 1 ? one : three).run(4); });
    pieces.run(1);
    pieces.resume_at(1);
    pieces.run(3);
    EXPECT_EQ(distance(one.field(), three.field()), 0) << name(scheme);
    EXPECT_EQ(distance(one.field(), pieces.field()), 0) << name(scheme);
  }
}

TEST(InTime, EnergyHasThePotentialOfItsTime) {
  const Grid grid{.nx = 4, .ny = 2, .d = 1, .dx = 0.5};
  Array<double, 2> v({4, 2});
  const Hamiltonian<double> h(grid, {}, {}, v.view());
  Array<Number, 4> start(grid.shape()), work(grid.shape());
  for (Number& entry : start.span()) entry = 2;
  const Evolution<double> evolution(h, {}, start.view(), {.potential = potential(grid, "3*t")});
  Buffer<double> sums(3 * grid.nx);
  // dx^2 V |T|^2 of 8 cells.
  EXPECT_NEAR(evolution.energy(start.view(), 0.5, work.view(), sums.span()), 0.25 * 1.5 * 4 * 8,
              1e-14);
}

TEST(InTime, WhatCannotFollowTheTimeSaysWhatCan) {
  const Grid grid{.nx = 8, .ny = 1, .d = 1, .dx = 1};
  Array<double, 2> v({8, 1});
  const Hamiltonian<double> h(grid, {}, {}, v.view());
  Array<Number, 4> start(grid.shape());
  const auto run = [&](const Settings& settings, std::string_view formula) {
    Evolution<double>(h, settings, start.view(), {.potential = potential(grid, formula)}).run(100);
  };
  EXPECT_EQ(error_of([&] { run({.scheme = Scheme::chebyshev}, "t"); }),
            "chebyshev cannot run with a potential that follows the time; expected one of: strang, "
            "yoshida4, crank_nicolson, rk4");
  EXPECT_EQ(error_of([&] { run({.time = Time::imaginary}, "t"); }),
            "imaginary time runs without a potential that follows the time only");
  EXPECT_EQ(
      run_error_of([&] { run({.scheme = Scheme::rk4, .dt = 0.12}, "t"); }),
      "rk4 is not stable at dt = 0.12 with the potential of time 2.34; the largest step that is "
      "stable is 0.119492");
  EXPECT_EQ(run_error_of([&] { run({.dt = 0.5}, "1/(t - 2)"); }),
            "potential: is inf at x = -4, y = 0, t = 2; expected finite numbers on the whole "
            "grid");
}

}  // namespace
}  // namespace lior::field
