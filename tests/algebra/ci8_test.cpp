// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/ci8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::algebra {
namespace {

constexpr Index kSizes[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 5003};
constexpr Transition kTransitions[] = {Transition::right, Transition::left, Transition::two_sided};

template <class T>
class Ci8 : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Ci8, Types);

// Sixteen products of numbers of size 1 at most, summed in another order; an associator sums
// sixteen such sums.
template <class T>
constexpr T kTolerance = 64 * std::numeric_limits<T>::epsilon();
template <class T>
constexpr T kAssociatorTolerance = 16 * kTolerance<T>;

template <class T>
Array<T, 2> uniform(std::uint64_t seed, Index components, Index count) {
  Array<T, 2> planes({components, count});
  Random(seed, static_cast<std::uint64_t>(count)).fill_uniform(planes.span(), -1, 1);
  return planes;
}

template <class T>
Array<T, 2> unit_octonions(std::uint64_t seed, Index count) {
  Array<T, 2> u = uniform<T>(seed, 8, count);
  Array<T, 1> length({count});
  reference::ci8_norm<T>(u.view(), length.view());
  for (Index k = 0; k < 8; ++k) {
    for (Index n = 0; n < count; ++n) u(k, n) /= length(n);
  }
  return u;
}

template <class A>
void expect_near(const A& got, const A& want, double tolerance) {
  ASSERT_EQ(got.shape(), want.shape());
  for (Index i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got.data()[i], want.data()[i], tolerance) << "of shape " << to_string(got.shape());
  }
}

TYPED_TEST(Ci8, ProductsAreTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : kSizes) {
    const auto x = uniform<T>(1, 16, count), y = uniform<T>(2, 16, count);
    Array<T, 2> fast({16, count}), plain({16, count});
    for (const Factor x_factor : {Factor::plain, Factor::conjugated}) {
      for (const Factor y_factor : {Factor::plain, Factor::conjugated}) {
        ci8_multiply<T>(x.view(), y.view(), fast.view(), x_factor, y_factor);
        reference::ci8_multiply<T>(x.view(), y.view(), plain.view(), x_factor, y_factor);
        expect_near(fast, plain, kTolerance<T>);
      }
    }
  }
}

TYPED_TEST(Ci8, AssociatorIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index count : kSizes) {
    const auto x = uniform<T>(1, 16, count), y = uniform<T>(2, 16, count);
    auto z = uniform<T>(3, 16, count);
    Array<T, 2> plain({16, count});
    reference::ci8_associator<T>(x.view(), y.view(), z.view(), plain.view());
    ci8_associator<T>(x.view(), y.view(), z.view(), z.view());  // in place
    expect_near(z, plain, kAssociatorTolerance<T>);
  }
}

TYPED_TEST(Ci8, ConjugationFlipsTheImaginaryUnitsOfBothParts) {
  using T = TypeParam;
  for (const Index components : {8, 16}) {
    for (const Index count : kSizes) {
      const auto x = uniform<T>(1, components, count);
      Array<T, 2> flipped({components, count});
      ci8_conjugate<T>(x.view(), flipped.view());
      for (Index k = 0; k < components; ++k) {
        for (Index n = 0; n < count; ++n) {
          ASSERT_EQ(flipped(k, n), k == 0 || k == 8 ? x(k, n) : -x(k, n)) << "k=" << k;
        }
      }
    }
  }
}

TYPED_TEST(Ci8, NormIsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index components : {8, 16}) {
    for (const Index count : kSizes) {
      const auto x = uniform<T>(1, components, count);
      Array<T, 1> fast({count}), plain({count});
      ci8_norm<T>(x.view(), fast.view());
      reference::ci8_norm<T>(x.view(), plain.view());
      expect_near(fast, plain, kTolerance<T>);
    }
  }
}

TYPED_TEST(Ci8, OperatorsAndAdjointsAreTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Transition transition : kTransitions) {
    SCOPED_TRACE(name(transition));
    for (const Index components : {8, 16}) {
      for (const Index count : kSizes) {
        const auto u = unit_octonions<T>(1, count);
        const auto x = uniform<T>(2, components, count), g = uniform<T>(3, components, count);
        Array<T, 2> fast({components, count}), plain({components, count});
        apply<T>(transition, u.view(), x.view(), fast.view());
        reference::apply<T>(transition, u.view(), x.view(), plain.view());
        expect_near(fast, plain, kTolerance<T>);

        Array<T, 2> du({8, count}), plain_du({8, count});
        apply_adjoint<T>(transition, u.view(), x.view(), g.view(), fast.view(), du.view());
        reference::apply_adjoint<T>(transition, u.view(), x.view(), g.view(), plain.view(),
                                    plain_du.view());
        expect_near(fast, plain, kTolerance<T>);
        expect_near(du, plain_du, 4 * kTolerance<T>);  // both parts, and factors of 2 in B
      }
    }
  }
}

TYPED_TEST(Ci8, BitEqualAcrossThreadCounts) {
  using T = TypeParam;
  const Index count = 20011;
  const auto u = unit_octonions<T>(1, count);
  const auto x = uniform<T>(2, 16, count), g = uniform<T>(3, 16, count);
  const auto run = [&](int thread_count) {
    const ThreadScope scope(thread_count);
    Array<T, 2> out({56, count});
    const auto rows = [&](Index first, Index rows) {
      return View<T, 2>(out.data() + first * count, {rows, count});
    };
    ci8_associator<T>(x.view(), g.view(), x.view(), rows(0, 16));
    apply<T>(Transition::right, u.view(), x.view(), rows(16, 16));
    apply_adjoint<T>(Transition::left, u.view(), x.view(), g.view(), rows(32, 16), rows(48, 8));
    return out;
  };
  const auto one = run(1), three = run(3);
  EXPECT_TRUE(equal(one.span(), three.span()));
}

TYPED_TEST(Ci8, WrongShapesAreNamed) {
  using T = TypeParam;
  Array<T, 2> u({8, 5}), x({16, 5}), seven({7, 5}), out({8, 5});
  EXPECT_EQ(error_of([&] { apply<T>(Transition::right, u.view(), x.view(), out.view()); }),
            "out has shape [8, 5]; expected [16, 5]");
  EXPECT_EQ(error_of([&] { ci8_conjugate<T>(seven.view(), out.view()); }),
            "x has shape [7, 5]; expected [8, N] (real) or [16, N] (complex)");
  EXPECT_EQ(error_of([&] { ci8_multiply<T>(x.view(), u.view(), x.view()); }),
            "y has shape [8, 5]; expected [16, 5]");
}

}  // namespace
}  // namespace lior::algebra
