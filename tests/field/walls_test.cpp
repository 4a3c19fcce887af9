// SPDX-License-Identifier: Apache-2.0
// Walls: the states of a particle in a box, and what every scheme makes of them.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "lior/field/formula.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

constexpr Scheme kSchemes[] = {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                               Scheme::rk4, Scheme::chebyshev};
constexpr Boundary kWalls[] = {Boundary::dirichlet, Boundary::neumann};

Hamiltonian<double> hamiltonian(const Grid& grid, std::string_view potential = "0",
                                const InverseMetric& metric = {}) {
  Array<double, 2> v({grid.nx, grid.ny});
  fill_formula(grid, potential, "potential", v.view());
  return {grid, {.hbar = 1, .mass = 1}, metric, v.view()};
}

Array<Number, 4> random_field(const Grid& grid, std::uint64_t seed) {
  Array<Number, 4> t(grid.shape());
  Random random(seed);
  for (Number& entry : t.span()) entry = {random.normal(), random.normal()};
  return t;
}

double distance(ConstField<double> a, ConstField<double> b) {
  Worst<double> worst;
  for (Index k = 0; k < a.size(); ++k) worst.add(std::abs(a.data()[k] - b.data()[k]));
  return worst.value();
}

/// The state of m + 1 half waves between dirichlet's walls at +-L/2, or of m between neumann's.
std::string state(Boundary ends, int m) {
  return ends == Boundary::dirichlet ? fmt::format("sin({}*pi*(x/Lx + 1/2))", m + 1)
                                     : fmt::format("cos({}*pi*(x/Lx + 1/2))", m);
}

// E = (hbar^2 / 2m) (pi n / L)^2 of the plane waves' Laplacian, for any n and any step: exact.
TEST(Walls, StatesOfABoxTurnByTheirExactEnergies) {
  for (const Index cells : {16, 15}) {
    for (const Boundary ends : kWalls) {
      const Grid grid{.nx = cells, .ny = 1, .d = 1, .dx = 0.4, .boundary_x = ends};
      const auto h = hamiltonian(grid);
      for (const int m : {0, 1, 2, 7, static_cast<int>(cells) - 1}) {
        Array<Number, 4> start(grid.shape()), want(grid.shape());
        PolarFormula(grid, {state(ends, m), "state"}, {}, {}).fill(start.view());
        const double k =
            std::numbers::pi * (ends == Boundary::dirichlet ? m + 1 : m) / grid.length_x();
        for (const Symbol symbol : {Symbol::continuous, Symbol::discrete}) {
          const double sine = 2 * std::sin(k * grid.dx / 2) / grid.dx;
          const double energy = symbol == Symbol::continuous ? k * k / 2 : sine * sine / 2;
          Evolution<double> evolution(h, {.dt = 0.7, .symbol = symbol}, start.view());
          evolution.run(3);
          for (Index c = 0; c < cells; ++c) {
            want.data()[c] = start.data()[c] * std::polar(1.0, -energy * 2.1);
          }
          // Angles of up to 65 radians, and transforms of three steps.
          EXPECT_LT(distance(evolution.field(), want.view()), 5e-14) << name(ends) << m;
        }
      }
    }
  }
}

// H of the stencil: the same states, energies of the differences.
TEST(Walls, StatesOfABoxAreTheStencilsToo) {
  for (const Boundary ends : kWalls) {
    const Grid grid{.nx = 1, .ny = 14, .d = 2, .dx = 0.4, .boundary_y = ends};
    const auto h = hamiltonian(grid);
    Array<Number, 4> t(grid.shape()), image(grid.shape());
    for (const int m : {0, 1, 5, 13}) {
      std::string text = state(ends, m);
      std::replace(text.begin(), text.end(), 'x', 'y');
      PolarFormula(grid, {text, "state"}, {"i - j", "phase"}, {.entry = true}).fill(t.view());
      h.apply(t.view(), image.view());
      const double k = std::numbers::pi * (ends == Boundary::dirichlet ? m + 1 : m) / (14 * 0.4);
      const double sine = 2 * std::sin(k * 0.4 / 2) / 0.4;
      for (Number& entry : t.span()) entry *= sine * sine / 2;
      EXPECT_LT(distance(image.view(), t.view()), 1e-13) << name(ends) << m;
    }
    EXPECT_NEAR(h.highest(), 4 / (2 * 0.4 * 0.4), 1e-14);
  }
}

// The superposition of the two lowest states beats with E_2 - E_1 = 3 pi^2 / 2 L^2.
TEST(Walls, ASuperpositionSwingsBetweenThem) {
  const Grid grid{.nx = 64, .ny = 1, .d = 1, .dx = 0.125, .boundary_x = Boundary::dirichlet};
  const double length = 8;
  const auto h = hamiltonian(grid);
  Array<Number, 4> start(grid.shape());
  PolarFormula(grid, {"cos(pi*x/Lx) + sin(2*pi*x/Lx)", "state"}, {}, {}).fill(start.view());
  Evolution<double> evolution(h, {.dt = 0.5, .symbol = Symbol::continuous}, start.view());
  Buffer<double> sums(3 * grid.nx);
  const double beat = 3 * std::pow(std::numbers::pi / length, 2) / 2;
  for (int part = 0; part < 5; ++part) {
    evolution.run(7);
    const Expectations means = expectations<double>(h, evolution.field(), sums.span());
    // <1|x|2> = 16 L / 9 pi^2; midpoint sums of a kink in x sin sin are off by dx^2.
    const double want =
        16 * length / (9 * std::numbers::pi * std::numbers::pi) * std::cos(beat * evolution.time());
    EXPECT_NEAR(means.x, want, 2e-3);
  }
}

// The fast one alone is exact; the others agree with it to their errors, in two dimensions with
// walls of both kinds, and with a potential.
TEST(Walls, AllSchemesAgree) {
  const Grid grid{.nx = 14,
                  .ny = 11,
                  .d = 2,
                  .dx = 0.5,
                  .spacing_y = 0.6,
                  .boundary_x = Boundary::dirichlet,
                  .boundary_y = Boundary::neumann};
  const auto h = hamiltonian(grid, "x^2/8 + y/4");
  const auto start = random_field(grid, 4);
  const auto end = [&](Scheme scheme, Index steps) {
    Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.5 / static_cast<double>(steps)},
                                start.view());
    evolution.run(steps);
    Array<Number, 4> t(grid.shape());
    std::copy(evolution.field().begin(), evolution.field().end(), t.data());
    return t;
  };
  const auto exact = end(Scheme::chebyshev, 1);
  for (const auto& [scheme, order] : {std::pair(Scheme::strang, 2.0),
                                      {Scheme::yoshida4, 4.0},
                                      {Scheme::crank_nicolson, 2.0},
                                      {Scheme::rk4, 4.0}}) {
    const double coarse = distance(end(scheme, 50).view(), exact.view());
    const double fine = distance(end(scheme, 100).view(), exact.view());
    EXPECT_NEAR(std::log2(coarse / fine), order, 0.15) << name(scheme);
    EXPECT_LT(fine, 2e-2) << name(scheme);
  }
  Buffer<double> sums(3 * grid.nx);
  const double before = norm<double>(start.view(), h.weight(), sums.span());
  EXPECT_NEAR(norm<double>(end(Scheme::strang, 50).view(), h.weight(), sums.span()) / before, 1,
              1e-12);
}

TEST(Walls, AVaryingMetricKeepsItsNorm) {
  const Grid grid{.nx = 12,
                  .ny = 9,
                  .d = 1,
                  .dx = 0.5,
                  .boundary_x = Boundary::neumann,
                  .boundary_y = Boundary::dirichlet};
  Array<double, 2> gxx({12, 9}), gyy({12, 9});
  fill_formula(grid, "1 + 0.2*sin(x)", "gxx", gxx.view());
  fill_formula(grid, "1 + 0.3*cos(y)", "gyy", gyy.view());
  const auto h = hamiltonian(grid, "x", {.gxx_field = gxx.view(), .gyy_field = gyy.view()});
  const auto a = random_field(grid, 5), b = random_field(grid, 6);
  Array<Number, 4> ha(grid.shape()), hb(grid.shape());
  h.apply(a.view(), ha.view());
  h.apply(b.view(), hb.view());
  Buffer<double> sums(3 * grid.nx);
  const Number left = inner<double>(a.view(), hb.view(), h.weight(), sums.span());
  const Number right = inner<double>(ha.view(), b.view(), h.weight(), sums.span());
  EXPECT_LT(std::abs(left - right), 1e-12 * std::abs(left));
  Evolution<double> evolution(h, {.scheme = Scheme::chebyshev, .dt = 0.4}, a.view());
  evolution.run(5);
  EXPECT_NEAR(norm<double>(evolution.field(), h.weight(), sums.span()) /
                  norm<double>(a.view(), h.weight(), sums.span()),
              1, 1e-12);
}

// An even field is a state between neumann's walls, and its flow past them is none.
TEST(Walls, KernelsAreTheReferenceOnAnyNumberOfThreads) {
  const Grid grid{.nx = 70, .ny = 130, .d = 2, .dx = 1, .boundary_y = Boundary::dirichlet};
  const auto h = hamiltonian(grid, "x/100");
  const auto t = random_field(grid, 8);
  Array<Number, 4> want(grid.shape()), image(grid.shape()), first(grid.shape());
  reference::hamiltonian<double>(h, t.view(), want.view());
  on_thread_counts([&](int count) {
    h.apply(t.view(), image.view());
    EXPECT_LT(distance(image.view(), want.view()), 1e-14);
    if (count == 1) std::copy(image.span().begin(), image.span().end(), first.data());
    EXPECT_EQ(distance(image.view(), first.view()), 0);
  });
  Array<Number, 4> stepped(grid.shape()), work_end(grid.shape());
  std::copy(t.span().begin(), t.span().end(), stepped.data());
  Array<Number, 5> work({3, grid.nx, grid.ny, grid.d, grid.d});
  reference::runge_kutta<double>(h, 0.3, 4, {}, t.view(), work_end.view(), work.view());
  RungeKutta<double>(h, 0.3).run(stepped, 1);
  EXPECT_LT(distance(stepped.view(), work_end.view()), 1e-13);
}

TEST(Walls, OneCellHasNone) {
  for (const Boundary ends : kWalls) {
    const Grid grid{.nx = 1, .ny = 1, .d = 1, .dx = 0.5, .boundary_x = ends, .boundary_y = ends};
    EXPECT_FALSE(grid.has_walls());
    const auto h = hamiltonian(grid, "0.4");
    Array<Number, 4> start(grid.shape());
    start(0, 0, 0, 0) = 1;
    for (const Scheme scheme : kSchemes) {
      Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.01}, start.view());
      evolution.run(10);
      EXPECT_LT(std::abs(evolution.field()(0, 0, 0, 0) - std::polar(1.0, -0.04)), 1e-7);
    }
  }
  // Two cells between dirichlet's walls have two states.
  const Grid two{.nx = 2, .ny = 1, .d = 1, .dx = 1, .boundary_x = Boundary::dirichlet};
  EXPECT_EQ(two.x(0), -0.5);
  EXPECT_EQ(two.x(1), 0.5);
  const auto h = hamiltonian(two);
  EXPECT_EQ(h.stencil()(0, 0, 0), 1.5);
  EXPECT_EQ(h.stencil()(0, 0, 1), 0);
  EXPECT_EQ(h.stencil()(0, 0, 2), -0.5);
}

}  // namespace
}  // namespace lior::field
