// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text_counts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.h"

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

TEST(CountText, PartsLoseWhatIsCountedOfThemAndNoMore) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("t.txt")) << [] {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "abcde"[i * i % 5], text += "fghi"[i % 4];
    return text;
  }();
  const auto source = open_source({.corpus = {.names = folder.file("t.txt")}, .held_out = 0});
  constexpr Index kLongest = 3, kCounted = 500;
  const nn::TextCounts counts =
      count_text(*source, nn::Counts(kLongest), {.tokens = kCounted}, [] { return false; });
  const auto followed = [](const nn::ContextTable& table) {
    Index sum = 0;
    for (const auto& follower : table.followers()) sum += follower.count;
    return sum;
  };
  EXPECT_EQ(followed(counts.all.table(kLongest)), kCounted - kLongest);
  Index lost = 0;
  for (const nn::Counts& part : counts.lost) lost += followed(part.table(kLongest));
  EXPECT_EQ(lost, kCounted - kLongest);
}

}  // namespace
}  // namespace lior::train
