// SPDX-License-Identifier: Apache-2.0
// A grid whose rows ranks share, which are threads here: the bits, and what is sent.
#include <gtest/gtest.h>

#include <numeric>

#include "lior/core/thread_scope.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "support/error_of.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

/// 17 rows fit no count of ranks, and every rank of four has the four that rk4 needs.
constexpr Grid kGrid{.nx = 17, .ny = 10, .d = 2, .dx = 0.5};
constexpr Index kSteps = 5;

/// A run, of which every term can be there.
struct Case {
  Settings settings;
  bool varies = false, oblique = false, evidence = false, current = false, absorbs = false;
  bool potential_in_time = false, current_in_time = false;
  Index at_once = kSteps;  ///< steps of one call
};

/// A field at the end and what is measured of it.
struct Result {
  std::vector<double> numbers;
  std::vector<double> measured;
  Index bytes = 0;  ///< sent by all ranks in the steps
};

/// All that a run is made of, on a grid or on a rank's rows of it.
class Made {
 public:
  Made(const Case& run, const Grid& grid) : grid_(grid) {
    Array<double, 2> v(grid.cell_shape()), gxx(v.shape()), gyy(v.shape()), gzz(v.shape()),
        gxy(v.shape());
    fill_potential(Potential::gaussian_well, 0.2, grid, v.view());
    fill_bump(grid, 0.3, gxx.view());
    fill_formula(grid, "1 + 0.2*cos(2*pi*x/Lx)", "gyy", gyy.view());
    fill_formula(grid, "1 + 0.1*cos(2*pi*z/Lz)", "gzz", gzz.view());
    fill_formula(grid, "0.2*cos(2*pi*(x/Lx + y/Ly))", "gxy", gxy.view());
    InverseMetric metric{.gxx = 1.25, .gyy = 0.75, .gzz = 0.5};
    if (run.oblique) metric.gxy = 0.3;
    if (run.varies) {
      metric.gxx_field = gxx.view(), metric.gyy_field = gyy.view();
      if (grid.axis_count() == 3) metric.gzz_field = gzz.view();
      if (run.oblique) metric.gxy_field = gxy.view();
    }
    h_ = std::make_unique<Hamiltonian<double>>(grid, Physics{.hbar = 0.3}, metric, v.view());
    Inputs<double> inputs;
    Array<Number, 4> start(grid.shape()), evidence(grid.shape()), current(grid.shape());
    Array<double, 2> absorption(grid.cell_shape());
    fill_random(grid, 1, start.view());
    if (run.evidence) {
      fill_spots(grid, evidence.view());
      inputs.evidence = evidence.view();
    }
    if (run.current) {
      fill_packet(grid, {.width = 1, .x0 = 0.5}, current.view());
      inputs.current = current.view();
    }
    if (run.absorbs) {
      fill_formula(grid, "0.1*exp(-(x-Lx/2)^2)", "absorption", absorption.view());
      inputs.absorption = absorption.view();
    }
    if (run.potential_in_time) {
      inputs.potential = field::potential_in_time(
          GridFormula(grid, "0.1*x*cos(3*t)", "potential", {.time = true}));
    }
    if (run.current_in_time) {
      inputs.current_in_time = field::current_in_time<double>(
          PolarFormula(grid, {"0.1*exp(-x^2)*(1+i)", "current"}, {"y*t", "phase"},
                       {.time = true, .entry = true}));
    }
    evolution_ = std::make_unique<Evolution<double>>(*h_, run.settings, start.view(), inputs);
  }

  Evolution<double>& evolution() { return *evolution_; }
  std::vector<double> measured() const {
    const auto t = evolution_->field();
    Buffer<double> sums(2 * grid_.all_nx());
    const RowSums rows(sums.span(), grid_);
    Array<Number, 4> work(grid_.shape());
    Array<double, 2> nu(grid_.cell_shape());
    fill_bump(grid_, 0.5, nu.view());
    std::vector<double> all{norm<double>(t, h_->weight(), rows),
                            evolution_->energy(t, evolution_->time(), work.view(), rows),
                            entropy<double>(t, rows),
                            variable_order_entropy<double>(t, nu.view(), rows)};
    for (const auto& mean : expectations<double>(*h_, t, rows).named(grid_)) {
      all.push_back(mean.value);
    }
    return all;
  }

 private:
  Grid grid_;
  std::unique_ptr<Hamiltonian<double>> h_;
  std::unique_ptr<Evolution<double>> evolution_;
};

std::span<const double> reals_of(ConstField<double> t) {
  return {reinterpret_cast<const double*>(t.data()), static_cast<std::size_t>(2 * t.size())};
}

Result alone(const Case& run, const Grid& grid = kGrid) {
  Made made(run, grid);
  for (Index step = 0; step < kSteps; step += run.at_once) made.evolution().run(run.at_once);
  const auto numbers = reals_of(made.evolution().field());
  return {{numbers.begin(), numbers.end()}, made.measured()};
}

/// per_host: ranks that reach each other's memory; 0: all.
Result shared(const Case& run, Index size, const Grid& grid = kGrid, Index per_host = 0) {
  Result result;
  const auto evolve = [&](comm::Communicator& ranks) {
    const Share share(ranks, grid.nx);
    Grid own = grid;
    own.nx = share.count();
    own.share = &share;
    Made made(run, own);
    const Index before = ranks.traffic().bytes;
    for (Index step = 0; step < kSteps; step += run.at_once) made.evolution().run(run.at_once);
    const Index sent = ranks.traffic().bytes - before;
    std::vector<Index> bytes(static_cast<std::size_t>(size));
    ranks.all_gather(sent, std::span(bytes));
    std::vector<double> all(ranks.is_first() ? static_cast<std::size_t>(2 * own.all_numbers()) : 0);
    share.gather(reals_of(made.evolution().field()), all, 2 * own.row_cells() * own.d * own.d);
    const std::vector<double> measured = made.measured();
    if (!ranks.is_first()) return;
    result = {all, measured, std::accumulate(bytes.begin(), bytes.end(), Index{0})};
  };
  comm::run_ranks(size, evolve, per_host);
  return result;
}

void expect_equal_for_any_ranks(const Case& run, const Grid& grid = kGrid) {
  const ThreadScope threads(1);
  const Result one = alone(run, grid);
  for (const Index size : {1, 2, 3, 4}) {
    const Result many = shared(run, size, grid);
    EXPECT_EQ(one.numbers, many.numbers) << size << " ranks, " << name(run.settings.scheme);
    EXPECT_EQ(one.measured, many.measured) << size << " ranks, " << name(run.settings.scheme);
  }
}

TEST(Share, SplittingsHaveTheBitsOfOneProcess) {
  Settings settings{.dt = 0.05, .nonlinearity = 0.4};
  for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4}) {
    settings.scheme = scheme;
    expect_equal_for_any_ranks({.settings = settings, .absorbs = true, .potential_in_time = true});
  }
  settings.symbol = Symbol::continuous;
  settings.scheme = Scheme::strang;
  settings.time = Time::imaginary;
  expect_equal_for_any_ranks({.settings = settings});
}

// A plan of a row in place and one to another array give other bits at some of these lengths.
TEST(Share, SplittingsHaveTheBitsOfOneProcessWhateverTheLengthOfARow) {
  for (const Index length : {24, 36, 48, 100, 128, 256}) {
    for (const Index d : {1, 2}) {
      expect_equal_for_any_ranks({.settings = {.dt = 0.05, .nonlinearity = 0.4}},
                                 {.nx = 20, .ny = length, .d = d, .dx = 0.5});
    }
  }
  expect_equal_for_any_ranks({.settings = {.dt = 0.05}}, {.nx = 9, .ny = 24, .dx = 0.5, .nz = 24});
}

TEST(Share, SplittingsHaveTheBitsOfOneProcessOnSeveralHosts) {
  const ThreadScope threads(1);
  const Case run{.settings = {.dt = 0.05, .nonlinearity = 0.4}};
  const Result one = alone(run);
  for (const Index per_host : {1, 2, 3}) {
    EXPECT_EQ(one.numbers, shared(run, 4, kGrid, per_host).numbers) << per_host << " a host";
  }
}

TEST(Share, SourcesOfASplittingHaveTheBitsOfOneProcess) {
  Settings settings{.dt = 0.05, .lambda_qr = 0.2, .update_every = 2};
  expect_equal_for_any_ranks({.settings = settings, .evidence = true, .current = true});
  settings.mode = BayesMode::relax;
  settings.lambda_f = 0.3;
  settings.horizon = 100;
  expect_equal_for_any_ranks({.settings = settings, .evidence = true, .current_in_time = true});
}

TEST(Share, CrankNicolsonHasTheBitsOfOneProcess) {
  const Settings settings{.scheme = Scheme::crank_nicolson,
                          .dt = 0.05,
                          .lambda_qr = 0.2,
                          .update_every = 2,
                          .lambda_f = 0.3,
                          .horizon = 100};
  expect_equal_for_any_ranks({.settings = settings,
                              .varies = true,
                              .evidence = true,
                              .current = true,
                              .potential_in_time = true});
}

TEST(Share, ChebyshevHasTheBitsOfOneProcess) {
  const Settings settings{
      .scheme = Scheme::chebyshev, .dt = 0.05, .lambda_qr = 0.2, .mode = BayesMode::relax};
  expect_equal_for_any_ranks(
      {.settings = settings, .varies = true, .evidence = true, .current = true});
}

TEST(Share, RungeKuttaHasTheBitsOfOneProcess) {
  Settings settings{.scheme = Scheme::rk4, .dt = 0.02};
  for (const bool varies : {false, true}) {
    expect_equal_for_any_ranks({.settings = settings, .varies = varies});
  }
  settings.lambda_qr = 0.2;
  settings.update_every = 1;  // whose sums the sweep makes itself
  expect_equal_for_any_ranks(
      {.settings = settings, .varies = true, .evidence = true, .current = true, .at_once = 1});
  settings.lambda_f = 0.3;
  settings.horizon = 100;
  expect_equal_for_any_ranks({.settings = settings, .evidence = true, .at_once = 1});
  expect_equal_for_any_ranks(
      {.settings = settings, .evidence = true, .potential_in_time = true, .current_in_time = true});
}

TEST(Share, WallsStandAtTheEndsOfTheWholeGrid) {
  Grid grid = kGrid;
  grid.boundary_x = Boundary::dirichlet;
  grid.boundary_y = Boundary::neumann;
  for (const Scheme scheme :
       {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson, Scheme::rk4, Scheme::chebyshev}) {
    expect_equal_for_any_ranks(
        {.settings = {.scheme = scheme, .dt = 0.02}, .varies = traits(scheme).varying_metric},
        grid);
  }
}

/// Rows are planes: 7 of 5 x 4 cells.
constexpr Grid kBox{.nx = 7, .ny = 5, .d = 2, .dx = 0.5, .nz = 4, .spacing_z = 0.4};

TEST(Share, ThreeDimensionsHaveTheBitsOfOneProcess) {
  Grid walls = kBox;
  walls.boundary_x = Boundary::dirichlet;
  walls.boundary_z = Boundary::neumann;
  for (const Grid& grid : {kBox, walls}) {
    for (const Scheme scheme : {Scheme::strang, Scheme::yoshida4, Scheme::crank_nicolson,
                                Scheme::rk4, Scheme::chebyshev}) {
      const SchemeTraits able = traits(scheme);
      Settings settings{.scheme = scheme, .dt = 0.02};
      if (able.sources) settings.lambda_qr = 0.2, settings.update_every = 2;
      if (able.local_terms) settings.nonlinearity = 0.4;
      expect_equal_for_any_ranks({.settings = settings,
                                  .varies = able.varying_metric,
                                  .evidence = able.sources,
                                  .current = able.sources,
                                  .absorbs = able.local_terms,
                                  .potential_in_time = able.moving_potential},
                                 grid);
    }
  }
}

TEST(Share, CornersOfOtherRanksRowsHaveTheBitsOfOneProcess) {
  for (const Grid& grid : {kGrid, kBox}) {
    for (const Scheme scheme : {Scheme::strang, Scheme::rk4, Scheme::chebyshev}) {
      expect_equal_for_any_ranks({.settings = {.scheme = scheme, .dt = 0.02},
                                  .varies = traits(scheme).varying_metric,
                                  .oblique = true},
                                 grid);
    }
  }
}

// ---- what is sent ----

constexpr Grid kEven{.nx = 16, .ny = 12, .d = 2, .dx = 0.5};
constexpr Index kRowBytes = 12 * 4 * static_cast<Index>(sizeof(Number));
constexpr Index kFieldBytes = 16 * kRowBytes;

TEST(Share, ASplittingSendsTheFieldTwiceASweepOfColumns) {
  const ThreadScope threads(1);
  for (const Index size : {2, 4}) {
    const Index sweep = 2 * kFieldBytes * (size - 1) / size;
    for (const Index per_host : {size, Index{1}}) {  // read where it lies, and sent
      EXPECT_EQ(shared({.settings = {.scheme = Scheme::strang}}, size, kEven, per_host).bytes,
                kSteps * sweep);
    }
    EXPECT_EQ(shared({.settings = {.scheme = Scheme::yoshida4}}, size, kEven).bytes,
              3 * kSteps * sweep);
  }
}

TEST(Share, AnExplicitSweepSendsAsManyRowsAsItHasStages) {
  const ThreadScope threads(1);
  const Case free{.settings = {.scheme = Scheme::rk4}};
  Case driven = free;
  driven.current = true;
  for (const Index size : {2, 4}) {
    // Eight stages at most beside four rows of each rank, or eight of each: 5 or 3 sweeps.
    const Index stages = 4 * kSteps, sides = 2 * size;
    EXPECT_EQ(shared(free, size, kEven).bytes, sides * stages * kRowBytes);
    EXPECT_EQ(shared(driven, size, kEven).bytes, 2 * sides * stages * kRowBytes);
  }
}

TEST(Share, ChebyshevSendsARowASideAndApplication) {
  const ThreadScope threads(1);
  const Settings settings{.scheme = Scheme::chebyshev};
  const Grid grid = kEven;
  Array<double, 2> v({grid.nx, grid.ny});
  fill_potential(Potential::gaussian_well, 0.2, grid, v.view());
  const Hamiltonian<double> h(grid, {.hbar = 0.3}, {.gxx = 1.25, .gyy = 0.75}, v.view());
  const Index applications = Chebyshev<double>(h, settings.dt).terms() - 1;
  EXPECT_EQ(shared({.settings = settings}, 4, grid).bytes,
            kSteps * applications * 4 * 2 * kRowBytes);
}

TEST(Share, TooManyRanksAreRefused) {
  comm::run_ranks(3, [](comm::Communicator& ranks) {
    EXPECT_EQ(error_of([&] { Share(ranks, 2); }),
              "3 ranks share the rows of a grid, which has 2; expected at least one each");
    const Share share(ranks, 11);
    Grid own{.nx = share.count(), .ny = 4, .share = &share};
    Array<double, 2> v({own.nx, own.ny});
    const Hamiltonian<double> h(own, {}, {}, v.view());
    EXPECT_EQ(error_of([&] { RungeKutta<double>(h, 0.001); }),
              "3 ranks share a grid of 11 rows, and rk4 needs 4 rows of each; expected at most 2 "
              "ranks");
  });
}

}  // namespace
}  // namespace lior::field
