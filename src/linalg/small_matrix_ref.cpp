// SPDX-License-Identifier: Apache-2.0
#include "lior/core/buffer.h"
#include "lior/linalg/small_matrix.h"

namespace lior::linalg::reference {

template <class T>
bool inverse(View<const T, 2> a, View<T, 2> out) {
  const Index d = a.extent(0);
  Array<T, 2> work({d, d});
  std::copy(a.begin(), a.end(), work.data());
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) out(i, j) = i == j;
  }
  for (Index k = 0; k < d; ++k) {
    Index pivot = k;
    for (Index i = k + 1; i < d; ++i) {
      if (std::abs(work(i, k)) > std::abs(work(pivot, k))) pivot = i;
    }
    if (work(pivot, k) == 0) return false;
    for (Index j = 0; j < d; ++j) {
      std::swap(work(k, j), work(pivot, j));
      std::swap(out(k, j), out(pivot, j));
    }
    const T scale = 1 / work(k, k);
    for (Index j = 0; j < d; ++j) work(k, j) *= scale, out(k, j) *= scale;
    for (Index i = 0; i < d; ++i) {
      if (i == k) continue;
      const T factor = work(i, k);
      for (Index j = 0; j < d; ++j) {
        work(i, j) -= factor * work(k, j);
        out(i, j) -= factor * out(k, j);
      }
    }
  }
  return true;
}

template <class T>
T determinant(View<const T, 2> a) {
  const Index d = a.extent(0);
  if (d == 0) return 1;
  T sum = 0;
  Array<T, 2> minor({d - 1, d - 1});
  for (Index column = 0; column < d; ++column) {
    for (Index i = 1; i < d; ++i) {
      for (Index j = 0; j < d - 1; ++j) minor(i - 1, j) = a(i, j < column ? j : j + 1);
    }
    sum += (column % 2 == 0 ? 1 : -1) * a(0, column) * determinant<T>(minor.view());
  }
  return sum;
}

template <class T>
void cholesky_solve_planes(View<const T, 3> a, View<const T, 2> b, View<T, 2> x) {
  const Index d = b.extent(0);
  Array<T, 2> matrix({d, d});
  Buffer<T> vector(d);
  for (Index n = 0; n < b.extent(1); ++n) {
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j <= i; ++j) matrix(i, j) = a(i, j, n);
      vector[i] = b(i, n);
    }
    if (const auto failed = cholesky(matrix.view())) {
      throw Error(fmt::format("matrix {} is not positive definite: its pivot {} is {}", n,
                              failed->index, failed->value));
    }
    cholesky_solve(matrix.view(), vector.span());
    for (Index i = 0; i < d; ++i) x(i, n) = vector[i];
  }
}

#define LIOR_INSTANTIATE(T)                               \
  template bool inverse<T>(View<const T, 2>, View<T, 2>); \
  template T determinant<T>(View<const T, 2>);            \
  template void cholesky_solve_planes<T>(View<const T, 3>, View<const T, 2>, View<T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::linalg::reference
