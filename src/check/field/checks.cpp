// SPDX-License-Identifier: Apache-2.0
// The field: what it must hold in double, from closed forms and symmetries.
#include <cmath>
#include <numbers>

#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/field/bayes.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/setup.h"

namespace lior::check {
namespace {

using namespace field;
using Complex = std::complex<double>;
using FieldArray = Array<Complex, 4>;

/// A Hamiltonian with a potential of one kind.
Hamiltonian<double> hamiltonian(const Grid& grid, Potential kind, double strength,
                                const Physics& physics = {}) {
  Array<double, 2> v(grid.cell_shape());
  fill_potential(kind, strength, grid, v.view());
  return {grid, physics, {}, v.view()};
}

/// exp(-(r - at)^2 / 4 sigma^2 + i k x), the same in every entry but for a factor: the standard
/// deviation of |T|^2 is sigma.
FieldArray packet(const Grid& grid, double sigma, double x0 = 0, double k = 0) {
  FieldArray t(grid.shape());
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = (static_cast<double>(i) - static_cast<double>(grid.nx) / 2) * grid.dx;
      const double y = (static_cast<double>(j) - static_cast<double>(grid.ny) / 2) * grid.dx;
      const double size = std::exp(-((x - x0) * (x - x0) + y * y) / (4 * sigma * sigma));
      for (Index e = 0; e < grid.d * grid.d; ++e) {
        t(i, j, e / grid.d, e % grid.d) =
            size * std::polar(1.0, k * x) * Complex(1, 0.5 * static_cast<double>(e));
      }
    }
  }
  return t;
}

FieldArray random_field(const Grid& grid, std::uint64_t seed) {
  FieldArray t(grid.shape());
  Random random(seed);
  for (Complex& entry : t.span()) entry = {random.normal(), random.normal()};
  return t;
}

double distance(ConstField<double> a, ConstField<double> b) {
  double error = 0, scale = 0;
  for (Index k = 0; k < a.size(); ++k) {
    error = worst_of<double>({error, std::abs(a.data()[k] - b.data()[k])});
    scale = std::max(scale, std::abs(b.data()[k]));
  }
  return error / scale;
}

double norm_of(const Hamiltonian<double>& h, ConstField<double> t) {
  Buffer<double> sums(2 * h.grid().nx);
  return norm<double>(t, h.weight(), sums.span());
}

double energy_of(const Hamiltonian<double>& h, ConstField<double> t) {
  Buffer<double> sums(2 * h.grid().nx);
  FieldArray work(h.grid().shape());
  return energy<double>(h, t, work.view(), sums.span());
}

/// Mean and standard deviation of x under |T|^2.
std::array<double, 2> position(const Grid& grid, ConstField<double> t) {
  double total = 0, first = 0, second = 0;
  for (Index i = 0; i < grid.nx; ++i) {
    const double x = (static_cast<double>(i) - static_cast<double>(grid.nx) / 2) * grid.dx;
    for (Index j = 0; j < grid.ny; ++j) {
      for (const Complex entry : t[i][j]) {
        total += std::norm(entry);
        first += x * std::norm(entry);
        second += x * x * std::norm(entry);
      }
    }
  }
  const double mean = first / total;
  return {mean, std::sqrt(second / total - mean * mean)};
}

double norm_drift() {
  const Grid grid{64, 64, 2, 1};
  const auto h = hamiltonian(grid, Potential::harmonic, 1e-4);
  const FieldArray start = packet(grid, 6, 5, 0.3);
  Evolution<double> evolution(h, {.dt = 0.05}, start.view());
  evolution.run(500);  // 10,000: docs/decisions/030-memory-and-field.md
  return std::abs(norm_of(h, evolution.field()) / norm_of(h, start.view()) - 1);
}

double reversal(Scheme scheme, double dt) {
  const Grid grid{32, 24, 2, 1};
  const auto h = hamiltonian(grid, Potential::gaussian_barrier, 0.02);
  const FieldArray start = packet(grid, 3, -4, 0.5);
  Evolution<double> there(h, {.scheme = scheme, .dt = dt}, start.view());
  there.run(50);
  Evolution<double> back(h, {.scheme = scheme, .dt = -dt}, there.field());
  back.run(50);
  return distance(back.field(), start.view());
}

/// The order at which the energy's error falls when dt is halved.
double energy_slope(Scheme scheme, double dt) {
  const Grid grid{32, 32, 1, 1};
  const auto h = hamiltonian(grid, Potential::harmonic, 1e-3);
  const FieldArray start = packet(grid, 2.5, 4, 0.4);
  const double exact = energy_of(h, start.view());
  double error[2];
  for (const int half : {0, 1}) {
    const Index steps = 8 << half;
    Evolution<double> evolution(h, {.scheme = scheme, .dt = dt / (1 << half)}, start.view());
    evolution.run(steps);
    error[half] = std::abs(energy_of(h, evolution.field()) - exact);
  }
  return std::log2(error[0] / error[1]);
}

double plane_wave() {
  const Grid grid{28, 28, 1, 1};
  constexpr double kFrequency = .0025072088;
  const auto h = hamiltonian(grid, Potential::zero, 0);
  FieldArray t(grid.shape());
  for (Index i = 0; i < 28; ++i) {
    for (Index j = 0; j < 28; ++j) {
      t(i, j, 0, 0) = std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(i) / 28);
    }
  }
  Evolution<double> evolution(h, {.dt = 1}, t.view());
  evolution.run(100);
  const double turned = -std::arg(evolution.field()(0, 0, 0, 0) / t(0, 0, 0, 0));
  return std::abs(turned / 100 - kFrequency);
}

double packet_spreading() {
  const Grid grid{128, 8, 1, 0.5};
  constexpr double kWidth = 3, kTime = 100;
  const auto h = hamiltonian(grid, Potential::zero, 0);
  FieldArray t(grid.shape());
  for (Index i = 0; i < grid.nx; ++i) {
    const double x = (static_cast<double>(i) - 64) * grid.dx;
    for (Index j = 0; j < grid.ny; ++j) t(i, j, 0, 0) = std::exp(-x * x / (4 * kWidth * kWidth));
  }
  Evolution<double> evolution(h, {.dt = 1, .symbol = Symbol::continuous}, t.view());
  evolution.run(100);
  const double ratio = 0.1 * kTime / (2 * kWidth * kWidth);  // hbar t / 2 m s0^2
  const double expected = kWidth * std::sqrt(1 + ratio * ratio);
  return std::abs(position(grid, evolution.field())[1] / expected - 1);
}

double coherent_state() {
  const Grid grid{64, 64, 1, 0.5};
  constexpr double kStrength = 0.01, kFrequency = 0.1, kStart = 2;  // w = sqrt(k / m)
  const auto h = hamiltonian(grid, Potential::harmonic, kStrength);
  const double sigma = std::sqrt(0.1 / (2 * kFrequency));  // sqrt(hbar / 2 m w)
  const FieldArray start = packet(grid, sigma, kStart);
  Evolution<double> evolution(h, {.dt = 0.25, .symbol = Symbol::continuous}, start.view());
  double worst = 0;
  for (int part = 1; part <= 10; ++part) {
    evolution.run(20);
    const double expected = kStart * std::cos(kFrequency * evolution.time());
    worst = worst_of<double>({worst, std::abs(position(grid, evolution.field())[0] - expected)});
  }
  return worst;
}

double oscillator_ground_state() {
  const Grid grid{32, 32, 1, 0.5};
  constexpr double kFrequency = 0.1, kHbar = 0.1;
  const auto h = hamiltonian(grid, Potential::harmonic, kFrequency * kFrequency);
  const FieldArray start = packet(grid, 1.2, 1);
  Evolution<double> evolution(h, {.dt = 0.5, .symbol = Symbol::continuous, .time = Time::imaginary},
                              start.view());
  evolution.run(600);
  // Energies by the same symbol: <K> from the wave, so that differences of H do not enter.
  Evolution<double> turn(h, {.scheme = Scheme::strang, .dt = 0.01, .symbol = Symbol::continuous},
                         evolution.field());
  turn.run(1);
  Complex overlap = 0;
  for (Index k = 0; k < grid.numbers(); ++k) {
    overlap += std::conj(evolution.field().data()[k]) * turn.field().data()[k];
  }
  const double e = -std::arg(overlap) * kHbar / 0.01;
  return std::abs(e / (kHbar * kFrequency) - 1);
}

/// |T - exact| at t = 1 with memory; every cell alike.
double memory_error(double v, Complex exact, Scheme scheme, Index steps) {
  const Grid grid{4, 4, 1, 1};
  const auto h = hamiltonian(grid, Potential::constant, v);
  FieldArray start(grid.shape());
  for (Complex& entry : start.span()) entry = 1;
  Evolution<double> evolution(h,
                              {.scheme = scheme,
                               .dt = 1.0 / static_cast<double>(steps),
                               .lambda_f = 0.05,
                               .alpha = 0.5,
                               .tolerance = 1e-9,
                               .horizon = steps},
                              start.view());
  evolution.run(steps);
  return std::abs(evolution.field()(1, 2, 0, 0) - exact);
}

/// A sum of potentials over the axes keeps a product of three lines one, step by step.
double product_of_lines(Scheme scheme) {
  const Grid box{
      .nx = 12, .ny = 10, .d = 1, .dx = 0.5, .spacing_y = 0.6, .nz = 8, .spacing_z = 0.7};
  Grid lines[] = {box, box, box};
  lines[0].ny = lines[0].nz = lines[1].nx = lines[1].nz = lines[2].nx = lines[2].ny = 1;
  const auto run = [&](const Grid& grid) {
    const auto h = hamiltonian(grid, Potential::harmonic, 0.5, {.hbar = 1});
    FieldArray start(grid.shape());
    fill_packet(grid, {.width = 1, .x0 = 0.3, .y0 = 0, .kx = 0.4, .ky = -0.3, .kz = 0.2},
                start.view());
    Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.1}, start.view());
    evolution.run(20);
    return std::vector<Complex>(evolution.field().begin(), evolution.field().end());
  };
  const auto whole = run(box), along_x = run(lines[0]), along_y = run(lines[1]),
             along_z = run(lines[2]);
  // Lines away from x have the packet's factor at x = 0 as well, once each.
  const double beside = std::exp(-0.3 * 0.3 / 4);
  double worst = 0;
  for (Index i = 0; i < box.nx; ++i) {
    for (Index c = 0; c < box.row_cells(); ++c) {
      const Complex product = along_x[i] * along_y[box.j_of(c)] * along_z[box.k_of(c)];
      const Complex found = whole[i * box.row_cells() + c];
      worst = worst_of<double>({worst, std::abs(found - product / (beside * beside))});
    }
  }
  return worst;
}

double unitary_commutes() {
  const Grid grid{12, 10, 2, 1};
  const auto h = hamiltonian(grid, Potential::zero, 0);
  const FieldArray start = random_field(grid, 1);
  const double c = std::cos(0.7), s = std::sin(0.7);
  const Complex u[2][2] = {{c, s * std::polar(1.0, 0.4)}, {-s * std::polar(1.0, -0.4), c}};
  const auto turned = [&](ConstField<double> t) {
    FieldArray out(grid.shape());
    for (Index site = 0; site < grid.cells(); ++site) {
      for (Index a = 0; a < 2; ++a) {
        for (Index b = 0; b < 2; ++b) {
          for (Index k = 0; k < 4; ++k) {
            out.data()[site * 4 + a * 2 + b] +=
                u[a][k / 2] * t.data()[site * 4 + k] * std::conj(u[b][k % 2]);
          }
        }
      }
    }
    return out;
  };
  Evolution<double> plain(h, {.dt = 0.5}, start.view());
  const FieldArray turned_start = turned(start.view());
  Evolution<double> other(h, {.dt = 0.5}, turned_start.view());
  plain.run(20);
  other.run(20);
  return distance(other.field(), turned(plain.field()).view());
}

double bayes_rule() {
  const Grid grid{9, 7, 3, 1};
  constexpr double kTau = 0.5;
  const FieldArray t = random_field(grid, 2), e = random_field(grid, 3);
  FieldArray b(grid.shape());
  Buffer<double> sums(3 * grid.nx);
  posterior<double>(t.view(), e.view(), kTau, b.view(), sums.span());
  // prior p, likelihood w, posterior p w / sum p w.
  double prior = 0, evidence = 0;
  for (Index k = 0; k < t.size(); ++k) {
    const double p = std::norm(t.data()[k]);
    prior += p;
    evidence += p * std::exp(-std::norm(t.data()[k] - e.data()[k]) / kTau);
  }
  double worst = 0;
  for (Index k = 0; k < t.size(); ++k) {
    const double p = std::norm(t.data()[k]) / prior;
    const double w = std::exp(-std::norm(t.data()[k] - e.data()[k]) / kTau);
    const double expected = p * w / (evidence / prior);
    worst = worst_of<double>({worst, std::abs(std::norm(b.data()[k]) / prior - expected)});
  }
  return worst;
}

/// sum sqrt(g) |T|^2 on a curved grid.
double curved_norm_drift(Scheme scheme) {
  const Grid grid{20, 16, 1, 1};
  Array<double, 2> gxx({20, 16}), gyy({20, 16}), v({20, 16});
  for (Index i = 0; i < 20; ++i) {
    for (Index j = 0; j < 16; ++j) {
      gxx(i, j) = 1 + 0.4 * std::sin(2 * std::numbers::pi * static_cast<double>(i) / 20);
      gyy(i, j) = 1 + 0.3 * std::cos(2 * std::numbers::pi * static_cast<double>(j) / 16);
    }
  }
  const Hamiltonian<double> h(grid, {}, {.gxx_field = gxx.view(), .gyy_field = gyy.view()},
                              v.view());
  const FieldArray start = packet(grid, 3, 0, 0.5);
  Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.5}, start.view());
  evolution.run(100);
  return std::abs(norm_of(h, evolution.field()) / norm_of(h, start.view()) - 1);
}

}  // namespace

void add_field_checks(Registry& registry) {
  const auto add = [&](std::string name, std::string shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = "field." + name,
                               .module = "field",
                               .dtype = "f64",
                               .shape = std::move(shape),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  add("norm_drift.strang", "[64, 64, 2, 2], 500 steps", 1e-12, norm_drift);
  add("reversal.strang", "[32, 24, 2, 2], 50 steps", 1e-10,
      [] { return reversal(Scheme::strang, 0.5); });
  add("reversal.yoshida4", "[32, 24, 2, 2], 50 steps", 1e-10,
      [] { return reversal(Scheme::yoshida4, 0.5); });
  add("reversal.crank_nicolson", "[32, 24, 2, 2], 50 steps", 1e-10,
      [] { return reversal(Scheme::crank_nicolson, 0.5); });
  add("reversal.chebyshev", "[32, 24, 2, 2], 50 steps", 1e-10,
      [] { return reversal(Scheme::chebyshev, 3); });
  // The next term of the error changes the slope by about dt^2 of itself.
  add("energy_slope.strang", "2 in dt", 0.05,
      [] { return std::abs(energy_slope(Scheme::strang, 1) - 2); });
  add("energy_slope.yoshida4", "4 in dt", 0.1,
      [] { return std::abs(energy_slope(Scheme::yoshida4, 1) - 4); });
  add("plane_wave", "[28, 28], mode (1, 0)", 1e-10, plane_wave);         // digits of the oracle
  add("packet_spreading", "t = 100", 1e-10, packet_spreading);           // the tails that wrap
  add("coherent_state", "<x>, 200 steps of .25", 1e-3, coherent_state);  // dt^2 of Strang
  add("ground_state", "imaginary time, 600 steps", 1e-5, oscillator_ground_state);
  const Complex free(.9584200958387, .3737405109885), bound(.9987070566718, -.0237292043267);
  // Strang's kicks take the memory at both ends of a step: order 1.5 or better in dt.
  add("memory.strang", "H = 0, 2,000 steps", 1e-5,
      [=] { return memory_error(0, free, Scheme::strang, 2000); });
  add("memory.strang", "H = .04 T, 2,000 steps", 1e-5,
      [=] { return memory_error(0.04, bound, Scheme::strang, 2000); });
  add("memory.crank_nicolson", "H = .04 T, 2,000 steps", 1e-5,
      [=] { return memory_error(0.04, bound, Scheme::crank_nicolson, 2000); });
  add("memory.rk4", "H = .04 T, 2,000 steps", 1e-5,
      [=] { return memory_error(0.04, bound, Scheme::rk4, 2000); });
  add("product_of_lines.strang", "[12, 10, 8], 20 steps", 1e-13,
      [] { return product_of_lines(Scheme::strang); });
  add("product_of_lines.yoshida4", "[12, 10, 8], 20 steps", 1e-13,
      [] { return product_of_lines(Scheme::yoshida4); });
  add("unitary_commutes", "[12, 10, 2, 2], 20 steps", 1e-13, unitary_commutes);
  add("bayes_rule", "[9, 7, 3, 3]", 1e-15, bayes_rule);
  add("curved_norm_drift.crank_nicolson", "[20, 16], 100 steps", 1e-12,
      [] { return curved_norm_drift(Scheme::crank_nicolson); });
  add("curved_norm_drift.chebyshev", "[20, 16], 100 steps", 1e-12,
      [] { return curved_norm_drift(Scheme::chebyshev); });
}

}  // namespace lior::check
