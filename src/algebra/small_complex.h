// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of the small complex matrices that bilinears prepare; off every hot path.

#include <complex>
#include <vector>

#include "lior/core/view.h"

namespace lior::algebra {

/// A square complex matrix.
class SmallMatrix {
 public:
  using Complex = std::complex<double>;
  explicit SmallMatrix(Index size) : size_(size), entries_(static_cast<std::size_t>(size * size)) {}
  SmallMatrix(const Complex* entries, Index size)
      : size_(size), entries_(entries, entries + size * size) {}

  Index size() const { return size_; }
  const Complex* data() const { return entries_.data(); }
  Complex& operator()(Index i, Index j) { return entries_[i * size_ + j]; }
  const Complex& operator()(Index i, Index j) const { return entries_[i * size_ + j]; }

  friend SmallMatrix operator*(const SmallMatrix& a, const SmallMatrix& b) {
    SmallMatrix product(a.size_);
    for (Index i = 0; i < a.size_; ++i) {
      for (Index j = 0; j < a.size_; ++j) {
        for (Index k = 0; k < a.size_; ++k) product(i, j) += a(i, k) * b(k, j);
      }
    }
    return product;
  }
  friend SmallMatrix operator*(double factor, SmallMatrix a) {
    for (Complex& entry : a.entries_) entry *= factor;
    return a;
  }
  friend SmallMatrix operator+(SmallMatrix a, const SmallMatrix& b) {
    for (std::size_t i = 0; i < a.entries_.size(); ++i) a.entries_[i] += b.entries_[i];
    return a;
  }

 private:
  Index size_;
  std::vector<Complex> entries_;
};

/// The conjugate transpose.
inline SmallMatrix adjoint_of(const SmallMatrix& a) {
  SmallMatrix result(a.size());
  for (Index i = 0; i < a.size(); ++i) {
    for (Index j = 0; j < a.size(); ++j) result(i, j) = std::conj(a(j, i));
  }
  return result;
}

}  // namespace lior::algebra
