// Steps of the field, beside the same transforms and sweeps one after another.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/field/evolution.h"

namespace lior::check {
namespace {

using namespace field;

template <class T>
std::span<const T> reals(const Array<std::complex<T>, 4>& a) {
  return {reinterpret_cast<const T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
}

/// One Strang step: kick, transforms along y and x, drift, transforms back, kick, each a sweep of
/// its own; beside Splitting, which rides them on one another.
template <class T>
Bench strang_bench(const Grid& grid) {
  using Number = std::complex<T>;
  const double numbers = static_cast<double>(grid.numbers());
  const double lengths =
      std::log2(static_cast<double>(grid.nx)) + std::log2(static_cast<double>(grid.ny));
  return {.name = "field.strang_step",
          .shape = to_string(grid.shape()),
          .dtype = kDtype<T>,
          .flops = 10 * numbers * lengths + 18 * numbers,  // there and back; three phases
          .bytes = 2.0 * 2 * sizeof(Number) * numbers,     // rows and columns, read and written
          .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = [=] {
            struct Data {
              Array<double, 2> v;
              std::unique_ptr<Hamiltonian<T>> h;
              std::unique_ptr<Splitting<T>> splitting;
              Array<Number, 4> start, plain, fast;
              Array<Number, 2> kick, drift;
            };
            auto data = std::make_shared<Data>();
            constexpr double kDt = 0.1;
            data->v = Array<double, 2>({grid.nx, grid.ny});
            fill_potential(Potential::harmonic, 1e-4, grid, data->v.view());
            data->h =
                std::make_unique<Hamiltonian<T>>(grid, Physics{}, InverseMetric{}, data->v.view());
            data->splitting = std::make_unique<Splitting<T>>(*data->h, kDt, 2);
            data->start = Array<Number, 4>(grid.shape());
            data->plain = Array<Number, 4>(grid.shape());
            data->fast = Array<Number, 4>(grid.shape());
            data->kick = Array<Number, 2>({grid.nx, grid.ny});
            data->drift = Array<Number, 2>({grid.nx, grid.ny});
            Random random(41);
            for (Number& entry : data->start.span()) {
              entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
            }
            const Physics physics;
            for (Index i = 0; i < grid.nx; ++i) {
              for (Index j = 0; j < grid.ny; ++j) {
                const auto sine = [](Index k, Index n) {
                  return std::sin(3.14159265358979323846 * static_cast<double>(k) /
                                  static_cast<double>(n));
                };
                const double a = sine(i, grid.nx), b = sine(j, grid.ny);
                const double energy = physics.hbar * physics.hbar / (2 * physics.mass) * 4 *
                                      (a * a + b * b) / (grid.dx * grid.dx);
                data->kick(i, j) =
                    Number(std::polar(1.0, -data->v(i, j) * kDt / (2 * physics.hbar)));
                data->drift(i, j) = Number(std::polar(1.0, -energy * kDt / physics.hbar) /
                                           static_cast<double>(grid.cells()));
              }
            }
            const Index cell = grid.d * grid.d, row = grid.ny * cell;
            const linalg::Fft<T> along_y({grid.ny, cell, cell, 1});
            const linalg::Fft<T> along_x({grid.nx, row, row, 1});
            const auto times = [data, cell, grid](const Array<Number, 2>& phase) {
              parallel_for(grid.cells(), 4096, [&](Index begin, Index end, int) {
                for (Index c = begin; c < end; ++c) {
                  for (Index k = c * cell; k < (c + 1) * cell; ++k) {
                    const Number a = data->plain.data()[k], b = phase.data()[c];
                    data->plain.data()[k] = {a.real() * b.real() - a.imag() * b.imag(),
                                             a.real() * b.imag() + a.imag() * b.real()};
                  }
                }
              });
            };
            const auto rows = [data, grid, row](auto&& body) {
              parallel_for(grid.nx, 1, [&](Index begin, Index end, int) {
                for (Index i = begin; i < end; ++i) body(data->plain.data() + i * row);
              });
            };
            return BenchRun{
                .before =
                    [=] {
                      std::copy_n(data->start.data(), data->start.size(), data->plain.data());
                      times(data->kick);
                      rows([&](Number* r) { along_y.forward(r); });
                      along_x.forward(data->plain.data());
                      times(data->drift);
                      along_x.inverse(data->plain.data());
                      rows([&](Number* r) { along_y.inverse(r); });
                      times(data->kick);
                    },
                .after =
                    [=] {
                      std::copy_n(data->start.data(), data->start.size(), data->fast.data());
                      data->splitting->run(data->fast.view(), 1);
                    },
                .error = [=] { return relative_difference(reals(data->fast), reals(data->plain)); },
                .tolerance = 64 * std::numeric_limits<T>::epsilon()};
          }};
}

}  // namespace

void add_field_benches(Registry& registry) {
  registry.benches.push_back(strang_bench<float>({512, 512, 2, 1}));
  registry.benches.push_back(strang_bench<double>({512, 512, 2, 1}));
  // Growth with the cells, four sizes.
  for (const Index n : {64, 128, 256, 512}) {
    registry.benches.push_back(strang_bench<double>({n, n, 1, 1}));
  }
}

}  // namespace lior::check
