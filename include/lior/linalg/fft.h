// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Complex discrete Fourier transforms, many at a time, along any axis of an array.

#include <complex>
#include <memory>
#include <string_view>

#include "lior/core/view.h"

namespace lior::linalg {

/// A batch of sequences inside one array: element j of sequence b lies at b distance + j stride.
/// Axis 0 of [n, K] is {n, K, K, 1}; axis 1 of [K, n] is {n, 1, K, n}.
struct FftLayout {
  Index length = 0;    ///< n >= 1
  Index stride = 1;    ///< between the elements of one sequence
  Index count = 1;     ///< sequences
  Index distance = 0;  ///< between the first elements of neighbours
  auto operator<=>(const FftLayout&) const = default;
};

/// forward: X_k = sum_j x_j e^{-2 pi i j k / n}; inverse: x_j = sum_k X_k e^{+2 pi i j k / n}.
///
/// Neither is scaled: forward, then inverse, multiplies by n. Lengths of small prime factors are
/// fastest. Cost: about 5 n log2 n operations a sequence. Accuracy: relative error in the 2-norm
/// <= 4 log2(n) eps.
/// Plans are made by one thread at a time and kept for the life of the process (a second object of
/// one layout costs a look-up); transforms run on the calling thread, allocate nothing once each
/// thread made its first, and may run from many threads on different data. Equal results for equal
/// inputs and alignments: plans are chosen by rule, not by timing. NaN spreads over its sequence.
/// Columns of more than 128 elements whose stride is a multiple of 1024 bytes (from 256 elements on
/// of 128) are copied, a few at a time, into rows of the thread's own, 2 MB at most: three times as
/// fast. Their results have the bits of one row's.
/// The constructor throws lior::Error for a length < 1 or a count < 0.
/// By FFTW 3, or by Eigen's kissfft where the build chose LIOR_FFT=eigen.
template <class T>
class Fft {
 public:
  explicit Fft(const FftLayout& layout);
  void forward(std::complex<T>* data) const noexcept { forward(data, data); }
  void inverse(std::complex<T>* data) const noexcept { inverse(data, data); }
  /// The same from one array to another of that layout, which is the first one or apart from it:
  /// apart is up to a third faster.
  void forward(const std::complex<T>* from, std::complex<T>* to) const noexcept;
  void inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept;

  struct Plans;

 private:
  std::shared_ptr<const Plans> plans_;
};

/// "FFTW 3.3.10" or "Eigen (kissfft)".
std::string_view fft_library();

/// Whether the FFT in this build makes the binary a GPL-3.0-or-later one (FFTW does).
bool fft_is_gpl();

/// The smallest 2^a 3^b 5^c >= n: the lengths that transform fastest.
Index fft_good_length(Index n);

namespace reference {
/// The sum itself, O(n^2), twiddles in double. sign = -1: forward, +1: inverse.
template <class T>
void fft(const FftLayout& layout, int sign, const std::complex<T>* in, std::complex<T>* out);
}  // namespace reference

}  // namespace lior::linalg
