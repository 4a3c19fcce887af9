// SPDX-License-Identifier: Apache-2.0
// The explicit sweep beside its plain text, however it is cut.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/field/bayes.h"
#include "lior/field/integrator.h"
#include "support/equal.h"
#include "support/on_thread_counts.h"

namespace lior::field {
namespace {

template <class T>
using FieldArray = Array<std::complex<T>, 4>;

template <class T>
FieldArray<T> random_field(const Grid& grid, std::uint64_t seed) {
  FieldArray<T> t(grid.shape());
  Random random(seed);
  for (auto& entry : t.span()) {
    entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
  }
  return t;
}

template <class T>
FieldArray<T> copy_of(const FieldArray<T>& t) {
  FieldArray<T> copy(t.view().shape());
  std::copy_n(t.data(), t.size(), copy.data());
  return copy;
}

/// Flat, or curved.
template <class T>
Hamiltonian<T> hamiltonian(const Grid& grid, bool varies) {
  Array<double, 2> v({grid.nx, grid.ny}), gxx({grid.nx, grid.ny}), gyy({grid.nx, grid.ny});
  Random(1).fill_uniform(v.span(), -0.02, 0.02);
  Random(2).fill_uniform(gxx.span(), 0.5, 1.5);
  Random(3).fill_uniform(gyy.span(), 0.5, 1.5);
  InverseMetric metric{.gxx = 1.3, .gyy = 0.7};
  if (varies) metric.gxx_field = gxx.view(), metric.gyy_field = gyy.view();
  return {grid, {}, metric, v.view()};
}

template <class T>
double distance(const FieldArray<T>& a, const FieldArray<T>& b) {
  double error = 0;
  for (Index k = 0; k < a.size(); ++k) {
    const double difference = std::abs(std::complex<double>(a.data()[k] - b.data()[k]));
    error = worst_of<double>({error, difference});
  }
  return error;
}

// One cell, fewer cells than a vector has lanes, rows shorter than the margins, and two tiles.
constexpr Grid kGrids[] = {{1, 1, 1, 1},  {2, 3, 1, 1},     {5, 1, 2, 1},
                           {9, 17, 3, 1}, {24, 20, 2, 0.5}, {8, 300, 4, 1}};

template <class T>
struct Parts {
  FieldArray<T> constant, evidence, term, term_before;
  explicit Parts(const Grid& grid)
      : constant(random_field<T>(grid, 11)),
        evidence(random_field<T>(grid, 12)),
        term(random_field<T>(grid, 13)),
        term_before(random_field<T>(grid, 14)) {}
  Sources<T> sources(bool drive, bool bayes, bool memory) const {
    Sources<T> s;
    if (drive) s.constant = constant.view();
    if (bayes) s.evidence = evidence.view(), s.lambda = 0.3, s.tau = 2;
    if (memory) s.term = term.view(), s.term_before = term_before.view(), s.lambda_f = 0.05;
    return s;
  }
};

template <class T>
void expect_like_reference() {
  // B reaches 10 |T|, and a step adds dt/hbar times it: results of about 100, whose weights e^-10
  // carry 10 eps.
  const double tolerance = 1000 * std::numeric_limits<T>::epsilon();
  for (const Grid& grid : kGrids) {
    Array<std::complex<T>, 5> work({3, grid.nx, grid.ny, grid.d, grid.d});
    const Parts<T> parts(grid);
    for (int which = 0; which < 16; ++which) {
      const auto h = hamiltonian<T>(grid, which & 1);
      const auto sources = parts.sources(which & 2, which & 4, which & 8);
      for (const int order : {1, 4}) {
        FieldArray<T> t = random_field<T>(grid, 4), want(grid.shape());
        reference::runge_kutta<T>(h, 0.4, order, sources, t.view(), want.view(), work.view());
        RungeKutta<T>(h, 0.4, order).run(t, 1, sources);
        EXPECT_LE(distance(t, want), tolerance)
            << to_string(grid.shape()) << " sources " << which << " order " << order;
      }
    }
  }
}

// Weights of 2^-140 at best, where they are not kept from one sweep to the next; the second step
// has the first one's sums.
template <class T>
void expect_far_evidence_like_reference() {
  const Grid grid{24, 20, 2, 1};
  const auto h = hamiltonian<T>(grid, false);
  Parts<T> parts(grid);
  for (auto& e : parts.evidence.span()) e += T(30);
  auto sources = parts.sources(true, true, false);
  sources.tau = 6;
  Array<std::complex<T>, 5> work({3, grid.nx, grid.ny, grid.d, grid.d});
  FieldArray<T> t = random_field<T>(grid, 4), middle(grid.shape()), want(grid.shape());
  reference::runge_kutta<T>(h, 0.1, 1, sources, t.view(), middle.view(), work.view());
  reference::runge_kutta<T>(h, 0.1, 1, sources, middle.view(), want.view(), work.view());
  RungeKutta<T>(h, 0.1, 1).run(t, 2, sources);
  // ln w = -150 carries 150 eps, and B is 20 times T where one entry has most of the weight.
  EXPECT_LE(distance(t, want), 4000 * std::numeric_limits<T>::epsilon());
}

TEST(RungeKutta, FarEvidenceIsTheTableausStep) {
  expect_far_evidence_like_reference<float>();
  expect_far_evidence_like_reference<double>();
}

TEST(RungeKutta, IsTheTableausStepFloat) { expect_like_reference<float>(); }
TEST(RungeKutta, IsTheTableausStepDouble) { expect_like_reference<double>(); }

// A field of 32 MB is written around the caches, and so are its roots, row by row where rows start
// on a vector's boundary: with 2,051 numbers some do, and none ends on one. Two steps: the second
// reads what the first wrote.
TEST(RungeKutta, LargeFieldsAreWrittenAroundTheCaches) {
  const Grid grid{2050, 2051, 1, 1};
  const auto h = hamiltonian<float>(grid, false);
  const Parts<float> parts(grid);
  const auto sources = parts.sources(false, true, false);
  FieldArray<float> t = random_field<float>(grid, 4), middle(grid.shape()), want(grid.shape());
  ASSERT_GE(t.size() * sizeof(std::complex<float>), std::size_t{32} << 20);
  Array<std::complex<float>, 5> work({3, grid.nx, grid.ny, grid.d, grid.d});
  reference::runge_kutta<float>(h, 0.1, 1, sources, t.view(), middle.view(), work.view());
  reference::runge_kutta<float>(h, 0.1, 1, sources, middle.view(), want.view(), work.view());
  RungeKutta<float>(h, 0.1, 1).run(t, 2, sources);
  EXPECT_LE(distance(t, want), 64 * std::numeric_limits<float>::epsilon());
}

TEST(RungeKutta, StepsBlockedInCacheHaveTheBitsOfSingleSteps) {
  for (const Grid& grid : kGrids) {
    const Parts<float> parts(grid);
    for (const bool varies : {false, true}) {
      const auto h = hamiltonian<float>(grid, varies);
      for (const int order : {1, 4}) {
        const auto sources = parts.sources(varies, false, false);
        auto single = random_field<float>(grid, 5);
        auto blocked = copy_of(single), most = copy_of(single);
        RungeKutta<float> integrator(h, 0.2, order);
        for (int step = 0; step < 13; ++step) integrator.run(single, 1, sources);
        integrator.run(blocked, 13, sources);
        integrator.run(most, 13, sources, 13);
        EXPECT_TRUE(equal(single.span(), blocked.span()))
            << to_string(grid.shape()) << " order " << order;
        EXPECT_TRUE(equal(single.span(), most.span()))
            << to_string(grid.shape()) << " order " << order;
      }
    }
  }
}

TEST(RungeKutta, TheCarriedNormaliserIsTheSummedOne) {
  const Grid grid{24, 20, 2, 1};
  const auto h = hamiltonian<double>(grid, false);
  const Parts<double> parts(grid);
  const auto sources = parts.sources(true, true, false);
  auto carried = random_field<double>(grid, 6);
  auto summed = copy_of(carried);
  RungeKutta<double> integrator(h, 0.3);
  integrator.run(carried, 6, sources);
  for (int step = 0; step < 6; ++step) RungeKutta<double>(h, 0.3).run(summed, 1, sources);
  EXPECT_TRUE(equal(carried.span(), summed.span()));
}

TEST(RungeKutta, BitEqualAcrossThreadCounts) {
  const Grid grid{100, 90, 2, 1};
  const auto h = hamiltonian<float>(grid, false);
  const Parts<float> parts(grid);
  for (const bool bayes : {false, true}) {
    FieldArray<float> results[2];
    on_thread_counts([&](int count) {
      FieldArray<float>& t = results[count / 3];
      t = random_field<float>(grid, 7);
      RungeKutta<float>(h, 0.3).run(t, 5, parts.sources(true, bayes, false));
    });
    EXPECT_TRUE(equal(results[0].span(), results[1].span()));
  }
}

TEST(RungeKutta, EulerGrowsAModeAndOrderFourTurnsIt) {
  // One mode of energy E: factors 1 - i x and sum_{k<=4} (-i x)^k / k!, x = E dt / hbar.
  const Grid grid{28, 4, 1, 1};
  Array<double, 2> zero({28, 4});
  const Hamiltonian<double> h(grid, {}, {}, zero.view());
  const double sine = std::sin(std::numbers::pi * 3 / 28);
  const double x = 0.1 * 0.1 / 2 * 4 * sine * sine * 5 / 0.1;
  const std::complex<double> z(0, -x);
  const std::complex<double> factor[] = {
      1.0 + z, 1.0 + z + z * z / 2.0 + z * z * z / 6.0 + z * z * z * z / 24.0};
  for (const int order : {1, 4}) {
    FieldArray<double> t(grid.shape());
    for (Index i = 0; i < 28; ++i) {
      for (Index j = 0; j < 4; ++j) {
        t(i, j, 0, 0) = std::polar(1.0, 2 * std::numbers::pi * 3 * static_cast<double>(i) / 28);
      }
    }
    RungeKutta<double>(h, 5, order).run(t, 1);
    EXPECT_LE(std::abs(t(0, 0, 0, 0) - factor[order / 4]), 1e-14);
  }
}

TEST(RungeKutta, NanSpreadsByOneCellAStageAndThroughBayesEverywhere) {
  const Grid grid{40, 30, 1, 1};
  const auto h = hamiltonian<double>(grid, false);
  const Parts<double> parts(grid);
  auto t = random_field<double>(grid, 8);
  t(20, 15, 0, 0) = std::numeric_limits<double>::quiet_NaN();
  auto other = copy_of(t);
  RungeKutta<double>(h, 0.3).run(t, 1);
  EXPECT_TRUE(std::isnan(t(24, 15, 0, 0).real()));
  EXPECT_FALSE(std::isnan(t(25, 15, 0, 0).real()));
  RungeKutta<double>(h, 0.3).run(other, 1, parts.sources(false, true, false));
  EXPECT_TRUE(std::isnan(other(0, 0, 0, 0).real()));
}

TEST(RungeKutta, BadInputIsNamed) {
  const Grid grid{6, 5, 1, 1};
  const auto h = hamiltonian<double>(grid, false);
  const Parts<double> parts(grid), small({4, 5, 1, 1});
  auto t = random_field<double>(grid, 9);
  EXPECT_THROW(RungeKutta<double>(h, 0.1, 2), Error);
  EXPECT_THROW(RungeKutta<double>(h, 0), Error);
  EXPECT_THROW(RungeKutta<double>(h, 1e3), Error);
  RungeKutta<double> integrator(h, 0.1);
  EXPECT_THROW(integrator.run(t, 1, small.sources(true, false, false)), Error);
  EXPECT_THROW(integrator.run(t, 2, parts.sources(false, false, true)), Error);
  EXPECT_THROW(integrator.run(t, 17, {}, 17), Error);
  auto sources = parts.sources(false, true, false);
  sources.tau = 0;
  EXPECT_THROW(integrator.run(t, 1, sources), Error);
}

template <class T>
void expect_kernels_like_reference() {
  const double eps = std::numeric_limits<T>::epsilon();
  for (const Grid& grid : kGrids) {
    const auto t = random_field<T>(grid, 1), e = random_field<T>(grid, 2);
    FieldArray<T> got(grid.shape()), want(grid.shape());
    for (const bool varies : {false, true}) {
      const auto h = hamiltonian<T>(grid, varies);
      h.apply(t.view(), got.view());
      reference::hamiltonian<T>(h, t.view(), want.view());
      EXPECT_LE(distance(got, want), 16 * eps * 0.2) << to_string(grid.shape());  // |c| <= .1
    }
    Buffer<double> sums(3 * grid.nx);
    posterior<T>(t.view(), e.view(), 0.5, got.view(), sums.span());
    reference::posterior<T>(t.view(), e.view(), 0.5, want.view(), sums.span());
    // Exponents reach 60.
    EXPECT_LE(distance(got, want), 64 * eps * 60) << to_string(grid.shape());
  }
}

/// T = 1 everywhere, so that |T - E|^2 / tau is what E says: from 0 to where weights vanish.
template <class T>
void expect_weights_to_relative_accuracy() {
  const Grid grid{1, 1000, 1, 1};
  const double most = sizeof(T) == 4 ? 170 : 700;  // sqrt(w), and the reference's w, are normal
  FieldArray<T> t(grid.shape()), e(grid.shape()), got(grid.shape()), want(grid.shape());
  for (Index k = 0; k < t.size(); ++k) {
    t.data()[k] = 1;
    e.data()[k] = {T(1), static_cast<T>(std::sqrt(most * static_cast<double>(k) / 999))};
  }
  Buffer<double> sums(3);
  posterior<T>(t.view(), e.view(), 1, got.view(), sums.span());
  reference::posterior<T>(t.view(), e.view(), 1, want.view(), sums.span());
  for (Index k = 0; k < t.size(); ++k) {
    const double exponent = std::norm(std::complex<double>(e.data()[k]) - 1.0);
    // Half of w's 4 eps (1 + |ln w|), and the sums' and the reference's own.
    const double tolerance = 4 * std::numeric_limits<T>::epsilon() * (1 + exponent);
    EXPECT_NEAR(got.data()[k].real() / want.data()[k].real(), 1, tolerance) << "w e^-" << exponent;
  }
}

TEST(FieldKernels, WeightsKeepRelativeAccuracyFloat) {
  expect_weights_to_relative_accuracy<float>();
}
TEST(FieldKernels, WeightsKeepRelativeAccuracyDouble) {
  expect_weights_to_relative_accuracy<double>();
}

TEST(FieldKernels, AreTheirPlainTextFloat) { expect_kernels_like_reference<float>(); }
TEST(FieldKernels, AreTheirPlainTextDouble) { expect_kernels_like_reference<double>(); }

}  // namespace
}  // namespace lior::field
