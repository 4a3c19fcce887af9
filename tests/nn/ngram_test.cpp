// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/ngram.h"

#include <gtest/gtest.h>

#include <array>

#include "lior/nn/model.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr NgramShape kShape{.longest = 3, .bits = 4};

Array<std::int32_t, 2> rows_of(const std::vector<std::int32_t>& tokens,
                               const std::vector<float>& history = {}) {
  const auto N = static_cast<Index>(tokens.size());
  Array<std::int32_t, 2> rows({N, kShape.orders()});
  const linalg::MatrixView<const float> before(history.empty() ? nullptr : history.data(), 1,
                                               kShape.history());
  ngram_rows<float>(kShape, {tokens.data(), {1, N}}, before, rows.view());
  return rows;
}

// By hand (Python's integers) from the header's formula. Files hold tables by these rows.
TEST(Ngrams, HaveTheRowsOfTheirHash) {
  const auto rows = rows_of({1, 2, 3});
  const std::array<std::int32_t, 6> expected{15, 31, 0, 16, 2, 25};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.span().begin()));
}

TEST(Ngrams, GoOnFromTheirHistory) {
  const std::vector<std::int32_t> tokens{5, 0, 7, 7, 2, 9};
  const auto whole = rows_of(tokens);
  for (std::size_t cut = 1; cut < tokens.size(); ++cut) {
    const std::vector<std::int32_t> first(tokens.begin(), tokens.begin() + cut),
        rest(tokens.begin() + cut, tokens.end());
    std::vector<float> history(2, 0);
    ngram_remember<float>({first.data(), {1, static_cast<Index>(cut)}}, {history.data(), 1, 2});
    const auto after = rows_of(rest, history);
    EXPECT_TRUE(std::equal(after.span().begin(), after.span().end(),
                           whole.span().begin() + static_cast<std::ptrdiff_t>(2 * cut)))
        << cut;
  }
}

TEST(Ngrams, AreGroupedByTheirRows) {
  Array<std::int32_t, 2> rows({3, 2});
  const std::array<std::int32_t, 6> numbers{4, 9, 2, 9, 4, 9};  // of positions 0, 1 and 2
  std::copy(numbers.begin(), numbers.end(), rows.data());
  RowGrouping grouping(6);
  const RowGroups groups = grouping.group(rows.view());
  EXPECT_EQ(std::vector(groups.rows.begin(), groups.rows.end()), (std::vector{2, 4, 9}));
  EXPECT_EQ(std::vector(groups.begins.begin(), groups.begins.end()), (std::vector{0, 1, 3, 6}));
  EXPECT_EQ(std::vector(groups.positions.begin(), groups.positions.end()),
            (std::vector{1, 0, 2, 0, 1, 2}));
  EXPECT_NE(error_of([] {
              RowGrouping small(5);
              small.group(Array<std::int32_t, 2>({3, 2}).view());
            }).find("there is room for 5"),
            std::string::npos);
}

TEST(Ngrams, OfAConfigurationThatCannotBe) {
  const auto refused = [](ModelConfig config) {
    config.d_model = 8;
    return error_of([&] { Model<float> model(config); });
  };
  EXPECT_EQ(refused({.ngram_orders = 1}), "ngram_orders = 1; it must be 0 (none) or 2 to 16");
  EXPECT_EQ(refused({.ngram_orders = 2, .ngram_bits = 27}), "ngram_bits = 27; it must be 1 to 26");
  EXPECT_NE(refused({.ngram_output = true}).find("set ngram_orders too"), std::string::npos);
}

}  // namespace
}  // namespace lior::nn
