// SPDX-License-Identifier: Apache-2.0
#include "geometry/planes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lior/core/buffer.h"

namespace lior::geometry {
namespace {

template <class T>
void each_place_is_seen() {
  constexpr Index kRows = 3, kStride = 41;
  const T largest = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::denorm_min();
  for (const Index count : {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 40}) {
    Buffer<T> x(kRows * kStride);
    // What lies between the rows is not theirs.
    std::fill(x.span().begin(), x.span().end(), static_cast<T>(NAN));
    for (Index k = 0; k < kRows * kStride; ++k) {
      if (k % kStride < count) x[k] = k % 2 == 0 ? largest : k % 3 == 0 ? -largest : least;
    }
    EXPECT_TRUE(all_finite(x.data(), kRows, kStride, count)) << count;
    for (Index k = 0; k < kRows * kStride; ++k) {
      if (k % kStride >= count) continue;
      const T kept = x[k];
      for (const T bad :
           {static_cast<T>(NAN), static_cast<T>(INFINITY), -static_cast<T>(INFINITY)}) {
        x[k] = bad;
        EXPECT_FALSE(all_finite(x.data(), kRows, kStride, count)) << count << " " << k;
      }
      x[k] = kept;
    }
  }
}

TEST(Planes, NumbersThatAreNotFiniteAreSeenAtEachPlace) {
  each_place_is_seen<float>();
  each_place_is_seen<double>();
}

}  // namespace
}  // namespace lior::geometry
