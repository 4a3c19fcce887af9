// SPDX-License-Identifier: Apache-2.0
#include <fftw3.h>

#include <map>

#include "linalg/fftw_planner.h"
#include "lior/core/buffer.h"
#include "lior/linalg/fft.h"

namespace lior::linalg {
namespace {

/// FFTW's two copies of one interface. `make` and `run` are called like functions.
// NOLINTBEGIN(readability-identifier-naming)
template <class T>
struct Fftw;
template <>
struct Fftw<float> {
  using Plan = fftwf_plan;
  using Number = fftwf_complex;
  static constexpr auto make = fftwf_plan_many_dft;
  static constexpr auto run = fftwf_execute_dft;
  static int alignment(const void* data) {
    return fftwf_alignment_of(static_cast<float*>(const_cast<void*>(data)));
  }
};
template <>
struct Fftw<double> {
  using Plan = fftw_plan;
  using Number = fftw_complex;
  static constexpr auto make = fftw_plan_many_dft;
  static constexpr auto run = fftw_execute_dft;
  static int alignment(const void* data) {
    return fftw_alignment_of(static_cast<double*>(const_cast<void*>(data)));
  }
};
// NOLINTEND(readability-identifier-naming)

}  // namespace

std::mutex& fftw_planner_lock() {
  static std::mutex lock;
  return lock;
}

/// [direction][whether the data is aligned as vectors like it]. Plans are made under the planner's
/// lock and never destroyed.
template <class T>
struct Fft<T>::Plans {
  typename Fftw<T>::Plan plan[2][2];

  explicit Plans(const FftLayout& layout) {
    // FFTW_ESTIMATE reads and writes no data while planning, but looks at the alignment.
    alignas(kAlignment) static typename Fftw<T>::Number any[1];
    const int n = static_cast<int>(layout.length);
    const auto plan_many = [&](int sign, unsigned flags) {
      return Fftw<T>::make(1, &n, static_cast<int>(layout.count), any, nullptr,
                           static_cast<int>(layout.stride), static_cast<int>(layout.distance), any,
                           nullptr, static_cast<int>(layout.stride),
                           static_cast<int>(layout.distance), sign, FFTW_ESTIMATE | flags);
    };
    plan[0][0] = plan_many(FFTW_FORWARD, FFTW_UNALIGNED);
    plan[0][1] = plan_many(FFTW_FORWARD, 0);
    plan[1][0] = plan_many(FFTW_BACKWARD, FFTW_UNALIGNED);
    plan[1][1] = plan_many(FFTW_BACKWARD, 0);
  }

  void run(int direction, std::complex<T>* data) const noexcept {
    auto* numbers = reinterpret_cast<typename Fftw<T>::Number*>(data);
    Fftw<T>::run(plan[direction][Fftw<T>::alignment(data) == 0], numbers, numbers);
  }
};

template <class T>
Fft<T>::Fft(const FftLayout& layout) {
  constexpr Index kMost = 2147483647;  // FFTW's int
  LIOR_CHECK(layout.length >= 1 && layout.count >= 0 && layout.length <= kMost &&
                 layout.stride <= kMost && layout.distance <= kMost && layout.count <= kMost,
             "a batch of {} transforms of length {} (stride {}, distance {}) cannot be planned; "
             "the length must be in 1..2^31-1, the count in 0..2^31-1",
             layout.count, layout.length, layout.stride, layout.distance);
  // Kept to the end, as the plans are: a leak checker must still reach them there.
  static auto& cache = *new std::map<FftLayout, std::shared_ptr<const Plans>>;
  const std::lock_guard lock(fftw_planner_lock());
  auto& plans = cache[layout];
  if (!plans && layout.count > 0) plans = std::make_shared<const Plans>(layout);
  plans_ = plans;
}

template <class T>
void Fft<T>::forward(std::complex<T>* data) const noexcept {
  if (plans_) plans_->run(0, data);
}

template <class T>
void Fft<T>::inverse(std::complex<T>* data) const noexcept {
  if (plans_) plans_->run(1, data);
}

template class Fft<float>;
template class Fft<double>;

std::string_view fft_library() { return {fftw_version, 11}; }
bool fft_is_gpl() { return true; }

}  // namespace lior::linalg
