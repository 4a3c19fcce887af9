// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/real_transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::linalg {
namespace {

template <class T>
class RealTransforms : public testing::Test {};
using Kinds = testing::Types<float, double>;
TYPED_TEST_SUITE(RealTransforms, Kinds);

TYPED_TEST(RealTransforms, AreTheSumsAndInverseToEachOther) {
  using Number = std::complex<TypeParam>;
  Random random(7);
  for (const RealBasis basis : {RealBasis::sine, RealBasis::cosine}) {
    for (const Index length : {1, 2, 3, 7, 8, 30, 61}) {
      for (const Index count : {1, 4, 8}) {
        const auto numbers = static_cast<std::size_t>(length * count);
        std::vector<Number> x(numbers), there(numbers), want(numbers);
        for (Number& number : x) {
          number = Number(static_cast<TypeParam>(random.normal()),
                          static_cast<TypeParam>(random.normal()));
        }
        const RealTransform<TypeParam> transform(basis, length, count);
        const double tolerance = 8 * std::log2(2.0 * static_cast<double>(length)) *
                                 std::numeric_limits<TypeParam>::epsilon();
        const auto expect_near = [&](const std::vector<Number>& a, const std::vector<Number>& b,
                                     double unit) {
          double difference = 0, size = 0;
          for (std::size_t k = 0; k < numbers; ++k) {
            difference += std::norm(std::complex<double>(a[k]) - unit * std::complex<double>(b[k]));
            size += std::norm(unit * std::complex<double>(b[k]));
          }
          EXPECT_LE(std::sqrt(difference), tolerance * std::sqrt(size)) << length << " " << count;
        };
        for (const bool inverse : {false, true}) {
          there = x;
          inverse ? transform.inverse(there.data()) : transform.forward(there.data());
          reference::real_transform(basis, inverse, length, count, x.data(), want.data());
          expect_near(there, want, 1);
        }
        there = x;
        transform.forward(there.data());
        transform.inverse(there.data());
        expect_near(there, x, 2.0 * static_cast<double>(length));
      }
    }
  }
}

TEST(RealTransform, WrongSizesAreRefused) {
  EXPECT_EQ(error_of([] { RealTransform<double>(RealBasis::sine, 0, 1); }),
            "a batch of 1 transforms of length 0 cannot be planned; the length must be in "
            "1..2^30, the count below 2^30");
  RealTransform<double>(RealBasis::cosine, 4, 0).forward(nullptr);  // nothing to do
}

}  // namespace
}  // namespace lior::linalg
