// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/mittag_leffler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/core/error.h"
#include "lior/core/random.h"

namespace lior::memory {
namespace {

using Complex = std::complex<double>;
constexpr double kStated = 1e-12;  // what the header promises, relative

TEST(MittagLeffler, OfAlphaAndBetaOneIsTheExponential) {
  for (const double z : {-700.0, -100.0, -37.5, -1.0, -1e-3, 0.0, 0.5, 10.0}) {
    EXPECT_NEAR(mittag_leffler(1, 1, z) / std::exp(z), 1, kStated) << z;
  }
  const Complex z(-40, 30);
  EXPECT_LE(std::abs(mittag_leffler(1, 1, z) / std::exp(z) - 1.0), kStated);
}

TEST(MittagLeffler, OfAHalfIsTheScaledErrorFunction) {
  // e^{x^2} erfc(x) at x; the last two by its asymptotic series.
  for (const double x : {0.1, 1.0, 3.0, 5.0}) {
    EXPECT_NEAR(mittag_leffler(0.5, 1, -x) / (std::exp(x * x) * std::erfc(x)), 1, kStated) << x;
  }
  for (const double x : {1e3, 1e6}) {
    const double series = (1 - 0.5 / (x * x) + 0.75 / (x * x * x * x)) / x / std::sqrt(M_PI);
    EXPECT_NEAR(mittag_leffler(0.5, 1, -x) / series, 1, kStated) << x;
  }
}

TEST(MittagLeffler, ValuesByFortyDigits) {  // mpmath's series
  EXPECT_NEAR(mittag_leffler(0.5, 1, -5) / 0.1107046377330686264, 1, kStated);
  EXPECT_NEAR(mittag_leffler(0.5, 1, -10) / 0.05614099274382258585, 1, kStated);
  EXPECT_NEAR(mittag_leffler(0.3, 1, -10) / 0.07264972907277210317, 1, kStated);
  EXPECT_NEAR(mittag_leffler(0.8, 1, -1), 0.3869485786, 1e-10);
}

TEST(MittagLeffler, StepsOfBetaAgree) {
  // E_{alpha,beta}(z) = 1 / Gamma(beta) + z E_{alpha,alpha+beta}(z)
  Random random(5);
  for (int trial = 0; trial < 400; ++trial) {
    const double alpha = 0.01 + 1.98 * random.uniform();
    const double beta = (3 - alpha) * (0.001 + 0.998 * random.uniform());
    if (alpha + beta >= 3) continue;
    const double size = std::pow(10, 4 * random.uniform() - 2);
    const Complex z = std::polar(size, std::numbers::pi * (0.75 + 0.25 * random.uniform()));
    const Complex next = z * mittag_leffler(alpha, alpha + beta, z);
    const double first = 1 / std::tgamma(beta);
    const Complex value = mittag_leffler(alpha, beta, z);
    EXPECT_LE(std::abs(value - (first + next)),
              kStated * (std::abs(value) + 1e-3 * (std::abs(first) + std::abs(next))))
        << alpha << " " << beta << " " << z;
  }
}

TEST(MittagLeffler, RealAndComplexAgreeAcrossTheirBoundaries) {
  for (const double alpha : {1e-3, 0.5, 0.999999, 1.0, 1.5, 1.999}) {
    for (const double beta : {1e-9, 0.3, 1.0, alpha + 0.5, 2.999}) {
      if (beta >= 3) continue;
      for (const double z : {-0.999999999, -1.000000001, -50.0}) {
        const double real = mittag_leffler(alpha, beta, z);
        const Complex above = mittag_leffler(alpha, beta, Complex(z, 1e-14));
        EXPECT_NEAR(above.real(), real, 1e-11 * std::abs(real)) << alpha << " " << beta << " " << z;
      }
    }
  }
}

TEST(MittagLeffler, SmallOrdersTendToTheGeometricSeries) {
  EXPECT_NEAR(mittag_leffler(1e-300, 1, -0.5), 1 / 1.5, kStated);
  EXPECT_NEAR(mittag_leffler(1e-300, 1, -1e6), 1 / (1 + 1e6), kStated * 1e-6);
  EXPECT_EQ(mittag_leffler(1e-3, 1, 2), INFINITY);
}

TEST(MittagLeffler, OutsideOfItsDomainIsAnError) {
  EXPECT_THROW(mittag_leffler(0, 1, -1), Error);
  EXPECT_THROW(mittag_leffler(2, 1, -1), Error);
  EXPECT_THROW(mittag_leffler(0.5, 0, -1), Error);
  EXPECT_THROW(mittag_leffler(0.5, 3, -1), Error);
  EXPECT_THROW(mittag_leffler(0.5, 1, 10.5), Error);
  EXPECT_THROW(mittag_leffler(0.5, 1, -1.1e6), Error);
  EXPECT_THROW(mittag_leffler(NAN, 1, -1), Error);
  EXPECT_THROW(mittag_leffler(0.5, NAN, -1), Error);
  EXPECT_THROW(mittag_leffler(0.5, 1, NAN), Error);
  EXPECT_THROW(mittag_leffler(0.5, 1, Complex(-1, 1.1)), Error);
  EXPECT_THROW(mittag_leffler(0.5, 1, Complex(1, 1e-3)), Error);
}

}  // namespace
}  // namespace lior::memory
