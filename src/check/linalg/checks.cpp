// SPDX-License-Identifier: Apache-2.0
// Matrix products: what holds for any matrices, and a product known exactly. Small systems: what is
// left of A x = b.
#include <bit>
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/linalg/gemm.h"
#include "lior/linalg/small_matrix.h"

namespace lior::check {
namespace {

using linalg::gemm;
constexpr auto kPlain = linalg::Transpose::no, kTransposed = linalg::Transpose::yes;

template <class T>
Array<T, 2> random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Array<T, 2> matrix({rows, cols});
  Random(seed).fill_normal(matrix.span());
  return matrix;
}

template <class T>
Array<T, 2> operator*(const Array<T, 2>& a, const Array<T, 2>& b) {
  Array<T, 2> product({a.shape()[0], b.shape()[1]});
  gemm<T>(kPlain, kPlain, 1, a.view(), b.view(), 0, product.view());
  return product;
}

/// Sylvester's: entries (-1)^popcount(i & j); H H^T = n I.
template <class T>
Array<T, 2> hadamard(Index n) {
  Array<T, 2> matrix({n, n});
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      matrix(i, j) = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 0 ? T{1} : T{-1};
    }
  }
  return matrix;
}

template <class T>
void add_gemm_checks(Registry& registry) {
  const double eps = std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, std::string shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = "gemm." + name,
                               .module = "linalg",
                               .dtype = kDtype<T>,
                               .shape = std::move(shape),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };

  // Two sums of 80 terms at most: a few roundings of numbers of the largest entry's size.
  add("associative", "[96, 64] [64, 80] [80, 48]", 32 * eps, [] {
    const auto a = random_matrix<T>(96, 64, 1), b = random_matrix<T>(64, 80, 2),
               c = random_matrix<T>(80, 48, 3);
    return relative_difference(((a * b) * c).span(), (a * (b * c)).span());
  });
  add("transpose", "[96, 64] [64, 80]", 32 * eps, [] {
    const auto a = random_matrix<T>(96, 64, 1), b = random_matrix<T>(64, 80, 2), ab = a * b;
    Array<T, 2> ba({80, 96}), ab_transposed({80, 96});
    gemm<T>(kTransposed, kTransposed, 1, b.view(), a.view(), 0, ba.view());
    for (Index i = 0; i < 80; ++i) {
      for (Index j = 0; j < 96; ++j) ab_transposed(i, j) = ab(j, i);
    }
    return relative_difference(ba.span(), ab_transposed.span());
  });
  // Small integers: exact in any order of summation.
  add("hadamard", "[64, 64] [64, 64]^T", 0, [] {
    const auto h = hadamard<T>(64);
    Array<T, 2> product({64, 64}), identity({64, 64});
    for (Index i = 0; i < 64; ++i) identity(i, i) = 1;
    gemm<T>(kPlain, kTransposed, T{1} / 64, h.view(), h.view(), 0, product.view());
    return max_difference(product.span(), identity.span());
  });
}

/// A x = b by Cholesky at each point: |b - A x| against max|A| max|x|, which no condition enters.
template <class T>
void add_cholesky_check(Registry& registry, Index d) {
  registry.checks.push_back(
      {.name = "cholesky.residual",
       .module = "linalg",
       .dtype = kDtype<T>,
       .shape = to_string(Shape<3>{d, d, 1000}),
       .tolerance = 4 * static_cast<double>(d) * std::numeric_limits<T>::epsilon(),
       .error = [d] {
         const Index count = 1000;
         Array<T, 3> a({d, d, count});
         Array<T, 2> b({d, count}), x({d, count});
         Random random(5);
         random.fill_uniform(a.span(), -1, 1);
         random.fill_uniform(b.span(), -1, 1);
         for (Index n = 0; n < count; ++n) {
           for (Index i = 0; i < d; ++i) {
             for (Index j = 0; j < i; ++j) a(j, i, n) = a(i, j, n);
             a(i, i, n) += static_cast<T>(d);  // the diagonal outweighs its row: positive definite
           }
         }
         linalg::cholesky_solve_planes<T>(a.view(), b.view(), x.view());
         double largest = 0, a_size = 0, x_size = 0;
         for (Index n = 0; n < count; ++n) {
           for (Index i = 0; i < d; ++i) {
             double residual = b(i, n);
             for (Index j = 0; j < d; ++j) {
               residual -= static_cast<double>(a(i, j, n)) * static_cast<double>(x(j, n));
               a_size = std::max(a_size, std::abs(static_cast<double>(a(i, j, n))));
             }
             x_size = std::max(x_size, std::abs(static_cast<double>(x(i, n))));
             largest = worst_of<double>({largest, std::abs(residual)});
           }
         }
         return largest / (a_size * x_size);
       }});
}

}  // namespace

void add_linalg_checks(Registry& registry) {
  add_gemm_checks<float>(registry);
  add_gemm_checks<double>(registry);
  for (const Index d : {2, 3, 4, 8, 16}) {
    add_cholesky_check<float>(registry, d);
    add_cholesky_check<double>(registry, d);
  }
}

}  // namespace lior::check
