// SPDX-License-Identifier: Apache-2.0
#pragma once
// Matrices inside wider arrays, and comparisons, for the tests of row-wise ops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/linalg/matrix_view.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::nn {

/// Normal numbers in columns 1 .. cols of an array that is 3 columns wider; the rest is kMargin.
template <class T>
class Strided {
 public:
  static constexpr T kMargin = 12345;

  Strided(Index rows, Index cols, std::uint64_t seed, double deviation = 1)
      : storage_({rows, cols + 3}) {
    std::fill(storage_.span().begin(), storage_.span().end(), kMargin);
    Random random(seed);
    for (Index r = 0; r < rows; ++r) {
      random.fill_normal(std::span<T>(storage_.data() + r * (cols + 3) + 1, cols), deviation);
    }
  }
  operator linalg::MatrixView<T>() { return view(); }
  operator linalg::MatrixView<const T>() { return view(); }
  linalg::MatrixView<T> view() {
    const Index cols = storage_.shape()[1] - 3;
    return {storage_.data() + 1, storage_.shape()[0], cols, cols + 3};
  }
  bool margins_are_whole() {
    const auto whole = view();
    for (Index r = 0; r < whole.rows; ++r) {
      const T* row = storage_.data() + r * whole.stride;
      if (row[0] != kMargin || row[whole.cols + 1] != kMargin || row[whole.cols + 2] != kMargin) {
        return false;
      }
    }
    return true;
  }

 private:
  Array<T, 2> storage_;
};

template <class T>
Buffer<T> normal_numbers(Index count, std::uint64_t seed) {
  Buffer<T> numbers(count);
  Random(seed).fill_normal(numbers.span());
  return numbers;
}

/// Largest |got - want| over the largest |want| (over 1 where that is smaller).
template <class T>
double difference(linalg::MatrixView<T> got, linalg::MatrixView<T> want) {
  double largest = 0, scale = 1;
  for (Index r = 0; r < want.rows; ++r) {
    for (Index k = 0; k < want.cols; ++k) {
      const double error = std::abs(static_cast<double>(got(r, k)) - want(r, k));
      largest = worst_of<double>({largest, error});
      scale = std::max(scale, std::abs(static_cast<double>(want(r, k))));
    }
  }
  return largest / scale;
}

template <class T>
double difference(std::span<T> got, std::span<T> want) {
  const auto size = static_cast<Index>(want.size());
  return difference(linalg::MatrixView<T>(got.data(), 1, size),
                    linalg::MatrixView<T>(want.data(), 1, size));
}

template <class T>
constexpr double kEpsilon = std::numeric_limits<T>::epsilon();

/// Lengths around every vector width, and one past it.
inline constexpr Index kLengths[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 131};

using Types = testing::Types<float, double>;

}  // namespace lior::nn
