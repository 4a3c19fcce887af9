// SPDX-License-Identifier: Apache-2.0
#include <fftw3.h>

#include <algorithm>
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

/// Columns that lie side by side are gathered as rows, this many at a time: two lines of the cache.
template <class T>
constexpr Index kBlock = 128 / sizeof(std::complex<T>);

/// Such strides put a column's elements into few sets of the cache, where FFTW's estimated plans
/// for columns reach a fifth of the speed of rows; lengths up to 128 it transforms at one go.
/// docs/decisions/061-permissive-transforms.md has the measurements. What is gathered fits a core's
/// cache.
template <class T>
bool is_gathered(const FftLayout& layout) {
  const Index stride_bytes = layout.stride * Index{sizeof(std::complex<T>)};
  return layout.distance == 1 && layout.length > 128 && layout.length <= 16384 &&
         stride_bytes % (layout.length > 256 ? 128 : 1024) == 0;
}

/// Between the rows of a block: whole lines of the cache, and more than a row has, against the same
/// sets again.
template <class T>
Index row_pitch(Index length) {
  return (length / kBlock<T> + 2) * kBlock<T>;
}

/// The rows of one thread's block; null where there is no memory for them.
template <class T>
std::complex<T>* block_of_rows(Index length) noexcept {
  static thread_local Buffer<std::complex<T>> buffer;
  const Index numbers = kBlock<T> * row_pitch<T>(length);
  try {
    if (buffer.size() < numbers) buffer = Buffer<std::complex<T>>(numbers);
  } catch (...) {
    return nullptr;
  }
  return buffer.data();
}

/// Calls copy(element of a column, element of its row) for all of `columns` columns.
template <class T, class Element, class Copy>
[[gnu::always_inline]] inline void for_block(const FftLayout& layout, Index columns, Element* first,
                                             std::complex<T>* rows, Copy copy) {
  const Index pitch = row_pitch<T>(layout.length);
  for (Index j = 0; j < layout.length; ++j) {
    for (Index c = 0; c < columns; ++c) copy(first[j * layout.stride + c], rows[c * pitch + j]);
  }
}

/// Calls run(row) for every column of `from`, as one of `rows`, and copies what it makes of it.
template <class T, class Run>
void run_gathered(const FftLayout& layout, const std::complex<T>* from, std::complex<T>* to,
                  std::complex<T>* rows, Run run) {
  const auto gather = [](const std::complex<T>& element, std::complex<T>& in_row) {
    in_row = element;
  };
  const auto scatter = [](std::complex<T>& element, const std::complex<T>& in_row) {
    element = in_row;
  };
  for (Index first = 0; first < layout.count; first += kBlock<T>) {
    const Index columns = std::min(kBlock<T>, layout.count - first);
    const bool whole = columns == kBlock<T>;  // a constant, which the compiler unrolls
    whole ? for_block(layout, kBlock<T>, from + first, rows, gather)
          : for_block(layout, columns, from + first, rows, gather);
    for (Index c = 0; c < columns; ++c) run(rows + c * row_pitch<T>(layout.length));
    whole ? for_block(layout, kBlock<T>, to + first, rows, scatter)
          : for_block(layout, columns, to + first, rows, scatter);
  }
}

}  // namespace

std::mutex& fftw_planner_lock() {
  static std::mutex lock;
  return lock;
}

/// Plans are made under the planner's lock and never destroyed.
template <class T>
struct Fft<T>::Plans {
  using Plan = typename Fftw<T>::Plan;
  FftLayout layout;
  bool gathered;
  Plan plan[2][2][2];  ///< [direction][in place][aligned as vectors like it]
  Plan row[2] = {};    ///< of one column in its row, in place and aligned, if they are gathered

  explicit Plans(const FftLayout& asked) : layout(asked), gathered(is_gathered<T>(asked)) {
    for (const int direction : {0, 1}) {
      for (const bool in_place : {false, true}) {
        plan[direction][in_place][0] = make(layout, direction, in_place, FFTW_UNALIGNED);
        plan[direction][in_place][1] = make(layout, direction, in_place, 0);
      }
      if (gathered) row[direction] = make({layout.length, 1, 1, layout.length}, direction, true, 0);
    }
  }

  static Plan make(const FftLayout& layout, int direction, bool in_place, unsigned flags) {
    // FFTW_ESTIMATE reads and writes no data while planning, but looks at the alignment.
    alignas(kAlignment) static typename Fftw<T>::Number any[1];
    alignas(kAlignment) static typename Fftw<T>::Number other[1];
    const int n = static_cast<int>(layout.length), stride = static_cast<int>(layout.stride),
              distance = static_cast<int>(layout.distance);
    return Fftw<T>::make(1, &n, static_cast<int>(layout.count), any, nullptr, stride, distance,
                         in_place ? any : other, nullptr, stride, distance,
                         direction == 0 ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE | flags);
  }

  void run(int direction, const std::complex<T>* from, std::complex<T>* to) const noexcept {
    const auto run_plan = [](Plan made, const std::complex<T>* in, std::complex<T>* out) {
      // Plans out of place keep their input.
      auto* const numbers = const_cast<std::complex<T>*>(in);
      Fftw<T>::run(made, reinterpret_cast<typename Fftw<T>::Number*>(numbers),
                   reinterpret_cast<typename Fftw<T>::Number*>(out));
    };
    // Without memory for rows the columns' own plan does it: slower, and as exact.
    std::complex<T>* const rows = gathered ? block_of_rows<T>(layout.length) : nullptr;
    if (rows == nullptr) {
      const bool aligned = Fftw<T>::alignment(from) == 0 && Fftw<T>::alignment(to) == 0;
      run_plan(plan[direction][from == to][aligned], from, to);
    } else {
      run_gathered(layout, from, to, rows,
                   [&](std::complex<T>* numbers) { run_plan(row[direction], numbers, numbers); });
    }
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
void Fft<T>::forward(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  if (plans_) plans_->run(0, from, to);
}

template <class T>
void Fft<T>::inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  if (plans_) plans_->run(1, from, to);
}

template class Fft<float>;
template class Fft<double>;

std::string_view fft_library() { return {fftw_version, 11}; }
bool fft_is_gpl() { return true; }

}  // namespace lior::linalg
