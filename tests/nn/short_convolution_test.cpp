// SPDX-License-Identifier: Apache-2.0
// Short convolutions: impulses, sequences that do not see each other, and the rows between calls.
#include "lior/nn/short_convolution.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nn/strided.h"

namespace lior::nn {
namespace {

template <class T>
class ShortConvolution : public testing::Test {};
TYPED_TEST_SUITE(ShortConvolution, Types);

template <class T>
Array<T, 2> random_array(Index rows, Index cols, std::uint64_t seed) {
  Array<T, 2> array({rows, cols});
  Random(seed).fill_normal(array.span());
  return array;
}

// An impulse at token 2 of the first of two sequences comes out as the taps, and nowhere else.
TYPED_TEST(ShortConvolution, AnswersAnImpulseWithItsTaps) {
  using T = TypeParam;
  constexpr Index B = 2, N = 9, K = 4, D = 37;
  const Array<T, 2> taps = random_array<T>(K, D, 1);
  Array<T, 2> x({B * N, D}), out({B * N, D});
  std::fill(x.span().begin(), x.span().end(), T(0));
  for (Index c = 0; c < D; ++c) x(2, c) = 1;
  short_convolution_forward<T>(B, x.view(), taps.view(), {}, out.view());
  for (Index r = 0; r < B * N; ++r) {
    for (Index c = 0; c < D; ++c) {
      const T filtered = r >= 2 && r < 2 + K ? taps(r - 2, c) : T(0);
      EXPECT_EQ(out(r, c), (r == 2 ? T(1) : T(0)) + filtered) << r << ", " << c;
    }
  }
}

// Each call starts where the one before ended, whether it is shorter than the filter or longer.
TYPED_TEST(ShortConvolution, GoesOnFromTheRowsBefore) {
  using T = TypeParam;
  constexpr Index B = 2, N = 11, K = 5, D = 19;
  const Array<T, 2> taps = random_array<T>(K, D, 1), x = random_array<T>(B * N, D, 2);
  Array<T, 2> whole({B * N, D}), before({B, (K - 1) * D});
  std::fill(before.span().begin(), before.span().end(), T(0));
  short_convolution_forward<T>(B, x.view(), taps.view(), {}, whole.view());
  Index start = 0;
  for (const Index length : {1, 2, 7, 0, 1}) {
    Array<T, 2> part({B * length, D}), out({B * length, D});
    for (Index b = 0; b < B; ++b) {
      std::copy_n(&x(b * N + start, 0), length * D, part.span().begin() + b * length * D);
    }
    short_convolution_forward<T>(B, part.view(), taps.view(), before.view(), out.view());
    for (Index b = 0; b < B; ++b) {
      for (Index i = 0; i < length * D; ++i) {
        EXPECT_EQ(out.span()[b * length * D + i], (&whole(b * N + start, 0))[i]);
      }
    }
    start += length;
  }
  EXPECT_EQ(start, N);
}

// <out(x), g> = <x, dx(g)> for every x and g: backward is forward's adjoint.
TYPED_TEST(ShortConvolution, IsTheAdjointBackward) {
  using T = TypeParam;
  constexpr Index B = 3, N = 8, K = 4, D = 21;
  const Array<T, 2> taps = random_array<T>(K, D, 1), x = random_array<T>(B * N, D, 2);
  Array<T, 2> dx = random_array<T>(B * N, D, 3), out({B * N, D}), d_taps({K, D});
  const Array<T, 2> g = random_array<T>(B * N, D, 3);
  std::fill(d_taps.span().begin(), d_taps.span().end(), T(0));
  short_convolution_forward<T>(B, x.view(), taps.view(), {}, out.view());
  short_convolution_backward<T>(B, x.view(), taps.view(), dx.view(), d_taps.view());
  double there = 0, back = 0, by_taps = 0, of_taps = 0;
  for (Index i = 0; i < x.size(); ++i) {
    there += static_cast<double>(out.span()[i]) * g.span()[i];
    back += static_cast<double>(x.span()[i]) * dx.span()[i];
    by_taps += static_cast<double>(out.span()[i] - x.span()[i]) * g.span()[i];
  }
  for (Index i = 0; i < taps.size(); ++i) {
    of_taps += static_cast<double>(taps.span()[i]) * d_taps.span()[i];  // out is linear in the taps
  }
  const double tolerance = 100 * kEpsilon<T> * static_cast<double>(x.size());
  EXPECT_NEAR(there, back, tolerance);
  EXPECT_NEAR(by_taps, of_taps, tolerance);
}

TEST(ShortConvolutionErrors, SaysWhatDoesNotFit) {
  Array<float, 2> x({6, 3}), out({6, 3}), taps({2, 3}), narrow({2, 2}), many({17, 3});
  const auto run = [&](Index batch, View<const float, 2> filter) {
    return error_of(
        [&] { short_convolution_forward<float>(batch, x.view(), filter, {}, out.view()); });
  };
  EXPECT_EQ(run(4, taps.view()), "6 rows of x are not those of 4 sequences of one length");
  EXPECT_EQ(run(2, narrow.view()), "taps is 2 x 2; expected 2 x 3");
  EXPECT_EQ(run(2, many.view()), "taps has 17 rows; expected 1 to 16");
}

}  // namespace
}  // namespace lior::nn
