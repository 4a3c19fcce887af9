// SPDX-License-Identifier: Apache-2.0
#include "lior/core/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace lior {
namespace {

TEST(Buffer, IsZeroedAndAligned) {
  for (const Index size : {1, 3, 64, 1000}) {
    const Buffer<double> buffer(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment, 0U);
    EXPECT_EQ(buffer.size(), size);
    for (const double value : buffer) EXPECT_EQ(value, 0);
  }
}

TEST(Buffer, EmptyHasNoData) {
  EXPECT_EQ(Buffer<float>(0).data(), nullptr);
  EXPECT_EQ(Buffer<float>().size(), 0);
}

TEST(Buffer, MovesItsStorage) {
  Buffer<int> first(2);
  first[1] = 7;
  const int* data = first.data();
  Buffer<int> second = std::move(first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(second[1], 7);
  Buffer<int> third(5);
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), 2);
}

TEST(Buffer, NegativeSizeIsAnError) { EXPECT_THROW(Buffer<float>(-1), Error); }

TEST(Array, IsRowMajor) {
  Array<int, 3> array({2, 3, 4});
  array(1, 2, 3) = 5;
  EXPECT_EQ(array.data()[(1 * 3 + 2) * 4 + 3], 5);
  EXPECT_EQ(std::as_const(array)(1, 2, 3), 5);
  EXPECT_EQ(array.view().size(), 24);
}

}  // namespace
}  // namespace lior
