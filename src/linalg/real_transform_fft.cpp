// SPDX-License-Identifier: Apache-2.0
// Sine and cosine transforms by complex ones of twice the length, where FFTW is not.
#include <cmath>
#include <numbers>

#include "lior/core/buffer.h"
#include "lior/linalg/fft.h"
#include "lior/linalg/real_transform.h"

namespace lior::linalg {
namespace {

/// The numbers of one thread, as many as its largest transform took.
template <class T>
std::complex<T>* scratch(Index numbers) {
  static thread_local Buffer<std::complex<T>> buffer;
  if (buffer.size() < numbers) buffer = Buffer<std::complex<T>>(numbers);
  return buffer.data();
}

}  // namespace

/// The sequence and its image in the wall, 2n elements, have waves of both directions alike.
template <class T>
struct RealTransform<T>::Plans {
  using Number = std::complex<T>;
  Index length, count;
  bool sine;
  Fft<T> twice;
  Buffer<Number> turns;  ///< e^{-i pi k / 2n}, k <= n

  Plans(RealBasis basis, Index n, Index sequences)
      : length(n),
        count(sequences),
        sine(basis == RealBasis::sine),
        twice({2 * n, sequences, sequences, 1}),
        turns(n + 1) {
    for (Index k = 0; k <= n; ++k) {
      turns[k] = Number(
          std::polar(1.0, -std::numbers::pi * static_cast<double>(k) / static_cast<double>(2 * n)));
    }
  }

  void forward(Number* data) const {
    Number* const y = scratch<T>(2 * length * count);
    for (Index j = 0; j < length; ++j) {
      for (Index b = 0; b < count; ++b) {
        const Number x = data[j * count + b];
        y[j * count + b] = x;
        y[(2 * length - 1 - j) * count + b] = sine ? -x : x;
      }
    }
    twice.forward(y);
    for (Index k = 0; k < length; ++k) {
      const Index wave = sine ? k + 1 : k;
      const Number turn = sine ? Number(0, 1) * turns[wave] : turns[wave];
      for (Index b = 0; b < count; ++b) data[k * count + b] = turn * y[wave * count + b];
    }
  }

  void inverse(Number* data) const {
    Number* const y = scratch<T>(2 * length * count);
    std::fill_n(y, 2 * length * count, Number{});
    for (Index k = 0; k < length; ++k) {
      const Index wave = sine ? k + 1 : k;
      // 2 sin = -i (e^{i ..} - e^{-i ..}), 2 cos = e^{i ..} + e^{-i ..}; the wave n is its own
      // image.
      const Number turn = sine ? Number(0, -1) * std::conj(turns[wave]) : std::conj(turns[wave]);
      const Number back = sine ? Number(0, 1) * turns[wave] : turns[wave];
      for (Index b = 0; b < count; ++b) {
        const Number x = data[k * count + b];
        y[wave * count + b] = turn * x;
        if (wave > 0 && wave < length) y[(2 * length - wave) * count + b] = back * x;
      }
    }
    twice.inverse(y);
    std::copy_n(y, length * count, data);
  }
};

template <class T>
RealTransform<T>::RealTransform(RealBasis basis, Index length, Index count) {
  constexpr Index kMost = 1 << 30;
  LIOR_CHECK(length >= 1 && count >= 0 && length <= kMost && count < kMost,
             "a batch of {} transforms of length {} cannot be planned; the length must be in "
             "1..2^30, the count below 2^30",
             count, length);
  if (count > 0) plans_ = std::make_shared<const Plans>(basis, length, count);
}

template <class T>
void RealTransform<T>::forward(std::complex<T>* data) const noexcept {
  if (plans_) plans_->forward(data);
}

template <class T>
void RealTransform<T>::inverse(std::complex<T>* data) const noexcept {
  if (plans_) plans_->inverse(data);
}

template class RealTransform<float>;
template class RealTransform<double>;

}  // namespace lior::linalg
