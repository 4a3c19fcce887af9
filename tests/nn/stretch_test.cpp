// SPDX-License-Identifier: Apache-2.0
// Sequences that ranks share have the loss, gradients, predictions and states of one rank's, to
// rounding: a stretch's sums are added to those of others in another order.
#include "lior/nn/stretch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "small_models.h"

namespace lior::nn {
namespace {

constexpr Index kBatch = 2, kLength = 23;  // of no number of ranks a multiple
class SharedSequences : public testing::TestWithParam<SmallModel> {
 protected:
  SharedSequences() {
    Random random(3);
    for (std::int32_t& token : tokens_.span()) token = static_cast<std::int32_t>(random.below(7));
    for (std::int32_t& target : targets_.span()) {
      target = static_cast<std::int32_t>(random.below(8)) - 1;  // some do not count
    }
  }

  Model<double> model() const { return made_of(GetParam(), tokens_.span()); }

  Sums step(comm::Communicator& ranks) const {
    Model<double> own = model();
    Arena arena(own.training_bytes(kBatch, kLength, ranks.size()));
    const std::vector<Index> places{5, -1};
    const LossResult loss =
        own.loss_and_gradients(tokens_.view(), targets_.view(), arena, places, 0, ranks);
    return {loss, gradients_of(own)};
  }

  const ThreadScope threads_{1};
  Array<std::int32_t, 2> tokens_{{kBatch, kLength}}, targets_{{kBatch, kLength}};
};

TEST_P(SharedSequences, AStepHasTheLossAndGradientsOfOneRank) {
  const Sums one = step(comm::alone());
  for (const Index size : {2, 5}) {
    std::vector<Sums> parts(static_cast<std::size_t>(size));
    comm::run_ranks(size, [&](comm::Communicator& ranks) {
      parts[static_cast<std::size_t>(ranks.rank())] = step(ranks);
    });
    Sums sum{{}, std::vector<double>(one.gradients.size())};
    for (const Sums& part : parts) {
      add(sum.loss, part.loss);
      for (std::size_t i = 0; i < sum.gradients.size(); ++i) sum.gradients[i] += part.gradients[i];
    }
    expect_equal(one.loss, sum.loss, kRoundings);
    expect_near(one.gradients, sum.gradients, kRoundings);
  }
}

// Three windows, whose last has fewer tokens than there are ranks.
TEST_P(SharedSequences, AnEvaluationInWindowsIsThatOfOneRankOnAll) {
  if (GetParam().dropout > 0) return;
  const auto evaluate = [&](comm::Communicator& ranks, Array<double, 2>& state,
                            Array<std::int32_t, 2>& predicted) {
    const Model<double> own = model();
    Arena arena(own.inference_bytes(kBatch, kLength, ranks.size()));
    state = Array<double, 2>({kBatch, own.state_size()});
    own.initial_state(state.view());
    LossResult sum;
    for (Index begin = 0; begin < kLength; begin += 11) {
      const Index width = std::min<Index>(11, kLength - begin);
      Array<std::int32_t, 2> tokens({kBatch, width}), targets({kBatch, width}),
          here({kBatch, width});
      for (Index b = 0; b < kBatch; ++b) {
        std::copy_n(&tokens_(b, begin), width, &tokens(b, 0));
        std::copy_n(&targets_(b, begin), width, &targets(b, 0));
      }
      add(sum,
          own.evaluate(tokens.view(), targets.view(), state.view(), arena, here.view(), ranks));
      for (Index b = 0; b < kBatch; ++b) std::copy_n(&here(b, 0), width, &predicted(b, begin));
    }
    return sum;
  };
  Array<double, 2> state;
  Array<std::int32_t, 2> predicted({kBatch, kLength});
  const LossResult one = evaluate(comm::alone(), state, predicted);
  comm::run_ranks(3, [&](comm::Communicator& ranks) {
    Array<double, 2> own_state;
    Array<std::int32_t, 2> own_predicted({kBatch, kLength});
    const LossResult own = evaluate(ranks, own_state, own_predicted);
    expect_equal(one, own, kRoundings);
    if (GetParam().is_state_the_same) expect_near(state.span(), own_state.span(), kRoundings);
    EXPECT_TRUE(std::ranges::equal(predicted.span(), own_predicted.span()));
  });
}

INSTANTIATE_TEST_SUITE_P(Models, SharedSequences, testing::ValuesIn(small_models()),
                         [](const auto& info) { return std::string(info.param.name); });

// Whatever the window, no rank holds keys and values of more than another rank's stretch at once.
TEST(Stretches, AWindowAsLongAsTheSequenceKeepsAShareOfItsMemory) {
  for (const Mixer mixer : {Mixer::attention, Mixer::geometric_attention}) {
    ModelConfig config = small_model({mixer});
    config.attention_window = 8192;
    const auto bytes = [model = Model<float>::planner(config)](Index ranks) {
      return static_cast<double>(model.training_bytes(1, 8192, ranks));
    };
    EXPECT_LE(bytes(4), 0.45 * bytes(1)) << name(mixer);  // with the shares that pass
    EXPECT_LE(bytes(16), 0.26 * bytes(4)) << name(mixer);
  }
}

TEST(Stretches, ArePartsOfAnyLengthInOrder) {
  const Stretch stretch{.place = 1, .count = 3, .whole = 8};
  EXPECT_EQ(stretch.begin(), 3);
  EXPECT_EQ(stretch.end(), 6);
  EXPECT_EQ(stretch.begin_of(3), 8);
}

// A halo longer than the stretch before it takes rows of several ranks, and gives to them.
TEST(Stretches, AHaloIsTheRowsBefore) {
  constexpr Index kWhole = 11, kWidth = 2, kReach = 6;
  comm::run_ranks(4, [&](comm::Communicator& ranks) {
    const Stretch stretch{ranks.rank(), 4, kWhole, &ranks};
    const Index begin = stretch.begin(), N = stretch.end() - begin;
    const Sequences sequences{kBatch, N, stretch};
    const Halo halo(sequences, kReach);
    ASSERT_EQ(halo.rows(), std::min(begin, kReach));
    const auto number = [](Index b, Index n, Index j) {
      return static_cast<double>(100 * b + 10 * n + j);
    };
    Array<double, 2> own({kBatch * N, kWidth});
    for (Index b = 0; b < kBatch; ++b) {
      for (Index n = 0; n < N; ++n) {
        for (Index j = 0; j < kWidth; ++j) own(b * N + n, j) = number(b, begin + n, j);
      }
    }
    Arena arena(4096);
    const auto extended = halo.extend<double>(View<const double, 2>(own.view()), arena);
    const Index first = begin - halo.rows(), each = halo.rows() + N;
    for (Index b = 0; b < kBatch; ++b) {
      for (Index n = 0; n < each; ++n) {
        for (Index j = 0; j < kWidth; ++j) {
          EXPECT_EQ(extended(b * each + n, j), number(b, first + n, j));
        }
      }
    }
    // Each row comes back once from every later stretch that reaches it.
    std::ranges::fill(own.span(), 0.0);
    std::ranges::fill(extended.span(), 1.0);
    halo.give_back<double>(View<const double, 2>(extended), own.view(), arena);
    for (Index n = 0; n < N; ++n) {
      Index readers = 0;
      for (Index r = stretch.place + 1; r < 4; ++r) {
        readers += stretch.begin_of(r) - kReach <= begin + n;
      }
      EXPECT_EQ(own(N + n, 1), static_cast<double>(readers));
    }
  });
}

TEST(Stretches, NeedATokenEach) {
  const Model<float> model(small_model({Mixer::geometric_mamba}));
  EXPECT_THROW(static_cast<void>(model.training_bytes(1, 1, 2)), Error);
}

}  // namespace
}  // namespace lior::nn
