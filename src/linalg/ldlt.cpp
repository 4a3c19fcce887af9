// SPDX-License-Identifier: Apache-2.0
#include "lior/linalg/small_matrix.h"

namespace lior::linalg {
namespace {

/// Rows and columns p < q of a symmetric matrix in its lower triangle change places, and so do the
/// rows of the columns of L that are already there.
template <class T>
void swap_rows_and_columns(View<T, 2> a, Index p, Index q) {
  for (Index j = 0; j < p; ++j) std::swap(a(p, j), a(q, j));
  for (Index i = p + 1; i < q; ++i) std::swap(a(i, p), a(q, i));
  for (Index i = q + 1; i < a.extent(0); ++i) std::swap(a(i, p), a(i, q));
  std::swap(a(p, p), a(q, q));
}

/// The largest |A(i, column)| over i >= first but i = column, and that i. NaN wins.
template <class T>
std::pair<T, Index> largest_off_diagonal(View<T, 2> a, Index column, Index first) {
  std::pair<T, Index> largest{0, first};
  for (Index i = first; i < a.extent(0); ++i) {
    if (i == column) continue;
    const T size = std::abs(i > column ? a(i, column) : a(column, i));
    if (!(size <= largest.first)) largest = {size, i};
  }
  return largest;
}

template <class T>
void eliminate_one(View<T, 2> a, Index k) {
  const T pivot = a(k, k);
  for (Index j = k + 1; j < a.extent(0); ++j) {
    const T l = a(j, k) / pivot;
    for (Index i = j; i < a.extent(0); ++i) a(i, j) -= a(i, k) * l;
    a(j, k) = l;
  }
}

/// The block [[p, q], [q, r]] at k has |q| as its largest element: dividing by it first keeps its
/// determinant from overflow.
template <class T>
void eliminate_two(View<T, 2> a, Index k) {
  const T q = a(k + 1, k);
  const T p = a(k, k) / q, r = a(k + 1, k + 1) / q;
  const T scale = 1 / ((p * r - 1) * q);
  for (Index j = k + 2; j < a.extent(0); ++j) {
    const T first = scale * (r * a(j, k) - a(j, k + 1));
    const T second = scale * (p * a(j, k + 1) - a(j, k));
    for (Index i = j; i < a.extent(0); ++i) a(i, j) -= a(i, k) * first + a(i, k + 1) * second;
    a(j, k) = first;
    a(j, k + 1) = second;
  }
}

bool is_double(std::span<const int> order, Index k) { return order[k] < 0; }

}  // namespace

template <class T>
std::optional<FailedPivot<T>> ldlt(View<T, 2> a, std::span<int> order) {
  const T alpha = (1 + std::sqrt(T{17})) / 8;  // bounds the growth of a step of either kind equally
  const Index d = a.extent(0);
  for (Index k = 0; k < d; ++k) order[k] = static_cast<int>(k);
  for (Index k = 0; k < d;) {
    const T diagonal = std::abs(a(k, k));
    const auto [below, row] = largest_off_diagonal(a, k, k);
    if (!(diagonal + below > 0)) return FailedPivot<T>{k, a(k, k)};
    Index pivot = k;
    Index step = 1;
    if (diagonal < alpha * below) {
      const T beside = largest_off_diagonal(a, row, k).first;
      if (diagonal * beside >= alpha * below * below) {
        pivot = k;
      } else if (std::abs(a(row, row)) >= alpha * beside) {
        pivot = row;
      } else {
        pivot = row;
        step = 2;
      }
    }
    const Index target = k + step - 1;
    if (pivot != target) {
      swap_rows_and_columns(a, target, pivot);
      std::swap(order[target], order[pivot]);
    }
    if (step == 1) {
      eliminate_one(a, k);
    } else {
      eliminate_two(a, k);
      order[k] = ~order[k];
      order[k + 1] = ~order[k + 1];
    }
    k += step;
  }
  return std::nullopt;
}

template <class T>
void ldlt_solve(View<const std::type_identity_t<T>, 2> ld, std::span<const int> order,
                std::span<T> b) {
  const Index d = ld.extent(0);
  LIOR_ASSERT(d <= kLargestSmallMatrix);
  std::array<T, kLargestSmallMatrix> y;
  for (Index k = 0; k < d; ++k) y[k] = b[order[k] < 0 ? ~order[k] : order[k]];
  // L, then D, then L^T; column k of L starts below its block.
  for (Index k = 0; k < d; ++k) {
    const Index below = is_double(order, k) ? k + 2 : k + 1;
    if (!is_double(order, k)) {
      for (Index i = below; i < d; ++i) y[i] -= ld(i, k) * y[k];
      continue;
    }
    for (Index i = below; i < d; ++i) y[i] -= ld(i, k) * y[k] + ld(i, k + 1) * y[k + 1];
    ++k;
  }
  for (Index k = 0; k < d; ++k) {
    if (!is_double(order, k)) {
      y[k] /= ld(k, k);
      continue;
    }
    const T q = ld(k + 1, k), p = ld(k, k) / q, r = ld(k + 1, k + 1) / q;
    const T first = y[k] / q, second = y[k + 1] / q;
    y[k] = (r * first - second) / (p * r - 1);
    y[k + 1] = (p * second - first) / (p * r - 1);
    ++k;
  }
  for (Index k = d - 1; k >= 0; --k) {
    if (!is_double(order, k)) {
      for (Index i = k + 1; i < d; ++i) y[k] -= ld(i, k) * y[i];
      continue;
    }
    for (Index i = k + 1; i < d; ++i) {
      y[k] -= ld(i, k) * y[i];
      y[k - 1] -= ld(i, k - 1) * y[i];
    }
    --k;
  }
  for (Index k = 0; k < d; ++k) b[order[k] < 0 ? ~order[k] : order[k]] = y[k];
}

template <class T>
T ldlt_determinant(View<const T, 2> ld, std::span<const int> order) {
  T determinant = 1;
  for (Index k = 0; k < ld.extent(0); ++k) {
    if (is_double(order, k)) {
      determinant *= ld(k, k) * ld(k + 1, k + 1) - ld(k + 1, k) * ld(k + 1, k);
      ++k;
    } else {
      determinant *= ld(k, k);
    }
  }
  return determinant;
}

template <class T>
Index ldlt_negative_eigenvalues(View<const T, 2> ld, std::span<const int> order) {
  Index count = 0;
  for (Index k = 0; k < ld.extent(0); ++k) {
    if (is_double(order, k)) {
      ++count;  // the pivoting takes a block only where its determinant is negative: one of each
      ++k;
    } else if (ld(k, k) < 0) {
      ++count;
    }
  }
  return count;
}

#define LIOR_INSTANTIATE(T)                                                          \
  template std::optional<FailedPivot<T>> ldlt<T>(View<T, 2>, std::span<int>);        \
  template void ldlt_solve<T>(View<const T, 2>, std::span<const int>, std::span<T>); \
  template T ldlt_determinant<T>(View<const T, 2>, std::span<const int>);            \
  template Index ldlt_negative_eigenvalues<T>(View<const T, 2>, std::span<const int>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::linalg
