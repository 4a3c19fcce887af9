// SPDX-License-Identifier: Apache-2.0
#include "lior/field/hamiltonian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/field/bayes.h"
#include "lior/field/collapse.h"
#include "lior/field/compat.h"
#include "lior/field/diagnostics.h"
#include "lior/field/setup.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::field {
namespace {

template <class T>
Array<std::complex<T>, 4> random_field(const Grid& grid, std::uint64_t seed) {
  Array<std::complex<T>, 4> t(grid.shape());
  Random random(seed);
  for (auto& entry : t.span()) {
    entry = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
  }
  return t;
}

Array<double, 2> random_positive(const Grid& grid, std::uint64_t seed) {
  Array<double, 2> values({grid.nx, grid.ny});
  Random(seed).fill_uniform(values.span(), 0.5, 1.5);
  return values;
}

TEST(Hamiltonian, IsTheOriginalsWithItsAxesSwapped) {
  for (const Grid& grid :
       {Grid{1, 1, 1, 1}, Grid{2, 3, 1, 1}, Grid{5, 4, 3, 1}, Grid{6, 8, 2, 1}}) {
    const auto t = random_field<double>(grid, 1);
    Array<std::complex<double>, 4> ours(grid.shape()), theirs(grid.shape());
    Array<double, 2> none({grid.nx, grid.ny});
    const Hamiltonian<double> h(grid, {.hbar = 0.3, .mass = 0.8}, {.gxx = 1.3, .gyy = 0.7},
                                none.view());
    h.apply(t.view(), ours.view());
    compat::hamiltonian(t.view(), {}, 0.3, 0.8, 0.7, 1.3, theirs.view());
    for (Index k = 0; k < t.size(); ++k) {
      EXPECT_LE(std::abs(ours.data()[k] - theirs.data()[k]), 1e-14);
    }
  }
}

TEST(Grid, SizesThatCannotBeCountedAreRefused) {
  const auto message = [](const Grid& grid) { return error_of([&] { grid.check(); }); };
  constexpr Index kMost = std::numeric_limits<Index>::max();
  EXPECT_EQ(message({4, 4, kMost, 1}), fmt::format("the field's tensors are {0} x {0}; expected D "
                                                   "<= 1024",
                                                   kMost));
  EXPECT_NE(message({Index{1} << 31, Index{1} << 31, 2, 1}).find("larger than 2^40 numbers"),
            std::string::npos);
  EXPECT_NE(message({kMost, 1, 1, 1}).find("larger than 2^40 numbers"), std::string::npos);
  EXPECT_EQ(message({Index{1} << 20, Index{1} << 20, 1, 1}), "no error");
}

TEST(Hamiltonian, CompatRefusesFieldsOfAnotherShape) {
  const auto t = random_field<double>({4, 6, 2, 1}, 1),
             other = random_field<double>({4, 5, 2, 1}, 1);
  Array<std::complex<double>, 4> out(t.shape()), small(other.shape());
  EXPECT_THROW(compat::hamiltonian(t.view(), other.view(), 1, 1, 1, 1, out.view()), Error);
  EXPECT_THROW(compat::second_difference(t.view(), 0, small.view()), Error);
  EXPECT_THROW(compat::posterior(t.view(), other.view(), 1, out.view()), Error);
  EXPECT_THROW(compat::bayes_term(t.view(), t.view(), 1, 1, small.view()), Error);
  EXPECT_THROW(compat::memory_term(Array<std::complex<double>, 5>({3, 4, 5, 2, 2}).view(), 1, 0.5,
                                   1, out.view()),
               Error);
}

TEST(Hamiltonian, LaplaceBeltramiIsSelfAdjointInItsWeightAndKillsConstants) {
  const Grid grid{7, 9, 2, 0.5};
  const auto gxx = random_positive(grid, 2), gyy = random_positive(grid, 3);
  Array<double, 2> zero({7, 9});
  const Hamiltonian<double> h(grid, {}, {.gxx_field = gxx.view(), .gyy_field = gyy.view()},
                              zero.view());
  const auto a = random_field<double>(grid, 4), b = random_field<double>(grid, 5);
  Array<std::complex<double>, 4> ha(grid.shape()), hb(grid.shape()), one(grid.shape());
  h.apply(a.view(), ha.view());
  h.apply(b.view(), hb.view());
  Buffer<double> sums(14);
  const auto left = inner<double>(a.view(), hb.view(), h.weight(), sums.span());
  const auto right = inner<double>(ha.view(), b.view(), h.weight(), sums.span());
  EXPECT_LE(std::abs(left - right), 1e-12 * std::abs(left));
  for (auto& entry : one.span()) entry = 1;
  h.apply(one.view(), ha.view());
  for (const auto entry : ha.span()) EXPECT_LE(std::abs(entry), 1e-14);
}

TEST(Hamiltonian, EigenvaluesLieInItsBounds) {
  const Grid grid{8, 8, 1, 1};
  const auto v = random_positive(grid, 6);
  const Hamiltonian<double> h(grid, {}, {}, v.view());
  Array<std::complex<double>, 4> t = random_field<double>(grid, 7), ht(grid.shape());
  Buffer<double> sums(16);
  for (int power = 0; power < 200; ++power) {  // towards the largest
    h.apply(t.view(), ht.view());
    const double size = std::sqrt(norm<double>(ht.view(), h.weight(), sums.span()));
    for (Index k = 0; k < t.size(); ++k) t.data()[k] = ht.data()[k] / size;
  }
  h.apply(t.view(), ht.view());
  const double largest = inner<double>(t.view(), ht.view(), h.weight(), sums.span()).real();
  EXPECT_LE(largest, h.highest());
  EXPECT_GE(largest, h.lowest());
}

TEST(Hamiltonian, BadInputIsNamed) {
  const Grid grid{4, 4, 1, 1};
  Array<double, 2> v({4, 4}), g({4, 4});
  const auto make = [&](Physics physics, InverseMetric metric) {
    return error_of([&] { Hamiltonian<double>(grid, physics, metric, v.view()); });
  };
  EXPECT_EQ(make({}, {.gxx = -1, .gyy = 2}),
            "the inverse metric is (-1, 2); expected finite numbers > 0");
  EXPECT_EQ(make({}, {.gxx = NAN, .gyy = 2}),
            "the inverse metric is (nan, 2); expected finite numbers > 0");
  EXPECT_EQ(make({}, {.gxx_field = g.view(), .gyy_field = g.view()}),
            "the inverse metric at cell (0, 0) is (0, 0); expected finite numbers > 0");
  EXPECT_EQ(make({.hbar = 0}, {}), "hbar is 0; expected a finite number > 0");
  EXPECT_NE(error_of([] { Grid{0, 4, 1, 1}.check(); }), "no error");
  EXPECT_NE(error_of([] { Grid{4, 4, 0, 1}.check(); }), "no error");
  EXPECT_NE(error_of([] { parse_name<Potential>("box", "potential"); }), "no error");
}

TEST(Posterior, NeitherUnderflowsNorDividesByZero) {
  const Grid grid{3, 3, 2, 1};
  auto t = random_field<double>(grid, 8);
  auto e = random_field<double>(grid, 9);
  for (auto& entry : e.span()) entry *= 1e3;  // exp(-1e6): 0 everywhere without the subtraction
  Array<std::complex<double>, 4> b(grid.shape());
  Buffer<double> sums(9);
  posterior<double>(t.view(), e.view(), 0.1, b.view(), sums.span());
  Array<double, 2> ones({3, 3});
  for (double& one : ones.span()) one = 1;
  const double before = norm<double>(t.view(), ones.view(), sums.span());
  EXPECT_NEAR(norm<double>(b.view(), ones.view(), sums.span()) / before, 1, 1e-12);
  for (auto& entry : t.span()) entry = 0;
  posterior<double>(t.view(), e.view(), 0.1, b.view(), sums.span());
  for (const auto entry : b.span()) EXPECT_EQ(entry, 0.0);
  EXPECT_THROW(posterior<double>(t.view(), e.view(), 0, b.view(), sums.span()), Error);
  t.data()[3] = 1e200;  // |T - E|^2 is no number there, and T is 0 elsewhere
  EXPECT_THROW(posterior<double>(t.view(), e.view(), 0.1, b.view(), sums.span()), Error);
}

TEST(Entropy, OfKnownStates) {
  const Grid grid{2, 2, 3, 1};
  Array<std::complex<double>, 4> t(grid.shape());
  Buffer<double> sums(4);
  EXPECT_EQ(entropy<double>(t.view(), sums.span()), 0);  // no site counts
  for (Index k = 0; k < 3; ++k) t(0, 0, k, k) = std::polar(2.0, 1.0 * static_cast<double>(k));
  EXPECT_NEAR(entropy<double>(t.view(), sums.span()), std::log(3), 1e-14);  // a unitary
  for (Index a = 0; a < 3; ++a) {
    for (Index b = 0; b < 3; ++b) {
      t(1, 1, a, b) = std::complex<double>(1, 0.5 * static_cast<double>(a)) *
                      std::complex<double>(static_cast<double>(b) - 1, 2);
    }
  }
  EXPECT_NEAR(entropy<double>(t.view(), sums.span()), std::log(3) / 2, 1e-13);  // and a pure one
}

TEST(Entropy, OfVariableOrder) {
  const Grid grid{1, 2, 1, 1};
  Array<std::complex<double>, 4> t(grid.shape());
  t.data()[0] = {0, 2};
  t.data()[1] = 3;
  Array<double, 2> nu({1, 2});
  nu(0, 0) = 0.5, nu(0, 1) = 2;
  Buffer<double> sums(2);
  EXPECT_NEAR(variable_order_entropy<double>(t.view(), nu.view(), sums.span()), 2 + 81, 1e-12);
  nu(0, 1) = 0.5;
  for (const double size : {1e-200, 1e200}) {  // whose squares are no numbers
    t.data()[0] = 2 * size, t.data()[1] = 3 * size;
    EXPECT_NEAR(variable_order_entropy<double>(t.view(), nu.view(), sums.span()) / size, 5, 1e-13);
  }
}

// What has no size must not depend on the field's: powers of 2 leave every bit.
TEST(Measures, DoNotDependOnTheFieldsSize) {
  const Grid grid{3, 2, 3, 1};
  Array<std::complex<double>, 4> t(grid.shape()), scaled(grid.shape());
  fill_random(grid, 5, t.view());
  Buffer<double> sums(6);
  const double whole = entropy<double>(t.view(), sums.span());
  for (const int exponent : {-990, -600, 600, 1000}) {
    const double size = std::ldexp(1.0, exponent);
    for (Index k = 0; k < t.size(); ++k) scaled.data()[k] = size * t.data()[k];
    EXPECT_EQ(entropy<double>(scaled.view(), sums.span()), whole) << exponent;
    Array<std::complex<double>, 4> plain(grid.shape());
    std::copy_n(t.data(), t.size(), plain.data());
    Array<Index, 2> chosen({3, 2}), expected({3, 2});
    collapse<double>(plain.view(), Outcome::drawn, 1, 2, {}, expected.view());
    collapse<double>(scaled.view(), Outcome::drawn, 1, 2, {}, chosen.view());
    EXPECT_TRUE(equal(chosen.span(), expected.span())) << exponent;
    for (Index k = 0; k < t.size(); ++k) {
      EXPECT_EQ(scaled.data()[k], size * plain.data()[k]) << exponent;
    }
  }
  t(1, 1, 2, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(entropy<double>(t.view(), sums.span())));
}

TEST(Setup, RefusesPacketsAndWavesThatAreNoNumbers) {
  const Grid grid{4, 4, 1, 1};
  Array<std::complex<double>, 4> t(grid.shape());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Packet& packet :
       {Packet{.width = 0}, Packet{.width = 1e-300}, Packet{.width = nan}, Packet{.x0 = nan},
        Packet{.kx = nan}, Packet{.ky = std::numeric_limits<double>::infinity()}}) {
    EXPECT_THROW(fill_packet(grid, packet, t.view()), Error);
  }
  EXPECT_THROW(fill_plane_wave(grid, 0, nan, t.view()), Error);
  fill_packet(grid, {.width = 1e-150}, t.view());
  EXPECT_EQ(t(2, 2, 0, 0), 1.0);  // the middle of the grid
}

TEST(Collapse, KeepsEachSitesNormAndFollowsItsProbabilities) {
  const Grid grid{60, 50, 2, 1};
  Array<std::complex<double>, 4> t(grid.shape());
  for (Index site = 0; site < grid.cells(); ++site) {
    t.data()[4 * site] = {0, 3};       // row 0: 9 of 25
    t.data()[4 * site + 3] = {-4, 0};  // row 1: 16 of 25
  }
  Array<Index, 2> chosen({60, 50});
  Array<std::complex<double>, 4> same(grid.shape());
  std::copy_n(t.data(), t.size(), same.data());
  collapse<double>(t.view(), Outcome::drawn, 1, 2, {}, chosen.view());
  double ones = 0;
  for (Index site = 0; site < grid.cells(); ++site) {
    double size = 0;
    for (Index k = 0; k < 4; ++k) size += std::norm(t.data()[4 * site + k]);
    EXPECT_NEAR(size, 25, 1e-12);
    ones += static_cast<double>(chosen.data()[site]);
  }
  const double sites = static_cast<double>(grid.cells());
  EXPECT_NEAR(ones / sites, 0.64, 4 * std::sqrt(0.64 * 0.36 / sites));  // four deviations
  collapse<double>(same.view(), Outcome::drawn, 1, 2);
  EXPECT_TRUE(equal(t.span(), same.span()));
  collapse<double>(same.view(), Outcome::drawn, 1, 3);  // what is collapsed stays
  for (Index k = 0; k < t.size(); ++k) EXPECT_LE(std::abs(t.data()[k] - same.data()[k]), 1e-14);
}

TEST(Collapse, LargestTakesTheLowestInTiesAndZeroStays) {
  const Grid grid{1, 2, 2, 1};
  Array<std::complex<double>, 4> t(grid.shape());
  t(0, 0, 0, 1) = 1;
  t(0, 0, 1, 0) = {0, 1};
  Array<Index, 2> chosen({1, 2});
  collapse<double>(t.view(), Outcome::largest, 0, 0, {}, chosen.view());
  EXPECT_EQ(chosen(0, 0), 0);
  EXPECT_EQ(chosen(0, 1), -1);
  EXPECT_NEAR(t(0, 0, 0, 1).real(), std::sqrt(2), 1e-15);
  Array<std::complex<double>, 2> skew({2, 2});
  skew(0, 0) = skew(1, 0) = 1;
  EXPECT_THROW(collapse<double>(t.view(), Outcome::largest, 0, 0, skew.view()), Error);
}

}  // namespace
}  // namespace lior::field
