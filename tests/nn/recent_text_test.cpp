// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/recent_text.h"

#include <gtest/gtest.h>

#include "lior/core/random.h"
#include "lior/nn/counts.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr Index kOrders = 4, kSize = 400, kBreak = 150, kResume = 160;
using Tokens = std::vector<std::int32_t>;

Tokens random_tokens(Index size, std::uint64_t seed) {
  Random random(seed);
  Tokens tokens;
  for (Index t = 0; t < size; ++t) tokens.push_back(static_cast<std::int32_t>(random.below(4)));
  return tokens;
}

/// kSize tokens in pieces of 37; after kBreak of them comes a gap and another text.
struct Reading {
  Reading() {
    const Tokens first = random_tokens(kBreak, 1), second = random_tokens(kSize - kResume, 2);
    add(first);
    text.start(kResume);
    tokens = first;
    tokens.resize(kResume, -1);
    tokens.insert(tokens.end(), second.begin(), second.end());
    add(second);
  }
  void add(std::span<const std::int32_t> all) {
    for (; !all.empty(); all = all.subspan(std::min<std::size_t>(37, all.size()))) {
      text.add(all.first(std::min<std::size_t>(37, all.size())));
    }
  }
  /// Whether n tokens of one text come before this place.
  static bool has_context(Index place, Index n) {
    return place < kBreak ? place >= n : place >= kResume + n;
  }
  Context context(Index place, Index n) const {
    return std::span(tokens).subspan(static_cast<std::size_t>(place - n),
                                     static_cast<std::size_t>(n));
  }
  /// The latest place before `end` that follows it, by going through all.
  Index search(Context wanted, Index end) const {
    const Index n = std::ssize(wanted);
    for (Index t = end - 1; t >= n; --t) {
      if (has_context(t, n) && std::ranges::equal(context(t, n), wanted)) return t;
    }
    return RecentText::kNone;
  }

  RecentText text{kOrders};
  Tokens tokens;
};

TEST(RecentText, SaysWhereTheTokensBeforeAPlaceStoodBefore) {
  const Reading read;
  for (Index n = 1; n <= kOrders; ++n) {
    for (Index t = 0; t < kSize; ++t) {
      const Index expected =
          Reading::has_context(t, n) ? read.search(read.context(t, n), t) : RecentText::kNone;
      EXPECT_EQ(read.text.before(n, t), expected) << n << " tokens before " << t;
    }
  }
}

TEST(RecentText, SaysWhereAContextStoodLast) {
  const Reading read;
  for (Index n = 1; n <= kOrders; ++n) {
    for (std::uint64_t seed = 3; seed < 40; ++seed) {
      const Tokens context = random_tokens(n, seed);
      EXPECT_EQ(read.text.latest(context), read.search(context, kSize));
    }
  }
  EXPECT_EQ(read.text.latest(Tokens{7}), RecentText::kNone);
}

TEST(RecentText, HoldsWhatWasRead) {
  const Reading read;
  ASSERT_EQ(read.text.size(), kSize);
  for (Index t = 0; t < kSize; ++t) EXPECT_EQ(read.text.token(t), read.tokens[t]);
  EXPECT_EQ(RecentText(2).latest(Tokens{1}), RecentText::kNone);  // it has read nothing
}

/// The same answers of both, before each place and after any context that was or was not read.
void expect_equal(const RecentText& a, const RecentText& b) {
  ASSERT_EQ(a.size(), b.size());
  for (Index n = 1; n <= kOrders; ++n) {
    for (Index t = 0; t < a.size(); ++t) EXPECT_EQ(a.before(n, t), b.before(n, t)) << n << ' ' << t;
    for (std::uint64_t seed = 3; seed < 40; ++seed) {
      const Tokens context = random_tokens(n, seed);
      EXPECT_EQ(a.latest(context), b.latest(context));
    }
  }
}

TEST(RecentText, ForgetsWhatIsCut) {
  const Tokens passing = random_tokens(60, 8), next = random_tokens(60, 9);
  Reading read;
  RecentText never = read.text;
  for (int i = 0; i < 2; ++i) {  // from a place where a text begins, and from its midst
    read.add(passing);
    read.text.cut(kSize);
    expect_equal(read.text, never);
    read.text.start(kSize);
  }
  never.start(kSize);
  read.add(next);
  never.add(next);
  expect_equal(read.text, never);
  read.text.cut(kBreak);  // across the start of another text
  RecentText first(kOrders);
  first.add(random_tokens(kBreak, 1));
  expect_equal(read.text, first);
}

TEST(RecentText, IsNotCutBehindItsEnd) {
  RecentText text(kOrders);
  EXPECT_NE(error_of([&] { text.cut(1); }).find("1 of 0 tokens"), std::string::npos);
}

TEST(RecentText, ContextsThatAreTooLongAreRefused) {
  EXPECT_NE(error_of([] { RecentText text(17); }).find("expected 0 to 16"), std::string::npos);
}

}  // namespace
}  // namespace lior::nn
