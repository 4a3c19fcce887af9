// SPDX-License-Identifier: Apache-2.0
// Gross and Pitaevskii's equation: solitons, ground states, and which schemes refuse it.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

/// A bright soliton of g = -1, hbar = m = 1, on a ring: sech(x - v t) e^{i (v x + (1 - v^2) t /
/// 2)}.
struct Soliton {
  const Grid grid{.nx = 256, .ny = 1, .d = 1, .dx = 0.15};
  const double speed = 4 * std::numbers::pi / (256 * 0.15);
  Array<double, 2> v{{256, 1}};
  Hamiltonian<double> h{grid, {.hbar = 1, .mass = 1}, {}, v.view()};

  Array<Number, 4> at(double time) const {
    Array<Number, 4> t(grid.shape());
    for (Index i = 0; i < grid.nx; ++i) {
      const double x = (static_cast<double>(i) - 128) * grid.dx;
      t.data()[i] =
          std::polar(1 / std::cosh(x - speed * time), speed * x + (1 - speed * speed) / 2 * time);
    }
    return t;
  }
  Settings settings(Scheme scheme, double dt) const {
    return {.scheme = scheme, .dt = dt, .symbol = Symbol::continuous, .nonlinearity = -1};
  }
  /// Largest deviation of the field at time 4, with that scheme and step.
  double error(Scheme scheme, double dt) const {
    const auto start = at(0);
    Evolution<double> evolution(h, settings(scheme, dt), start.view());
    evolution.run(std::lround(4 / dt));
    const auto want = at(4);
    double worst = 0;
    for (Index k = 0; k < grid.nx; ++k) {
      worst = std::max(worst, std::abs(evolution.field().data()[k] - want.data()[k]));
    }
    return worst;
  }
};

TEST(Nonlinear, SolitonsAreFollowedToTheOrderOfTheScheme) {
  const Soliton soliton;
  const double strang = soliton.error(Scheme::strang, 0.04);
  EXPECT_LT(strang, 2e-3);
  EXPECT_NEAR(std::log2(strang / soliton.error(Scheme::strang, 0.02)), 2, 0.05);
  const double yoshida = soliton.error(Scheme::yoshida4, 0.08);
  EXPECT_LT(yoshida, 2e-3);
  EXPECT_NEAR(std::log2(yoshida / soliton.error(Scheme::yoshida4, 0.04)), 4, 0.2);
}

TEST(Nonlinear, NormStaysAndEnergyDriftsWithTheOrder) {
  const Soliton soliton;
  const auto start = soliton.at(0);
  Buffer<double> sums(3 * soliton.grid.nx);
  Array<Number, 4> work(soliton.grid.shape());
  const auto changes = [&](Scheme scheme, double dt) {
    Evolution<double> evolution(soliton.h, soliton.settings(scheme, dt), start.view());
    const double norm_before = norm<double>(start.view(), soliton.h.weight(), sums.span());
    const double before = evolution.energy(start.view(), 0, work.view(), sums.span());
    evolution.run(std::lround(4 / dt));
    const double norm_after = norm<double>(evolution.field(), soliton.h.weight(), sums.span());
    const double after = evolution.energy(evolution.field(), 0, work.view(), sums.span());
    // Some four hundred transforms, each of a few roundings.
    EXPECT_NEAR(norm_after / norm_before, 1, 1e-12);
    return std::abs(after - before);
  };
  // E = v^2 - 1/3 for this soliton, in cells of dx by dx.
  Evolution<double> evolution(soliton.h, soliton.settings(Scheme::strang, 1), start.view());
  EXPECT_NEAR(evolution.energy(start.view(), 0, work.view(), sums.span()),
              soliton.speed * soliton.speed - 1.0 / 3, 1e-6);
  EXPECT_LT(changes(Scheme::strang, 0.04), 1e-4);
  EXPECT_LT(changes(Scheme::yoshida4, 0.04), changes(Scheme::strang, 0.04));
}

/// hbar = m = 1, V = r^2 / 2, g = 200, norm 1.
TEST(Nonlinear, ImaginaryTimeFindsTheGroundStateOfATrap) {
  constexpr double kG = 200;
  const Grid grid{.nx = 64, .ny = 64, .d = 1, .dx = 0.25};
  Array<double, 2> v({64, 64});
  fill_formula(grid, "(x^2 + y^2)/2", "trap", v.view());
  const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, {}, v.view());
  Array<Number, 4> start(grid.shape()), work(grid.shape());
  PolarFormula(grid, {"exp(-(x^2 + y^2)/8)/sqrt(4*pi)", "start"}, {}, {}).fill(start.view());
  Evolution<double> evolution(
      h, {.dt = 0.004, .symbol = Symbol::continuous, .time = Time::imaginary, .nonlinearity = kG},
      start.view());
  evolution.run(1500);
  Buffer<double> sums(3 * grid.nx);
  const ConstField<double> t = evolution.field();
  const double cell = grid.dx * grid.dx;
  double potential = 0;
  for (Index k = 0; k < grid.cells(); ++k) potential += cell * v.data()[k] * std::norm(t.data()[k]);
  const double own = kG / 2 * cell * fourth_powers<double>(t, sums.span());
  const double kinetic = evolution.energy(t, 0, work.view(), sums.span()) - potential - own;
  EXPECT_NEAR(cell * norm<double>(t, h.weight(), sums.span()), 1, 1e-6);
  // The virial theorem of a harmonic trap in two dimensions; imaginary steps leave dt^2.
  EXPECT_NEAR(2 * kinetic - 2 * potential + 2 * own, 0, 1e-3 * potential);
  // Thomas and Fermi: mu = sqrt(g / pi) without the kinetic energy, which is 1.5 % of it here.
  const double mu = kinetic + potential + 2 * own;
  EXPECT_NEAR(mu, std::sqrt(kG / std::numbers::pi), 0.03 * mu);
  EXPECT_GT(mu, std::sqrt(kG / std::numbers::pi));
}

TEST(Nonlinear, EntriesTurnByThemselvesOnAnyNumberOfThreads) {
  const Grid grid{.nx = 32, .ny = 16, .d = 2, .dx = 1};
  Array<double, 2> v({32, 16});
  const Hamiltonian<double> h(grid, {.hbar = 0.1, .mass = 1}, {}, v.view());
  Array<Number, 4> start(grid.shape());
  fill_random(grid, 3, start.view());
  std::vector<Number> one;
  on_thread_counts([&](int threads) {
    Evolution<double> evolution(h, {.dt = 0.1, .nonlinearity = 0.3}, start.view());
    evolution.run(5);
    const std::vector<Number> field(evolution.field().begin(), evolution.field().end());
    if (threads == 1) one = field;
    EXPECT_EQ(field, one);
  });
}

TEST(Nonlinear, OtherSchemesRefuseIt) {
  const Soliton soliton;
  const auto start = soliton.at(0);
  for (const Scheme scheme : {Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev}) {
    const Settings settings{.scheme = scheme, .dt = 1e-3, .nonlinearity = 1};
    EXPECT_EQ(error_of([&] { Evolution<double>(soliton.h, settings, start.view()); }),
              fmt::format("{} cannot run with a nonlinearity; expected one of: strang, yoshida4",
                          name(scheme)));
  }
}

/// Of one W everywhere, norm falls as e^{-2 W t / hbar}; of none at the rim, a packet that reaches
/// it is gone, and does not come back on the other side.
TEST(Absorption, TakesTheNormThatItShould) {
  const Grid grid{.nx = 128, .ny = 4, .d = 1, .dx = 0.5};
  Array<double, 2> v({128, 4}), even({128, 4}), rim({128, 4});
  const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, {}, v.view());
  fill_formula(grid, "0.3", "even", even.view());
  fill_formula(grid, "where(abs(x) > 20, ((abs(x) - 20)/12)^2, 0)", "rim", rim.view());
  Array<Number, 4> start(grid.shape());
  PolarFormula(grid, {"exp(-x^2/16)", "modulus"}, {"2*x", "phase"}, {}).fill(start.view());
  Buffer<double> sums(3 * grid.nx);
  const double before = norm<double>(start.view(), h.weight(), sums.span());
  const auto left = [&](Scheme scheme, View<const double, 2> absorption, Index steps) {
    const Settings settings{.scheme = scheme, .dt = 0.05, .symbol = Symbol::continuous};
    Evolution<double> evolution(h, settings, start.view(), {.absorption = absorption});
    evolution.run(steps);
    return norm<double>(evolution.field(), h.weight(), sums.span()) / before;
  };
  for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4}) {
    EXPECT_NEAR(left(scheme, even.view(), 40), std::exp(-2 * 0.3 * 2), 1e-13);
    EXPECT_NEAR(left(scheme, rim.view(), 80), 1, 1e-6);  // not there yet
    EXPECT_LT(left(scheme, rim.view(), 800), 1e-3);
  }
  even(3, 1) = -0.1;
  EXPECT_EQ(error_of([&] { left(Scheme::strang, even.view(), 1); }),
            "the absorption is -0.1 somewhere; expected numbers >= 0");
  const Settings explicit_steps{.scheme = Scheme::rk4, .dt = 1e-3};
  EXPECT_EQ(error_of([&] {
              Evolution<double>(h, explicit_steps, start.view(), {.absorption = rim.view()});
            }),
            "rk4 cannot run with an absorbing potential; expected one of: strang, yoshida4");
}

// i hbar dT/dt = (g |T|^2 - i W) T of a constant field: |T|^2 = |T_0|^2 e^{-2 W t / hbar}, and the
// phase is -g |T_0|^2 (1 - e^{-2 W t / hbar}) / (2 W). A step is exact, of any size.
TEST(Absorption, LessensWhatTheNonlinearityTurns) {
  const Grid grid{.nx = 3, .ny = 4, .d = 2, .dx = 0.5};
  const double hbar = 0.7, g = 1.3, w = 0.9;
  Array<double, 2> v({3, 4}), absorption({3, 4});
  std::fill(absorption.view().begin(), absorption.view().end(), w);
  const Hamiltonian<double> h(grid, {.hbar = hbar}, {}, v.view());
  Array<Number, 4> start(grid.shape());
  std::fill(start.view().begin(), start.view().end(), Number(0.6, 0.8));
  for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4}) {
    const Settings settings{.scheme = scheme, .dt = 0.5, .nonlinearity = g};
    Evolution<double> evolution(h, settings, start.view(), {.absorption = absorption.view()});
    evolution.run(4);
    const double fallen = std::exp(-2 * w / hbar * 2);
    const Number want =
        Number(0.6, 0.8) * std::polar(std::sqrt(fallen), -g * (1 - fallen) / (2 * w));
    for (const Number& number : evolution.field()) {
      EXPECT_LT(std::abs(number - want), 1e-14) << name(scheme);
    }
  }
}

}  // namespace
}  // namespace lior::field
