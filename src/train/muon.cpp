// SPDX-License-Identifier: Apache-2.0
#include "lior/train/muon.h"

#include <algorithm>
#include <cmath>

#include "lior/linalg/gemm.h"

namespace lior::train {
namespace {

using linalg::gemm, linalg::MatrixView, linalg::Transpose;

constexpr double kLeastNorm = 1e-7;

template <class T>
double norm(MatrixView<T> x) {
  double squares = 0;
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) {
      squares += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
    }
  }
  return std::sqrt(squares);
}

template <class T>
void scale(MatrixView<T> x, T factor) {
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) x(i, j) *= factor;
  }
}

}  // namespace

template <class T>
NewtonSchulz<T>::NewtonSchulz(Index entries, Index side)
    : next_(entries), square_(side * side), polynomial_(side * side) {}

template <class T>
std::size_t NewtonSchulz<T>::bytes(Index entries, Index side) {
  return static_cast<std::size_t>(entries + 2 * side * side) * sizeof(T);
}

/// A tall X is taken from the other side: A = X^T X, X <- a X + X (b A + c A A).
template <class T>
void NewtonSchulz<T>::apply(MatrixView<T> x) {
  const bool wide = x.rows <= x.cols;
  const Index side = std::min(x.rows, x.cols);
  LIOR_CHECK(x.rows * x.cols <= next_.size() && side * side <= square_.size(),
             "a matrix of {} x {} is larger than there is room for", x.rows, x.cols);
  const auto [a, b, c] = kNewtonSchulz;
  scale(x, static_cast<T>(1 / (norm(x) + kLeastNorm)));
  const MatrixView<T> square(square_.data(), side, side),
      polynomial(polynomial_.data(), side, side), next(next_.data(), x.rows, x.cols);
  for (Index step = 0; step < kNewtonSchulzSteps; ++step) {
    if (wide) {
      gemm<T>(Transpose::no, Transpose::yes, 1, x, x, 0, square);
    } else {
      gemm<T>(Transpose::yes, Transpose::no, 1, x, x, 0, square);
    }
    std::copy_n(square.data, side * side, polynomial.data);
    gemm<T>(Transpose::no, Transpose::no, static_cast<T>(c), square, square, static_cast<T>(b),
            polynomial);
    for (Index i = 0; i < side; ++i) polynomial(i, i) += static_cast<T>(a);
    if (wide) {
      gemm<T>(Transpose::no, Transpose::no, 1, polynomial, x, 0, next);
    } else {
      gemm<T>(Transpose::no, Transpose::no, 1, x, polynomial, 0, next);
    }
    for (Index i = 0; i < x.rows; ++i) {
      std::copy_n(next.data + i * next.stride, x.cols, x.data + i * x.stride);
    }
  }
}

template class NewtonSchulz<float>;
template class NewtonSchulz<double>;

}  // namespace lior::train
