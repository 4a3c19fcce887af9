// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text_counts.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "lior/core/random.h"
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

constexpr Index kLong = 6;  // of random letters, few contexts come twice

std::string letters(std::uint64_t seed, Index size) {
  Random random(seed);
  std::string text;
  for (Index i = 0; i < size; ++i) text += static_cast<char>('a' + random.below(26));
  return text;
}

/// Each document in a file of its own, in this order.
std::unique_ptr<Source> source_of(const TemporaryFolder& folder,
                                  const std::vector<std::string>& documents, double held_out = 0) {
  std::vector<std::string> names;
  for (const std::string& document : documents) {
    names.push_back(folder.file(fmt::format("{:03}.txt", names.size())));
    std::ofstream(names.back()) << document;
  }
  return open_source({.corpus = {.names = join_names(names)}, .held_out = held_out});
}

nn::TextCounts counts_of(const Source& source, nn::Counts before = nn::Counts(kLong)) {
  return count_text(source, std::move(before), {}, [] { return false; });
}

/// Of the tokens of a document, the part that is still counted, after the kLong before them, where
/// counts lack what is lost there.
double part_left(const Source& source, const nn::TextCounts& counts, std::size_t document) {
  const Range range = source.training_parts()[document];
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(range.size()));
  source.read(range.begin, tokens);
  Index left = 0;
  for (Index t = kLong; t < range.size(); ++t) {
    const std::uint64_t key = nn::key_of({&tokens[static_cast<std::size_t>(t - kLong)], kLong});
    const auto count = [&](const nn::Counts& of) {
      return of.table(kLong).count(key, tokens[static_cast<std::size_t>(t)]);
    };
    EXPECT_GE(count(counts.all), count(*counts.lost_at(range.begin + t)));
    left += count(counts.all) > count(*counts.lost_at(range.begin + t));
  }
  return static_cast<double>(left) / static_cast<double>(range.size() - kLong);
}

TEST(CountText, WhatAnotherDocumentRepeatsIsLostWithIt) {
  const std::string one = letters(1, 20'000);
  std::string edited = one, quoting = letters(2, 3000);
  for (std::size_t i = 0; i < edited.size(); i += 200) edited.replace(i, 3, "!!");
  quoting += one.substr(5000, 4000);
  const std::string brief = letters(3, 50);
  const std::vector<std::string> documents{one,   edited,  letters(4, 20'000), one,
                                           brief, quoting, letters(5, 30'000), brief};
  const TemporaryFolder folder;
  const auto source = source_of(folder, documents);
  const nn::TextCounts counts = counts_of(*source);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    // What stands a few tokens off the border of two parts, or of a chunk, may be left.
    EXPECT_LT(part_left(*source, counts, i), i == 5 ? 0.1 : 0.02) << "document " << i;
  }
  for (const nn::Counts& part : counts.lost) EXPECT_GT(part.table(kLong).contexts(), 1000);
}

// What is held out then repeats others as they repeat each other.
TEST(CountText, WhereDocumentsAreHeldOutWholeOnlyEqualOnesAreLostTogether) {
  std::vector<std::string> documents;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) documents.push_back(letters(seed, 2000));
  for (int i = 0; i < 40; ++i) {
    documents.push_back(documents[static_cast<std::size_t>(i)]);
    if (i % 2 == 1) documents.back() += 'x';
  }
  const TemporaryFolder folder;
  const auto source = source_of(folder, documents, 0.1);
  const nn::TextCounts counts = counts_of(*source);
  ASSERT_LT(source->training_parts().size(), documents.size());
  Index lost = 0, kept = 0;
  for (std::size_t i = 0; i < source->training_parts().size(); ++i) {
    const double left = part_left(*source, counts, i);
    lost += left < 0.02;
    kept += left > 0.98;
  }
  EXPECT_GE(lost, 30);  // and those whose copy is held out, or happens to be in the same part
  EXPECT_GE(kept, 20);
}

TEST(CountText, OfDocumentsThatRepeatNothingPartsAreEqualStretches) {
  const TemporaryFolder folder;
  const auto source = source_of(folder, {letters(1, 30'000), letters(2, 10'000)});
  const nn::TextCounts counts = counts_of(*source);
  ASSERT_EQ(counts.stretches.size(), 8);
  for (Index i = 0; i < 8; ++i) {
    EXPECT_EQ(counts.stretches[static_cast<std::size_t>(i)].begin, i * 5000);
    EXPECT_EQ(counts.stretches[static_cast<std::size_t>(i)].part, i);
  }
}

TEST(CountText, WhatWasCountedBeforeIsNotCountedTwice) {
  const std::string one = letters(1, 20'000), other = letters(2, 20'000);
  const TemporaryFolder before, now, all;
  const nn::Counts counted = counts_of(*source_of(before, {one})).all;
  const auto same = [](const nn::Counts& a, const nn::Counts& b) {
    for (Index n = 0; n <= kLong; ++n) {
      const auto sums = [&](const nn::Counts& of) {
        Index sum = 0;
        for (const auto& follower : of.table(n).followers()) sum += follower.count;
        return std::pair(of.table(n).contexts(), sum);
      };
      EXPECT_EQ(sums(a), sums(b)) << n;
    }
  };
  same(counts_of(*source_of(before, {one}), counted).all, counted);
  const auto source = source_of(now, {other, one});
  const nn::TextCounts counts = counts_of(*source, counted);
  same(counts.all, counts_of(*source_of(all, {one, other})).all);
  for (const std::size_t document : {0, 1}) {
    EXPECT_LT(part_left(*source, counts, document), 0.02);
  }
}

TEST(CountLoss, IsThatOfTheProbabilitiesWithoutThePart) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 300; ++i) text += "abcde"[(i * i + i / 7) % 5];
  const auto source = source_of(folder, {text});
  constexpr Index kLongest = 2;
  const nn::TextCounts counts = count_text(*source, nn::Counts(kLongest), {}, [] { return false; });
  ASSERT_EQ(std::ssize(counts.stretches), kCountParts);
  std::vector<std::int32_t> tokens(text.begin(), text.end());
  std::vector<std::array<double, nn::ContextTable::kDiscounts>> discounts;
  for (Index n = 0; n <= kLongest; ++n) discounts.push_back(counts.all.table(n).discounts());
  double sum = 0;
  for (Index place = kLongest; place < std::ssize(tokens); ++place) {
    // The stretch of its part, alone in this text.
    const auto next =
        std::ranges::upper_bound(counts.stretches, place, {}, &nn::TextCounts::Stretch::begin);
    const Index end = next == counts.stretches.end() ? std::ssize(tokens) : next->begin;
    const auto p = nn::reference::count_probabilities(
        tokens, std::prev(next)->begin, end, kLongest, source->vocabulary(),
        std::span(tokens).subspan(static_cast<std::size_t>(place - kLongest), kLongest), discounts);
    sum -= std::log(p[static_cast<std::size_t>(tokens[static_cast<std::size_t>(place)])]);
  }
  EXPECT_NEAR(count_loss(*source, counts), sum / static_cast<double>(text.size() - kLongest),
              1e-12);
}

TEST(CountLoss, IsLessWithCountsOfTheSameKindOfText) {
  const TemporaryFolder folder;
  const auto text_of = [](std::string_view letters, std::uint64_t seed, int size) {
    Random draw(seed);
    std::string text;
    for (int i = 0; i < size; ++i)
      text += letters[static_cast<std::size_t>(draw.below(3) + (i % 5 == 0 ? 3 : 0))];
    return text;
  };
  const auto source = source_of(folder, {text_of("abcdef", 1, 2000)});
  const auto loss_after = [&](const std::string& before) {
    nn::Counts counts(4);
    counts.add(std::vector<std::int32_t>(before.begin(), before.end()));
    return count_loss(*source, count_text(*source, std::move(counts), {}, [] { return false; }));
  };
  const double alone = loss_after("");
  EXPECT_LT(loss_after(text_of("abcdef", 2, 20000)), alone);
  EXPECT_GT(loss_after(text_of("adbecf", 3, 20000)), alone);
}

}  // namespace
}  // namespace lior::train
