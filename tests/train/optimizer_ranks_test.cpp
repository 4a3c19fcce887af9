// SPDX-License-Identifier: Apache-2.0
// An optimiser over several ranks, which are threads here.
#include <gtest/gtest.h>

#include <limits>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/train/optimizer.h"

namespace lior::train {
namespace {

constexpr Index kRows = 40, kWidth = 8;

/// Tensors of which some are matrices, more than one piece long or shorter than a rank's range, and
/// a table by rows.
std::vector<Tensor> tensors() {
  std::vector<Tensor> all;
  Index end = 0;
  const auto add = [&](Index size, Index rows, bool by_rows) {
    all.push_back({end, size, all.size() % 2 == 0, by_rows, rows});
    end += size;
  };
  add(50000, 0, false);
  add(96 * 200, 96, false);
  add(7, 0, false);
  add(20 * 9, 20, false);
  add(33, 0, false);
  add(kRows * kWidth, 0, true);
  return all;
}
constexpr Index kFlat = 50000 + 96 * 200 + 7 + 20 * 9 + 33, kAll = kFlat + kRows * kWidth;

struct Gradient {
  explicit Gradient(std::uint64_t step) : flat(kFlat), table(3 * kWidth) {
    Random(2, step).fill_normal(flat.span());
    Random(3, step).fill_normal(table.span());
  }
  nn::RowGradient<float> rows() const {
    return {.parameter = 5, .rows = kTouched, .values = {table.data(), {3, kWidth}}};
  }
  static constexpr std::array<std::int32_t, 3> kTouched = {1, 17, 39};
  Buffer<float> flat, table;
};

struct Result {
  std::vector<float> values;
  std::vector<std::vector<float>> state;
  std::vector<double> norms;
  friend bool operator==(const Result&, const Result&) = default;
};

/// Two steps, a second optimiser that goes on from the state of the first, and another step.
Result run(const OptimizerConfig& config, Index size) {
  const ThreadScope threads(1);
  Result result;
  comm::run_ranks(size, [&](comm::Communicator& ranks) {
    Buffer<float> values(kAll);
    Random(1).fill_normal(values.span());
    std::vector<double> norms;
    const auto step = [&](Optimizer<float>& optimizer, std::uint64_t number) {
      const auto rank = static_cast<std::size_t>(ranks.rank());
      Gradient gradient(number);
      const Index begin = rank == 0 ? 0 : optimizer.ends()[rank - 1];
      for (Index i = 0; i < kFlat; ++i) {  // what is another rank's is never read
        if (i < begin || i >= optimizer.ends()[rank]) {
          gradient.flat[i] = std::numeric_limits<float>::quiet_NaN();
        }
      }
      const nn::RowGradient<float> rows = gradient.rows();
      norms.push_back(optimizer.measure(gradient.flat.span(), std::span(&rows, 1)));
      optimizer.step(0.01, 0.5, values.span(), gradient.flat.span(), std::span(&rows, 1));
    };
    Optimizer<float> first(config, tensors(), {}, ranks), second(config, tensors(), {}, ranks);
    step(first, 1);
    step(first, 2);
    const auto gathered = [&](const Optimizer<float>& optimizer) {
      std::vector<std::vector<float>> all(optimizer.state().size(), std::vector<float>(kAll));
      for (std::size_t i = 0; i < all.size(); ++i) {
        optimizer.gather_state(i, ranks.is_first() ? std::span(all[i]) : std::span<float>());
        ranks.broadcast(std::span(all[i]));
      }
      return all;
    };
    const auto state = gathered(first);
    for (std::size_t i = 0; i < state.size(); ++i) {
      for (Index at = 0; at < kAll; at += 999) {  // parts that end anywhere
        second.set_state(i, at, std::span(state[i]).subspan(at, std::min<Index>(999, kAll - at)));
      }
    }
    second.set_steps(first.steps());
    step(second, 3);
    const auto last = gathered(second);
    if (ranks.is_first()) {
      result = {.values = {values.begin(), values.end()}, .state = last, .norms = norms};
    }
  });
  return result;
}

class OptimizerRanks : public testing::TestWithParam<OptimizerConfig> {};

TEST_P(OptimizerRanks, HaveTheBitsOfOne) {
  const Result one = run(GetParam(), 1);
  for (const Index size : {2, 5}) EXPECT_EQ(run(GetParam(), size), one) << size << " ranks";
}

INSTANTIATE_TEST_SUITE_P(Methods, OptimizerRanks,
                         testing::Values(OptimizerConfig{.kind = OptimizerKind::adamw},
                                         OptimizerConfig{.kind = OptimizerKind::muon},
                                         OptimizerConfig{.kind = OptimizerKind::lior},
                                         OptimizerConfig{.kind = OptimizerKind::lior, .power = 2},
                                         OptimizerConfig{.kind = OptimizerKind::lior,
                                                         .form = LiorForm::compat}));

TEST(OptimizerShares, AreOfNearlyEqualSizeAndCutNoMatrix) {
  comm::run_ranks(3, [](comm::Communicator& ranks) {
    const Optimizer<float> swept({}, tensors(), {}, ranks);
    Index begin = 0;
    for (const Index end : swept.ends()) {
      EXPECT_NEAR(static_cast<double>(end - begin), kFlat / 3.0, 16384);
      begin = end;
    }
    EXPECT_EQ(begin, kFlat);
    const Optimizer<float> turned({.kind = OptimizerKind::muon}, tensors(), {}, ranks);
    for (const Index end : turned.ends()) {
      for (const Tensor& tensor : tensors()) {
        EXPECT_FALSE(tensor.rows > 0 && end > tensor.offset && end < tensor.offset + tensor.size);
      }
    }
  });
}

TEST(OptimizerShares, HoldTheirPartOfTheStateAlone) {
  comm::run_ranks(4, [](comm::Communicator& ranks) {
    const Optimizer<float> optimizer({}, tensors(), {}, ranks);
    const auto rank = static_cast<std::size_t>(ranks.rank());
    const Index begin = rank == 0 ? 0 : optimizer.ends()[rank - 1];
    EXPECT_EQ(std::ssize(optimizer.state()[0].values),
              optimizer.ends()[rank] - begin + kRows * kWidth);
    EXPECT_LE(std::ssize(optimizer.state()[0].values) * 2 * sizeof(float),
              Optimizer<float>::bytes({}, tensors(), 4));
  });
}

TEST(OptimizerShares, ARankIsSentTheOthersSquaresAndValues) {
  comm::run_ranks(4, [](comm::Communicator& ranks) {
    Optimizer<float> optimizer({}, tensors(), {}, ranks);
    Buffer<float> values(kAll);
    const Gradient gradient(1);
    optimizer.measure(gradient.flat.span());
    const Index squares = ranks.traffic().bytes;
    EXPECT_LT(squares, 16 * static_cast<Index>(sizeof(double)));  // one of each piece
    optimizer.step(0.01, 1, values.span(), gradient.flat.span());
    const auto rank = static_cast<std::size_t>(ranks.rank());
    const Index own = optimizer.ends()[rank] - (rank == 0 ? 0 : optimizer.ends()[rank - 1]);
    EXPECT_EQ(ranks.traffic().bytes - squares, (kFlat - own) * static_cast<Index>(sizeof(float)));
  });
}

}  // namespace
}  // namespace lior::train
