// SPDX-License-Identifier: Apache-2.0
#include "lior/field/bessel.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lior::field {
namespace {

TEST(Bessel, ValuesAreThoseOfMpmath) {
  constexpr struct {
    double z;
    std::size_t order;
    double value;
  } kValues[] = {
      {0.001, 0, 0.99999975000001562},      {0.001, 1, 0.0004999999375000026},
      {0.001, 5, 2.6041665581597242e-19},   {1, 0, 0.76519768655796655},
      {1, 7, 1.5023258174368082e-6},        {30.5, 0, -0.019389754517762152},
      {30.5, 15, -0.13659704956690252},     {30.5, 30, 0.16435086489151929},
      {30.5, 41, 0.0002486823297466281},    {1000, 0, 0.024786686152420175},
      {1000, 500, -0.01903320932167545},    {1000, 1000, 0.044730672947964041},
      {1000, 1024, 0.00079633535233102545}, {20000, 0, 0.0055659749049549462},
      {20000, 7, 0.00091562991436338491},
  };
  for (const auto& [z, order, value] : kValues) {
    EXPECT_NEAR(bessel_j(z)[order], value, 1e-15 * (1 + std::sqrt(z))) << z << " " << order;
  }
}

// sum (2 - [k = 0]) J_2k = 1 and sum k^2 J_k^2 = z^2 / 4 (sums over k >= 1): the scale is set by
// neither.
TEST(Bessel, ObeysIdentitiesThatItIsNotScaledBy) {
  for (const double z : {0.0, 1e-300, 1e-9, 0.3, 7.0, 999.5, 1e4, 1e5, 1e6}) {
    const auto j = bessel_j(z);
    double even = j[0], squares = 0;
    for (std::size_t k = 1; k < j.size(); ++k) {
      if (k % 2 == 0) even += 2 * j[k];
      squares += static_cast<double>(k * k) * j[k] * j[k];
    }
    EXPECT_NEAR(even, 1, 1e-14 * (1 + std::sqrt(z))) << z;
    EXPECT_NEAR(squares, z * z / 4, 1e-13 * z * z) << z;
    EXPECT_LE(static_cast<double>(j.size()), z + 12 * std::cbrt(z) + 20) << z;
  }
}

TEST(Bessel, ArgumentsBeyondItsReachAreRefused) {
  for (const double z : {-1.0, 2e8, std::nan(""), HUGE_VAL}) EXPECT_THROW(bessel_j(z), Error);
}

}  // namespace
}  // namespace lior::field
