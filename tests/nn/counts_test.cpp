// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/counts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>

#include "lior/core/random.h"
#include "lior/nn/count_scores.h"
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
Prediction predict(const Counts& counts, const Counts* lost, Context context,
                   const RecentPlace& recent = {}, Index recent_orders = 0) {
  const auto lengths = static_cast<std::size_t>(counts.longest() + recent_orders) + 1;
  std::vector<std::int32_t> tokens(lengths * kVocabulary), ends(lengths);
  std::vector<double> steps(tokens.size()), bases(lengths);
  std::vector<double> ratio(kVocabulary), logarithm(kVocabulary);
  std::vector<std::uint32_t> missing(kVocabulary);
  const CountWork work{ratio, logarithm, missing};
  work.clear();
  Prediction prediction;
  prediction.sureness.resize(lengths - 1);
  count_steps<double>(counts, lost, recent, context, {tokens, steps, ends, bases},
                      prediction.sureness, work);
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

RecentText read_text(std::span<const std::int32_t> tokens, Index longest) {
  RecentText text(longest);
  text.add(tokens);
  return text;
}

TEST(Counts, OfWhatWasReadGiveTheProbabilitiesOfTheirDefinition) {
  constexpr Index kOrders = 4;
  const Tokens text = text_of(300), read = text_of(200);
  const Counts counts = counts_of(text, 2);
  const RecentText recent = read_text(read, kOrders);
  for (std::size_t t = 0; t < text.size(); t += 7) {
    const Context context =
        std::span<const std::int32_t>(text).subspan(t < 5 ? 0 : t - 5, std::min<std::size_t>(t, 5));
    expect_near(predict(counts, nullptr, context, {.text = &recent}, kOrders).p,
                reference::recent_probabilities(predict(counts, nullptr, context).p, read, 0,
                                                kOrders, context));
  }
}

TEST(Counts, AtAPlaceOfATextAreOfWhatStandsBeforeIt) {
  constexpr Index kOrders = 3, kBegin = 40;
  const Tokens text = text_of(300);
  const Counts counts = counts_of(text, 2);
  const RecentText whole = read_text(text, kOrders);
  const std::span<const std::int32_t> all = text;
  for (Index t = kBegin; t < std::ssize(text); t += 7) {
    const Context context = all.subspan(static_cast<std::size_t>(t - kOrders), kOrders);
    const Context read = all.first(static_cast<std::size_t>(t));
    expect_near(predict(counts, nullptr, context, {&whole, t, kBegin}, kOrders).p,
                reference::recent_probabilities(predict(counts, nullptr, context).p, read, kBegin,
                                                kOrders, context));
  }
}

TEST(Counts, OfALastWindowGiveTheProbabilitiesOfTheirDefinition) {
  constexpr Index kOrders = 3;
  const Tokens text = text_of(300);
  const Counts counts = counts_of(text, 2);
  const std::span<const std::int32_t> all = text;
  for (const std::size_t window : {0, 1, 2, 30, 200}) {
    for (std::size_t t = 0; t < text.size(); t += 7) {
      const Context before = all.first(t), last = before.last(std::min(t, window));
      const RecentPlace recent{.window = static_cast<Index>(window)};
      expect_near(predict(counts, nullptr, before, recent, kOrders).p,
                  reference::recent_probabilities(predict(counts, nullptr, before).p, last, 0,
                                                  kOrders, last));
    }
  }
}

TEST(Counts, OfATrainingLookAtThePartThatTheyLack) {
  TextCounts counts{
      .all = Counts(1), .lost = std::vector<Counts>(2, Counts(1)), .stretches = {{0, 0}, {50, 1}}};
  EXPECT_EQ(counts.recent_at(60, 57).text, nullptr);  // a model without orders of it
  counts.recent = RecentText(2);
  const RecentPlace at = counts.recent_at(60, 57);
  EXPECT_EQ(at.text, &counts.recent);
  EXPECT_EQ(at.place, 60);
  EXPECT_EQ(at.begin, 50);
  EXPECT_EQ(counts.recent_at(60, 56).text, nullptr);  // every fourth sequence has read nothing
  EXPECT_EQ(counts.recent_at(-1, -1).text, nullptr);
  counts.lost.clear();  // what was read, by a trained model
  EXPECT_EQ(counts.recent_at(-1, -1).text, &counts.recent);
  EXPECT_EQ(counts.recent_at(60, 56).begin, 0);
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

/// Two sequences of the text, the second behind so many tokens of it.
struct Rows {
  explicit Rows(const Tokens& text, Index before = 2, Index window = 0)
      : tokens({2, 6}), history({2, before}), window(window) {
    std::copy_n(text.begin() + 3, 6, tokens.data());
    std::copy_n(text.begin() + 40, 6, tokens.data() + 6);
    for (Index i = 0; i < before; ++i) {
      history(0, i) = 0;
      history(1, i) = text[static_cast<std::size_t>(40 - before + i)] + 1;
    }
  }
  CountedRows<double> rows() const {
    return {.tokens = tokens.view(),
            .history = View<const double, 2>(history.view()),
            .window = window};
  }
  /// What a row knows of the text: the tokens of its sequence up to its own.
  Context known(const Tokens& text, Index row) const {
    const Index at = row < 6 ? 3 + row : 34 + row,
                before = row < 6 ? row : history.shape()[1] + row - 6;
    return std::span(text).subspan(static_cast<std::size_t>(at - before),
                                   static_cast<std::size_t>(before + 1));
  }
  Array<std::int32_t, 2> tokens;
  Array<double, 2> history;
  Index window;
};

struct Logarithms {
  Logarithms(const TextCounts& counts, const CountedRows<double>& rows, Index recent_orders = 0)
      : values({rows.tokens.size(), counts.all.longest() + recent_orders, kVocabulary}),
        sure_rows({rows.tokens.size(), 2 * values.shape()[1]}) {
    const auto fill = [&](Arena& arena) {
      count_logarithms<double>(counts, rows, values.view(), sure_rows.view(), arena);
    };
    Arena planner = Arena::planner();
    fill(planner);
    Arena arena(planner.peak());
    fill(arena);
  }
  Array<double, 3> values;
  Array<std::int32_t, 2> sure_rows;
};

TEST(CountLogarithms, OfTheLongestContextsAreThoseOfTheDefinition) {
  const Tokens text = text_of(300);
  const TextCounts counts{.all = counts_of(text, 3)};
  const Rows of(text);
  const Logarithms logarithms(counts, of.rows());
  for (Index row = 0; row < 12; ++row) {
    const Index at = row < 6 ? 3 + row : 34 + row;  // of the row's token in the text
    const Index before = row < 6 ? row + 1 : 3;     // tokens that it knows
    const auto context = std::span<const std::int32_t>(text).subspan(at + 1 - before, before);
    Tokens longest(context.begin(), context.end());
    const auto want = reference::count_probabilities(text, 0, 0, 3, kVocabulary, longest,
                                                     discounts_of(counts.all));
    for (Index v = 0; v < kVocabulary; ++v) {
      EXPECT_NEAR(logarithms.values(row, 2, v), std::log(want[static_cast<std::size_t>(v)]), 1e-12);
    }
  }
}

/// The latest of `read` before its end that follow its last n tokens, kLatest at most.
Index recent_total(Context read, Index n) {
  Index total = 0;
  for (Index t = std::ssize(read) - 1; t >= n && total < kLatest; --t) {
    total += std::equal(read.end() - n, read.end(), read.begin() + t - n);
  }
  return total;
}

TEST(CountLogarithms, OfAWindowAreThoseOfTheLastTokensOfTheSequence) {
  constexpr Index kLongest = 2, kOrders = 3;
  const Tokens text = text_of(300);
  const TextCounts counts{.all = counts_of(text, kLongest)};
  // As many tokens before as the state of a model with this window has, and more.
  for (const auto& [before, window] :
       {std::pair<Index, Index>{29, 30}, {4, 5}, {12, 5}, {29, 1}, {29, 0}}) {
    const Rows of(text, before, window);
    const Logarithms logarithms(counts, of.rows(), kOrders);
    for (Index row = 0; row < 12; ++row) {
      const Context known = of.known(text, row);
      const Context last =
          known.last(static_cast<std::size_t>(std::min<Index>(std::ssize(known), window)));
      const auto want = reference::recent_probabilities(
          reference::count_probabilities(text, 0, 0, kLongest, kVocabulary, known,
                                         discounts_of(counts.all)),
          last, 0, kOrders, last);
      for (Index v = 0; v < kVocabulary; ++v) {
        EXPECT_NEAR(logarithms.values(row, kLongest + kOrders - 1, v),
                    std::log(want[static_cast<std::size_t>(v)]), 1e-12)
            << before << ' ' << window << ' ' << row;
      }
      for (Index n = 1; n <= kOrders; ++n) {
        const Index total = n <= std::ssize(last) ? recent_total(last, n) : 0;
        const Index sure = total == 0 ? 0 : 1 + std::ilogb(static_cast<double>(total));
        EXPECT_EQ(logarithms.sure_rows(row, 2 * (kLongest + n) - 2),
                  20 * (kLongest + n - 1) + sure);
      }
    }
  }
}

TEST(CountLogarithms, AddUpToTheScoresOfAModel) {
  const Tokens text = text_of(300);
  constexpr Index kCounted = 3, kLongest = 5, kWidth = 2, kRows = 12;  // two orders of a window
  const TextCounts counts{.all = counts_of(text, kCounted)};
  const Rows of(text, 29, 30);
  const Logarithms logarithms(counts, of.rows(), kLongest - kCounted);

  Random random(5);
  Array<double, 2> weight({kLongest, kWidth}), sureness({sureness_rows(kLongest), kLongest});
  Array<double, 2> x({kRows, kWidth}), scores({kRows, kVocabulary});
  std::array<double, kLongest> bias;
  for (const std::span<double> numbers :
       {weight.span(), sureness.span(), std::span<double>(bias), x.span()}) {
    std::generate(numbers.begin(), numbers.end(), [&] { return random.normal(); });
  }
  std::fill_n(scores.data(), scores.size(), 0.0);
  Arena arena(1 << 20);
  const CountGate<double> gate{View<const double, 2>(weight.view()),
                               View<const double, 2>(sureness.view()), bias};
  std::array<std::int32_t, kRows> all;
  std::iota(all.begin(), all.end(), 0);
  CountScores<double>(&counts, kCounted, of.rows(), gate, {}, kRows, kVocabulary, arena)
      .add(all, View<const double, 2>(x.view()), scores.view());

  for (Index row = 0; row < kRows; ++row) {
    std::array<double, kLongest> w = bias;
    for (Index n = 0; n < kLongest; ++n) {
      for (Index j = 0; j < kWidth; ++j) w[n] += weight(n, j) * x(row, j);
      for (Index i = 0; i < 2 * kLongest; ++i) w[n] += sureness(logarithms.sure_rows(row, i), n);
    }
    for (Index v = 0; v < kVocabulary; ++v) {
      double sum = 0;
      for (Index n = 0; n < kLongest; ++n) sum += w[n] * logarithms.values(row, n, v);
      EXPECT_NEAR(scores(row, v), sum, 1e-12);  // some ten products of numbers of size 1 to 10
    }
  }
}

}  // namespace
}  // namespace lior::nn
