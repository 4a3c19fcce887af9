// SPDX-License-Identifier: Apache-2.0
// Explicit steps of the field: one sweep beside a sweep a term and stage, and several steps a sweep
// beside one.
#include <cmath>
#include <utility>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/field/integrator.h"

namespace lior::check {
namespace {

using namespace field;

template <class T>
using FieldArray = Array<std::complex<T>, 4>;

template <class T>
std::span<const T> reals(const FieldArray<T>& a) {
  return {reinterpret_cast<const T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
}

/// A field under a harmonic potential, its evidence and a constant source.
template <class T>
struct Problem {
  Hamiltonian<T> h;
  FieldArray<T> start, evidence, constant, plain, fast;

  explicit Problem(const Grid& grid)
      : h(hamiltonian(grid)),
        start(filled(grid, 51)),
        evidence(filled(grid, 52)),
        constant(filled(grid, 53)),
        plain(grid.shape()),
        fast(grid.shape()) {}

  static Hamiltonian<T> hamiltonian(const Grid& grid) {
    Array<double, 2> v({grid.nx, grid.ny});
    fill_potential(Potential::harmonic, 1e-6, grid, v.view());
    return {grid, {}, {}, v.view()};
  }
  static FieldArray<T> filled(const Grid& grid, std::uint64_t seed) {
    FieldArray<T> t(grid.shape());
    Random(seed).fill_normal(
        std::span<T>(reinterpret_cast<T*>(t.data()), static_cast<std::size_t>(2 * t.size())));
    return t;
  }
  Sources<T> sources(bool bayes) const {
    Sources<T> s{.constant = constant.view()};
    if (bayes) s.evidence = evidence.view(), s.lambda = 0.01, s.tau = 4;
    return s;
  }
};

constexpr double kStep = 0.1;
constexpr double kShortStep = 1e-5;  // a small field goes through thousands, and Euler's grow
constexpr double kStageFlops =
    2 * 10 + 4;  // a number and stage: H of two reals, the source, the step
// Two weights, each |T - E|^2 and an exponential; their sums and their part of the source.
constexpr double kBayesFlops = 2 * 25 + 12;

template <class T>
Bench bench(const char* name, const Grid& grid, std::string how, int order, Index steps,
            bool bayes) {
  const double numbers = static_cast<double>(grid.numbers());
  const double stages = static_cast<double>(order * steps);
  // T and the sources in, T out, at each step.
  const double fields = (bayes ? 4.0 : 3.0) * static_cast<double>(steps);
  return {.name = name,
          .shape = to_string(grid.shape()) + how,
          .dtype = kDtype<T>,
          .flops = (kStageFlops * stages + (bayes ? kBayesFlops * static_cast<double>(steps) : 0)) *
                   numbers,
          .bytes = fields * 2 * sizeof(T) * numbers,
          .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = {}};
}

/// A step with Bayes, a new T_prev at each, and a source.
template <class T>
Bench step_bench(const char* name, const Grid& grid, int order, double dt = kStep) {
  Bench row = bench<T>(name, grid, "", order, 1, true);
  row.prepare = [=] {
    struct Data : Problem<T> {
      RungeKutta<T> integrator;
      Array<std::complex<T>, 5> work;
      Data(const Grid& grid, int order, double dt)
          : Problem<T>(grid),
            integrator(this->h, dt, order),
            work({3, grid.nx, grid.ny, grid.d, grid.d}) {}
    };
    const auto data = std::make_shared<Data>(grid, order, dt);
    std::copy_n(data->start.data(), data->start.size(), data->fast.data());
    const auto carried = std::make_shared<bool>(false);
    return BenchRun{
        .before =
            [=] {
              reference::runge_kutta<T>(data->h, dt, order, data->sources(true), data->start.view(),
                                        data->plain.view(), data->work.view());
            },
        .after =
            [=] {  // the first is compared; then steps go on, with the normaliser carried
              auto sources = data->sources(true);
              sources.carried = std::exchange(*carried, true);
              data->integrator.run(data->fast, 1, sources);
            },
        .error = [=] { return relative_difference(reals(data->fast), reals(data->plain)); },
        .tolerance = 256 * std::numeric_limits<T>::epsilon()};  // weights, to 4 eps (1 + |ln w|)
  };
  return row;
}

/// Steps with a constant source: one a sweep, beside as many as serve. The floor is that of the
/// former, so that a limit fraction above 1 is what blocking wins over the memory's rate.
template <class T>
Bench blocked_bench(const char* name, const Grid& grid, int order) {
  constexpr Index kSteps = 8;
  Bench row = bench<T>(name, grid, ", 8 steps", order, kSteps, false);
  row.flops = 0;
  row.prepare = [=] {
    struct Data : Problem<T> {
      RungeKutta<T> integrator;
      Data(const Grid& grid, int order) : Problem<T>(grid), integrator(this->h, kStep, order) {}
    };
    const auto data = std::make_shared<Data>(grid, order);
    for (auto* t : {&data->plain, &data->fast}) {
      std::copy_n(data->start.data(), data->start.size(), t->data());
    }
    const auto run = [data](FieldArray<T>& t, Index at_once) {
      data->integrator.run(t, kSteps, data->sources(false), at_once);
    };
    return BenchRun{.before = [=] { run(data->plain, 1); },
                    .after = [=] { run(data->fast, 0); },
                    .error = [=] { return max_difference(reals(data->fast), reals(data->plain)); },
                    .tolerance = 0};
  };
  return row;
}

/// H[T] beside its plain text.
template <class T>
Bench hamiltonian_bench(const Grid& grid) {
  const double numbers = static_cast<double>(grid.numbers());
  return {
      .name = "field.hamiltonian",
      .shape = to_string(grid.shape()),
      .dtype = kDtype<T>,
      .flops = 18 * numbers,
      .bytes = 4 * sizeof(T) * numbers + sizeof(T) * static_cast<double>(grid.cells()),
      .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
      .traffic = Traffic::triad,
      .prepare = [=] {
        const auto data = std::make_shared<Problem<T>>(grid);
        return BenchRun{
            .before =
                [=] { reference::hamiltonian<T>(data->h, data->start.view(), data->plain.view()); },
            .after = [=] { data->h.apply(data->start.view(), data->fast.view()); },
            .error = [=] { return relative_difference(reals(data->fast), reals(data->plain)); },
            .tolerance = 16 * std::numeric_limits<T>::epsilon()};
      }};
}

}  // namespace

void add_explicit_benches(Registry& registry) {
  const Grid large{1024, 1024, 4, 1};
  const auto add = [&](Bench row) { registry.benches.push_back(std::move(row)); };
  add(hamiltonian_bench<float>(large));
  add(step_bench<float>("field.euler_step", large, 1));
  add(step_bench<double>("field.euler_step", large, 1));
  add(step_bench<float>("field.euler_step", {32, 32, 4, 1}, 1, kShortStep));  // in the caches
  add(step_bench<float>("field.rk4_step", large, 4));
  add(step_bench<double>("field.rk4_step", large, 4));
  add(blocked_bench<float>("field.euler_blocked", large, 1));
  add(blocked_bench<double>("field.euler_blocked", large, 1));
  add(blocked_bench<float>("field.rk4_blocked", large, 4));
  for (const Index n : {64, 128, 256, 512}) {  // growth with the cells
    const Grid grid{n, n, 2, 1};
    Bench row = step_bench<float>("field.rk4_step", grid, 4);
    row.variable = "cells";
    row.size = static_cast<double>(grid.cells());
    row.memory = 4 * 8 * static_cast<double>(grid.numbers());  // T, T', the evidence, the constant
    add(std::move(row));
  }
}

}  // namespace lior::check
