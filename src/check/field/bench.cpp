// SPDX-License-Identifier: Apache-2.0
// Strang steps of the field, beside the same parts one after another and beside the FFTs alone.
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/field/hamiltonian.h"
#include "lior/field/integrator.h"
#include "lior/linalg/fft.h"

namespace lior::check {
namespace {

using namespace field;

template <class T>
std::span<const T> reals(const Array<std::complex<T>, 4>& a) {
  return {reinterpret_cast<const T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
}

/// A Strang step of every kind that a row compares: ours, and its parts as sweeps of their own.
template <class T>
class StrangCase {
 public:
  using Number = std::complex<T>;
  using FieldArray = Array<Number, 4>;

  FieldArray start, source, plain, fast, transformed;

  explicit StrangCase(const Grid& grid)
      : start(grid.shape()),
        source(grid.shape()),
        plain(grid.shape()),
        fast(grid.shape()),
        transformed(grid.shape()),
        grid_(grid),
        h_(hamiltonian(grid)),
        splitting_(h_, kDt, 2),
        kick_(grid.cell_shape()),
        drift_(grid.cell_shape()),
        cell_(grid.d * grid.d),
        line_(grid.nz * cell_),
        row_(grid.ny * line_),
        along_z_({grid.nz, cell_, cell_, 1}),
        along_y_({grid.ny, line_, line_, 1}),
        along_x_({grid.nx, row_, row_, 1}),
        columns_along_x_({grid.nx, kColumns, kColumns, 1}),
        work_(threads() * grid.nx * kColumns) {
    Random random(41);
    for (FieldArray* t : {&start, &source}) {
      for (Number& entry : t->span()) {
        entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
      }
    }
    const Physics physics = h_.physics();
    const std::array<Axis, 3> axes = grid.axes();
    const auto energy = [&](const Axis& axis, Index k) {
      const double sine =
          std::sin(std::numbers::pi * static_cast<double>(k) / static_cast<double>(axis.count));
      return 2 * physics.hbar * physics.hbar / physics.mass * sine * sine /
             (axis.spacing * axis.spacing);
    };
    for (Index i = 0; i < grid.nx; ++i) {
      for (Index cell = 0; cell < grid.row_cells(); ++cell) {
        const double kinetic = energy(axes[0], i) + energy(axes[1], grid.j_of(cell)) +
                               energy(axes[2], grid.k_of(cell));
        kick_(i, cell) = Number(std::polar(1.0, -h_.v()(i, cell) * kDt / (2 * physics.hbar)));
        drift_(i, cell) = Number(std::polar(1.0, -kinetic * kDt / physics.hbar) /
                                 static_cast<double>(grid.cells()));
      }
    }
  }

  /// Kick, transforms of rows and along x, drift, transforms back, kick: each a sweep.
  void step_in_sweeps(bool driven) {
    std::copy_n(start.data(), start.size(), plain.data());
    if (driven) drive();
    times(kick_);
    rows(plain, [&](Number* r) { forward(r); });
    along_x_.forward(plain.data());
    times(drift_);
    along_x_.inverse(plain.data());
    rows(plain, [&](Number* r) { inverse(r); });
    times(kick_);
    if (driven) drive();
  }
  /// Splitting, which rides them on one another.
  void step(bool driven) {
    std::copy_n(start.data(), start.size(), fast.data());
    splitting_.run(fast.view(), 1, driven ? source.view() : ConstField<T>{});
  }
  void steps(Index count, bool driven) {
    splitting_.run(fast.view(), count, driven ? source.view() : ConstField<T>{});
  }
  /// Along z and y, along x there and back by gathered columns, and back along y and z.
  void transform() {
    rows(transformed, [&](Number* r) { forward(r); });
    parallel_for(row_ / kColumns, 1, [&](Index begin, Index end, int worker) {
      Number* const block = work_.data() + worker * grid_.nx * kColumns;
      for (Index first = begin * kColumns; first < end * kColumns; first += kColumns) {
        Number* const data = transformed.data() + first;
        for (Index i = 0; i < grid_.nx; ++i) {
          std::copy_n(data + i * row_, kColumns, block + i * kColumns);
        }
        columns_along_x_.forward(block);
        columns_along_x_.inverse(block);
        for (Index i = 0; i < grid_.nx; ++i) {
          std::copy_n(block + i * kColumns, kColumns, data + i * row_);
        }
      }
    });
    rows(transformed, [&](Number* r) { inverse(r); });
  }

 private:
  static constexpr double kDt = 0.1;
  static constexpr Index kColumns = 8;  // as Splitting takes them; nx D^2 is a multiple

  static Hamiltonian<T> hamiltonian(const Grid& grid) {
    Array<double, 2> v(grid.cell_shape());
    fill_potential(Potential::harmonic, 1e-4, grid, v.view());
    return {grid, {}, {}, v.view()};
  }
  template <class Body>
  void rows(FieldArray& t, const Body& body) {
    parallel_for(grid_.nx, 1, [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) body(t.data() + i * row_);
    });
  }
  /// A row: lines along z where there are any, and columns of them along y.
  void forward(Number* row) {
    for (Index j = 0; j < lines_along_z(); ++j) along_z_.forward(row + j * line_);
    along_y_.forward(row);
  }
  void inverse(Number* row) {
    along_y_.inverse(row);
    for (Index j = 0; j < lines_along_z(); ++j) along_z_.inverse(row + j * line_);
  }
  Index lines_along_z() const { return grid_.nz > 1 ? grid_.ny : 0; }
  void times(const Array<Number, 2>& phase) {
    parallel_for(grid_.cells(), 4096, [&](Index begin, Index end, int) {
      for (Index k = begin * cell_; k < end * cell_; ++k) {
        const Number a = plain.data()[k], b = phase.data()[k / cell_];
        plain.data()[k] = {a.real() * b.real() - a.imag() * b.imag(),
                           a.real() * b.imag() + a.imag() * b.real()};
      }
    });
  }
  void drive() {
    const T amount = static_cast<T>(kDt / (2 * h_.physics().hbar));
    parallel_for(plain.size(), 4096, [&](Index begin, Index end, int) {
      for (Index k = begin; k < end; ++k) {
        const Number s = source.data()[k];
        plain.data()[k] += amount * Number(s.imag(), -s.real());
      }
    });
  }

  Grid grid_;
  Hamiltonian<T> h_;
  Splitting<T> splitting_;
  Array<Number, 2> kick_, drift_;
  Index cell_, line_, row_;  // numbers in a cell, in a line along z, in all cells of one x
  linalg::Fft<T> along_z_, along_y_, along_x_, columns_along_x_;
  Buffer<Number> work_;
};

template <class T>
Bench strang_row(const char* name, const Grid& grid, const char* how, Index steps) {
  const double numbers = static_cast<double>(grid.numbers()) * static_cast<double>(steps);
  const double lengths = std::log2(static_cast<double>(grid.cells()));
  return {.name = name,
          .shape = (grid.nz > 1 ? to_string(Shape<5>{grid.nx, grid.ny, grid.nz, grid.d, grid.d})
                                : to_string(grid.shape())) +
                   how,
          .dtype = kDtype<T>,
          .flops = 10 * numbers * lengths + 18 * numbers,        // there and back; three phases
          .bytes = 2.0 * 2 * sizeof(std::complex<T>) * numbers,  // rows and columns, in and out
          .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = {}};
}

/// A step, beside a sweep for each of its parts.
template <class T>
Bench strang_bench(const Grid& grid) {
  Bench row = strang_row<T>("field.strang_step", grid, "", 1);
  row.prepare = [=] {
    const auto data = std::make_shared<StrangCase<T>>(grid);
    return BenchRun{
        .before = [=] { data->step_in_sweeps(false); },
        .after = [=] { data->step(false); },
        .error = [=] { return relative_difference(reals(data->fast), reals(data->plain)); },
        .tolerance = 64 * std::numeric_limits<T>::epsilon()};
  };
  return row;
}

/// Steps of a run, beside their Fourier transforms alone: the inverse of the ratio is what the
/// potential and the source cost on top.
template <class T>
Bench strang_beside_transforms(const Grid& grid, bool driven) {
  constexpr Index kSteps = 4;
  Bench row = strang_row<T>("field.strang_beside_ffts", grid,
                            driven ? ", 4 steps, source" : ", 4 steps", kSteps);
  if (driven) row.bytes *= 1.25;
  row.prepare = [=] {
    const auto data = std::make_shared<StrangCase<T>>(grid);
    data->step_in_sweeps(driven);
    data->step(driven);
    const double error = relative_difference(reals(data->fast), reals(data->plain));
    return BenchRun{.before =
                        [=] {
                          // From the start each time: unscaled, they multiply by Nx Ny.
                          std::copy_n(data->start.data(), data->start.size(),
                                      data->transformed.data());
                          for (Index step = 0; step < kSteps; ++step) data->transform();
                        },
                    .after =
                        [=] {
                          std::copy_n(data->start.data(), data->start.size(), data->fast.data());
                          data->steps(kSteps, driven);
                        },
                    .error = [=] { return error; },
                    .tolerance = 64 * std::numeric_limits<T>::epsilon()};
  };
  return row;
}

}  // namespace

void add_field_benches(Registry& registry) {
  const auto add = [&](Bench row) { registry.benches.push_back(std::move(row)); };
  add(strang_bench<float>({512, 512, 2, 1}));
  add(strang_bench<double>({512, 512, 2, 1}));
  for (const bool driven : {false, true}) {
    add(strang_beside_transforms<float>({512, 512, 2, 1}, driven));
    add(strang_beside_transforms<double>({512, 512, 2, 1}, driven));
  }
  const Grid box{.nx = 64, .ny = 64, .nz = 64};
  add(strang_bench<float>(box));
  add(strang_bench<double>(box));
  add(strang_beside_transforms<double>(box, false));
  for (const Index n : {64, 128, 256, 512}) {  // growth with the cells
    const Grid grid{n, n, 1, 1};
    Bench row = strang_bench<double>(grid);
    row.variable = "cells";
    row.size = static_cast<double>(grid.cells());
    row.memory = 3 * 16 * static_cast<double>(grid.numbers());  // T, a kick and the drift
    add(std::move(row));
  }
}

}  // namespace lior::check
