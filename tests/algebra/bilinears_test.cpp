// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/bilinears.h"

#include <gtest/gtest.h>

#include "lior/check/compare.h"
#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/core/worst.h"
#include "support/equal.h"

namespace lior::algebra {
namespace {

template <class S>
class BilinearsOf : public testing::Test {};
using Types = testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(BilinearsOf, Types);

template <class S, std::size_t Rank>
auto reals(const Array<S, Rank>& array) {
  using T = typename Bilinears<S>::T;
  return std::span(reinterpret_cast<const T*>(array.data()),
                   static_cast<std::size_t>(array.size()) * (sizeof(S) / sizeof(T)));
}

template <class S, std::size_t Rank>
Array<S, Rank> random_array(const Shape<Rank>& shape, std::uint64_t seed) {
  using T = typename Bilinears<S>::T;
  Array<S, Rank> array(shape);
  Random(seed).fill_normal(std::span(reinterpret_cast<T*>(array.data()), reals(array).size()));
  return array;
}

template <class S>
struct Tensors {
  Array<S, 1> k0;
  Array<S, 2> k1, k2;
  Tensors(Index points, Index k1_size, Index k2_size)
      : k0({points}), k1({points, k1_size}), k2({points, k2_size}) {}
};

template <class S>
Tensors<S> run(const Bilinears<S>& bilinears, const Array<S, 2>& psi) {
  Tensors<S> out(psi.shape()[0], bilinears.k1_size(), bilinears.k2_size());
  bilinears.forward(psi.view(), out.k0.view(), out.k1.view(), out.k2.view());
  return out;
}

/// The pairs m < n, or m <= n, of full pairs.
template <class S>
Array<S, 2> packed(const Array<S, 2>& full, Index d, bool diagonal) {
  const Index points = full.shape()[0];
  Array<S, 2> out({points, d * (d + (diagonal ? 1 : -1)) / 2});
  for (Index p = 0; p < points; ++p) {
    Index k = 0;
    for (Index m = 0; m < d; ++m) {
      for (Index n = diagonal ? m : m + 1; n < d; ++n) out(p, k++) = full(p, m * d + n);
    }
  }
  return out;
}

// Sums of at most 2 s^2 products of three numbers each.
template <class S>
constexpr double kTolerance = 128 * std::numeric_limits<typename Bilinears<S>::T>::epsilon();

TYPED_TEST(BilinearsOf, EveryMethodIsTheReferenceAtEverySize) {
  using S = TypeParam;
  using check::relative_difference;
  for (const auto& [d, s] :
       {std::pair<Index, Index>{8, 4}, {1, 1}, {2, 2}, {3, 4}, {4, 2}, {16, 8}, {5, 3}}) {
    const auto gamma = random_array<S>(Shape<3>{d, s, s}, 1);
    for (const Index points : {0, 1, 2, 5, 7, 133}) {
      const auto psi = random_array<S>(Shape<2>{points, s}, 2);
      for (const Adjoint adjoint : {Adjoint::hermitian, Adjoint::dirac}) {
        Tensors<S> plain(points, d * d, d * d);
        reference::bilinears<S>(gamma.view(), psi.view(), adjoint, plain.k0.view(), plain.k1.view(),
                                plain.k2.view());
        const auto expect_plain = [&](const Tensors<S>& got, const Array<S, 2>& k1,
                                      const Array<S, 2>& k2) {
          ASSERT_LE(relative_difference(reals(got.k0), reals(plain.k0)), kTolerance<S>);
          if (d > 1) {
            ASSERT_LE(relative_difference(reals(got.k1), reals(k1)), kTolerance<S>);
          }
          ASSERT_LE(relative_difference(reals(got.k2), reals(k2)), kTolerance<S>);
        };
        SCOPED_TRACE(testing::Message() << "d=" << d << " s=" << s << " N=" << points);
        for (const auto method : {BilinearMethod::products, BilinearMethod::squares}) {
          const Bilinears<S> full(gamma.view(), Pairs::full, adjoint, method);
          expect_plain(run(full, psi), plain.k1, plain.k2);
        }
        const Bilinears<S> half(gamma.view(), Pairs::packed, adjoint);
        expect_plain(run(half, psi), packed(plain.k1, d, false), packed(plain.k2, d, true));
      }
    }
  }
}

TYPED_TEST(BilinearsOf, OutputsPastTheCachesAreTheSame) {
  using S = TypeParam;
  const Index d = 8, s = 4, points = 65543;
  const auto gamma = random_array<S>(Shape<3>{d, s, s}, 3);
  const auto psi = random_array<S>(Shape<2>{points, s}, 4);
  for (const Pairs pairs : {Pairs::full, Pairs::packed}) {
    const Bilinears<S> bilinears(gamma.view(), pairs);
    const auto whole = run(bilinears, psi);
    Tensors<S> part(17, bilinears.k1_size(), bilinears.k2_size());  // small: through the caches
    for (const Index begin : {Index{0}, points / 2 - 8, points - 17}) {
      bilinears.forward({psi.data() + begin * s, {17, s}}, part.k0.view(), part.k1.view(),
                        part.k2.view());
      EXPECT_TRUE(std::equal(part.k1.span().begin(), part.k1.span().end(),
                             whole.k1.data() + begin * bilinears.k1_size()));
      EXPECT_TRUE(std::equal(part.k2.span().begin(), part.k2.span().end(),
                             whole.k2.data() + begin * bilinears.k2_size()));
    }
  }
}

TYPED_TEST(BilinearsOf, BitEqualAcrossThreadCounts) {
  using S = TypeParam;
  const auto gamma = random_array<S>(Shape<3>{8, 4, 4}, 5);
  const auto psi = random_array<S>(Shape<2>{5003, 4}, 6);
  for (const Pairs pairs : {Pairs::full, Pairs::packed}) {
    const Bilinears<S> bilinears(gamma.view(), pairs);
    const auto on = [&](int count) {
      const ThreadScope scope(count);
      return run(bilinears, psi);
    };
    const auto one = on(1), many = on(3);
    EXPECT_TRUE(equal(one.k1.span(), many.k1.span()));
    EXPECT_TRUE(equal(one.k2.span(), many.k2.span()));
  }
}

TEST(Bilinears, RealSymmetricGammasHaveNoAntisymmetricPart) {
  Array<double, 3> gamma({3, 4, 4});
  const auto random = random_array<double>(Shape<3>{3, 4, 4}, 7);
  for (Index m = 0; m < 3; ++m) {
    for (Index i = 0; i < 4; ++i) {
      for (Index j = 0; j < 4; ++j) gamma(m, i, j) = random(m, i, j) + random(m, j, i);
    }
  }
  const auto psi = random_array<double>(Shape<2>{100, 4}, 8);
  const auto out = run(Bilinears<double>(gamma.view(), Pairs::full), psi);
  double largest = 0;
  for (const double value : out.k1.span()) largest = worst_of<double>({largest, std::abs(value)});
  EXPECT_LE(largest, 1e-12);
}

TEST(Bilinears, WrongShapesAreNamed) {
  const auto gamma = random_array<float>(Shape<3>{8, 4, 3}, 1);
  try {
    Bilinears<float> bilinears(gamma.view(), Pairs::full);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "gamma has shape [8, 4, 3]; expected [8, 4, 4]");
  }
  const auto square = random_array<float>(Shape<3>{8, 4, 4}, 1);
  const Bilinears<float> bilinears(square.view(), Pairs::packed);
  Array<float, 2> psi({5, 4}), k1({5, 64}), k2({5, 36});
  Array<float, 1> k0({5});
  try {
    bilinears.forward(psi.view(), k0.view(), k1.view(), k2.view());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "k1 has shape [5, 64]; expected [5, 28]");
  }
}

}  // namespace
}  // namespace lior::algebra
