// SPDX-License-Identifier: Apache-2.0
// Edges, tails and errors of the elementary functions; accuracy is the registry's (simd.math.*).
#include "lior/simd/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::simd {
namespace {

constexpr Elementary kAll[] = {Elementary::exp,
                               Elementary::expm1,
                               Elementary::log,
                               Elementary::log1p,
                               Elementary::sin,
                               Elementary::cos,
                               Elementary::tanh,
                               Elementary::sigmoid,
                               Elementary::softplus,
                               Elementary::silu,
                               Elementary::silu_derivative,
                               Elementary::erf,
                               Elementary::erfc,
                               Elementary::gelu,
                               Elementary::gelu_derivative};

template <class T>
class Math : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Math, Types);

template <class T>
T one(Elementary f, T x) {
  T value;
  evaluate<T>(f, std::span<const T>(&x, 1), std::span<T>(&value, 1));
  return value;
}

TYPED_TEST(Math, EdgesAreTheReferences) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  std::vector<T> edges = {0, 1, 2, 10, 700, 1e5, static_cast<T>(1e20), static_cast<T>(1e-20)};
  edges.insert(edges.end(), {Limits::min(), Limits::denorm_min(), Limits::max(), Limits::infinity(),
                             Limits::quiet_NaN()});
  for (const Elementary f : kAll) {
    for (const T edge : edges) {
      for (const T x : {edge, -edge}) {
        const T got = one(f, x), want = static_cast<T>(reference::evaluate(f, x));
        if (std::isnan(want) || std::isinf(want)) {
          EXPECT_TRUE(got == want || (std::isnan(got) && std::isnan(want)))
              << static_cast<int>(f) << "(" << x << ") = " << got << ", not " << want;
        } else {  // 4 ulp, the widest bound that holds at these points
          const T tolerance =
              std::max(4 * Limits::epsilon() * std::abs(want), Limits::denorm_min());
          EXPECT_NEAR(got, want, tolerance) << static_cast<int>(f) << "(" << x << ")";
        }
      }
    }
  }
}

TYPED_TEST(Math, ExponentialsOfNegativesEndWhereNumbersAreNoLongerNormal) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  const T infinity = Limits::infinity();
  const T least_power = Limits::min_exponent - 1;
  const T least = std::is_same_v<T, float> ? T(-87.3365) : T(-708.3964);
  for (const auto& [f, end] : {std::pair{Elementary::exp_negative, least},
                               std::pair{Elementary::exp2_negative, least_power}}) {
    EXPECT_EQ(one<T>(f, 0), T(1));
    EXPECT_EQ(one<T>(f, T(-0.0)), T(1));
    EXPECT_TRUE(std::isnan(one(f, Limits::quiet_NaN())));
    for (const T x :
         {-infinity, Limits::lowest(), T(-1e5), end - 1, std::nextafter(end, -infinity)}) {
      EXPECT_EQ(one(f, x), T(0)) << x;
    }
    for (T x = end; x < end + T(1.5); x += T(1) / 64) {
      const T want = static_cast<T>(reference::evaluate(f, x)), got = one(f, x);
      EXPECT_GE(got, Limits::min()) << x;
      EXPECT_NEAR(got, want, 2 * Limits::epsilon() * want) << x;  // 1.6 of the last place
    }
  }
  EXPECT_EQ(one(Elementary::exp2_negative, least_power), Limits::min());
}

TYPED_TEST(Math, EveryLaneAndTheTailAgree) {
  using T = TypeParam;
  for (const Elementary f : kAll) {
    for (const std::size_t count : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1001}) {
      std::vector<T> x(count), out(count);
      Random(2, count).fill_uniform(std::span<T>(x), 0.01, 9);
      if (count > 2) x[count / 2] = 1e6;  // one lane past the range of sin's own reduction
      evaluate<T>(f, x, out);
      for (std::size_t i = 0; i < count; ++i) {
        const T want = static_cast<T>(reference::evaluate(f, x[i]));
        // erfc's bound at 9, the widest.
        const T tolerance = 91 * std::numeric_limits<T>::epsilon() * std::abs(want);
        ASSERT_TRUE(out[i] == want || std::abs(out[i] - want) <= tolerance)
            << static_cast<int>(f) << "(" << x[i] << ") = " << out[i] << ", not " << want;
      }
    }
  }
}

// A huge number, an infinity, a NaN or a zero leaves the last bits of the lanes beside it alone.
TYPED_TEST(Math, NoLaneDependsOnItsNeighbours) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  constexpr std::size_t kCount = 64;  // four of the widest vectors
  std::vector<T> x(kCount), alone(kCount), out(kCount);
  Random(3, 0).fill_uniform(std::span<T>(x), -9, -0.01);
  const auto expect_others_as_before = [&](Elementary f, std::size_t odd, T guest) {
    evaluate<T>(f, x, alone);
    std::vector<T> visited = x;
    visited[odd] = guest;
    evaluate<T>(f, visited, out);
    out[odd] = alone[odd];
    EXPECT_EQ(std::memcmp(out.data(), alone.data(), kCount * sizeof(T)), 0)
        << static_cast<int>(f) << " beside " << guest << " in lane " << odd;
  };
  std::vector<Elementary> functions(std::begin(kAll), std::end(kAll));
  functions.insert(functions.end(), {Elementary::exp_negative, Elementary::exp2_negative});
  for (const Elementary f : functions) {
    const bool of_logarithm = f == Elementary::log || f == Elementary::log1p;
    for (T& number : x) number = of_logarithm ? std::abs(number) : -std::abs(number);
    for (std::size_t odd = 0; odd < kCount; ++odd) {
      for (const T guest : {T(-1e6), T(0), -Limits::infinity(), Limits::quiet_NaN()}) {
        expect_others_as_before(f, odd, guest);
      }
    }
  }
}

TYPED_TEST(Math, DifferentSizesAreAnError) {
  using T = TypeParam;
  std::vector<T> x(3), out(2);
  EXPECT_EQ(error_of([&] { evaluate<T>(Elementary::exp, x, out); }),
            "x has 3 numbers and out 2; they must be equal");
}

}  // namespace
}  // namespace lior::simd
