// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/small_matrix.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "support/equal.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::linalg {
namespace {

template <class T>
using Matrix = Array<T, 2>;

template <class T>
Matrix<T> copy(const Matrix<T>& a) {
  Matrix<T> b(a.shape());
  std::copy(a.span().begin(), a.span().end(), b.data());
  return b;
}

/// Random, symmetric; its diagonal raised by `shift` (d makes it positive definite).
template <class T>
Matrix<T> random_symmetric(Index d, double shift, std::uint64_t seed) {
  Matrix<T> a({d, d});
  Random random(seed);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j <= i; ++j) a(i, j) = a(j, i) = static_cast<T>(random.uniform() * 2 - 1);
    a(i, i) += static_cast<T>(shift);
  }
  return a;
}

template <class T>
Matrix<T> hilbert(Index d) {
  Matrix<T> a({d, d});
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) a(i, j) = T{1} / static_cast<T>(i + j + 1);
  }
  return a;
}

template <class T>
Matrix<T> diagonal(const std::vector<T>& entries) {
  const auto d = std::ssize(entries);
  Matrix<T> a({d, d});
  for (Index i = 0; i < d; ++i) a(i, i) = entries[i];
  return a;
}

/// max |b - A x| / (max |A| max |x|): a stable solver leaves a few d eps, whatever A's condition.
template <class T>
double backward_error(const Matrix<T>& a, std::span<const T> x, std::span<const T> b) {
  double residual = 0, a_size = 0, x_size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double sum = b[i];
    for (std::size_t j = 0; j < b.size(); ++j) {
      sum -= double(a(i, j)) * double(x[j]);
      a_size = std::max(a_size, std::abs(double(a(i, j))));
    }
    residual = worst_of<double>({residual, std::abs(sum)});
    x_size = std::max(x_size, std::abs(double(x[i])));
  }
  return residual / (a_size * x_size);
}

/// The bound of both factorisations is some d^2 eps; random matrices stay far below it.
template <class T>
double tolerance(Index d) {
  return 4.0 * static_cast<double>(d) * std::numeric_limits<T>::epsilon();
}

template <class T>
Buffer<T> random_vector(Index d) {
  Buffer<T> b(d);
  Random(9).fill_normal(b.span());
  return b;
}

template <class T>
double cholesky_error(const Matrix<T>& a) {
  const Buffer<T> b = random_vector<T>(a.shape()[0]);
  Buffer<T> x = random_vector<T>(a.shape()[0]);
  auto l = copy(a);
  EXPECT_FALSE(cholesky(l.view()));
  cholesky_solve<T>(l.view(), x.span());
  return backward_error<T>(a, x.span(), b.span());
}

template <class T>
struct Ldlt {
  explicit Ldlt(const Matrix<T>& a) : ld(copy(a)), failed(ldlt(ld.view(), std::span(order))) {}
  T determinant() const { return ldlt_determinant<T>(ld.view(), order); }
  Index negative() const { return ldlt_negative_eigenvalues<T>(ld.view(), order); }
  Matrix<T> ld;
  std::array<int, kLargestSmallMatrix> order{};
  std::optional<FailedPivot<T>> failed;
};

template <class T>
double ldlt_error(const Matrix<T>& a) {
  const Buffer<T> b = random_vector<T>(a.shape()[0]);
  Buffer<T> x = random_vector<T>(a.shape()[0]);
  const Ldlt<T> factor(a);
  EXPECT_FALSE(factor.failed);
  ldlt_solve<T>(factor.ld.view(), factor.order, x.span());
  return backward_error<T>(a, x.span(), b.span());
}

template <class T>
class SmallMatrix : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SmallMatrix, Types);

TYPED_TEST(SmallMatrix, CholeskySolves) {
  using T = TypeParam;
  for (Index d = 1; d <= 16; ++d) {
    EXPECT_LE(cholesky_error(random_symmetric<T>(d, double(d), 1)), tolerance<T>(d)) << d;
  }
  for (Index d = 1; d <= (sizeof(T) == 4 ? 5 : 11); ++d) {  // past these, not definite to rounding
    EXPECT_LE(cholesky_error(hilbert<T>(d)), tolerance<T>(d)) << "Hilbert " << d;
  }
}

TYPED_TEST(SmallMatrix, CholeskyNamesThePivotThatFails) {
  using T = TypeParam;
  auto a = diagonal<T>({4, 9, -2, 1});
  a(1, 0) = 2;  // the pivots are 4, 9 - 1, -2
  const auto negative = cholesky(a.view());
  ASSERT_TRUE(negative);
  EXPECT_EQ(negative->index, 2);
  EXPECT_EQ(negative->value, -2);

  auto singular = diagonal<T>({1, 1});
  singular(1, 0) = 1;
  const auto zero = cholesky(singular.view());
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->index, 1);
  EXPECT_EQ(zero->value, 0);

  auto nan = diagonal<T>({1, std::numeric_limits<T>::quiet_NaN()});
  EXPECT_TRUE(cholesky(nan.view()));
}

TYPED_TEST(SmallMatrix, CholeskyLeavesTheUpperTriangle) {
  using T = TypeParam;
  auto a = random_symmetric<T>(5, 5, 2);
  const auto before = copy(a);
  ASSERT_FALSE(cholesky(a.view()));
  for (Index i = 0; i < 5; ++i) {
    for (Index j = i + 1; j < 5; ++j) EXPECT_EQ(a(i, j), before(i, j));
  }
}

TYPED_TEST(SmallMatrix, LdltSolvesIndefiniteSystems) {
  using T = TypeParam;
  for (Index d = 1; d <= 16; ++d) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto a = random_symmetric<T>(d, 0, seed);
      EXPECT_LE(ldlt_error(a), tolerance<T>(d)) << d << " seed " << seed;
    }
    EXPECT_LE(ldlt_error(random_symmetric<T>(d, double(d), 3)), tolerance<T>(d)) << d;
  }
}

TYPED_TEST(SmallMatrix, LdltPassesExactZeroPivots) {
  using T = TypeParam;
  auto exchange = diagonal<T>({0, 0, 3});  // [[0, 1], [1, 0]] and 3
  exchange(0, 1) = exchange(1, 0) = 1;
  EXPECT_LE(ldlt_error(exchange), tolerance<T>(3));
  EXPECT_EQ(Ldlt<T>(exchange).determinant(), -3);
  EXPECT_EQ(Ldlt<T>(exchange).negative(), 1);

  Matrix<T> hollow({6, 6});  // a zero diagonal throughout; eigenvalues 5 and -1 five times
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 6; ++j) hollow(i, j) = i != j;
  }
  EXPECT_LE(ldlt_error(hollow), tolerance<T>(6));
  EXPECT_NEAR(Ldlt<T>(hollow).determinant(), -5, 5 * tolerance<T>(6));
  EXPECT_EQ(Ldlt<T>(hollow).negative(), 5);
}

TYPED_TEST(SmallMatrix, LdltNamesASingularMatrix) {
  using T = TypeParam;
  const Ldlt<T> zero(diagonal<T>({2, 0, 3}));
  ASSERT_TRUE(zero.failed);
  EXPECT_EQ(zero.failed->value, 0);
  Matrix<T> ones({3, 3});
  std::fill(ones.span().begin(), ones.span().end(), T{1});
  const Ldlt<T> rank_one(ones);
  ASSERT_TRUE(rank_one.failed);
  EXPECT_EQ(rank_one.failed->index, 1);
  EXPECT_TRUE(Ldlt<T>(diagonal<T>({1, std::numeric_limits<T>::quiet_NaN()})).failed);
}

TYPED_TEST(SmallMatrix, SignatureOfALorentzianMetric) {
  using T = TypeParam;
  EXPECT_EQ(Ldlt<T>(diagonal<T>({-1, 1, 1, 1})).negative(), 1);
  // M eta M^T has eta's signature for every regular M.
  const std::vector<T> eta{-1, 1, 1, 1, 1, -1};
  Matrix<T> m({6, 6}), g({6, 6});
  Random(4).fill_normal(m.span());
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 6; ++j) {
      for (Index k = 0; k < 6; ++k) g(i, j) += m(i, k) * eta[k] * m(j, k);
    }
  }
  EXPECT_EQ(Ldlt<T>(g).negative(), 2);
}

TYPED_TEST(SmallMatrix, DeterminantsAreTheSumOverPermutations) {
  using T = TypeParam;
  for (Index d = 1; d <= 6; ++d) {
    const auto a = random_symmetric<T>(d, double(d), 5), b = random_symmetric<T>(d, 0, 6);
    auto l = copy(a);
    ASSERT_FALSE(cholesky(l.view()));
    const T definite = reference::determinant<T>(a.view());
    EXPECT_NEAR(cholesky_determinant(l.view()), definite, definite * tolerance<T>(d));
    // Terms of size 1 at most, d! of them: 720 for d = 6.
    EXPECT_NEAR(Ldlt<T>(b).determinant(), reference::determinant<T>(b.view()),
                20 * tolerance<T>(d));
  }
}

TYPED_TEST(SmallMatrix, InverseOfTheReferenceInverts) {
  using T = TypeParam;
  const auto a = random_symmetric<T>(7, 7, 8);
  Matrix<T> inverse({7, 7});
  ASSERT_TRUE(reference::inverse<T>(a.view(), inverse.view()));
  for (Index i = 0; i < 7; ++i) {
    for (Index j = 0; j < 7; ++j) {
      T sum = 0;
      for (Index k = 0; k < 7; ++k) sum += a(i, k) * inverse(k, j);
      EXPECT_NEAR(sum, i == j, 10 * tolerance<T>(7));  // the condition number is below 10
    }
  }
  EXPECT_FALSE(reference::inverse<T>(diagonal<T>({1, 0}).view(), Matrix<T>({2, 2}).view()));
}

TYPED_TEST(SmallMatrix, EliminationSolvesWithPivots) {
  using T = TypeParam;
  for (Index d = 1; d <= 16; ++d) {
    // A cyclic shift, three times the rows, plus little: no pivot stands on its diagonal at d > 1.
    auto a = random_symmetric<T>(d, 0, 9);
    for (T& entry : a.span()) entry *= T(0.5) / static_cast<T>(d);
    for (Index i = 0; i < d; ++i) a(i, i) = d > 1 ? T(0) : a(i, i);
    for (Index i = 0; i < d; ++i) a(i, (i + 1) % d) += T(3);
    std::vector<T> want(static_cast<std::size_t>(d)), b(want);
    for (Index i = 0; i < d; ++i) want[i] = static_cast<T>(i) - T(2);
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) b[i] += a(i, j) * want[j];
    }
    std::vector<int> order(b.size());
    ASSERT_TRUE(lu<T>(a.view(), order));
    lu_solve<T>(a.view(), order, b);
    for (Index i = 0; i < d; ++i) {
      EXPECT_NEAR(b[i], want[i], 16 * tolerance<T>(d));  // |x| <= 14, a condition number below 2
    }
  }
  Matrix<T> singular({2, 2});
  std::vector<int> order(2);
  EXPECT_FALSE(lu<T>(singular.view(), order));
  singular(0, 0) = std::numeric_limits<T>::quiet_NaN();
  EXPECT_FALSE(lu<T>(singular.view(), order));
}

/// A_n = G G^T + d and b_n, planes.
template <class T>
struct Systems {
  Systems(Index d, Index count) : a({d, d, count}), b({d, count}), x({d, count}) {
    Random random(12);
    random.fill_normal(b.span());
    Matrix<T> g({d, d});
    for (Index n = 0; n < count; ++n) {
      random.fill_uniform(g.span(), -1, 1);
      for (Index i = 0; i < d; ++i) {
        for (Index j = 0; j < d; ++j) {
          T sum = i == j ? static_cast<T>(d) : T{0};
          for (Index k = 0; k < d; ++k) sum += g(i, k) * g(j, k);
          a(i, j, n) = sum;
        }
      }
    }
  }
  Array<T, 3> a;
  Array<T, 2> b, x;
};

TYPED_TEST(SmallMatrix, PlanesAreTheScalarSolution) {
  using T = TypeParam;
  for (const Index d : {2, 3, 4, 8, 16}) {
    for (const Index count : {0, 1, 3, 4, 5, 8, 9, 16, 17, 501}) {
      Systems<T> s(d, count);
      Array<T, 2> expected({d, count});
      reference::cholesky_solve_planes<T>(s.a.view(), s.b.view(), expected.view());
      cholesky_solve_planes<T>(s.a.view(), s.b.view(), s.x.view());
      for (Index i = 0; i < s.x.size(); ++i) {  // the condition number is below d + 1
        ASSERT_NEAR(s.x.data()[i], expected.data()[i], 4 * tolerance<T>(d)) << d << " " << count;
      }
    }
  }
}

TYPED_TEST(SmallMatrix, PlanesAreBitEqualAcrossThreadsAndInPlace) {
  using T = TypeParam;
  Systems<T> s(4, 5003);
  on_thread_counts([&](int count) {
    cholesky_solve_planes<T>(s.a.view(), s.b.view(), (count == 1 ? s.x : s.b).view());
  });
  EXPECT_TRUE(equal(s.x.span(), s.b.span()));
}

TYPED_TEST(SmallMatrix, PlanesNameTheFirstPointThatFails) {
  using T = TypeParam;
  Systems<T> s(3, 5000);
  for (const Index n : {4321, 1234}) s.a(2, 0, n) = s.a(2, 1, n) = 0, s.a(2, 2, n) = -7;
  EXPECT_EQ(error_of([&] { cholesky_solve_planes<T>(s.a.view(), s.b.view(), s.x.view()); }),
            "matrix 1234 of 5000 is not positive definite: its pivot 2 is -7; all must be > 0");
  Systems<T> five(5, 2);
  EXPECT_THROW(cholesky_solve_planes<T>(five.a.view(), five.b.view(), five.x.view()), Error);
}

TEST(SmallMatrixConstexpr, SubstitutionRunsAtCompileTime) {
  constexpr double x = [] {
    std::array<double, 4> l{2, 0, 3, 4};
    std::array<double, 2> b{2, 11};
    solve_lower<double>(View<const double, 2>(l.data(), {2, 2}), b);
    return b[1];
  }();
  EXPECT_EQ(x, 2);
}

}  // namespace
}  // namespace lior::linalg
