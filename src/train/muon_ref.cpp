// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "lior/train/muon.h"

namespace lior::train::reference {
namespace {

/// A dense matrix of doubles.
struct Matrix {
  Index rows, cols;
  std::vector<double> entries = std::vector<double>(static_cast<std::size_t>(rows * cols));

  double& operator()(Index i, Index j) { return entries[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(Index i, Index j) const {
    return entries[static_cast<std::size_t>(i * cols + j)];
  }
};

Matrix transposed(const Matrix& x) {
  Matrix result{x.cols, x.rows};
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) result(j, i) = x(i, j);
  }
  return result;
}

Matrix product(const Matrix& x, const Matrix& y) {
  Matrix result{x.rows, y.cols};
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < y.cols; ++j) {
      for (Index k = 0; k < x.cols; ++k) result(i, j) += x(i, k) * y(k, j);
    }
  }
  return result;
}

/// u x + v y.
Matrix sum(double u, const Matrix& x, double v, const Matrix& y) {
  Matrix result = x;
  for (std::size_t i = 0; i < x.entries.size(); ++i) {
    result.entries[i] = u * x.entries[i] + v * y.entries[i];
  }
  return result;
}

}  // namespace

template <class T>
void newton_schulz(linalg::MatrixView<T> x) {
  const auto [a, b, c] = kNewtonSchulz;
  Matrix now{x.rows, x.cols};
  double squares = 0;
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) {
      now(i, j) = static_cast<double>(x(i, j));
      squares += now(i, j) * now(i, j);
    }
  }
  const double norm = std::sqrt(squares) + 1e-7;
  for (double& entry : now.entries) entry /= norm;
  const bool is_tall = x.rows > x.cols;
  if (is_tall) now = transposed(now);
  for (Index step = 0; step < kNewtonSchulzSteps; ++step) {
    const Matrix square = product(now, transposed(now));
    const Matrix polynomial = sum(b, square, c, product(square, square));
    now = sum(a, now, 1, product(polynomial, now));
  }
  if (is_tall) now = transposed(now);
  for (Index i = 0; i < x.rows; ++i) {
    for (Index j = 0; j < x.cols; ++j) x(i, j) = static_cast<T>(now(i, j));
  }
}

template void newton_schulz(linalg::MatrixView<float>);
template void newton_schulz(linalg::MatrixView<double>);

}  // namespace lior::train::reference
