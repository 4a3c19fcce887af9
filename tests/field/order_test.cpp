// SPDX-License-Identifier: Apache-2.0
// How errors fall with dt, beside what convergence_order says.
#include <gtest/gtest.h>

#include <cmath>

#include "lior/field/evolution.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;
constexpr Grid kGrid{8, 8, 1, 1};

/// exp(-r^2 / 6) e^{i kx x} from the middle.
Array<Complex, 4> packet(double kx) {
  Array<Complex, 4> t(kGrid.shape());
  for (Index i = 0; i < kGrid.nx; ++i) {
    for (Index j = 0; j < kGrid.ny; ++j) {
      const double x = static_cast<double>(i) - 4, y = static_cast<double>(j) - 4;
      t(i, j, 0, 0) = std::polar(std::exp(-(x * x + y * y) / 6), kx * x);
    }
  }
  return t;
}

/// log2 of the ratio of differences between runs of 4 dt, 2 dt and dt to t = 4.
double measured_order(Settings settings, Index steps) {
  Array<double, 2> v({kGrid.nx, kGrid.ny});
  fill_potential(Potential::harmonic, 0.01, kGrid, v.view());
  const Hamiltonian<double> h(kGrid, {}, {}, v.view());
  const auto start = packet(0.5), evidence = packet(-0.3);
  std::array<Array<Complex, 4>, 3> end;
  for (int level = 0; level < 3; ++level) {
    const Index count = steps << level;
    settings.dt = 4.0 / static_cast<double>(count);
    settings.tolerance = 1e-10;
    settings.horizon = count;
    Inputs<double> inputs;
    if (settings.lambda_qr != 0) inputs.evidence = evidence.view();
    Evolution<double> evolution(h, settings, start.view(), inputs);
    evolution.run(count);
    end[level] = Array<Complex, 4>(kGrid.shape());
    std::copy(evolution.field().begin(), evolution.field().end(), end[level].data());
  }
  double difference[2] = {0, 0};
  for (int level = 0; level < 2; ++level) {
    for (Index k = 0; k < end[0].size(); ++k) {
      difference[level] =
          std::max(difference[level], std::abs(end[level].data()[k] - end[level + 1].data()[k]));
    }
  }
  return std::log2(difference[0] / difference[1]);
}

TEST(ConvergenceOrder, IsWhatHalvedStepsShow) {
  const Settings runs[] = {
      {.scheme = Scheme::strang},
      {.scheme = Scheme::yoshida4},
      {.scheme = Scheme::rk4},
      {.scheme = Scheme::crank_nicolson},
      {.scheme = Scheme::strang, .lambda_qr = 0.3},
      {.scheme = Scheme::chebyshev, .lambda_qr = 0.3},
      {.scheme = Scheme::strang, .lambda_qr = 0.3, .mode = BayesMode::relax},
      {.scheme = Scheme::chebyshev, .lambda_qr = 0.3, .mode = BayesMode::relax},
      {.scheme = Scheme::strang, .lambda_f = 0.2, .alpha = 0.3},
      {.scheme = Scheme::rk4, .lambda_f = 0.2, .alpha = 0.5},
      {.scheme = Scheme::crank_nicolson, .lambda_f = 0.2, .alpha = 0.5},
      {.scheme = Scheme::chebyshev, .lambda_f = 0.2, .alpha = 0.8},
  };
  for (const Settings& run : runs) {
    EXPECT_NEAR(measured_order(run, run.lambda_f != 0 ? 3200 : 40), convergence_order(run), 0.15)
        << static_cast<int>(run.scheme) << " lambda_qr " << run.lambda_qr << " lambda_f "
        << run.lambda_f << " alpha " << run.alpha;
  }
  EXPECT_EQ(convergence_order({.scheme = Scheme::chebyshev}), INFINITY);
  EXPECT_EQ(convergence_order({.scheme = Scheme::chebyshev}, true), 2);
}

}  // namespace
}  // namespace lior::field
