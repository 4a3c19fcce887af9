// SPDX-License-Identifier: Apache-2.0
#include "lior/core/view.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "lior/core/arena.h"
#include "lior/core/buffer.h"

namespace lior {
namespace {

class ViewOfNumbers : public testing::Test {
 protected:
  ViewOfNumbers() { std::iota(numbers_.begin(), numbers_.end(), 0); }
  std::vector<int> numbers_ = std::vector<int>(24);
  View<int, 3> view_{numbers_.data(), {2, 3, 4}};
};

TEST_F(ViewOfNumbers, LastIndexIsFastest) {
  EXPECT_EQ(view_(0, 0, 1), 1);
  EXPECT_EQ(view_(0, 1, 0), 4);
  EXPECT_EQ(view_(1, 0, 0), 12);
  EXPECT_EQ(view_(1, 2, 3), 23);
}

TEST_F(ViewOfNumbers, IndexingDropsTheFirstAxis) {
  EXPECT_EQ(view_[1].shape(), (Shape<2>{3, 4}));
  EXPECT_EQ(view_[1][2][3], view_(1, 2, 3));
  view_[1][2][3] = -1;
  EXPECT_EQ(numbers_.back(), -1);
}

TEST_F(ViewOfNumbers, ReshapeKeepsTheElements) {
  const View<int, 2> flat = view_.reshaped<2>({6, 4});
  EXPECT_EQ(flat(5, 3), 23);
  EXPECT_EQ(flat.data(), view_.data());
}

TEST_F(ViewOfNumbers, ConvertsToConst) {
  const View<const int, 3> constant = view_;
  EXPECT_EQ(constant.data(), view_.data());
  EXPECT_EQ(constant.span().size(), 24U);
}

TEST(View, CountsElements) {
  EXPECT_EQ(element_count(Shape<0>{}), 1);
  EXPECT_EQ((element_count(Shape<2>{3, 0})), 0);
  EXPECT_TRUE((View<float, 2>(nullptr, {3, 0}).empty()));
  EXPECT_TRUE((View<float, 1>().empty()));
}

TEST(View, WrongShapeIsNamed) {
  const View<float, 2> view(nullptr, {0, 4});
  EXPECT_NO_THROW(check_shape(view, {0, 4}, "x"));
  try {
    check_shape(view, {2, 4}, "x");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "x has shape [0, 4]; expected [2, 4]");
  }
}

TEST(View, CountsThatOverflowAreErrors) {
  EXPECT_EQ((checked_element_count(Shape<2>{3, 0})), 0);
  EXPECT_THROW((checked_element_count(Shape<2>{Index{1} << 32, Index{1} << 31})), Error);
  EXPECT_THROW((checked_element_count(Shape<2>{-1, -1})), Error);
  EXPECT_THROW((Array<double, 2>({Index{1} << 31, Index{1} << 31})), Error);
  EXPECT_THROW(Buffer<double>(Index{1} << 61), Error);
  EXPECT_THROW((Arena::planner().take<float, 2>({Index{1} << 31, Index{1} << 31})), Error);
}

}  // namespace
}  // namespace lior
