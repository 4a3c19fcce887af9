// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/octonion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "support/equal.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::algebra {
namespace {

template <class T>
class OctonionPlanes : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(OctonionPlanes, Types);

// Eight products of numbers of size 4 at most, each rounded once, summed.
template <class T>
constexpr T kProductTolerance = 64 * std::numeric_limits<T>::epsilon();

TYPED_TEST(OctonionPlanes, ProductIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 10007}) {
    Array<T, 2> x({8, count}), y({8, count}), fast({8, count}), plain({8, count});
    Random random(1, static_cast<std::uint64_t>(count));
    random.fill_uniform(x.span(), -1, 1);
    random.fill_uniform(y.span(), -1, 1);
    octonion_multiply<T>(x.view(), y.view(), fast.view());
    reference::octonion_multiply<T>(x.view(), y.view(), plain.view());
    for (Index i = 0; i < fast.size(); ++i) {
      ASSERT_NEAR(fast.data()[i], plain.data()[i], kProductTolerance<T>) << "N=" << count;
    }
  }
}

TYPED_TEST(OctonionPlanes, BitEqualAcrossThreadCounts) {
  using T = TypeParam;
  Array<T, 2> x({8, 50021}), y(x.shape()), one(x.shape()), many(x.shape());
  Random random(2);
  random.fill_normal(x.span());
  random.fill_normal(y.span());
  on_thread_counts([&](int count) {
    octonion_multiply<T>(x.view(), y.view(), (count == 1 ? one : many).view());
  });
  EXPECT_TRUE(equal(one.span(), many.span()));
}

TYPED_TEST(OctonionPlanes, WrongShapesAreNamed) {
  using T = TypeParam;
  Array<T, 2> x({8, 5}), y({8, 6}), out({8, 5});
  EXPECT_EQ(error_of([&] { octonion_multiply<T>(x.view(), y.view(), out.view()); }),
            "y has shape [8, 6]; expected [8, 5]");
}

TEST(Octonion, RecordedProducts) {  // docs/math/conventions.md, section 3
  const Octonion<double> up{{1, 2, 3, 4, 5, 6, 7, 8}}, down{{8, 7, 6, 5, 4, 3, 2, 1}};
  EXPECT_EQ((up * down).e, (std::array<double, 8>{-104, 14, 12, 10, 152, 42, 4, 74}));
  EXPECT_EQ((down * up).e, (std::array<double, 8>{-104, 32, 48, 64, -64, 60, 112, 56}));
}

}  // namespace
}  // namespace lior::algebra
