// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/fractional.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lior/core/random.h"
#include "lior/memory/mittag_leffler.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::memory {
namespace {

Buffer<double> samples(Index count, double dt, double (*function)(double)) {
  Buffer<double> f(count);
  for (Index n = 0; n < count; ++n) f[n] = function(static_cast<double>(n) * dt);
  return f;
}

TEST(Fractional, RecordedWeights) {
  Buffer<double> w(6);
  grunwald_letnikov_weights(0.5, w.span());
  const double derivative[] = {1, -.5, -.125, -.0625, -.0390625, -.02734375};
  for (Index k = 0; k < 6; ++k) EXPECT_DOUBLE_EQ(w[k], derivative[k]);
  grunwald_letnikov_weights(-0.5, w.span());
  const double integral[] = {1, .5, .375, .3125};
  for (Index k = 0; k < 4; ++k) EXPECT_DOUBLE_EQ(w[k], integral[k]);
  l1_weights(0.5, w.span());
  const double l1[] = {1, .4142135624, .3178372452, .2679491924};
  for (Index k = 0; k < 4; ++k) EXPECT_NEAR(w[k], l1[k], 1e-10);
}

/// log2 of the ratio of errors at t = 1 when dt is halved.
template <class Method>
double order(Method method, double (*f)(double), double exact) {
  double error[2];
  for (const int half : {0, 1}) {
    const Index steps = 256 << half;
    const double dt = 1.0 / static_cast<double>(steps);
    const auto in = samples(steps + 1, dt, f);
    Buffer<double> out(steps + 1);
    method(dt, in.span(), out.span());
    error[half] = std::abs(out[steps] - exact);
  }
  return std::log2(error[0] / error[1]);
}

TEST(Fractional, ConvergesToDerivativesAndIntegralsOfPowersAtItsOrder) {
  const auto square = [](double t) { return t * t; };
  const auto gl = [](double dt, auto f, auto out) { grunwald_letnikov(0.5, dt, f, out); };
  const auto l1 = [](double dt, auto f, auto out) { caputo_l1(0.5, dt, f, out); };
  const auto gl_integral = [](double dt, auto f, auto out) { grunwald_letnikov(-0.5, dt, f, out); };
  const auto trapezoid = [](double dt, auto f, auto out) { product_trapezoid(0.5, dt, f, out); };
  const double derivative = 1.5045055561;     // D^1/2 t^2 at 1
  const double exact = 2 / std::tgamma(2.5);  // the same to all digits
  EXPECT_NEAR(exact, derivative, 1e-10);
  const double integral = 2 / std::tgamma(3.5);
  EXPECT_NEAR(order(gl, square, exact), 1, 0.05);
  EXPECT_NEAR(order(l1, square, exact), 1.5, 0.05);
  EXPECT_NEAR(order(gl_integral, square, integral), 1, 0.05);
  EXPECT_NEAR(order(trapezoid, square, integral), 2, 0.05);
}

TEST(Fractional, L1IsExactOnLinesAndTrapezoidToo) {
  const auto line = samples(101, 0.01, [](double t) { return t; });
  Buffer<double> out(101);
  caputo_l1(0.5, 0.01, line.span(), out.span());
  EXPECT_NEAR(out[100], 1.1283791671, 1e-10);
  product_trapezoid(0.5, 0.01, line.span(), out.span());
  EXPECT_NEAR(out[100], 1 / std::tgamma(2.5), 1e-13);
}

TEST(Fractional, DerivativeOfTheRootIsAConstant) {
  const auto root = samples(4097, 1.0 / 4096, [](double t) { return std::sqrt(t); });
  Buffer<double> out(4097);
  grunwald_letnikov(0.5, 1.0 / 4096, root.span(), out.span());
  EXPECT_NEAR(out[4096], 0.8862269255, 1e-4);  // first order: about dt / 4
}

TEST(FractionalIntegral, IsTheProductTrapezoidToTheRulesError) {
  constexpr double kTolerance = 1e-8;
  const Index steps = 600, functions = 5;
  const double dt = 0.02, alpha = 0.4;
  const PowerLawRule rule(kTolerance, steps);
  FractionalIntegral<double> fast(alpha, dt, rule, functions);
  Array<double, 2> f({functions, steps}), want({functions, steps});
  Random(3).fill_uniform(f.span(), 0, 1);
  for (Index i = 0; i < functions; ++i) {
    product_trapezoid(alpha, dt, f.view()[i].span(), want.view()[i].span());
  }
  Buffer<double> now(functions);
  const auto sample = [&](Index n) {
    for (Index i = 0; i < functions; ++i) now[i] = f(i, n);
    return std::span<const double>(now.span());
  };
  fast.start(sample(0));
  double largest = 0;
  for (Index n = 1; n < steps; ++n) {
    const auto f_n = sample(n);
    for (Index i = 0; i < functions; ++i) {
      const double got = fast.tail()[i] + fast.weight() * f_n[i];
      largest = worst_of<double>({largest, std::abs(got / want(i, n) - 1)});
    }
    fast.accept(f_n);
  }
  EXPECT_LE(largest, kTolerance);
}

TEST(FractionalIntegral, OfManyFunctionsIsTheSameOnAnyNumberOfThreads) {
  constexpr Index kFunctions = 20'000;  // a share for each of three threads
  const PowerLawRule rule(1e-6, 10);
  Buffer<double> f(kFunctions);
  Random(4).fill_uniform(f.span(), 0, 1);
  std::vector<double> alone;
  on_thread_counts([&](int count) {
    FractionalIntegral<double> integral(0.6, 0.1, rule, kFunctions);
    integral.start(f.span());
    for (int step = 0; step < 3; ++step) integral.accept(f.span());
    const std::vector<double> tail(integral.tail().begin(), integral.tail().end());
    if (count == 1) alone = tail;
    EXPECT_EQ(tail, alone) << count << " threads";
  });
}

TEST(Fractional, WeightsKeepTheirDigitsFarBackAndNearWholeOrders) {
  // b_k = (1 - alpha) k^-alpha (1 - alpha / (2 k) + ...), by two terms beyond k = 1e5.
  constexpr Index kCount = 2'000'001;
  Buffer<double> w(kCount);
  for (const double alpha : {0.9, 1 - 1e-8, 1e-9}) {
    l1_weights(alpha, w.span());
    for (const Index k : {Index{200'000}, kCount - 1}) {
      const double x = 1 / static_cast<double>(k), order = 1 - alpha;
      const double series =
          order * std::pow(x, alpha) * (1 - alpha * x / 2 + alpha * (alpha + 1) * x * x / 6);
      EXPECT_NEAR(w[k] / series, 1, 1e-14) << alpha << " " << k;  // pow's own rounding
    }
  }
}

TEST(Fractional, WeightsOfGruenwaldAndLetnikovKeepTheirDigitsFarBack) {
  // w_k = Gamma(k - order) / (Gamma(-order) k!), by three terms of the series in 1 / k.
  constexpr Index kCount = 2'000'001;
  constexpr double kGammas = 1e-14;  // what pow and tgamma round
  Buffer<double> w(kCount);
  for (const double order : {0.9, 0.1, -0.5, 1.99}) {
    grunwald_letnikov_weights(order, w.span());
    for (const Index k : {Index{200'000}, kCount - 1}) {
      const double x = 1 / static_cast<double>(k), p = order * (order + 1) * x / 2;
      const double series = std::pow(x, 1 + order) / std::tgamma(-order) *
                            (1 + p + p * (order + 2) * (3 * order + 1) * x / 12);
      EXPECT_NEAR(w[k] / series, 1, kGammas) << order << " " << k;
    }
  }
  grunwald_letnikov_weights(2, w.span().first(5));
  EXPECT_EQ(w[1], -2);
  EXPECT_EQ(w[2], 1);
  EXPECT_EQ(w[4], 0);
}

TEST(Fractional, TrapezoidOfAConstantIsExactAfterManySteps) {
  // I^alpha 1 = t^alpha / Gamma(1 + alpha): the sum of n weights, each right to 20 eps.
  constexpr Index kSteps = 20'000;
  Buffer<double> one(kSteps), out(kSteps);
  std::fill(one.begin(), one.end(), 1.0);
  for (const double alpha : {1e-8, 0.3, 0.9, 1 - 1e-10}) {
    product_trapezoid(alpha, 1, one.span(), out.span());
    for (const Index n : {Index{1}, Index{2}, Index{9}, Index{1000}, kSteps - 1}) {
      const double exact = std::pow(static_cast<double>(n), alpha) / std::tgamma(1 + alpha);
      EXPECT_NEAR(out[n] / exact, 1, 2e-14 + 1e-18 * static_cast<double>(n)) << alpha << " " << n;
    }
  }
}

TEST(FractionalIntegral, PastTheHorizonIsAFailedRun) {
  FractionalIntegral<double> integral(0.5, 0.1, PowerLawRule(1e-4, 3), 1);
  const double f = 1;
  integral.start({&f, 1});
  for (Index n = 1; n <= 3; ++n) {
    EXPECT_EQ(integral.tail().size(), 1u);
    integral.accept({&f, 1});
  }
  EXPECT_THROW(integral.tail(), RunError);
  EXPECT_THROW(integral.accept({&f, 1}), RunError);
  integral.start({&f, 1});
  EXPECT_NO_THROW(integral.accept({&f, 1}));
  integral.resume_at(3);
  EXPECT_THROW(integral.accept({&f, 1}), RunError);
}

TEST(FractionalIntegral, ConvergesAtTheOrderOfItsSolutionsStart) {
  // f = 1 - I^alpha f is E_alpha(-t^alpha): at t = 1 the error falls as dt^min(1 + alpha, 2).
  for (const double alpha : {0.3, 0.5, 0.8}) {
    double error[2];
    for (const int half : {0, 1}) {
      const Index steps = 2000 << half;
      FractionalIntegral<double> integral(alpha, 1.0 / static_cast<double>(steps),
                                          PowerLawRule(1e-10, static_cast<double>(steps)), 1);
      double f = 1;
      integral.start({&f, 1});
      for (Index n = 1; n <= steps; ++n) {
        f = (1 - integral.tail()[0]) / (1 + integral.weight());
        integral.accept({&f, 1});
      }
      error[half] = std::abs(f - mittag_leffler(alpha, 1, -1));
    }
    EXPECT_NEAR(std::log2(error[0] / error[1]), 1 + alpha, 0.1) << alpha;
  }
}

TEST(Fractional, WrongArgumentsAreErrors) {
  Buffer<double> f(4), out(3);
  EXPECT_THROW(caputo_l1(0.5, 0.1, f.span(), out.span()), Error);
  EXPECT_THROW(grunwald_letnikov(0.5, 0, f.span(), f.span()), Error);
  EXPECT_THROW(product_trapezoid(1, 0.1, f.span(), f.span()), Error);
  EXPECT_THROW(FractionalIntegral<double>(1.5, 0.1, PowerLawRule(1e-4, 10), 1), Error);
  const auto tiny =
      error_of([] { FractionalIntegral<double>(1e-300, 0.1, PowerLawRule(1e-4, 10), 1); });
  EXPECT_NE(tiny.find("alpha is 1e-300"), std::string::npos) << tiny;
  EXPECT_THROW(FractionalIntegral<double>(0.5, -0.1, PowerLawRule(1e-4, 10), 1), Error);
}

}  // namespace
}  // namespace lior::memory
