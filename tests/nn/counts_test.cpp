// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/counts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr Index kVocabulary = 5;
using Tokens = std::vector<std::int32_t>;

/// A text that repeats itself here and there.
Tokens text_of(Index size) {
  Random random(3);
  Tokens text;
  for (Index t = 0; t < size; ++t) {
    const bool repeats = t > 20 && random.below(3) > 0;
    text.push_back(repeats ? text[static_cast<std::size_t>(t - 17)]
                           : static_cast<std::int32_t>(random.below(kVocabulary)));
  }
  return text;
}

Counts counts_of(const Tokens& text, Index longest) {
  Counts counts(longest);
  counts.add(text);
  counts.finish();
  return counts;
}

std::vector<std::array<double, 3>> discounts_of(const Counts& counts) {
  std::vector<std::array<double, 3>> all;
  for (Index n = 0; n <= counts.longest(); ++n) all.push_back(counts.table(n).discounts());
  return all;
}

/// The result of count_steps for the longest context.
struct Prediction {
  std::vector<double> p;
  std::vector<Sureness> sureness;
};
Prediction predict(const Counts& counts, const Counts* lost, Context context) {
  const auto lengths = static_cast<std::size_t>(counts.longest()) + 1;
  std::vector<std::int32_t> tokens(lengths * kVocabulary), ends(lengths);
  std::vector<double> steps(tokens.size()), bases(lengths);
  std::vector<double> ratio(kVocabulary), logarithm(kVocabulary);
  std::vector<std::uint32_t> missing(kVocabulary);
  const CountWork work{ratio, logarithm, missing};
  work.clear();
  Prediction prediction;
  prediction.sureness.resize(lengths - 1);
  count_steps<double>(counts, lost, context, {tokens, steps, ends, bases}, prediction.sureness,
                      work);
  EXPECT_EQ(std::count(work.lost.begin(), work.lost.end(), 0U), kVocabulary);
  EXPECT_EQ(std::count(work.ratio.begin(), work.ratio.end(), 1.0), kVocabulary);
  std::vector<double> logs(kVocabulary, bases.back());
  for (std::size_t i = 0; i < static_cast<std::size_t>(ends.back()); ++i) {
    logs[static_cast<std::size_t>(tokens[i])] += steps[i];
  }
  for (const double log_p : logs) prediction.p.push_back(std::exp(log_p));
  return prediction;
}

constexpr double kTolerance = 1e-13;  // a logarithm and some ten sums of numbers below 1

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], kTolerance);
    sum += a[i];
  }
  EXPECT_NEAR(sum, 1, kTolerance);
}

TEST(Counts, GiveTheProbabilitiesOfTheirDefinition) {
  const Tokens text = text_of(300);
  const Counts counts = counts_of(text, 3);
  const std::span<const std::int32_t> all = text;
  for (std::size_t t = 0; t < text.size(); ++t) {
    const Context context = all.subspan(t < 5 ? 0 : t - 5, std::min<std::size_t>(t, 5));
    expect_near(
        predict(counts, nullptr, context).p,
        reference::count_probabilities(text, 0, 0, 3, kVocabulary, context, discounts_of(counts)));
  }
}

TEST(Counts, WithoutAPartAreThoseOfTheRestOfTheText) {
  const Tokens text = text_of(300);
  const Counts counts = counts_of(text, 3);
  const std::span<const std::int32_t> all = text;
  for (const auto& [begin, end] :
       {std::pair<Index, Index>{0, 40}, {100, 180}, {299, 300}, {0, 300}}) {
    const Index start = std::max<Index>(0, begin - 3);
    const std::vector<Tokens> pieces{{text.begin() + start, text.begin() + end}};
    const Counts lost = lost_without(counts, pieces);
    for (std::size_t t = 3; t < text.size(); t += 3) {
      const Context context = all.subspan(t - 3, 3);
      expect_near(predict(counts, &lost, context).p,
                  reference::count_probabilities(text, begin, end, 3, kVocabulary, context,
                                                 discounts_of(counts)));
    }
  }
}

TEST(Counts, DoNotDependOnThePiecesThatATextIsAddedIn) {
  const Tokens text = text_of(300);
  const Counts whole = counts_of(text, 4);
  Counts pieces(4);
  for (std::size_t begin = 0; begin < text.size(); begin += 37) {
    const std::size_t from = begin < 4 ? 0 : begin - 4;
    pieces.add(std::span(text).subspan(from, std::min(text.size(), begin + 37) - from));
  }
  for (Index n = 0; n <= 4; ++n) {
    EXPECT_EQ(pieces.table(n).contexts(), whole.table(n).contexts());
    EXPECT_EQ(pieces.table(n).followers().size(), whole.table(n).followers().size());
    for (const ContextTable::Context& context : whole.table(n).slots()) {
      if (context.key == 0) continue;
      ASSERT_NE(pieces.table(n).find(context.key), nullptr);
      EXPECT_EQ(pieces.table(n).find(context.key)->total, context.total);
    }
  }
}

TEST(Counts, SayHowSureTheyAre) {
  const Tokens text{0, 1, 0, 1, 0, 2, 0, 1};  // after 0: 1, 1, 2, 1, of which the first is context
  const Counts counts = counts_of(text, 1);
  const Prediction seen = predict(counts, nullptr, std::array<std::int32_t, 1>{0});
  EXPECT_EQ(seen.sureness[0].total, 4);
  EXPECT_NEAR(seen.sureness[0].escape, 0.25, kTolerance);  // two followers, 1/2 of each, in four
  const Prediction unseen = predict(counts, nullptr, std::array<std::int32_t, 1>{4});
  EXPECT_EQ(unseen.sureness[0].total, 0);
  EXPECT_EQ(unseen.sureness[0].escape, 1);
}

TEST(Counts, DiscountsAreChenAndGoodmans) {
  ContextTable table;
  std::int32_t token = 0;
  for (const auto& [count, entries] : {std::pair{1, 8}, {2, 4}, {3, 2}, {4, 1}, {9, 3}}) {
    for (int i = 0; i < entries; ++i) table.add(7, token++, static_cast<std::uint32_t>(count));
  }
  table.finish();  // Y = 8 / (8 + 2 4) = 1/2
  EXPECT_DOUBLE_EQ(table.discount(1), 1 - 2 * .5 * 4 / 8);
  EXPECT_DOUBLE_EQ(table.discount(2), 2 - 3 * .5 * 2 / 4);
  EXPECT_DOUBLE_EQ(table.discount(3), 3 - 4 * .5 * 1 / 2);
  EXPECT_EQ(table.discount(9), table.discount(3));
}

TEST(Counts, OfNoContextOrTooLongOnesAreRefused) {
  for (const Index longest : {0, 17}) {
    EXPECT_NE(error_of([&] { Counts counts(longest); }).find("expected 1 to 16"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace lior::nn
