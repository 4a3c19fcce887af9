// SPDX-License-Identifier: Apache-2.0
#include <unsupported/Eigen/FFT>
#include <vector>

#include "lior/linalg/fft.h"

namespace lior::linalg {

template <class T>
struct Fft<T>::Plans {
  FftLayout layout;

  void run(bool forward, const std::complex<T>* from, std::complex<T>* to) const noexcept {
    if (layout.length == 1) {  // kissfft reads past its empty list of factors
      for (Index b = 0; b < layout.count; ++b) to[b * layout.distance] = from[b * layout.distance];
      return;
    }
    // It keeps twiddles inside the object and needs contiguous sequences.
    thread_local Eigen::FFT<T> fft = [] {
      Eigen::FFT<T> made;
      made.SetFlag(Eigen::FFT<T>::Unscaled);
      return made;
    }();
    thread_local std::vector<std::complex<T>> in, out;
    const auto n = static_cast<std::size_t>(layout.length);
    if (in.size() < n) in.resize(n), out.resize(n);
    for (Index b = 0; b < layout.count; ++b) {
      const Index first = b * layout.distance;
      for (Index j = 0; j < layout.length; ++j) in[j] = from[first + j * layout.stride];
      if (forward) {
        fft.fwd(out.data(), in.data(), layout.length);
      } else {
        fft.inv(out.data(), in.data(), layout.length);
      }
      for (Index j = 0; j < layout.length; ++j) to[first + j * layout.stride] = out[j];
    }
  }
};

template <class T>
Fft<T>::Fft(const FftLayout& layout) : plans_(std::make_shared<const Plans>(Plans{layout})) {
  LIOR_CHECK(layout.length >= 1 && layout.count >= 0,
             "a batch of {} transforms of length {} cannot be planned; the length must be >= 1, "
             "the count >= 0",
             layout.count, layout.length);
}

template <class T>
void Fft<T>::forward(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  plans_->run(true, from, to);
}

template <class T>
void Fft<T>::inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  plans_->run(false, from, to);
}

template class Fft<float>;
template class Fft<double>;

std::string_view fft_library() { return "Eigen (kissfft)"; }
bool fft_is_gpl() { return false; }

}  // namespace lior::linalg
