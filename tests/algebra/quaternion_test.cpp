// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/quaternion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::algebra {
namespace {

template <class T>
class QuaternionPlanes : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(QuaternionPlanes, Types);

// Sums of at most ten terms of size 1 or 2, in two orders.
template <class T>
constexpr T kTolerance = 32 * std::numeric_limits<T>::epsilon();

/// [4, count] unit quaternions.
template <class T>
Array<T, 2> random_rotations(Random random, Index count) {
  Array<T, 2> q({4, count});
  random.fill_normal(q.span());
  for (Index n = 0; n < count; ++n) {
    const T length =
        std::sqrt(q(0, n) * q(0, n) + q(1, n) * q(1, n) + q(2, n) * q(2, n) + q(3, n) * q(3, n));
    for (int k = 0; k < 4; ++k) q(k, n) /= length;
  }
  return q;
}

TYPED_TEST(QuaternionPlanes, ProductIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20011}) {
    Array<T, 2> p({4, count}), q({4, count}), fast({4, count}), plain({4, count});
    Random random(1, static_cast<std::uint64_t>(count));
    random.fill_uniform(p.span(), -1, 1);
    random.fill_uniform(q.span(), -1, 1);
    quaternion_multiply<T>(p.view(), q.view(), fast.view());
    reference::quaternion_multiply<T>(p.view(), q.view(), plain.view());
    for (Index i = 0; i < fast.size(); ++i) {
      ASSERT_NEAR(fast.data()[i], plain.data()[i], kTolerance<T>) << "N=" << count;
    }
  }
}

TYPED_TEST(QuaternionPlanes, RotationIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20011}) {
    Random random(2, static_cast<std::uint64_t>(count));
    const Array<T, 2> q = random_rotations<T>(random, count);
    Array<T, 2> v({3, count}), plain({3, count});
    random.fill_uniform(v.span(), -1, 1);
    reference::quaternion_rotate<T>(q.view(), v.view(), plain.view());
    quaternion_rotate<T>(q.view(), v.view(), v.view());  // in place
    for (Index i = 0; i < v.size(); ++i) {
      ASSERT_NEAR(v.data()[i], plain.data()[i], kTolerance<T>) << "N=" << count;
    }
  }
}

TYPED_TEST(QuaternionPlanes, WrongShapesAreNamed) {
  using T = TypeParam;
  Array<T, 2> q({4, 5}), v({4, 5}), out({3, 5});
  try {
    quaternion_rotate<T>(q.view(), v.view(), out.view());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "v has shape [4, 5]; expected [3, 5]");
  }
}

TYPED_TEST(QuaternionPlanes, ThatAreNotOfUnitLengthAreNoRotations) {
  using T = TypeParam;
  for (const Index count : {1, 5, 17, 20011}) {
    Random random(3, static_cast<std::uint64_t>(count));
    Array<T, 2> q = random_rotations<T>(random, count);
    Array<T, 2> v({3, count}), out({3, count});
    quaternion_rotate<T>(q.view(), v.view(), out.view());
    for (Index m = 0; m < 4; ++m) q(m, count / 2) *= T(2);
    try {
      quaternion_rotate<T>(q.view(), v.view(), out.view());
      FAIL() << "no error";
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(message.find(fmt::format("quaternion {} has length ", count / 2)), 0U) << message;
    }
    for (Index m = 0; m < 4; ++m) q(m, count / 2) = std::numeric_limits<T>::quiet_NaN();
    EXPECT_NO_THROW(quaternion_rotate<T>(q.view(), v.view(), out.view()));  // NaN passes through
  }
}

TEST(Quaternion, TurnsRightHanded) {
  const double half = std::numbers::pi / 12;  // a turn of 30 degrees about z
  const Quaternion<double> q{std::cos(half), 0, 0, std::sin(half)};
  const auto turned = rotate(q, std::array<double, 3>{1, 0, 0});
  EXPECT_NEAR(turned[0], std::sqrt(3.0) / 2, 1e-15);
  EXPECT_NEAR(turned[1], 0.5, 1e-15);
  EXPECT_NEAR(turned[2], 0, 1e-15);
}

}  // namespace
}  // namespace lior::algebra
