// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sine and cosine transforms of complex sequences, many at a time, in place.

#include <complex>
#include <memory>

#include "lior/core/view.h"

namespace lior::linalg {

/// The basis of a transform: waves that vanish half a step before its first element and half a
/// step after its last (sine), or have no slope there (cosine).
enum class RealBasis { sine, cosine };

/// A batch of `count` sequences of n elements side by side: element j of sequence b lies at
/// j count + b.
///
/// forward (DST-II, DCT-II):  X_k = 2 sum_j x_j sin(pi (k + 1) (2 j + 1) / 2n),
///                            X_k = 2 sum_j x_j cos(pi k (2 j + 1) / 2n);
/// inverse (DST-III, DCT-III): forward, then inverse, multiplies by 2n.
/// Cost: about 5 n log2 n operations a sequence. Accuracy: relative error in the 2-norm <=
/// 8 log2(2n) eps. Otherwise as Fft (fft.h): plans, threads, libraries, NaN, errors.
template <class T>
class RealTransform {
 public:
  RealTransform(RealBasis basis, Index length, Index count);
  void forward(std::complex<T>* data) const noexcept;
  void inverse(std::complex<T>* data) const noexcept;

  struct Plans;

 private:
  std::shared_ptr<const Plans> plans_;
};

namespace reference {
/// The sums themselves, O(n^2), in double. in, out: [length, count], apart.
template <class T>
void real_transform(RealBasis basis, bool inverse, Index length, Index count,
                    const std::complex<T>* in, std::complex<T>* out);
}  // namespace reference

}  // namespace lior::linalg
