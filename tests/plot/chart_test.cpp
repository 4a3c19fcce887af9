// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/chart.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/plot/axes.h"

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

TEST(Chart, NumbersOfAnAxisAreRoundAndHaveAMinusSign) {
  EXPECT_EQ(ticks({"x", -1, 1}, 4), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(tick_text(-0.5), "\u22120.5");
  EXPECT_EQ(tick_text(3 * 0.1), "0.3");
  EXPECT_EQ(tick_text(100000), "100000");
  EXPECT_EQ(tick_text(2e-7), "2e-07");
}

TEST(Chart, ALogarithmicAxisHasPowersOfTen) {
  const std::vector<double> many = ticks({"y", 1e-9, 1e3, true}, 6),
                            few = ticks({"y", 0.9, 60, true}, 8);
  EXPECT_LE(many.size(), 7u);
  for (const double value : many)
    EXPECT_NEAR(std::log10(value), std::round(std::log10(value)), 1e-9);
  EXPECT_EQ(few, (std::vector<double>{1, 2, 5, 10, 20, 50}));
  EXPECT_GE(ticks({"y", 3.1, 3.4, true}, 8).size(), 2u) << "no power of ten lies between";
  EXPECT_THROW(ticks({"y", 0, 1, true}, 8), Error);
}

TEST(Chart, ALogarithmIsALogarithm) {
  const Axes axes{.x = {"x", 0, 1}, .y = {"y", 1, 100, true}, .inside = {{0, 0}, 100, 100}};
  EXPECT_NEAR(axes.place({0.5, 10}).y, 50, 1e-9);
  EXPECT_NEAR(axes.place({0.5, 1}).y, 100, 1e-9);
}

TEST(Chart, UpIsUpAndRightIsRight) {
  const Chart chart{.title = "dots",
                    .x_label = "x",
                    .y_label = "y",
                    .lines = {{{{-1, -1}}, kRed}, {{{1, -1}}, kGreen}, {{{1, 1}}, kBlue}}};
  const auto picture = pixels(chart);
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
  const auto picture = pixels(chart);
  const Point origin = centre(picture, kRed);
  EXPECT_NEAR(centre(picture, kGreen).x - origin.x, origin.y - centre(picture, kBlue).y, 1);
}

TEST(Chart, LinesMayBeOnePointOrFlat) {
  EXPECT_NO_THROW(pixels({.title = "flat",
                          .x_label = "x",
                          .y_label = "y",
                          .lines = {{{{0, 2}, {1, 2}, {2, 2}}, kBlue}}}));
}

TEST(Chart, NumbersOfAnAxisDifferHoweverFlatALineIs) {
  const auto numbers = [](const std::vector<Point>& points) {
    const std::string text = svg({.title = "", .x_label = "", .y_label = "", .lines = {{points}}});
    std::vector<std::string> found;
    for (std::size_t end = text.find("</text>"); end != std::string::npos;
         end = text.find("</text>", end + 1)) {
      const std::size_t begin = text.rfind('>', end) + 1;
      found.push_back(text.substr(begin, end - begin));
    }
    return found;
  };
  for (const std::vector<Point>& points : {std::vector<Point>{{20, 716.936}},
                                           {{0, 0}},
                                           {{1, 3e-8}, {2, 3e-8}},
                                           {{1, 716.936}, {2, 716.936004}},
                                           {{1000, 1e-9}, {1001, 2e-9}}}) {
    std::vector<std::string> all = numbers(points);
    EXPECT_GE(all.size(), 4U);  // two axes of two numbers at least
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_NE(all[i - 1], all[i]);
  }
}

TEST(Chart, WhatCannotBeDrawnIsAnError) {
  EXPECT_THROW(pixels({.title = "empty", .x_label = "x", .y_label = "y"}), Error);
  EXPECT_THROW(pixels({.title = "nan", .x_label = "x", .y_label = "y", .lines = {{{{0, NAN}}}}}),
               Error);
  EXPECT_THROW(
      pixels(
          {.title = "small", .x_label = "x", .y_label = "y", .lines = {{{{0, 0}}}}, .width = 10}),
      Error);
  EXPECT_THROW(pixels({.title = "log",
                       .x_label = "x",
                       .y_label = "y",
                       .lines = {{{{0, 0}}}},
                       .logarithmic_y = true}),
               Error);
  EXPECT_THROW(
      write({.title = "t", .x_label = "x", .y_label = "y", .lines = {{{{0, 0}}}}}, "a.jpg"), Error);
}

}  // namespace
}  // namespace lior::plot
