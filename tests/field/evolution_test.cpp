// SPDX-License-Identifier: Apache-2.0
#include "lior/field/evolution.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/field/diagnostics.h"
#include "lior/field/formula.h"
#include "lior/field/integrator.h"
#include "support/changing_threads.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"
#include "support/replaced_new.h"

namespace {
std::atomic<long> allocations = 0, allocated_bytes = 0;
}

void lior::observed::allocation(std::size_t bytes, const void*, bool) {
  ++allocations;
  allocated_bytes += static_cast<long>(bytes);
}
void lior::observed::release() noexcept {}

namespace lior::field {
namespace {

using Complex = std::complex<double>;

Hamiltonian<double> hamiltonian(const Grid& grid, double strength = 0.01) {
  Array<double, 2> v({grid.nx, grid.ny});
  fill_potential(Potential::harmonic, strength, grid, v.view());
  return {grid, {}, {}, v.view()};
}

Array<Complex, 4> random_field(const Grid& grid, std::uint64_t seed) {
  Array<Complex, 4> t(grid.shape());
  Random random(seed);
  for (Complex& entry : t.span()) entry = {random.normal(), random.normal()};
  return t;
}

Array<Complex, 4> smooth_field(const Grid& grid) {
  Array<Complex, 4> t(grid.shape());
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = static_cast<double>(i) - 8, y = static_cast<double>(j) - 6;
      for (Index e = 0; e < grid.d * grid.d; ++e) {
        t(i, j, e / grid.d, e % grid.d) =
            std::polar(std::exp(-(x * x + y * y) / 12), 0.5 * x + static_cast<double>(e));
      }
    }
  }
  return t;
}

double distance(ConstField<double> a, ConstField<double> b) {
  double error = 0;
  for (Index k = 0; k < a.size(); ++k)
    error = worst_of<double>({error, std::abs(a.data()[k] - b.data()[k])});
  return error;
}

double largest(ConstField<double> a) {
  double size = 0;
  for (const Complex entry : a) size = std::max(size, std::abs(entry));
  return size;
}

constexpr Grid kGrid{16, 12, 2, 1};
// Every term of the master equation.
constexpr Settings kFull{.dt = 0.02,
                         .lambda_qr = 0.3,
                         .tau = 0.5,
                         .update_every = 3,
                         .lambda_f = 0.05,
                         .alpha = 0.4,
                         .horizon = 1000};

TEST(Evolution, SchemesConvergeToChebyshev) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  const auto end = [&](Scheme scheme, Index steps) {
    Evolution<double> evolution(h, {.scheme = scheme, .dt = 8.0 / static_cast<double>(steps)},
                                start.view());
    evolution.run(steps);
    Array<Complex, 4> t(kGrid.shape());
    std::copy_n(evolution.field().data(), t.size(), t.data());
    return t;
  };
  const auto exact = end(Scheme::chebyshev, 1);
  EXPECT_LE(distance(end(Scheme::chebyshev, 7).view(), exact.view()), 1e-12);
  for (const auto& [scheme, order] :
       {std::pair{Scheme::strang, 2}, std::pair{Scheme::crank_nicolson, 2},
        std::pair{Scheme::yoshida4, 4}, std::pair{Scheme::rk4, 4}}) {
    const double coarse = distance(end(scheme, 40).view(), exact.view());
    const double fine = distance(end(scheme, 80).view(), exact.view());
    EXPECT_NEAR(std::log2(coarse / fine), order, 0.1) << static_cast<int>(scheme);
  }
}

TEST(Evolution, SchemesAgreeWithEverySource) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid), e = random_field(kGrid, 2), j = random_field(kGrid, 3);
  Settings settings = kFull;
  settings.dt = 0.005;
  settings.update_every = 0;
  Array<Complex, 4> want(kGrid.shape());
  for (const Scheme scheme :
       {Scheme::chebyshev, Scheme::strang, Scheme::crank_nicolson, Scheme::rk4}) {
    settings.scheme = scheme;
    Evolution<double> evolution(h, settings, start.view(),
                                {.evidence = e.view(), .current = j.view()});
    evolution.run(100);
    if (scheme == Scheme::chebyshev) {
      std::copy_n(evolution.field().data(), want.size(), want.data());
    }
    // Errors of the memory's kicks and extrapolations: about dt^(1 + alpha) lambda_f / hbar = 3e-4
    // of the field.
    EXPECT_LE(distance(evolution.field(), want.view()), 3e-4 * largest(want.view()))
        << static_cast<int>(scheme);
  }
}

TEST(Evolution, StateSavedAndRestoredGoesOnBitForBit) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid), e = random_field(kGrid, 4);
  for (const Scheme scheme : {Scheme::strang, Scheme::crank_nicolson}) {
    Settings settings = kFull;
    settings.scheme = scheme;
    Evolution<double> whole(h, settings, start.view(), {.evidence = e.view()});
    whole.run(7);
    Evolution<double> other(h, settings, start.view(), {.evidence = e.view()});
    std::vector<std::vector<double>> saved;
    whole.visit_state([&](const char*, std::span<double> numbers) {
      saved.emplace_back(numbers.begin(), numbers.end());
    });
    std::size_t next = 0;
    other.visit_state([&](const char*, std::span<double> numbers) {
      std::copy(saved[next].begin(), saved[next].end(), numbers.begin());
      ++next;
    });
    other.resume_at(whole.step());
    whole.run(8);
    other.run(8);
    EXPECT_EQ(distance(whole.field(), other.field()), 0);
  }
}

TEST(Evolution, BitEqualAcrossThreadCounts) {
  const Grid grid{96, 80, 2, 1};  // large enough for three threads
  const auto h = hamiltonian(grid);
  const auto start = smooth_field(grid), e = random_field(grid, 5);
  Evolution<double> one(h, kFull, start.view(), {.evidence = e.view()});
  Evolution<double> three(h, kFull, start.view(), {.evidence = e.view()});
  on_thread_counts([&](int count) { (count == 1 ? one : three).run(5); });
  EXPECT_EQ(distance(one.field(), three.field()), 0);
}

TEST(Evolution, ASplittingsThreadsHaveRowsThatAreAlignedAlike) {
  // Of 297 numbers each, of which every second one is not aligned as vectors like it.
  const Grid grid{192, 297, 1, 1};
  Array<double, 2> v({grid.nx, grid.ny});
  for (Index c = 0; c < v.size(); ++c) v.data()[c] = std::cos(0.1 * static_cast<double>(c));
  const Hamiltonian<float> h(grid, {}, {}, v.view());
  Array<std::complex<float>, 4> one(grid.shape()), three(grid.shape());
  for (Index c = 0; c < v.size(); ++c) {
    one.data()[c] = three.data()[c] = {std::sin(0.3F * static_cast<float>(c)), 0.5F};
  }
  on_thread_counts(
      [&](int count) { Splitting<float>(h, 0.1, 2).run((count == 1 ? one : three).view(), 5); });
  EXPECT_TRUE(std::ranges::equal(one.span(), three.span()));
}

TEST(Evolution, ThreadsMayBeSetWhileItRuns) {
  const Grid grid{96, 80, 2, 1};
  const auto h = hamiltonian(grid);
  const auto start = smooth_field(grid), e = random_field(grid, 5);
  for (const Scheme scheme : {Scheme::strang, Scheme::rk4}) {  // which have memory for each worker
    Settings settings = kFull;
    settings.scheme = scheme, settings.dt = 0.01;
    Evolution<double> alone(h, settings, start.view(), {.evidence = e.view()});
    alone.run(6);
    const ChangingThreads changing;
    Evolution<double> evolution(h, settings, start.view(), {.evidence = e.view()});
    for (int step = 0; step < 6; ++step) evolution.run(1);
    EXPECT_EQ(distance(evolution.field(), alone.field()), 0);
  }
}

TEST(Evolution, AStepAllocatesNothing) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid), e = random_field(kGrid, 6);
  for (const Scheme scheme :
       {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev}) {
    for (const bool driven : {false, true}) {
      if (driven && scheme == Scheme::yoshida4) continue;
      for (const Index update_every : {1, 3}) {
        Settings settings = driven ? kFull : Settings{.dt = 0.02};
        settings.scheme = scheme;
        settings.update_every = update_every;
        if (update_every == 1) settings.lambda_f = 0;
        Evolution<double> evolution(h, settings, start.view(), {.evidence = e.view()});
        evolution.run(3);
        const long before = allocations;
        evolution.run(6);
        EXPECT_EQ(allocations - before, 0) << static_cast<int>(scheme);
      }
    }
  }
}

TEST(Evolution, AStepUnderAFormulaOfTheTimeAllocatesNothing) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  for (const Scheme scheme :
       {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson, Scheme::rk4}) {
    Inputs<double> inputs{.potential = potential_in_time(
                              GridFormula(kGrid, "0.01*x*sin(t)", "potential", {.time = true}))};
    if (traits(scheme).sources) {
      inputs.current_in_time = current_in_time<double>(
          PolarFormula(kGrid, {"y*t*i", "current"}, {"t", "phase"}, {.time = true, .entry = true}));
    }
    Evolution<double> evolution(h, {.scheme = scheme, .dt = 0.02}, start.view(), inputs);
    evolution.run(3);
    const long before = allocations;
    evolution.run(6);
    EXPECT_EQ(allocations - before, 0) << name(scheme);
  }
}

TEST(Splitting, AConstantSourceKicksBeforeAndAfterEachStep) {
  const auto h = hamiltonian(kGrid);
  const auto s = random_field(kGrid, 8);
  constexpr double kDt = 0.2;
  auto by_hand = smooth_field(kGrid), single = smooth_field(kGrid), merged = smooth_field(kGrid);
  Splitting<double> splitting(h, kDt, 2);
  const auto kick = [&] {
    for (Index k = 0; k < s.size(); ++k) {
      by_hand.data()[k] -= Complex(0, kDt / (2 * h.physics().hbar)) * s.data()[k];
    }
  };
  for (int step = 0; step < 5; ++step) {
    kick();
    splitting.run(by_hand.view(), 1);
    kick();
    splitting.run(single.view(), 1, s.view());
  }
  splitting.run(merged.view(), 5, s.view());
  EXPECT_LE(distance(single.view(), by_hand.view()), 1e-13 * largest(by_hand.view()));
  EXPECT_LE(distance(merged.view(), by_hand.view()), 1e-13 * largest(by_hand.view()));
  EXPECT_THROW(Splitting<double>(h, kDt, 4).run(merged.view(), 1, s.view()), Error);
  EXPECT_THROW(Splitting<double>(h, kDt, 2, Symbol::discrete, Time::imaginary)
                   .run(merged.view(), 1, s.view()),
               Error);
  EXPECT_THROW(splitting.run(merged.view(), 1, random_field({4, 4, 2, 1}, 1).view()), Error);
}

TEST(Evolution, AnExplicitRunIsTheSameHoweverItIsCut) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid), e = random_field(kGrid, 6), j = random_field(kGrid, 7);
  for (const Index update_every : {0, 1, 3}) {
    for (const double lambda_f : {0.0, 0.05}) {
      Settings settings = kFull;
      settings.scheme = Scheme::rk4;
      settings.update_every = update_every;
      settings.lambda_f = lambda_f;
      Evolution<double> whole(h, settings, start.view(),
                              {.evidence = e.view(), .current = j.view()});
      Evolution<double> parts(h, settings, start.view(),
                              {.evidence = e.view(), .current = j.view()});
      whole.run(10);
      for (const Index steps : {1, 4, 0, 2, 3}) parts.run(steps);
      EXPECT_EQ(whole.step(), parts.step());
      EXPECT_EQ(distance(whole.field(), parts.field()), 0) << update_every << " " << lambda_f;
    }
  }
}

TEST(Evolution, RelaxingMovesTheFieldToItsPosterior) {
  // Without H and with evidence T_0 itself scaled: |T - B| shrinks.
  const Grid grid{4, 4, 1, 1};
  Array<double, 2> zero({4, 4});
  const Hamiltonian<double> h(grid, {.hbar = 0.1, .mass = 1e9}, {}, zero.view());
  Array<Complex, 4> start(grid.shape()), e(grid.shape());
  for (Index k = 0; k < 16; ++k) start.data()[k] = 1, e.data()[k] = k < 8 ? 1 : 2;
  Evolution<double> evolution(h,
                              {.dt = 0.01, .lambda_qr = 0.1, .tau = 0.5, .mode = BayesMode::relax},
                              start.view(), {.evidence = e.view()});
  evolution.run(300);
  EXPECT_GT(std::abs(evolution.field()(0, 0, 0, 0)), 1.2);  // believed
  EXPECT_LT(std::abs(evolution.field()(3, 3, 0, 0)), 0.3);  // not
}

TEST(Evolution, WhatCannotRunIsRefusedBeforeTheFirstStep) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  const auto message = [&](const Settings& settings, ConstField<double> evidence = {}) {
    return error_of([&] { Evolution<double>(h, settings, start.view(), {.evidence = evidence}); });
  };
  const double largest = largest_stable_step(h);
  EXPECT_EQ(message({.scheme = Scheme::rk4, .dt = 100}),
            fmt::format("rk4 is not stable at dt = 100; the largest step that is stable is {:.6g}",
                        largest));
  EXPECT_EQ(message({.scheme = Scheme::rk4, .dt = 0.99 * largest}), "no error");
  EXPECT_EQ(message({.dt = 0}), "the time step is 0; expected a finite number != 0");
  EXPECT_EQ(message({.lambda_qr = 1, .tau = 0}), "tau is 0; expected a finite number > 0");
  EXPECT_EQ(message({.lambda_f = 1, .alpha = 1}), "alpha is 1; expected (0, 1)");
  EXPECT_EQ(message({.lambda_f = 1, .alpha = 1e-300}),
            "alpha is 1e-300, and 1 - alpha is 1 in double; expected at least 1.2e-16");
  const auto small = random_field({4, 4, 2, 1}, 7);
  EXPECT_EQ(message({.lambda_qr = 1}, small.view()),
            "the evidence has shape [4, 4, 2, 2]; expected [16, 12, 2, 2]");
  EXPECT_NE(message({.scheme = Scheme::yoshida4, .lambda_f = 1}), "no error");
  EXPECT_THROW(parse_name<Scheme>("euler", "integrator"), Error);
  EXPECT_THROW(parse_name<BayesMode>("hard", "Bayes mode"), Error);
}

// One step of Chebyshev over 100,000 applications of H turns a plane wave by its exact phase.
TEST(Evolution, ALongChebyshevStepTurnsAPlaneWaveExactly) {
  const ThreadScope one(1);  // ThreadSanitizer's build starts threads for each of 100,000 terms
  const Grid grid{16, 4, 1, 1};
  Array<double, 2> zero({16, 4});
  const Hamiltonian<double> h(grid, {}, {}, zero.view());
  Array<Complex, 4> wave(grid.shape());
  for (Index i = 0; i < 16; ++i) {
    for (Index j = 0; j < 4; ++j) {
      wave(i, j, 0, 0) = std::polar(1.0, std::numbers::pi * static_cast<double>(i) / 4);
    }
  }
  const double dt = 1e5 * 2 * 0.1 / (h.highest() - h.lowest());
  Evolution<double> evolution(h, {.scheme = Scheme::chebyshev, .dt = dt}, wave.view());
  evolution.run(1);
  const double sine = std::sin(std::numbers::pi / 8);
  const double energy = 0.1 * 0.1 / 2 * 4 * sine * sine;
  // The phase is 7,000 turns, which eps of E and of dt shift by 1e-11.
  EXPECT_LE(std::abs(evolution.field()(0, 0, 0, 0) - std::polar(1.0, -energy * dt / 0.1)), 1e-10);
}

TEST(Evolution, AStepWithoutEndIsRefusedWithTheLargestThatWorks) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  const double largest = 1e6 * 2 * 0.1 / (h.highest() - h.lowest());
  try {
    Evolution<double>(h, {.scheme = Scheme::chebyshev, .dt = 1e9}, start.view());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(fmt::format("works is {:.6g} ", largest)),
              std::string::npos)
        << error.what();
  }
}

TEST(Evolution, EnergyHasTheSymbolOfTheSplitting) {
  const Grid grid{16, 12, 2, 0.5};
  Array<double, 2> v({16, 12});
  fill_potential(Potential::constant, 0.3, grid, v.view());
  const Hamiltonian<double> h(grid, {.hbar = 0.4, .mass = 2}, {.gxx = 1.5}, v.view());
  Array<Complex, 4> wave(grid.shape()), work(grid.shape());
  const double k = 2 * std::numbers::pi * 3 / (16 * 0.5);
  for (Index i = 0; i < 16; ++i) {
    for (Index j = 0; j < 12; ++j)
      wave(i, j, 1, 0) = std::polar(2.0, k * 0.5 * static_cast<double>(i));
  }
  Buffer<double> sums(32);
  const double sine = std::sin(k * 0.5 / 2), cells = 16 * 12 * 0.25;
  const double wave_numbers[] = {4 / 0.25 * sine * sine, k * k};
  for (const Symbol symbol : {Symbol::discrete, Symbol::continuous}) {
    const Evolution<double> evolution(h, {.symbol = symbol}, wave.view());
    const double each = 0.4 * 0.4 / 4 * 1.5 * wave_numbers[static_cast<int>(symbol)] + 0.3;
    EXPECT_NEAR(evolution.energy(wave.view(), 0, work.view(), sums.span()), 4 * cells * each,
                1e-10);
  }
}

TEST(Evolution, ASchemeRefusesWhatItCannotDo) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  const auto refuses = [&](Settings settings) {
    settings.dt = 0.01;
    EXPECT_THROW(Evolution<double>(h, settings, start.view()), Error) << name(settings.scheme);
  };
  for (const Scheme scheme :
       {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev}) {
    const SchemeTraits able = traits(scheme);
    if (!able.sources) refuses({.scheme = scheme, .lambda_f = 1});
    if (!able.relaxes) refuses({.scheme = scheme, .lambda_qr = 1, .mode = BayesMode::relax});
    if (!able.imaginary_time) refuses({.scheme = scheme, .time = Time::imaginary});
    if (!able.continuous_symbol) refuses({.scheme = scheme, .symbol = Symbol::continuous});
    Settings all{.scheme = scheme, .dt = 0.01};
    if (able.sources) all.lambda_qr = 0.1, all.lambda_f = 0.1;
    if (able.relaxes) all.mode = BayesMode::relax;
    if (able.continuous_symbol) all.symbol = Symbol::continuous;
    EXPECT_NO_THROW(Evolution<double>(h, all, start.view()).run(2)) << name(scheme);
  }
}

TEST(Evolution, PlannedBytesAreWhatItAllocates) {
  const Grid grid{64, 48, 2, 1};
  const Index field = grid.numbers() * 16;
  for (const Scheme scheme :
       {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev}) {
    for (const bool memory : {false, true}) {
      if (memory && !traits(scheme).sources) continue;
      const Settings settings{.scheme = scheme, .dt = 0.01, .lambda_f = memory ? 0.1 : 0};
      Array<Complex, 4> start(grid.shape());
      const long before = allocated_bytes;
      const auto h = hamiltonian(grid);
      const Evolution<double> evolution(h, settings, start.view());
      const double taken = static_cast<double>(allocated_bytes - before);
      const auto planned = static_cast<double>(planned_bytes<double>(grid, settings, {}));
      // Rows that threads keep in their caches are not counted: 384 KB and columns of blocks.
      EXPECT_LE(taken, planned + (2 << 20) * threads()) << name(scheme);
      EXPECT_GE(taken, 0.7 * planned - static_cast<double>(field)) << name(scheme);
    }
  }
}

// Where T is so small that its squares vanish, and the evidence is 0, all weigh alike: B(T) = T.
TEST(Evolution, BayesInTheSweepHoldsForFieldsWhoseSquaresVanish) {
  const auto h = hamiltonian(kGrid);
  auto start = smooth_field(kGrid);
  for (Complex& entry : start.span()) entry *= 1e-200;
  const Array<Complex, 4> evidence(kGrid.shape());
  const Settings free{.scheme = Scheme::rk4, .dt = 0.01};
  Settings bayes = free;
  bayes.lambda_qr = 0.5, bayes.update_every = 1;
  Evolution<double> without(h, free, start.view()),
      with(h, bayes, start.view(), {.evidence = evidence.view()});
  without.run(3), with.run(3);
  for (Index k = 0; k < start.size(); ++k) {
    EXPECT_LE(std::abs(with.field().data()[k] - without.field().data()[k]), 1e-212);
  }
}

TEST(Evolution, AStepThatLeavesNoPhaseIsRefused) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson}) {
    const auto make = [&](double dt) {
      Evolution<double>(h, {.scheme = scheme, .dt = dt}, start.view());
    };
    EXPECT_THROW(make(1e300), Error) << name(scheme);
    EXPECT_THROW(make(-1e12), Error) << name(scheme);
    EXPECT_NO_THROW(make(1e3)) << name(scheme);
  }
  EXPECT_NO_THROW(Evolution<double>(h, {.dt = 1e300, .time = Time::imaginary}, start.view()));
}

TEST(Evolution, AStepOfChebyshevThatIsStoppedLeavesTheFieldAsItWas) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  const Settings settings{.scheme = Scheme::chebyshev, .dt = 10, .lambda_qr = 0.1};
  Evolution<double> whole(h, settings, start.view()), stopped(h, settings, start.view());
  int asked = 0;
  stopped.run(3, [&] { return ++asked == 7; });
  EXPECT_EQ(asked, 7);
  EXPECT_EQ(stopped.step(), 0);
  EXPECT_TRUE(std::equal(start.span().begin(), start.span().end(), stopped.field().begin()));
  whole.run(3), stopped.run(3);
  EXPECT_TRUE(std::equal(whole.field().begin(), whole.field().end(), stopped.field().begin()));
}

TEST(Evolution, PastTheMemorysHorizonIsAFailedRun) {
  const auto h = hamiltonian(kGrid);
  const auto start = smooth_field(kGrid);
  Settings settings = kFull;
  settings.horizon = 4;
  Evolution<double> evolution(h, settings, start.view());
  EXPECT_NO_THROW(evolution.run(4));
  EXPECT_THROW(evolution.run(1), RunError);
}

TEST(Diagnostics, TheFirstBrokenCellIsFound) {
  auto t = smooth_field(kGrid);
  EXPECT_EQ(first_broken_cell<double>(t.view()), (std::array<Index, 2>{-1, -1}));
  t(5, 7, 1, 0) = {0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_EQ(first_broken_cell<double>(t.view()), (std::array<Index, 2>{5, 7}));
}

}  // namespace
}  // namespace lior::field
