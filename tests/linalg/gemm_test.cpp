// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/gemm.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::linalg {
namespace {

constexpr auto kNo = Transpose::no, kYes = Transpose::yes;
constexpr Index kPadding = 3;  // columns after each row's last, to give every matrix a stride

/// A matrix in a wider array, so that its stride is longer than its rows.
template <class T>
struct Padded {
  Padded(Index rows, Index cols) : array({rows, cols + kPadding}) {}
  MatrixView<T> view() {
    return MatrixView<T>(array.view()).block(0, 0, array.shape()[0], array.shape()[1] - kPadding);
  }
  Array<T, 2> array;
};

template <class To, class From>
Padded<To> map(MatrixView<From> from, To (*function)(double)) {
  Padded<To> to(from.rows, from.cols);
  for (Index i = 0; i < from.rows; ++i) {
    for (Index j = 0; j < from.cols; ++j) to.view()(i, j) = function(from(i, j));
  }
  return to;
}
double exact(double x) { return x; }
double magnitude(double x) { return std::abs(x); }

/// Asserts |c - (alpha op(A) op(B) + beta C)| <= (K + 4) eps (|alpha| |A| |B| + |beta| |C|): the
/// bound of any order of summation, with a rounding each for alpha, beta, their sum and the store.
template <class T>
void expect_product(Transpose ta, Transpose tb, Index m, Index n, Index k, T alpha, T beta) {
  SCOPED_TRACE(
      fmt::format("{} x {} x {}, {} {}, alpha {} beta {}", m, k, n, int(ta), int(tb), alpha, beta));
  Padded<T> a(ta == kYes ? k : m, ta == kYes ? m : k), b(tb == kYes ? n : k, tb == kYes ? k : n);
  Padded<T> c(m, n);
  Random random(7);
  random.fill_normal(a.array.span());
  random.fill_normal(b.array.span());
  random.fill_normal(c.array.span());
  Padded<T> before(m, n);
  std::copy(c.array.span().begin(), c.array.span().end(), before.array.data());
  auto expected = map(c.view(), exact), bound = map(c.view(), magnitude);
  reference::gemm(ta, tb, double(alpha), map(a.view(), exact).view(), map(b.view(), exact).view(),
                  double(beta), expected.view());
  reference::gemm(ta, tb, std::abs(double(alpha)), map(a.view(), magnitude).view(),
                  map(b.view(), magnitude).view(), std::abs(double(beta)), bound.view());

  gemm(ta, tb, alpha, a.view(), b.view(), beta, c.view());

  const double eps = std::numeric_limits<T>::epsilon();
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      ASSERT_NEAR(c.view()(i, j), expected.view()(i, j), (k + 4) * eps * bound.view()(i, j))
          << "at " << i << ", " << j;
    }
    for (Index j = n; j < n + kPadding; ++j) {
      ASSERT_EQ(c.array(i, j), before.array(i, j)) << "a write past row " << i;
    }
  }
}

template <class T>
class Gemm : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Types);

TYPED_TEST(Gemm, IsTheReferenceAtEveryShapeAndTransposition) {
  using T = TypeParam;
  const Index shapes[][3] = {{1, 1, 1},    {1, 5, 3},    {5, 1, 3},      {7, 9, 1},
                             {64, 16, 16}, {33, 31, 65}, {129, 60, 144}, {24, 48, 1000},
                             {1, 29, 77},  {1, 600, 320}};
  for (const auto& [m, n, k] : shapes) {
    for (const auto ta : {kNo, kYes}) {
      for (const auto tb : {kNo, kYes}) {
        expect_product<T>(ta, tb, m, n, k, T(1), T(0));
        expect_product<T>(ta, tb, m, n, k, T(-0.75), T(0.5));
      }
    }
  }
}

TYPED_TEST(Gemm, EmptyProductsLeaveBetaC) {
  using T = TypeParam;
  expect_product<T>(kNo, kNo, 0, 4, 3, T(1), T(0));
  expect_product<T>(kNo, kNo, 4, 0, 3, T(1), T(0));
  expect_product<T>(kNo, kYes, 4, 5, 0, T(1), T(0));
  expect_product<T>(kNo, kNo, 4, 5, 0, T(1), T(0.5));
  expect_product<T>(kYes, kNo, 4, 5, 6, T(0), T(0.5));
}

TYPED_TEST(Gemm, BetaZeroDoesNotReadC) {
  using T = TypeParam;
  Array<T, 2> a({5, 6}), b({6, 7}), c({5, 7});
  std::fill(c.span().begin(), c.span().end(), std::numeric_limits<T>::quiet_NaN());
  gemm<T>(kNo, kNo, 1, a.view(), b.view(), 0, c.view());
  for (const T value : c.span()) EXPECT_EQ(value, 0);
}

TYPED_TEST(Gemm, NaNPassesThrough) {
  using T = TypeParam;
  Array<T, 2> a({3, 4}), b({4, 5}), c({3, 5});
  a(1, 2) = std::numeric_limits<T>::quiet_NaN();
  gemm<T>(kNo, kNo, 1, a.view(), b.view(), 0, c.view());
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 5; ++j) EXPECT_EQ(std::isnan(c(i, j)), i == 1);
  }
}

TYPED_TEST(Gemm, BitEqualForEqualThreadCounts) {
  using T = TypeParam;
  Array<T, 2> a({300, 200}), b({200, 100}), first({300, 100}), again({300, 100});
  Random random(3);
  random.fill_normal(a.span());
  random.fill_normal(b.span());
  gemm<T>(kNo, kNo, 1, a.view(), b.view(), 0, first.view());
  gemm<T>(kNo, kNo, 1, a.view(), b.view(), 0, again.view());
  EXPECT_TRUE(equal(first.span(), again.span()));
}

TYPED_TEST(Gemm, ShapesThatDoNotFitAreNamed) {
  using T = TypeParam;
  Array<T, 2> a({3, 4}), b({5, 6}), c({3, 6});
  EXPECT_EQ(error_of([&] { gemm<T>(kNo, kNo, 1, a.view(), b.view(), 0, c.view()); }),
            "op(a) is 3 x 4, op(b) 5 x 6, c 3 x 6; a product needs M x K, K x N and M x N");
  MatrixView<T> narrow(b.data(), 4, 6, 5);
  EXPECT_EQ(error_of([&] { gemm<T>(kNo, kNo, 1, a.view(), narrow, 0, c.view()); }),
            "rows of b are 5 elements apart; they hold 6, so the stride must be at least that");
}

TEST(GemmBf16, IsTheReferenceWhereNativeAndAnErrorElsewhere) {
  const Index m = 40, n = 24, k = 70;
  Array<float, 2> a({m, k}), b({k, n}), c({m, n}), expected({m, n}), bound({m, n});
  Array<BFloat16, 2> a16({m, k}), b16({k, n});
  Random random(5);
  random.fill_normal(a.span());
  random.fill_normal(b.span());
  random.fill_normal(c.span());
  for (Index i = 0; i < a.size(); ++i)
    a.data()[i] = to_float(a16.data()[i] = to_bfloat16(a.data()[i]));
  for (Index i = 0; i < b.size(); ++i)
    b.data()[i] = to_float(b16.data()[i] = to_bfloat16(b.data()[i]));
  if (!bf16_is_native()) {
    EXPECT_EQ(error_of([&] { gemm_bf16(kNo, kNo, a16.view(), b16.view(), 0, c.view()); }),
              "bf16 products need a processor with AVX-512 BF16 or AMX, which this one lacks; use "
              "float (f32)");
    return;
  }
  std::copy(c.span().begin(), c.span().end(), expected.data());
  reference::gemm<float>(kNo, kNo, 1, a.view(), b.view(), 0.5f, expected.view());
  gemm_bf16(kNo, kNo, a16.view(), b16.view(), 0.5f, c.view());
  // Products of bf16 numbers are exact in float: only the sums of 70 terms of size 16 at most
  // round.
  for (Index i = 0; i < c.size(); ++i) {
    EXPECT_NEAR(c.data()[i], expected.data()[i],
                2 * 70 * std::numeric_limits<float>::epsilon() * 70);
  }
}

/// Products are compiled once for all threads, and their scratch memory is each thread's own.
TEST(GemmBf16, EqualsItselfOnThreadsThatDidNotCompileIt) {
  if (!bf16_is_native()) GTEST_SKIP() << "this processor does not multiply bf16 itself";
  const Index n = 192;
  Array<BFloat16, 2> a({n, n});
  for (Index i = 0; i < a.size(); ++i) a.data()[i] = to_bfloat16(std::sin(static_cast<float>(i)));
  std::vector<Array<float, 2>> products;
  for (int i = 0; i < 3; ++i) products.emplace_back(Shape<2>{n, n});
  gemm_bf16(kYes, kNo, a.view(), a.view(), 0, products[0].view());
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < products.size(); ++i) {
    others.emplace_back([&, i] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        gemm_bf16(kYes, kNo, a.view(), a.view(), 0, products[i].view());
      }
    });
  }
  for (std::thread& other : others) other.join();
  for (std::size_t i = 1; i < products.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(products[0].span(), products[i].span()));
  }
}

/// Rounded factors times the identity are what to_bfloat16 makes of them, to the bit.
TEST(GemmPrecision, RoundsToTheNearestAndTiesToEven) {
  constexpr Index kM = 5, kK = 83;  // every vector level has whole vectors and a rest
  Array<float, 2> a({kM, kK}), identity({kK, kK}), got({kM, kK});
  Random random(11);
  for (float& value : a.span()) {  // all exponents but those of subnormal numbers and infinity
    const auto exponent = static_cast<int>(random.below(250)) - 124;
    value = std::ldexp(static_cast<float>(random.normal()), exponent);
    if (random.below(4) > 0) continue;
    const auto bits = std::bit_cast<std::uint32_t>(value);  // a tie
    value = std::bit_cast<float>((bits & 0xffff0000u) | 0x8000u);
  }
  for (Index i = 0; i < kK; ++i) identity(i, i) = 1;
  Arena workspace(1 << 16);
  gemm<float>(Precision::bfloat16, kNo, kNo, a.view(), identity.view(), 0,
              MatrixView<float>(got.view()), workspace);
  for (Index i = 0; i < a.size(); ++i) {
    ASSERT_EQ(got.data()[i], to_float(to_bfloat16(a.data()[i]))) << a.data()[i];
  }
}

/// Threads of this process.
Index thread_count() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(Gemm, EveryThreadHasTheNumberOfThreadsThatWasSet) {
  const ThreadScope one(1);
  Array<float, 2> a({300, 300}), c({300, 300});
  Index before = 0, after = 0;
  std::thread([&] {
    before = thread_count();
    gemm<float>(kNo, kNo, 1, a.view(), a.view(), 0, MatrixView<float>(c.view()));
    after = thread_count();
  }).join();
  EXPECT_EQ(after, before);
}

TEST(GemmPrecision, RoundsTheFactorsInBfloat16Alone) {
  constexpr Index kM = 17, kN = 23, kK = 70;
  Array<float, 2> a({kM, kK}), b({kN, kK}), a_rounded({kM, kK}), b_rounded({kN, kK});
  Array<float, 2> got({kM, kN}), want({kM, kN}), whole({kM, kN}), exact({kM, kN});
  Random(1).fill_normal(a.span());
  Random(2).fill_normal(b.span());
  const auto round = [](const Array<float, 2>& from, Array<float, 2>& to) {
    for (Index i = 0; i < from.size(); ++i) {
      to.data()[i] = to_float(to_bfloat16(from.data()[i]));
    }
  };
  round(a, a_rounded);
  round(b, b_rounded);
  gemm<float>(kNo, Transpose::yes, 1, a.view(), b.view(), 0, MatrixView<float>(whole.view()));
  gemm<float>(kNo, Transpose::yes, 1, a_rounded.view(), b_rounded.view(), 0,
              MatrixView<float>(want.view()));
  const auto in = [&](Precision precision, Array<float, 2>& c, Arena& workspace) {
    gemm<float>(precision, kNo, Transpose::yes, a.view(), b.view(), 0, MatrixView<float>(c.view()),
                workspace);
  };
  Arena planner = Arena::planner();
  in(Precision::bfloat16, got, planner);
  Arena workspace(planner.peak());
  in(Precision::bfloat16, got, workspace);
  in(Precision::float32, exact, workspace);
  double error = 0, rounding = 0;
  for (Index i = 0; i < got.size(); ++i) {
    error = worst_of<double>({error, std::abs(double{got.data()[i]} - want.data()[i])});
    rounding = worst_of<double>({rounding, std::abs(double{got.data()[i]} - whole.data()[i])});
    EXPECT_EQ(exact.data()[i], whole.data()[i]);
  }
  EXPECT_LE(error, 70 * 16 * 1.2e-7);  // products are exact; the order of 70 sums may differ
  EXPECT_GT(rounding, 1e-3);
}

}  // namespace
}  // namespace lior::linalg
