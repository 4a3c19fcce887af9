// SPDX-License-Identifier: Apache-2.0
// Grids of three dimensions, against closed forms and against grids of one and two.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;
using FieldArray = Array<Number, 4>;

constexpr Scheme kSchemes[] = {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                               Scheme::rk4, Scheme::chebyshev};

/// Cells of three sides.
constexpr Grid kBox{
    .nx = 8, .ny = 6, .d = 2, .dx = 0.5, .spacing_y = 0.6, .nz = 10, .spacing_z = 0.4};

Array<double, 2> values(const Grid& grid, std::string_view formula) {
  Array<double, 2> out(grid.cell_shape());
  fill_formula(grid, formula, "formula", out.view());
  return out;
}

Hamiltonian<double> hamiltonian(const Grid& grid, std::string_view potential = "0",
                                const InverseMetric& metric = {}) {
  return {grid, {.hbar = 1, .mass = 1}, metric, values(grid, potential).view()};
}

FieldArray field_of(const Grid& grid, std::string_view modulus, std::string_view phase = "0") {
  FieldArray t(grid.shape());
  PolarFormula(grid, {modulus, "modulus"}, {phase, "phase"}, {.entry = true}).fill(t.view());
  return t;
}

template <class T>
Array<std::complex<T>, 4> random_field(const Grid& grid) {
  Array<std::complex<T>, 4> t(grid.shape());
  Random random(5);
  for (auto& entry : t.span()) {
    entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
  }
  return t;
}

FieldArray evolved(const Hamiltonian<double>& h, const Settings& settings, const FieldArray& start,
                   Index steps) {
  Evolution<double> evolution(h, settings, start.view());
  evolution.run(steps);
  FieldArray end(start.shape());
  std::copy(evolution.field().begin(), evolution.field().end(), end.data());
  return end;
}

double norm_of(const Hamiltonian<double>& h, ConstField<double> t) {
  Buffer<double> sums(2 * h.grid().nx);
  return norm<double>(t, h.weight(), sums.span());
}

// ---- H ----

template <class T>
double distance_from_reference(const Grid& grid, const InverseMetric& metric) {
  const Hamiltonian<T> h(grid, {.hbar = 0.7}, metric, values(grid, "x - y/2 + z/3").view());
  const auto t = random_field<T>(grid);
  Array<std::complex<T>, 4> image(grid.shape()), plain(grid.shape());
  h.apply(t.view(), image.view());
  reference::hamiltonian<T>(h, t.view(), plain.view());
  Worst<double> worst;
  for (Index k = 0; k < t.size(); ++k) worst.add(std::abs(image.data()[k] - plain.data()[k]));
  return worst.value() / h.highest();
}

// Rows of one line and of several, lines of one cell and of more numbers than a kernel's block.
TEST(Space, HIsItsReference) {
  for (const auto& [nx, ny, nz, d] : {std::array<Index, 4>{5, 4, 3, 1},
                                      {3, 1, 6, 2},
                                      {1, 1, 9, 1},
                                      {1, 5, 2, 1},
                                      {2, 3, 70, 2},
                                      {4, 2, 7, 3}}) {
    for (const bool walls : {false, true}) {
      Grid grid{.nx = nx, .ny = ny, .d = d, .dx = 0.5, .nz = nz, .spacing_z = 0.3};
      if (walls) grid.boundary_y = Boundary::dirichlet, grid.boundary_z = Boundary::neumann;
      const auto gxx = values(grid, "1 + 0.2*cos(2*pi*z/Lz)"), gyy = values(grid, "2 + 0.1*z/Lz"),
                 gzz = values(grid, "1 + 0.3*sin(2*pi*x/Lx)");
      const InverseMetric varying{
          .gxx_field = gxx.view(), .gyy_field = gyy.view(), .gzz_field = gzz.view()};
      for (const InverseMetric& metric : {InverseMetric{.gxx = 1.5, .gzz = 0.8}, varying}) {
        // 4 eps of seven terms of |T| up to 4.
        EXPECT_LT(distance_from_reference<double>(grid, metric), 1e-14) << nx << ny << nz << d;
        EXPECT_LT(distance_from_reference<float>(grid, metric), 5e-6) << nx << ny << nz << d;
      }
    }
  }
}

TEST(Space, HOfAVaryingMetricIsSelfAdjoint) {
  Grid grid = kBox;
  grid.boundary_z = Boundary::dirichlet;
  const auto gxx = values(grid, "1 + 0.2*cos(2*pi*z/Lz)"), gyy = values(grid, "1.5 + 0.1*x/Lx"),
             gzz = values(grid, "1 + 0.3*sin(2*pi*x/Lx)");
  const auto h = hamiltonian(
      grid, "x*z", {.gxx_field = gxx.view(), .gyy_field = gyy.view(), .gzz_field = gzz.view()});
  EXPECT_EQ(h.weight()(3, 17), 1 / std::sqrt(gxx(3, 17) * gyy(3, 17) * gzz(3, 17)));
  const auto a = random_field<double>(grid), b = field_of(grid, "exp(-x^2 - y^2 - z^2)", "x + z");
  FieldArray ha(grid.shape()), hb(grid.shape());
  h.apply(a.view(), ha.view());
  h.apply(b.view(), hb.view());
  Buffer<double> sums(2 * grid.nx);
  const auto left = inner<double>(ha.view(), b.view(), h.weight(), sums.span());
  const auto right = inner<double>(a.view(), hb.view(), h.weight(), sums.span());
  EXPECT_LT(std::abs(left - right), 1e-12 * std::abs(left));
}

// ---- closed forms ----

// hbar omega = sum (2 hbar^2 / m) g^ii sin^2(k dx / 2) / dx^2 over the axes.
TEST(Space, PlaneWavesTurnAsThreeSpacingsAndAMetricSay) {
  const auto h = hamiltonian(kBox, "0.3", {.gxx = 1.25, .gyy = 0.75, .gzz = 0.5});
  const auto start = field_of(kBox, "1", "2*pi*(x/Lx + 2*y/Ly - 3*z/Lz)");
  const double pi = std::numbers::pi;
  const double k[] = {2 * pi / 4, 4 * pi / 3.6, -6 * pi / 4}, step[] = {0.5, 0.6, 0.4},
               g[] = {1.25, 0.75, 0.5};
  double discrete = 0.3, continuous = 0.3;
  for (int axis = 0; axis < 3; ++axis) {
    discrete += 2 * g[axis] * std::pow(std::sin(k[axis] * step[axis] / 2) / step[axis], 2);
    continuous += g[axis] * k[axis] * k[axis] / 2;
  }
  for (const Scheme scheme : kSchemes) {
    const auto end = evolved(h, {.scheme = scheme, .dt = 0.002}, start, 50);
    const double turned = -std::arg(end(3, 40, 1, 1) / start(3, 40, 1, 1));
    // dt^2 omega^3 t / 12 of Crank-Nicolson, dt^4 omega^5 t / 120 of Runge-Kutta, omega = 9; else
    // rounding.
    const double bound = scheme == Scheme::crank_nicolson ? 3e-5
                         : scheme == Scheme::rk4          ? 1e-9
                                                          : 1e-13;
    EXPECT_NEAR(turned, 0.1 * discrete, bound) << name(scheme);
  }
  const auto end = evolved(h, {.dt = 0.05, .symbol = Symbol::continuous}, start, 2);
  EXPECT_NEAR(-std::arg(end(3, 40, 1, 1) / start(3, 40, 1, 1)), 0.1 * continuous, 1e-13);
}

// exp(K + V) of sums over axes is a product over axes, step by step: whatever the ends.
TEST(Space, SplittingsOfASeparableFieldAreProductsOfLines) {
  const Boundary periodic = Boundary::periodic, sine = Boundary::dirichlet,
                 cosine = Boundary::neumann;
  for (const std::array<Boundary, 3>& ends :
       {std::array{periodic, periodic, periodic}, {sine, periodic, cosine}, {cosine, sine, sine}}) {
    const Grid box{.nx = 9,
                   .ny = 6,
                   .d = 1,
                   .dx = 0.5,
                   .spacing_y = 0.6,
                   .boundary_x = ends[0],
                   .boundary_y = ends[1],
                   .nz = 8,
                   .spacing_z = 0.4,
                   .boundary_z = ends[2]};
    Grid lines[] = {box, box, box};
    lines[0].ny = lines[0].nz = lines[1].nx = lines[1].nz = lines[2].nx = lines[2].ny = 1;
    const char *potential[] = {"x^2/2", "y^2/3", "z^2/4 + z"}, *modulus[] = {"1 + x", "2 - y", "z"},
               *phase[] = {"x", "0.5*y", "-z^2"};
    const auto joined = [](const char* const(&parts)[3], const char* sign) {
      return fmt::format("({}){}({}){}({})", parts[0], sign, parts[1], sign, parts[2]);
    };
    for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4}) {
      for (const Symbol symbol : {Symbol::discrete, Symbol::continuous}) {
        const Settings settings{.scheme = scheme, .dt = 0.1, .symbol = symbol};
        FieldArray parts[3];
        for (int axis = 0; axis < 3; ++axis) {
          parts[axis] = evolved(hamiltonian(lines[axis], potential[axis]), settings,
                                field_of(lines[axis], modulus[axis], phase[axis]), 4);
        }
        const auto whole = evolved(hamiltonian(box, joined(potential, "+")), settings,
                                   field_of(box, joined(modulus, "*"), joined(phase, "+")), 4);
        Worst<double> worst;
        for (Index i = 0; i < box.nx; ++i) {
          for (Index c = 0; c < box.row_cells(); ++c) {
            const Number product =
                parts[0].data()[i] * parts[1].data()[box.j_of(c)] * parts[2].data()[box.k_of(c)];
            worst.add(std::abs(whole(i, c, 0, 0) - product));
          }
        }
        EXPECT_LT(worst.value(), 3e-13) << name(scheme) << name(symbol) << name(ends[0]);
      }
    }
  }
}

// Nothing knows which axis is which.
TEST(Space, PermutedAxesGiveThePermutedField) {
  const Grid box{.nx = 7,
                 .ny = 5,
                 .d = 1,
                 .dx = 0.5,
                 .spacing_y = 0.6,
                 .boundary_y = Boundary::dirichlet,
                 .nz = 6,
                 .spacing_z = 0.4,
                 .boundary_z = Boundary::neumann};
  // (x, y, z) of the box are (z, x, y) of the turned one.
  const Grid turned{.nx = box.ny,
                    .ny = box.nz,
                    .d = 1,
                    .dx = 0.6,
                    .spacing_y = 0.4,
                    .boundary_x = box.boundary_y,
                    .boundary_y = box.boundary_z,
                    .nz = box.nx,
                    .spacing_z = 0.5};
  const auto h = hamiltonian(box, "x*y + z^2", {.gxx = 1.2, .gyy = 0.9, .gzz = 0.7});
  const auto g = hamiltonian(turned, "z*x + y^2", {.gxx = 0.9, .gyy = 0.7, .gzz = 1.2});
  const auto start = field_of(box, "exp(-x^2 - y^2/2 - z^2/3)", "x + 2*y*z");
  const auto same = field_of(turned, "exp(-z^2 - x^2/2 - y^2/3)", "z + 2*x*y");
  for (const Scheme scheme : kSchemes) {
    const Settings settings{.scheme = scheme, .dt = 0.02};
    const auto end = evolved(h, settings, start, 5), other = evolved(g, settings, same, 5);
    Worst<double> worst;
    for (Index i = 0; i < box.nx; ++i) {
      for (Index c = 0; c < box.row_cells(); ++c) {
        worst.add(
            std::abs(end(i, c, 0, 0) - other(box.j_of(c), box.k_of(c) * turned.nz + i, 0, 0)));
      }
    }
    // Other sums, other rounding; Crank-Nicolson to its solver's tolerance.
    EXPECT_LT(worst.value(), 1e-13) << name(scheme);
  }
  EXPECT_DOUBLE_EQ(h.highest(), g.highest());
  EXPECT_DOUBLE_EQ(largest_stable_step(h), largest_stable_step(g));
}

/// A field that does not depend on z, with every term: that of the plane.
FieldArray with_every_term(const Grid& grid, Scheme scheme) {
  const SchemeTraits able = traits(scheme);
  Settings settings{.scheme = scheme, .dt = 0.02};
  Inputs<double> inputs;
  const auto evidence = field_of(grid, "exp(-x^2 - (y - 1)^2)*(1 + i)"),
             current = field_of(grid, "0.1*exp(-y^2)", "x");
  const auto absorption = values(grid, "0.1*x^2");
  if (able.sources) {
    settings.lambda_qr = 0.2, settings.update_every = 2, settings.lambda_f = 0.3;
    settings.horizon = 100;
    inputs.evidence = evidence.view(), inputs.current = current.view();
    inputs.current_in_time = current_in_time<double>(
        PolarFormula(grid, {"0.1*exp(-x^2)", "current"}, {"y*t", "phase"}, {.time = true}));
  }
  if (able.local_terms) settings.nonlinearity = 0.4, inputs.absorption = absorption.view();
  if (able.moving_potential) {
    inputs.potential =
        potential_in_time(GridFormula(grid, "0.1*x*cos(3*t)", "potential", {.time = true}));
  }
  const auto gxx = values(grid, "1 + 0.2*cos(2*pi*y/Ly)"), gyy = values(grid, "1.5 + 0.1*x/Lx"),
             gzz = values(grid, "1");
  InverseMetric metric;
  if (able.varying_metric) {
    metric.gxx_field = gxx.view(), metric.gyy_field = gyy.view();
    if (grid.axis_count() == 3) metric.gzz_field = gzz.view();
  }
  const auto h = hamiltonian(grid, "x^2/2 + y/4", metric);
  const auto start = field_of(grid, "exp(-x^2 - y^2/2) + 0.1*j", "x*y + i");
  Evolution<double> evolution(h, settings, start.view(), inputs);
  evolution.run(5);
  FieldArray end(grid.shape());
  std::copy(evolution.field().begin(), evolution.field().end(), end.data());
  return end;
}

TEST(Space, AFieldThatIsTheSameAlongZIsThatOfThePlane) {
  for (const Boundary ends : {Boundary::periodic, Boundary::neumann}) {
    Grid plane = kBox, box = kBox;
    plane.nz = 1;
    box.nz = 4;
    box.boundary_z = ends;
    for (const Scheme scheme : kSchemes) {
      const auto flat = with_every_term(plane, scheme), deep = with_every_term(box, scheme);
      Worst<double> worst;
      for (Index i = 0; i < box.nx; ++i) {
        for (Index c = 0; c < box.row_cells(); ++c) {
          for (Index k = 0; k < 4; ++k) {
            worst.add(std::abs(deep(i, c, k / 2, k % 2) - flat(i, box.j_of(c), k / 2, k % 2)));
          }
        }
      }
      EXPECT_LT(worst.value(), 1e-12) << name(scheme) << name(ends);
    }
  }
}

TEST(Space, BitsDoNotDependOnThreads) {
  const Grid grid{.nx = 4, .ny = 48, .d = 3, .dx = 0.5, .nz = 40};  // a row is worth a thread
  for (const Scheme scheme : kSchemes) {
    std::vector<FieldArray> ends;
    on_thread_counts([&](int) { ends.push_back(with_every_term(grid, scheme)); });
    EXPECT_TRUE(std::ranges::equal(ends[0].span(), ends[1].span())) << name(scheme);
  }
}

TEST(Space, ImaginaryTimeFindsTheOscillatorsGroundState) {
  const Grid grid{
      .nx = 20, .ny = 18, .d = 1, .dx = 0.5, .spacing_y = 0.55, .nz = 16, .spacing_z = 0.6};
  const auto h = hamiltonian(grid, "(x^2 + y^2 + z^2)/2");
  const auto start = field_of(grid, "exp(-(x^2 + y^2 + z^2)/3)*(1 + 0.1*x + 0.2*z)");
  Evolution<double> evolution(
      h, {.dt = 0.02, .symbol = Symbol::continuous, .time = Time::imaginary}, start.view());
  evolution.run(500);
  FieldArray work(grid.shape());
  Buffer<double> sums(2 * grid.nx);
  const double energy = evolution.energy(evolution.field(), 0, work.view(), sums.span());
  const double norm = grid.measure() * norm_of(h, evolution.field());
  EXPECT_DOUBLE_EQ(grid.measure(), 0.5 * 0.55 * 0.6);
  // Strang's own ground state is off by dt^2 / 32 of each 1/2; the rest has fallen as e^{-10}.
  EXPECT_NEAR(energy / norm, 1.5, 2e-5);
}

// Gross and Pitaevskii's ground state in a round trap: sum |T|^2 dx^3 = 1, g = 4 pi N a.
TEST(Space, ACondensateObeysTheVirialTheoremAndHasThomasAndFermisRadius) {
  const Grid grid{.nx = 24, .ny = 24, .d = 1, .dx = 0.45, .nz = 24};
  const double scattering = 100, g = 4 * std::numbers::pi * scattering;  // N a
  const double radius = std::pow(15 * scattering, 0.2), mu = radius * radius / 2;
  const auto h = hamiltonian(grid, "(x^2 + y^2 + z^2)/2"), free = hamiltonian(grid);
  const auto start = field_of(
      grid,
      fmt::format("sqrt(max({} - (x^2 + y^2 + z^2)/2, 0)/{}) + 1e-3*exp(-(x^2 + y^2 + z^2)/9)", mu,
                  g));
  const double scale = 1 / std::sqrt(grid.measure() * norm_of(h, start.view()));
  FieldArray one(grid.shape()), work(grid.shape());
  for (Index k = 0; k < one.size(); ++k) one.data()[k] = scale * start.data()[k];
  const Settings settings{
      .dt = 0.01, .symbol = Symbol::continuous, .time = Time::imaginary, .nonlinearity = g};
  Evolution<double> evolution(h, settings, one.view());
  evolution.run(300);
  Buffer<double> sums(2 * grid.nx);
  const Evolution<double> plain(free, {.symbol = Symbol::continuous}, evolution.field());
  const double kinetic = plain.energy(plain.field(), 0, work.view(), sums.span());
  const double own = g / 2 * grid.measure() * fourth_powers<double>(evolution.field(), sums.span());
  const double trap =
      evolution.energy(evolution.field(), 0, work.view(), sums.span()) - kinetic - own;
  // 2 E_kin - 2 E_trap + 3 E_own = 0, to dt^2 of the splitting.
  EXPECT_NEAR(2 * kinetic - 2 * trap + 3 * own, 0, 1e-3 * trap);
  // mu = E_kin + E_trap + 2 E_own, and <x^2> = R^2 / 7, without the kinetic energy: R^-4 ln R.
  const Expectations means = expectations<double>(h, evolution.field(), sums.span());
  EXPECT_NEAR((kinetic + trap + 2 * own) / mu, 1, 0.03);
  EXPECT_NEAR(means.width_z * std::sqrt(7.0) / radius, 1, 0.03);
  EXPECT_NEAR(means.width_z / means.width_x, 1, 1e-12);
}

TEST(Space, SplittingsKeepTheNorm) {
  const auto h = hamiltonian(kBox, "x^2/2 + y*z");
  const auto start = random_field<double>(kBox);
  for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4}) {
    const auto end = evolved(h, {.scheme = scheme, .dt = 0.05, .nonlinearity = 0.3}, start, 100);
    EXPECT_NEAR(norm_of(h, end.view()) / norm_of(h, start.view()), 1, 1e-13) << name(scheme);
  }
}

// ---- what is measured, and where things lie ----

TEST(Space, MeansOfAPacketAreItsPlaceWidthAndMomentum) {
  const Grid grid{
      .nx = 24, .ny = 28, .d = 2, .dx = 0.5, .spacing_y = 0.45, .nz = 40, .spacing_z = 0.35};
  FieldArray t(grid.shape());
  fill_packet(grid,
              {.width = 1, .x0 = 0.5, .y0 = -0.3, .kx = 0.4, .ky = 0.2, .z0 = 0.7, .kz = -0.6},
              t.view());
  const auto h = hamiltonian(grid);
  Buffer<double> sums(2 * grid.nx);
  const Expectations means = expectations<double>(h, t.view(), sums.span());
  const auto momentum = [](double k, double step) {
    return std::sin(k * step) / step * std::exp(-step * step / 8);
  };
  constexpr double kTails = 1e-6;  // at the edge, 5.5 widths away
  EXPECT_NEAR(means.x, 0.5, kTails);
  EXPECT_NEAR(means.y, -0.3, kTails);
  EXPECT_NEAR(means.z, 0.7, kTails);
  EXPECT_NEAR(means.width_x, 1, kTails);
  EXPECT_NEAR(means.width_z, 1, kTails);
  EXPECT_NEAR(means.p_x, momentum(0.4, 0.5), kTails);
  EXPECT_NEAR(means.p_y, momentum(0.2, 0.45), kTails);
  EXPECT_NEAR(means.p_z, momentum(-0.6, 0.35), kTails);
  EXPECT_NEAR(means.l_z, 0.5 * means.p_y + 0.3 * means.p_x, kTails);
  EXPECT_NEAR(means.l_x, -0.3 * means.p_z - 0.7 * means.p_y, kTails);
  EXPECT_NEAR(means.l_y, 0.7 * means.p_x - 0.5 * means.p_z, kTails);
}

// A vortex about each axis in turn, e^{i turns angle}, has the momentum turns about it alone.
TEST(Space, AVortexTurnsAboutItsOwnAxis) {
  const Grid grid{.nx = 48, .ny = 48, .d = 1, .dx = 0.2, .nz = 48};
  const auto h = hamiltonian(grid);
  const struct {
    const char *modulus, *phase;
    double Expectations::*own;
  } vortices[] = {{"sqrt(y^2 + z^2)", "atan2(z, y)", &Expectations::l_x},
                  {"sqrt(z^2 + x^2)", "atan2(x, z)", &Expectations::l_y},
                  {"sqrt(x^2 + y^2)", "atan2(y, x)", &Expectations::l_z}};
  Buffer<double> sums(2 * grid.nx);
  for (const auto& vortex : vortices) {
    const auto t =
        field_of(grid, fmt::format("{}*exp(-(x^2 + y^2 + z^2)/2)", vortex.modulus), vortex.phase);
    const Expectations means = expectations<double>(h, t.view(), sums.span());
    for (const auto l : {&Expectations::l_x, &Expectations::l_y, &Expectations::l_z}) {
      // Central differences: dx^2 / 6 of the third derivative's part.
      EXPECT_NEAR(means.*l, l == vortex.own ? 1 : 0, 0.02) << vortex.phase;
    }
  }
}

TEST(Space, AnAxisOfOneCellHasNoMeans) {
  const auto names = [](const Grid& grid) {
    std::string all;
    for (const auto& [name, value] : Expectations{}.named(grid)) all += fmt::format("{} ", name);
    return all;
  };
  EXPECT_EQ(names({.nx = 4, .ny = 4}), "x y width_x width_y p_x p_y l_z ");
  EXPECT_EQ(names({.nx = 4, .ny = 1}), "x width_x p_x ");
  EXPECT_EQ(names({.nx = 1, .ny = 4}), "y width_y p_y ");
  EXPECT_EQ(names({.nx = 4, .ny = 1, .nz = 4}), "x width_x p_x z width_z p_z l_y ");
  EXPECT_EQ(names({.nx = 4, .ny = 4, .nz = 4}),
            "x y width_x width_y p_x p_y l_z z width_z p_z l_x l_y ");
}

TEST(Space, FormulasBumpsAndPotentialsReadZ) {
  const Grid grid{.nx = 4,
                  .ny = 3,
                  .d = 1,
                  .dx = 0.5,
                  .nz = 6,
                  .spacing_z = 0.4,
                  .boundary_z = Boundary::neumann};
  const auto flat = values(grid, "x + 10*y + 100*z + 1000*Lz");
  Array<double, 2> harmonic(grid.cell_shape()), bump(grid.cell_shape());
  fill_potential(Potential::harmonic, 3, grid, harmonic.view());
  fill_bump(grid, 0.5, bump.view());
  const double sigma = 1.5 / 6;  // of the shortest side, along y
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 3; ++j) {
      for (Index k = 0; k < 6; ++k) {
        const double x = (static_cast<double>(i) - 2) * 0.5,
                     y = (static_cast<double>(j) - 1.5) * 0.5,
                     z = (static_cast<double>(k) - 2.5) * 0.4, r2 = x * x + y * y + z * z;
        EXPECT_NEAR(flat(i, j * 6 + k), x + 10 * y + 100 * z + 2400, 1e-11);
        EXPECT_NEAR(harmonic(i, j * 6 + k), 1.5 * r2, 1e-14);
        EXPECT_NEAR(bump(i, j * 6 + k), 1 + 0.5 * std::exp(-r2 / (2 * sigma * sigma)), 1e-14);
      }
    }
  }
  // z is 0 where there is none.
  EXPECT_EQ(values({.nx = 2, .ny = 2}, "z + 1")(1, 1), 1);
}

TEST(Space, WrongGridsAndMetricsAreRefused) {
  const auto message = [](const Grid& grid) { return error_of([&] { grid.check(); }); };
  EXPECT_EQ(message({.nx = 4, .ny = 4, .nz = 0}),
            "the grid is 4 x 4 x 0 cells; expected at least 1 x 1 x 1");
  EXPECT_EQ(message({.nx = 4, .ny = 4, .nz = 4, .spacing_z = -1}),
            "the grid's spacing dz is -1; expected a finite number > 0");
  const Index side = Index{1} << 31;  // whose products leave 64 bits
  EXPECT_EQ(message({.nx = side, .ny = side, .nz = side}),
            "a field of 2147483648 x 2147483648 x 2147483648 cells with 1 numbers each is larger "
            "than 2^40 numbers; choose a smaller grid");
  const Grid box{.nx = 2, .ny = 3, .nz = 4};
  EXPECT_EQ(error_of([&] { hamiltonian(box, "0", {.gzz = -1}); }),
            "the inverse metric is (1, 1, -1); expected finite numbers > 0");
  const auto ones = values(box, "1"), wrong = values(box, "where(x == 0 and z == 1, 0, 1)");
  EXPECT_EQ(error_of([&] {
              hamiltonian(
                  box, "0",
                  {.gxx_field = ones.view(), .gyy_field = ones.view(), .gzz_field = wrong.view()});
            }),
            "the inverse metric at cell (1, 0, 3) is (1, 1, 0); expected finite numbers > 0");
  EXPECT_EQ(error_of([&] {
              const Grid plane{.nx = 2, .ny = 12};
              hamiltonian(
                  plane, "0",
                  {.gxx_field = ones.view(), .gyy_field = ones.view(), .gzz_field = ones.view()});
            }),
            "the inverse metric has a field g^zz, and the grid no axis z");
  EXPECT_EQ(error_of([&] { hamiltonian(box, "0", {.gzz_field = ones.view()}); }),
            "the inverse metric has a field g^yy or g^zz and none for g^xx");
  EXPECT_EQ(error_of([&] { RungeKutta<double>(hamiltonian(box), 0.001); }),
            "the sweep of RungeKutta goes over rows of one dimension, and the grid is 2 x 3 x 4 "
            "cells; expected RungeKuttaInTime");
  EXPECT_EQ(
      error_of([&] { values(box, "1/z"); }),
      "formula: is inf at x = -1, y = -1.5, z = 0; expected finite numbers on the whole grid");
}

}  // namespace
}  // namespace lior::field
