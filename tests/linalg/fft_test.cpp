// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/fft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/core/thread_scope.h"

namespace lior::linalg {
namespace {

template <class T>
class FftOf : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(FftOf, Types);

// The header's 4 log2(n) eps in the 2-norm, for n <= 2^10.
template <class T>
constexpr double kTolerance = 40 * std::numeric_limits<T>::epsilon();

template <class T>
Buffer<std::complex<T>> random_numbers(Index count, std::uint64_t seed) {
  Buffer<std::complex<T>> x(count);
  Random random(seed);
  for (auto& value : x) value = {static_cast<T>(random.normal()), static_cast<T>(random.normal())};
  return x;
}

template <class T>
double relative_error(const Buffer<std::complex<T>>& got, const Buffer<std::complex<T>>& want) {
  double error = 0, scale = 0;
  for (Index i = 0; i < want.size(); ++i) {
    error += std::norm(got[i] - want[i]);
    scale += std::norm(want[i]);
  }
  return scale > 0 ? std::sqrt(error / scale) : error;
}

TYPED_TEST(FftOf, IsTheSumAlongEitherAxis) {
  using T = TypeParam;
  for (const Index n : {1, 2, 3, 7, 8, 12, 60, 97, 128, 260}) {
    for (const FftLayout& layout : {FftLayout{n, 5, 5, 1}, FftLayout{n, 16, 13, 1},
                                    FftLayout{n, 1, 3, n}, FftLayout{n, 1, 0, n}}) {
      const Index size = n * std::max<Index>({layout.count, layout.stride, 1});
      const auto in = random_numbers<T>(size, 1);
      for (const int sign : {-1, +1}) {
        auto fast = random_numbers<T>(size, 1), plain = random_numbers<T>(size, 1);
        const Fft<T> fft(layout);
        sign < 0 ? fft.forward(fast.data()) : fft.inverse(fast.data());
        reference::fft<T>(layout, sign, in.data(), plain.data());
        EXPECT_LE(relative_error(fast, plain), kTolerance<T>) << "n=" << n << " sign=" << sign;
      }
    }
  }
}

TYPED_TEST(FftOf, LongColumnsHaveTheBitsOfARow) {
  using T = TypeParam;
  // Strides of 2 kB and more; blocks that are whole, and one that is not.
  for (const FftLayout& layout : {FftLayout{192, 256, 35, 1}, FftLayout{512, 256, 3, 1}}) {
    auto columns = random_numbers<T>(layout.length * layout.stride, 5);
    const auto in = random_numbers<T>(layout.length * layout.stride, 5);
    const Fft<T> many(layout), one({layout.length, 1, 1, layout.length});
    many.forward(columns.data());
    many.inverse(columns.data());
    Buffer<std::complex<T>> row(layout.length);
    for (Index column = 0; column < layout.stride; ++column) {
      for (Index j = 0; j < layout.length; ++j) row[j] = in[j * layout.stride + column];
      if (column < layout.count) {
        one.forward(row.data());
        one.inverse(row.data());
      }
      for (Index j = 0; j < layout.length; ++j) {
        ASSERT_EQ(columns[j * layout.stride + column], row[j]) << column << ", " << j;
      }
    }
  }
}

TYPED_TEST(FftOf, FromOneArrayToAnotherIsTheSumAndKeepsTheFirst) {
  using T = TypeParam;
  // Of columns that are gathered, too; at either alignment of either array.
  for (const FftLayout& layout :
       {FftLayout{97, 5, 4, 1}, FftLayout{360, 1, 3, 368}, FftLayout{192, 256, 9, 1}}) {
    const Index size = layout.length * layout.stride + layout.count * layout.distance + 1;
    const auto in = random_numbers<T>(size, 6);
    for (const int sign : {-1, +1}) {
      for (const auto& [skipped, skipped_out] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}}) {
        const auto from = random_numbers<T>(size, 6);
        auto got = random_numbers<T>(size, 7), want = random_numbers<T>(size, 7);
        std::complex<T>* const to = got.data() + skipped_out;
        const Fft<T> fft(layout);
        sign < 0 ? fft.forward(from.data() + skipped, to) : fft.inverse(from.data() + skipped, to);
        reference::fft<T>(layout, sign, from.data() + skipped, want.data() + skipped_out);
        EXPECT_LE(relative_error(got, want), kTolerance<T>) << "n=" << layout.length;
        EXPECT_EQ(relative_error(from, in), 0);
      }
    }
  }
}

TYPED_TEST(FftOf, InverseUndoesForwardTimesTheLengthAtAnyAlignment) {
  using T = TypeParam;
  const Index n = 360, columns = 7;
  auto x = random_numbers<T>(n * columns + 1, 2);
  const auto want = random_numbers<T>(n * columns + 1, 2);
  const Fft<T> fft({n, columns, columns, 1});
  fft.forward(x.data() + 1);
  fft.inverse(x.data() + 1);
  for (Index i = 1; i < x.size(); ++i) x[i] /= static_cast<T>(n);
  EXPECT_LE(relative_error(x, want), kTolerance<T>);
}

TYPED_TEST(FftOf, ManyThreadsPlanAndRunAtOnce) {
  using T = TypeParam;
  const Index rows = 12, n = 90;
  auto one = random_numbers<T>(rows * n, 3), many = random_numbers<T>(rows * n, 3);
  for (Index row = 0; row < rows; ++row) Fft<T>({n, 1, 1, n}).forward(one.data() + row * n);
  const ThreadScope scope(4);
  parallel_for(rows, 1, [&](Index begin, Index end, int) {
    for (Index row = begin; row < end; ++row) Fft<T>({n, 1, 1, n}).forward(many.data() + row * n);
  });
  EXPECT_EQ(relative_error(many, one), 0);
}

TEST(Fft, GoodLengthsHaveSmallFactors) {
  EXPECT_EQ(fft_good_length(0), 1);
  EXPECT_EQ(fft_good_length(7), 8);
  EXPECT_EQ(fft_good_length(121), 125);
  EXPECT_EQ(fft_good_length(8192), 8192);
}

TEST(Fft, LengthZeroIsAnError) { EXPECT_THROW(Fft<double>({0, 1, 1, 1}), Error); }

}  // namespace
}  // namespace lior::linalg
