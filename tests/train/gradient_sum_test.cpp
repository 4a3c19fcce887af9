// SPDX-License-Identifier: Apache-2.0
#include "lior/train/gradient_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "lior/core/error.h"
#include "lior/core/random.h"

namespace lior::train {
namespace {

constexpr Index kSize = 10, kWidth = 3;

/// A micro-batch's gradient: numbers of very different sizes, so that every order has its own bits.
std::vector<float> leaf(Index micro_batch) {
  Random random(5, static_cast<std::uint64_t>(micro_batch));
  std::vector<float> values(kSize);
  for (float& value : values) {
    value = static_cast<float>(std::exp(20 * random.uniform() - 10) * (random.uniform() - 0.5));
  }
  return values;
}

/// Its gradient of a table: rows g, g + 1 and 7.
struct LeafRows {
  explicit LeafRows(Index g)
      : rows{static_cast<std::int32_t>(g % 5), static_cast<std::int32_t>(g % 5 + 1), 7} {
    Random random(6, static_cast<std::uint64_t>(g));
    for (Index i = 0; i < 3 * kWidth; ++i) values.push_back(static_cast<float>(random.normal()));
  }
  nn::RowGradient<float> gradient() const {
    return {.parameter = 2, .rows = rows, .values = {values.data(), {3, kWidth}}};
  }
  std::vector<std::int32_t> rows;
  std::vector<float> values;
};

struct Sum {
  std::vector<float> flat;
  std::vector<std::int32_t> rows;
  std::vector<float> values;
  friend bool operator==(const Sum&, const Sum&) = default;
};

/// By so many ranks; each says its own range of the flat gradient and all of the rows.
Sum sum_of(Index micro_batches, Index size) {
  Sum sum{.flat = std::vector<float>(kSize), .rows = {}, .values = {}};
  const std::vector<Index> ends = comm::even_ends(kSize, size);
  comm::run_ranks(size, [&](comm::Communicator& ranks) {
    GradientSum together(micro_batches, kSize, ends, ranks);
    for (int step = 0; step < 2; ++step) {  // nothing of the first is left in the second
      std::vector<float> gradients;
      for (Index g = together.first(); g < together.last(); ++g) {
        const std::vector<float> next = leaf(g + 100 * (1 - step));
        gradients.resize(kSize);
        std::copy(next.begin(), next.end(), gradients.begin());
        const LeafRows rows(g + 100 * (1 - step));
        const nn::RowGradient<float> table = rows.gradient();
        together.add(gradients, std::span(&table, 1));
        if (micro_batches == 1) {
          EXPECT_EQ(together.rows()[0].values.data(), rows.values.data());
        }
      }
      together.finish(gradients);
      if (step == 0) continue;
      const auto rank = static_cast<std::size_t>(ranks.rank());
      for (Index i = rank == 0 ? 0 : ends[rank - 1]; i < ends[rank]; ++i) {
        sum.flat[i] = gradients[i];
      }
      if (!ranks.is_first() || micro_batches == 1) continue;
      const nn::RowGradient<float>& table = together.rows()[0];
      EXPECT_EQ(table.parameter, 2);
      sum.rows.assign(table.rows.begin(), table.rows.end());
      sum.values.assign(table.values.begin(), table.values.end());
    }
  });
  return sum;
}

class MicroBatches : public testing::TestWithParam<Index> {};

TEST_P(MicroBatches, HaveASumThatIsClose) {
  const Sum sum = sum_of(GetParam(), 1);
  std::vector<double> exact(kSize), sizes(kSize);
  std::map<std::int32_t, std::vector<double>> rows;
  for (Index g = 0; g < GetParam(); ++g) {
    const std::vector<float> values = leaf(g);
    for (Index i = 0; i < kSize; ++i) exact[i] += values[i], sizes[i] += std::abs(values[i]);
    const LeafRows table(g);
    for (Index k = 0; k < 3; ++k) {
      auto& row = rows.try_emplace(table.rows[k], kWidth).first->second;
      for (Index i = 0; i < kWidth; ++i) row[i] += table.values[k * kWidth + i];
    }
  }
  for (Index i = 0; i < kSize; ++i) EXPECT_NEAR(sum.flat[i], exact[i], 1e-6 * sizes[i]);
  if (GetParam() == 1) return;
  ASSERT_EQ(sum.rows.size(), rows.size());
  std::size_t at = 0;
  for (const auto& [row, values] : rows) {
    EXPECT_EQ(sum.rows[at / kWidth], row);
    for (const double value : values) EXPECT_NEAR(sum.values[at++], value, 1e-5);
  }
}

TEST_P(MicroBatches, HaveASumWhoseBitsDoNotDependOnTheRanks) {
  const Sum one = sum_of(GetParam(), 1);
  for (Index ranks = 2; ranks <= GetParam(); ++ranks) {
    if (GetParam() % ranks == 0) {
      EXPECT_EQ(sum_of(GetParam(), ranks), one) << ranks << " ranks";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(GradientSum, MicroBatches, testing::Values(1, 2, 3, 4, 6, 8, 12));

TEST(GradientSum, ARankIsSentTheOthersPartOfItsRange) {
  comm::run_ranks(4, [](comm::Communicator& ranks) {
    GradientSum sum(8, 64, comm::even_ends(64, 4), ranks);
    std::vector<float> gradients(64, 1);
    sum.add(gradients, {});
    sum.add(gradients, {});
    sum.finish(gradients);
    EXPECT_EQ(ranks.traffic().bytes, 3 * 16 * static_cast<Index>(sizeof(float)));
  });
}

TEST(GradientSum, RanksShareMicroBatchesEvenly) {
  comm::run_ranks(2, [](comm::Communicator& ranks) {
    EXPECT_THROW(GradientSum(3, 8, comm::even_ends(8, 2), ranks), Error);
    EXPECT_THROW(GradientSum(1, 8, comm::even_ends(8, 2), ranks), Error);
  });
}

}  // namespace
}  // namespace lior::train
