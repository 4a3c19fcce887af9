// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text_counts.h"

#include <gtest/gtest.h>

namespace lior::train {
namespace {

using Stretches = std::vector<std::pair<Index, Index>>;

Stretches counted(const Stretches& training, Index tokens) {
  std::vector<Range> ranges;
  for (const auto& [begin, end] : training) ranges.push_back({begin, end});
  Stretches pairs;
  for (const Range& range : counted_stretches(ranges, tokens)) {
    pairs.emplace_back(range.begin, range.end);
  }
  return pairs;
}

TEST(CountedStretches, AreAllUnlessLessIsAsked) {
  const Stretches training{{0, 900}, {1000, 1900}};
  EXPECT_EQ(counted(training, 0), training);
  EXPECT_EQ(counted(training, 1800), training);
  EXPECT_EQ(counted(training, 4000), training);
  EXPECT_EQ(counted({}, 10), Stretches{});
}

TEST(CountedStretches, AreSpreadOverTheText) {
  EXPECT_EQ(counted({{0, 2'500'000}}, 1'000'000),
            (Stretches{{0, 400'000}, {1'000'000, 1'400'000}, {2'000'000, 2'200'000}}));
  EXPECT_EQ(counted({{100, 300}, {500, 900}}, 60), (Stretches{{100, 120}, {500, 540}}));
  EXPECT_EQ(counted({{0, 3}, {10, 1010}}, 100), (Stretches{{10, 110}}));  // .3 of a token is none
}

}  // namespace
}  // namespace lior::train
