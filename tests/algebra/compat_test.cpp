// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/compat.h"

#include <gtest/gtest.h>

#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::algebra::compat {
namespace {

constexpr Index kSizes[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 5003};

template <class T>
class Compat : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Compat, Types);

// Twelve products of numbers of size 1 at most, summed in another order; an associator sums twelve
// such sums.
template <class T>
constexpr T kTolerance = 32 * std::numeric_limits<T>::epsilon();
template <class T>
constexpr T kAssociatorTolerance = 12 * kTolerance<T>;

template <class T>
Array<T, 2> uniform(std::uint64_t seed, Index components, Index count) {
  Array<T, 2> planes({components, count});
  Random(seed, static_cast<std::uint64_t>(count)).fill_uniform(planes.span(), -1, 1);
  return planes;
}

template <class T>
void expect_near(const Array<T, 2>& got, const Array<T, 2>& want, double tolerance) {
  for (Index i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got.data()[i], want.data()[i], tolerance) << "of shape " << to_string(got.shape());
  }
}

TYPED_TEST(Compat, ComponentwiseProductIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : kSizes) {
    auto x = uniform<T>(1, 16, count);
    const auto y = uniform<T>(2, 16, count);
    Array<T, 2> plain({16, count});
    reference::componentwise_multiply<T>(x.view(), y.view(), plain.view());
    componentwise_multiply<T>(x.view(), y.view(), x.view());  // in place
    expect_near(x, plain, kTolerance<T>);
  }
}

TYPED_TEST(Compat, FanoProductIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index components : {8, 16}) {
    for (const Index count : kSizes) {
      auto x = uniform<T>(1, components, count);
      const auto y = uniform<T>(2, components, count);
      Array<T, 2> plain({components, count});
      reference::fano_multiply<T>(x.view(), y.view(), plain.view());
      fano_multiply<T>(x.view(), y.view(), x.view());  // in place
      expect_near(x, plain, kTolerance<T>);
    }
  }
}

TYPED_TEST(Compat, FanoAssociatorIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : kSizes) {
    auto x = uniform<T>(1, 16, count);
    const auto y = uniform<T>(2, 16, count), z = uniform<T>(3, 16, count);
    Array<T, 2> plain({16, count});
    reference::fano_associator<T>(x.view(), y.view(), z.view(), plain.view());
    fano_associator<T>(x.view(), y.view(), z.view(), x.view());  // in place
    expect_near(x, plain, kAssociatorTolerance<T>);
  }
}

TYPED_TEST(Compat, WrongShapesAreNamed) {
  using T = TypeParam;
  Array<T, 2> eight({8, 5}), sixteen({16, 5}), seven({7, 5});
  EXPECT_EQ(error_of([&] { fano_multiply<T>(eight.view(), sixteen.view(), eight.view()); }),
            "y has shape [16, 5]; expected [8, 5]");
  EXPECT_EQ(error_of([&] { fano_multiply<T>(seven.view(), seven.view(), seven.view()); }),
            "x has shape [7, 5]; expected [8, N] (real) or [16, N] (complex)");
  EXPECT_EQ(error_of([&] { componentwise_multiply<T>(eight.view(), eight.view(), eight.view()); }),
            "x has shape [8, 5]; expected [16, 5]");
}

}  // namespace
}  // namespace lior::algebra::compat
