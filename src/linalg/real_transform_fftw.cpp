// SPDX-License-Identifier: Apache-2.0
#include <fftw3.h>

#include <map>
#include <tuple>

#include "linalg/fftw_planner.h"
#include "lior/core/buffer.h"
#include "lior/linalg/real_transform.h"

namespace lior::linalg {
namespace {

/// FFTW's two copies of one interface. `make` and `run` are called like functions.
// NOLINTBEGIN(readability-identifier-naming)
template <class T>
struct FftwReal;
template <>
struct FftwReal<float> {
  using Plan = fftwf_plan;
  static constexpr auto make = fftwf_plan_many_r2r;
  static constexpr auto run = fftwf_execute_r2r;
};
template <>
struct FftwReal<double> {
  using Plan = fftw_plan;
  static constexpr auto make = fftw_plan_many_r2r;
  static constexpr auto run = fftw_execute_r2r;
};
// NOLINTEND(readability-identifier-naming)

}  // namespace

/// Real and imaginary parts are transformed apart: twice as many real sequences side by side.
template <class T>
struct RealTransform<T>::Plans {
  typename FftwReal<T>::Plan forward, inverse;

  Plans(RealBasis basis, Index length, Index count) {
    alignas(kAlignment) static T any[1];  // FFTW_ESTIMATE reads and writes no data
    const int n = static_cast<int>(length), parts = static_cast<int>(2 * count);
    const auto plan_many = [&](fftw_r2r_kind kind) {
      return FftwReal<T>::make(1, &n, parts, any, nullptr, parts, 1, any, nullptr, parts, 1, &kind,
                               FFTW_ESTIMATE | FFTW_UNALIGNED);
    };
    forward = plan_many(basis == RealBasis::sine ? FFTW_RODFT10 : FFTW_REDFT10);
    inverse = plan_many(basis == RealBasis::sine ? FFTW_RODFT01 : FFTW_REDFT01);
  }
};

template <class T>
RealTransform<T>::RealTransform(RealBasis basis, Index length, Index count) {
  constexpr Index kMost = 1 << 30;  // FFTW's int, of parts
  LIOR_CHECK(length >= 1 && count >= 0 && length <= kMost && count < kMost,
             "a batch of {} transforms of length {} cannot be planned; the length must be in "
             "1..2^30, the count below 2^30",
             count, length);
  // Kept to the end, as the plans are: a leak checker must still reach them there.
  static auto& cache =
      *new std::map<std::tuple<RealBasis, Index, Index>, std::shared_ptr<const Plans>>;
  const std::lock_guard lock(fftw_planner_lock());
  auto& plans = cache[{basis, length, count}];
  if (!plans && count > 0) plans = std::make_shared<const Plans>(basis, length, count);
  plans_ = plans;
}

template <class T>
void RealTransform<T>::forward(std::complex<T>* data) const noexcept {
  auto* const numbers = reinterpret_cast<T*>(data);
  if (plans_) FftwReal<T>::run(plans_->forward, numbers, numbers);
}

template <class T>
void RealTransform<T>::inverse(std::complex<T>* data) const noexcept {
  auto* const numbers = reinterpret_cast<T*>(data);
  if (plans_) FftwReal<T>::run(plans_->inverse, numbers, numbers);
}

template class RealTransform<float>;
template class RealTransform<double>;

}  // namespace lior::linalg
