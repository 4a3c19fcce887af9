// SPDX-License-Identifier: Apache-2.0
#include "lior/core/denormals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lior {
namespace {

/// a b, computed where the call stands.
template <class T>
T product(T a, T b) {
  const volatile T left = a, right = b;
  const volatile T both = left * right;
  return both;
}

template <class T>
class Denormals : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Denormals, Numbers);

TYPED_TEST(Denormals, AreZerosForAWhile) {
#if !defined(__SSE__) && !defined(__aarch64__)
  GTEST_SKIP() << "no such mode of this processor is known";
#endif
  using T = TypeParam;
  constexpr T kLeast = std::numeric_limits<T>::min(), kDenormal = kLeast / 4;
  const auto as_ever = [&] {
    EXPECT_EQ(product<T>(kLeast, 0.5), kLeast / 2);
    EXPECT_EQ(product<T>(kDenormal, 8), 2 * kLeast);
  };
  const auto as_zeros = [&] {
    EXPECT_TRUE(product<T>(kLeast, 0.5) == 0) << "a result";
    EXPECT_TRUE(product<T>(kDenormal, 8) == 0) << "an operand";
    EXPECT_TRUE(std::signbit(product<T>(-kLeast, 0.5)));
    EXPECT_EQ(product<T>(kLeast, 2), 2 * kLeast);
  };
  as_ever();
  {
    const FlushDenormals flush;
    as_zeros();
    { const FlushDenormals again; }
    as_zeros();
  }
  as_ever();
}

}  // namespace
}  // namespace lior
