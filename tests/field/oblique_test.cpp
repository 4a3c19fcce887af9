// SPDX-License-Identifier: Apache-2.0
// Inverse metrics with parts off the diagonal, against flat space in coordinates that are oblique
// or curved, and against what is diagonal.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <optional>

#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/formula.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;
using FieldArray = Array<Number, 4>;

constexpr double kTurn = 2 * std::numbers::pi;
constexpr Scheme kVarying[] = {Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev};

Array<double, 2> values(const Grid& grid, std::string_view formula) {
  Array<double, 2> out(grid.cell_shape());
  fill_formula(grid, formula, "formula", out.view());
  return out;
}

FieldArray field_of(const Grid& grid, std::string_view modulus, std::string_view phase) {
  FieldArray t(grid.shape());
  PolarFormula(grid, {modulus, "modulus"}, {phase, "phase"}, {.entry = true}).fill(t.view());
  return t;
}

template <class T>
Array<std::complex<T>, 4> random_field(const Grid& grid, std::uint64_t seed = 5) {
  Array<std::complex<T>, 4> t(grid.shape());
  Random random(seed);
  for (auto& entry : t.span()) {
    entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
  }
  return t;
}

/// A metric by formulas, all of the grid's components.
class Varying {
 public:
  Varying(const Grid& grid, const std::array<const char*, 6>& formulas)
      : xx_(values(grid, formulas[0])),
        yy_(values(grid, formulas[1])),
        zz_(values(grid, formulas[2])),
        xy_(values(grid, formulas[3])),
        xz_(values(grid, formulas[4])),
        yz_(values(grid, formulas[5])),
        has_z_(grid.axis_count() == 3) {}

  InverseMetric metric() const {
    InverseMetric metric{.gxx_field = xx_.view(), .gyy_field = yy_.view()};
    metric.gxy_field = xy_.view();
    if (has_z_) {
      metric.gzz_field = zz_.view(), metric.gxz_field = xz_.view(), metric.gyz_field = yz_.view();
    }
    return metric;
  }

 private:
  Array<double, 2> xx_, yy_, zz_, xy_, xz_, yz_;
  bool has_z_;
};

/// One that is positive definite on any grid.
constexpr std::array<const char*, 6> kAny{"1 + 0.2*cos(2*pi*y/Ly)", "1.5 + 0.3*sin(2*pi*x/Lx)",
                                          "1 + 0.1*cos(2*pi*z/Lz)", "0.4*cos(2*pi*(x/Lx + y/Ly))",
                                          "0.3*sin(2*pi*y/Ly)",     "-0.2*cos(2*pi*x/Lx)"};

/// Flat coordinates X = x + a sin y, Y = y + b sin y and, in three dimensions, Z = z + a sin y, on
/// a grid 2 pi long: g^ij = (grad x_i) . (grad x_j), and waves e^{i (k X + l Y + m Z)} are periodic
/// and eigenfunctions.
class Bent {
 public:
  explicit Bent(Index count, bool has_z)
      : grid_{.nx = count, .ny = count, .d = 1, .dx = kTurn / static_cast<double>(count)} {
    if (has_z) grid_.nz = count;
    metric_.emplace(
        grid_, std::array{"1 + (0.4*cos(y)/(1 + 0.3*cos(y)))^2", "1/(1 + 0.3*cos(y))^2",
                          "1 + (0.4*cos(y)/(1 + 0.3*cos(y)))^2", "-0.4*cos(y)/(1 + 0.3*cos(y))^2",
                          "(0.4*cos(y)/(1 + 0.3*cos(y)))^2", "-0.4*cos(y)/(1 + 0.3*cos(y))^2"});
    wave_ = field_of(grid_, "1",
                     has_z ? "x + 0.4*sin(y) - (y + 0.3*sin(y)) + z + 0.4*sin(y)"
                           : "x + 0.4*sin(y) - (y + 0.3*sin(y))");
    const Array<double, 2> none(grid_.cell_shape());
    h_.emplace(grid_, Physics{.hbar = 1, .mass = 1}, metric_->metric(), none.view());
  }

  const Hamiltonian<double>& h() const { return *h_; }
  const FieldArray& wave() const { return wave_; }
  double energy() const { return grid_.nz > 1 ? 1.5 : 1; }  // (k^2 + l^2 + m^2) / 2

  /// The largest |H[T] - E T|, |T| = 1.
  double error() const {
    FieldArray image(grid_.shape());
    h_->apply(wave_.view(), image.view());
    Worst<double> worst;
    for (Index n = 0; n < image.size(); ++n) {
      worst.add(std::abs(image.data()[n] - energy() * wave_.data()[n]));
    }
    return worst.value();
  }

 private:
  Grid grid_;
  std::optional<Varying> metric_;
  FieldArray wave_;
  std::optional<Hamiltonian<double>> h_;
};

// Differences of the second order, whatever the metric.
TEST(Oblique, WavesOfBentCoordinatesAreEigenfunctionsToTheSecondOrder) {
  for (const bool has_z : {false, true}) {
    const double coarse = Bent(16, has_z).error(), fine = Bent(32, has_z).error();
    EXPECT_LT(fine, 0.1) << has_z;
    EXPECT_NEAR(std::log2(coarse / fine), 2, 0.15) << has_z;
  }
}

TEST(Oblique, WavesOfBentCoordinatesTurnWithTheirEnergy) {
  const double error = Bent(32, false).error();
  const Bent bent(32, false);
  for (const Scheme scheme : kVarying) {
    Evolution<double> evolution(bent.h(), {.scheme = scheme, .dt = 0.005}, bent.wave().view());
    evolution.run(40);  // to t = 0.2
    const Number turn = std::polar(1.0, -0.2 * bent.energy());
    Worst<double> worst;
    for (Index n = 0; n < bent.wave().size(); ++n) {
      worst.add(std::abs(evolution.field().data()[n] - turn * bent.wave().data()[n]));
    }
    // What H is off by adds up over the time; Crank-Nicolson's dt^2 E^3 t / 12 is far less.
    EXPECT_LT(worst.value(), 1.1 * 0.2 * error) << name(scheme);
  }
}

TEST(Oblique, HIsItsReference) {
  for (const auto& [nx, ny, nz, d] : {std::array<Index, 4>{5, 4, 3, 1},
                                      {2, 3, 70, 2},
                                      {4, 2, 7, 3},
                                      {7, 5, 1, 2},
                                      {3, 90, 1, 3},
                                      {2, 2, 1, 1}}) {
    const Grid grid{.nx = nx, .ny = ny, .d = d, .dx = 0.5, .nz = nz, .spacing_z = 0.3};
    const Varying varying(grid, kAny);
    InverseMetric constant{.gxx = 1.5, .gyy = 0.9};
    constant.gxy = 0.4;
    if (nz > 1) constant.gxz = -0.3, constant.gyz = 0.2;
    for (const InverseMetric& metric : {constant, varying.metric()}) {
      const auto distance = [&]<class T>(T) {
        const Hamiltonian<T> h(grid, {.hbar = 0.7}, metric, values(grid, "x - y/2").view());
        const auto t = random_field<T>(grid);
        Array<std::complex<T>, 4> image(grid.shape()), plain(grid.shape());
        h.apply(t.view(), image.view());
        reference::hamiltonian<T>(h, t.view(), plain.view());
        Worst<double> worst;
        for (Index k = 0; k < t.size(); ++k) worst.add(std::abs(image.data()[k] - plain.data()[k]));
        return worst.value() / h.highest();
      };
      // 4 eps of nineteen terms of |T| up to 4.
      EXPECT_LT(distance(1.0), 3e-14) << nx << ny << nz << d;
      EXPECT_LT(distance(1.0F), 1.5e-5) << nx << ny << nz << d;
    }
  }
}

TEST(Oblique, HIsSelfAdjointKillsConstantsAndLiesInItsBounds) {
  for (const Index nz : {1, 5}) {
    const Grid grid{.nx = 7, .ny = 6, .d = 1, .dx = 0.5, .spacing_y = 0.6, .nz = nz};
    const Varying varying(grid, kAny);
    const Array<double, 2> none(grid.cell_shape());
    const Hamiltonian<double> h(grid, {.hbar = 1}, varying.metric(), none.view());
    const auto a = random_field<double>(grid, 1), b = random_field<double>(grid, 2);
    FieldArray ha(grid.shape()), hb(grid.shape()), one(grid.shape());
    h.apply(a.view(), ha.view());
    h.apply(b.view(), hb.view());
    Buffer<double> sums(2 * grid.nx);
    const auto product = [&](const FieldArray& u, const FieldArray& v) {
      return inner<double>(u.view(), v.view(), h.weight(), sums.span());
    };
    EXPECT_LT(std::abs(product(a, hb) - product(ha, b)), 1e-12 * std::abs(product(a, ha)));
    for (auto& entry : one.span()) entry = 1;
    h.apply(one.view(), ha.view());
    for (const auto& entry : ha.span()) EXPECT_LT(std::abs(entry), 1e-13 * h.highest());

    // Powers of H, and of highest - H, lead to both ends of the spectrum.
    EXPECT_EQ(h.lowest(), 0);
    for (const double shift : {0.0, h.highest()}) {
      FieldArray t = random_field<double>(grid, 3), image(grid.shape());
      for (int power = 0; power < 300; ++power) {
        h.apply(t.view(), image.view());
        for (Index n = 0; n < t.size(); ++n) image.data()[n] -= shift * t.data()[n];
        const double size = std::sqrt(product(image, image).real());
        for (Index n = 0; n < t.size(); ++n) t.data()[n] = image.data()[n] / size;
      }
      h.apply(t.view(), image.view());
      const double eigenvalue = product(t, image).real() / product(t, t).real();
      EXPECT_GT(eigenvalue, -1e-10 * h.highest());
      EXPECT_LT(eigenvalue, h.highest());
    }
  }
}

// hbar omega = (hbar^2 / 2 m) of sum g^ii 4 sin^2(k dx / 2) / dx^2 + 2 sum g^ab sin(k dx) sin(l dy)
// / dx dy, or of sum g^ij k_i k_j.
TEST(Oblique, PlaneWavesTurnAsAllComponentsSay) {
  for (const Index nz : {1, 10}) {
    const Grid grid{
        .nx = 8, .ny = 6, .d = 2, .dx = 0.5, .spacing_y = 0.6, .nz = nz, .spacing_z = 0.4};
    InverseMetric metric{.gxx = 1.25, .gyy = 0.75, .gzz = nz > 1 ? 0.5 : 1};
    metric.gxy = 0.5;
    if (nz > 1) metric.gxz = -0.3, metric.gyz = 0.2;
    const double g[3][3] = {{1.25, 0.5, metric.gxz}, {0.5, 0.75, metric.gyz}, {0, 0, metric.gzz}};
    const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, metric, values(grid, "0.3").view());
    const auto start =
        field_of(grid, "1", nz > 1 ? "2*pi*(x/Lx + 2*y/Ly - 3*z/Lz)" : "2*pi*(x/Lx + 2*y/Ly)");
    const double k[] = {kTurn / 4, 2 * kTurn / 3.6, nz > 1 ? -3 * kTurn / 4 : 0},
                 step[] = {0.5, 0.6, 0.4};
    double discrete = 0.3, continuous = 0.3;
    for (int a = 0; a < 3; ++a) {
      discrete += 2 * g[a][a] * std::pow(std::sin(k[a] * step[a] / 2) / step[a], 2);
      continuous += g[a][a] * k[a] * k[a] / 2;
      for (int b = a + 1; b < 3; ++b) {
        discrete +=
            g[a][b] * std::sin(k[a] * step[a]) / step[a] * std::sin(k[b] * step[b]) / step[b];
        continuous += g[a][b] * k[a] * k[b];
      }
    }
    const auto turned = [&](const Settings& settings) {
      Evolution<double> evolution(h, settings, start.view());
      evolution.run(50);
      return -std::arg(evolution.field()(3, 4, 1, 1) / start(3, 4, 1, 1));
    };
    for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                                Scheme::rk4, Scheme::chebyshev}) {
      // dt^2 omega^3 t / 12 of Crank-Nicolson, dt^4 omega^5 t / 120 of Runge-Kutta, omega =
      // 10.3; else rounding.
      const double bound = scheme == Scheme::crank_nicolson ? 4e-5
                           : scheme == Scheme::rk4          ? 2e-9
                                                            : 1e-13;
      EXPECT_NEAR(turned({.scheme = scheme, .dt = 0.002}), 0.1 * discrete, bound) << name(scheme);
    }
    EXPECT_NEAR(turned({.dt = 0.002, .symbol = Symbol::continuous}), 0.1 * continuous, 1e-13);
  }
}

// A free packet e^{-x^T A x / 2} keeps its form, A^-1 = 1 + i t G / m, in time t of hbar = 1: it
// spreads along the axes of G.
TEST(Oblique, PacketSpreadsAlongTheMetricsOwnAxes) {
  const Grid grid{.nx = 96, .ny = 96, .d = 1, .dx = 0.4};
  InverseMetric metric{.gxx = 1.5, .gyy = 1};
  metric.gxy = 0.8;
  const Array<double, 2> none(grid.cell_shape());
  const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, metric, none.view());
  const auto start = field_of(grid, "exp(-(x^2 + y^2)/2)", "0");
  Evolution<double> evolution(h, {.dt = 0.1, .symbol = Symbol::continuous}, start.view());
  evolution.run(10);
  const double t = 1;
  const Number xx(1, 1.5 * t), yy(1, t), xy(0, 0.8 * t), det = xx * yy - xy * xy;
  Worst<double> worst;
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = grid.x(i), y = grid.y(j);
      const Number form = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / det;
      const Number want = std::exp(-form / 2.0) / std::sqrt(det);
      worst.add(std::abs(evolution.field()(i, j, 0, 0) - want));
    }
  }
  EXPECT_LT(worst.value(), 1e-11);  // e^{-r^2 / 2 sigma^2} at the edge, r = 19.2, sigma^2 = 5.4
}

// The same packet by differences, by one scheme of stages and one of FFTs with their symbol.
TEST(Oblique, SplittingsAndStagesSolveOneEquation) {
  const Grid grid{.nx = 12, .ny = 10, .d = 1, .dx = 0.5, .nz = 8};
  InverseMetric metric{.gxx = 1.5, .gyy = 1, .gzz = 1.2};
  metric.gxy = 0.6, metric.gxz = -0.4, metric.gyz = 0.3;
  const Hamiltonian<double> h(grid, {.hbar = 1, .mass = 1}, metric,
                              values(grid, "cos(2*pi*x/Lx)").view());
  const auto start = field_of(grid, "exp(-x^2 - y^2 - z^2)", "x");
  const auto end_of = [&](Scheme scheme, double dt, Index steps) {
    Evolution<double> evolution(h, {.scheme = scheme, .dt = dt}, start.view());
    evolution.run(steps);
    FieldArray end(grid.shape());
    std::copy(evolution.field().begin(), evolution.field().end(), end.data());
    return end;
  };
  const FieldArray exact = end_of(Scheme::chebyshev, 0.4, 1),
                   split = end_of(Scheme::yoshida4, 0.01, 40),
                   staged = end_of(Scheme::rk4, 0.01, 40);
  Worst<double> by_split, by_stages;
  for (Index n = 0; n < exact.size(); ++n) {
    by_split.add(std::abs(exact.data()[n] - split.data()[n]));
    by_stages.add(std::abs(exact.data()[n] - staged.data()[n]));
  }
  EXPECT_LT(by_split.value(), 1e-6);   // dt^4 of commutators up to 40^4 / 2880
  EXPECT_LT(by_stages.value(), 1e-5);  // dt^4 E^5 t / 120, E up to 30
}

TEST(Oblique, BitsDoNotDependOnThreads) {
  const Grid grid{.nx = 4, .ny = 48, .d = 3, .dx = 0.5, .nz = 40};  // a row is worth a thread
  const Varying varying(grid, kAny);
  const Array<double, 2> none(grid.cell_shape());
  const auto t = random_field<double>(grid);
  std::vector<FieldArray> images;
  on_thread_counts([&](int) {
    const Hamiltonian<double> h(grid, {}, varying.metric(), none.view());
    images.emplace_back(grid.shape());
    h.apply(t.view(), images.back().view());
  });
  EXPECT_TRUE(std::ranges::equal(images[0].span(), images[1].span()));
}

TEST(Oblique, WhatCannotBeIsNamed) {
  const auto made = [](const Grid& grid, const InverseMetric& metric) {
    const Array<double, 2> none(grid.cell_shape());
    return error_of([&] { Hamiltonian<double>(grid, {}, metric, none.view()); });
  };
  const auto with = [](double gxy, double gxz = 0, double gyz = 0) {
    InverseMetric metric;
    metric.gxy = gxy, metric.gxz = gxz, metric.gyz = gyz;
    return metric;
  };
  Grid grid{.nx = 4, .ny = 4};
  EXPECT_EQ(made(grid, with(0.9)), "no error");
  EXPECT_EQ(made(grid, with(-1)),
            "the inverse metric has the diagonal (1, 1) and, off it, g^xy = -1; expected it "
            "positive definite");
  EXPECT_NE(made(grid, with(NAN)).find("g^xy = nan; expected it positive definite"),
            std::string::npos);
  EXPECT_EQ(made(grid, with(0, 0.1)), "the inverse metric has g^xz, and the grid no axis z");
  EXPECT_EQ(made({.nx = 4, .ny = 1}, with(0.1)),
            "the inverse metric has g^xy, and the grid no axis y");
  // Each plane is positive definite; the whole is not.
  EXPECT_EQ(made({.nx = 4, .ny = 4, .nz = 4}, with(0.6, 0.6, -0.6)),
            "the inverse metric has the diagonal (1, 1, 1) and, off it, g^xy = 0.6, g^xz = 0.6, "
            "g^yz = -0.6; expected it positive definite");
  const Array<double, 2> some = values(grid, "where(x > 0.5 and y > 0.5, 2, 0.1)");
  InverseMetric lone;
  lone.gxy_field = some.view();
  EXPECT_EQ(made(grid, lone), "the inverse metric has a field g^xy and none for g^xx");
  const Array<double, 2> ones = values(grid, "1");
  lone.gxx_field = lone.gyy_field = ones.view();
  EXPECT_EQ(made(grid, lone),
            "the inverse metric at cell (3, 3) has the diagonal (1, 1) and, off it, g^xy = 2; "
            "expected it positive definite");
  grid.boundary_y = Boundary::neumann;
  EXPECT_EQ(
      made(grid, with(0.1)),
      "the inverse metric has g^xy, which is for periodic axes; the boundary of y is neumann");
  // Walls along an axis that has no part in it are none of its business.
  EXPECT_EQ(made({.nx = 4, .ny = 4, .nz = 4, .boundary_z = Boundary::dirichlet}, with(0.1)),
            "no error");

  const Grid plane{.nx = 4, .ny = 4};
  const Array<double, 2> none(plane.cell_shape());
  const Hamiltonian<double> h(plane, {}, with(0.1), none.view());
  EXPECT_NE(error_of([&] { RungeKutta<double>(h, 0.01, 4); }).find("expected RungeKuttaInTime"),
            std::string::npos);
}

}  // namespace
}  // namespace lior::field
