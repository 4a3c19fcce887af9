// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/dropout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/buffer.h"
#include "lior/nn/model.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr Index kRows = 200, kColumns = 101;

/// The mask itself: x = 0 and f = 1.
Array<double, 2> mask_of(const Dropout& dropout, Index place) {
  const Array<double, 2> x({kRows, kColumns});
  Array<double, 2> out({kRows, kColumns});
  std::fill(out.span().begin(), out.span().end(), 1.0);
  dropout_forward<double>(dropout, place, x.view(), out.view());
  return out;
}

TEST(Dropout, LeavesOutItsPartAndKeepsTheMean) {
  for (const double rate : {0.1, 0.5, 0.9}) {
    Index left_out = 0;
    const auto mask = mask_of({.rate = rate, .seed = 1, .step = 2}, 3);
    for (const double m : mask.span()) {
      left_out += m == 0;
      EXPECT_TRUE(m == 0 || m == 1 / (1 - rate)) << m;
    }
    const double count = kRows * kColumns, deviation = std::sqrt(rate * (1 - rate) / count);
    EXPECT_NEAR(static_cast<double>(left_out) / count, rate, 5 * deviation);
  }
}

TEST(Dropout, IsAnotherOneAtEachStepAndPlace) {
  const Dropout dropout{.rate = 0.5, .seed = 1, .step = 2};
  const auto mask = mask_of(dropout, 3);
  const auto same = [&](const Array<double, 2>& other) {
    Index equal = 0;
    for (Index i = 0; i < mask.size(); ++i) equal += mask.span()[i] == other.span()[i];
    return static_cast<double>(equal) / static_cast<double>(mask.size());
  };
  EXPECT_EQ(same(mask_of(dropout, 3)), 1);
  for (const auto& other : {mask_of(dropout, 4), mask_of({.rate = 0.5, .seed = 1, .step = 3}, 3),
                            mask_of({.rate = 0.5, .seed = 2, .step = 2}, 3)}) {
    EXPECT_NEAR(same(other), 0.5, 5 * 0.5 / std::sqrt(kRows * kColumns));
  }
}

TEST(Dropout, OfRowsLeavesThemOut) {
  Array<std::int32_t, 2> rows({1000, 5});
  drop_rows({.rate = 0.25, .seed = 1}, 0, rows.view());
  Index left_out = 0;
  for (const std::int32_t row : rows.span()) {
    EXPECT_TRUE(row == 0 || row == -1);
    left_out += row == -1;
  }
  EXPECT_NEAR(static_cast<double>(left_out) / 5000, 0.25, 5 * std::sqrt(0.25 * 0.75 / 5000));
}

TEST(Dropout, OfEverythingIsRefused) {
  Model<float> model({.d_model = 8});
  EXPECT_EQ(error_of([&] { model.set_dropout({.rate = 1}); }), "dropout = 1; it must be in [0, 1)");
}

}  // namespace
}  // namespace lior::nn
