// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/chart.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lior::plot {
namespace {

Colour pixel(const Array<std::uint8_t, 3>& picture, Index x, Index y) {
  return {picture(y, x, 0), picture(y, x, 1), picture(y, x, 2)};
}

/// The mean position of the pixels of a colour.
Point centre(const Array<std::uint8_t, 3>& picture, Colour colour) {
  double x = 0, y = 0, count = 0;
  for (Index row = 0; row < picture.shape()[0]; ++row) {
    for (Index column = 0; column < picture.shape()[1]; ++column) {
      if (pixel(picture, column, row) != colour) continue;
      x += static_cast<double>(column), y += static_cast<double>(row), ++count;
    }
  }
  return {x / count, y / count};
}

TEST(Chart, TicksAreOneTwoOrFive) {
  EXPECT_DOUBLE_EQ(tick_step(8), 1);
  EXPECT_DOUBLE_EQ(tick_step(1), 0.2);
  EXPECT_DOUBLE_EQ(tick_step(30), 5);
  EXPECT_DOUBLE_EQ(tick_step(0.006), 0.001);
}

TEST(Chart, UpIsUpAndRightIsRight) {
  const Chart chart{.title = "dots",
                    .x_label = "x",
                    .y_label = "y",
                    .lines = {{{{-1, -1}}, kRed}, {{{1, -1}}, kGreen}, {{{1, 1}}, kBlue}}};
  const auto picture = draw(chart);
  EXPECT_EQ(picture.shape(), (Shape<3>{560, 560, 3}));
  const Point red = centre(picture, kRed), green = centre(picture, kGreen),
              blue = centre(picture, kBlue);
  EXPECT_LT(red.x, green.x);
  EXPECT_NEAR(red.y, green.y, 0.5);
  EXPECT_LT(blue.y, green.y);
  EXPECT_NEAR(blue.x, green.x, 0.5);
}

TEST(Chart, EqualScalesMakeASquareSquare) {
  Chart chart{.title = "square",
              .x_label = "x",
              .y_label = "y",
              .lines = {{{{0, 0}}, kRed}, {{{3, 0}}, kGreen}, {{{0, 3}}, kBlue}},
              .equal_scales = true,
              .width = 800,
              .height = 400};
  const auto picture = draw(chart);
  const Point origin = centre(picture, kRed);
  EXPECT_NEAR(centre(picture, kGreen).x - origin.x, origin.y - centre(picture, kBlue).y, 1);
}

TEST(Chart, LinesMayBeOnePointOrFlat) {
  EXPECT_NO_THROW(draw({.title = "flat",
                        .x_label = "x",
                        .y_label = "y",
                        .lines = {{{{0, 2}, {1, 2}, {2, 2}}, kBlue}}}));
}

TEST(Chart, WhatCannotBeDrawnIsAnError) {
  EXPECT_THROW(draw({.title = "empty", .x_label = "x", .y_label = "y"}), Error);
  EXPECT_THROW(draw({.title = "nan", .x_label = "x", .y_label = "y", .lines = {{{{0, NAN}}}}}),
               Error);
  EXPECT_THROW(
      draw({.title = "small", .x_label = "x", .y_label = "y", .lines = {{{{0, 0}}}}, .width = 10}),
      Error);
}

}  // namespace
}  // namespace lior::plot
