// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/layout.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr Index kMost = std::numeric_limits<Index>::max();

TEST(Layout, PutsOneTensorBehindTheOther) {
  Layout layout;
  EXPECT_EQ(layout.add("a", {2, 3}, true).offset, 0);
  EXPECT_EQ(layout.add("b", Shape<1>{5}).offset, 6);
  EXPECT_EQ(layout.add_by_rows("c", {4, 2}).offset, 11);
  EXPECT_EQ(layout.size(), 19);
  EXPECT_EQ(layout.dense_size(), 11);
}

TEST(Layout, CountsNoFurtherThanItCan) {
  Layout layout;
  layout.add("most", Shape<1>{kMost - 5});
  EXPECT_EQ(error_of([&] {
              layout.add("six", {2, 3}, true);
            }),
            "with six of shape [2, 3] the parameters are more than can be counted; choose smaller "
            "sizes");
  EXPECT_EQ(error_of([&] {
              layout.add("huge", {kMost / 2, 3}, true);
            }),
            "4611686018427387903 x 3 elements are more than can be counted; choose smaller sizes");
  EXPECT_EQ(error_of([&] {
              layout.add_by_rows("negative", {2, -1});
            }),
            "an array cannot have an extent of -1; extents must be >= 0");
  EXPECT_EQ(layout.size(), kMost - 5);
  EXPECT_EQ(layout.parameters().size(), 1);
}

}  // namespace
}  // namespace lior::nn
