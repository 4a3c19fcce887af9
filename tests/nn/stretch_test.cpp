// SPDX-License-Identifier: Apache-2.0
// Sequences that ranks share have the loss, gradients, predictions and states of one rank's, to
// rounding: a stretch's sums are added to those of others in another order.
#include "lior/nn/stretch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/nn/model.h"

namespace lior::nn {
namespace {

constexpr Index kBatch = 2, kLength = 23;  // of no number of ranks a multiple
constexpr double kRoundings = 1e-12;       // of doubles, of the largest number beside each

struct SharedModel {
  const char* name;
  ModelConfig config;
  double dropout = 0;  // this and what is kept are of training alone
  Keep kept = Keep::everything;
  bool is_state_the_same = true;
};

void PrintTo(const SharedModel& shared, std::ostream* out) { *out << shared.name; }

ModelConfig small_model(std::vector<Mixer> mixers) {
  return {.vocabulary = 7,
          .classes = 7,
          .d_model = 4,
          .layers = static_cast<Index>(mixers.size()),
          .mixers = std::move(mixers),
          .mixer = {.heads = 3},
          .causal_field_heads = 3,
          .geometric_attention_heads = 2,
          .attention_heads = 2,
          .linear_attention_heads = 2,
          .attention_window = 9};
}

std::vector<SharedModel> shared_models() {
  using enum Mixer;
  std::vector<SharedModel> all;
  all.push_back({"mamba", small_model({geometric_mamba, geometric_mamba})});
  ModelConfig turns = small_model({geometric_mamba});
  turns.mixer = {.heads = 2,
                 .factors = 2,
                 .transition = algebra::Transition::two_sided,
                 .complex_state = true,
                 .gates = false,
                 .phase = true,
                 .rotation = true,
                 .readout = Readout::invariants};
  all.push_back({"turns", turns});
  all.push_back({"linear_attention", small_model({gated_linear_attention})});
  all.push_back({"attention", small_model({attention, attention})});
  all.push_back({"geometric_attention", small_model({geometric_attention})});
  ModelConfig near = small_model({attention, geometric_attention});
  near.attention_window = 3;  // less than a stretch
  all.push_back({"near_attention", near});
  all.back().is_state_the_same = false;  // its ring begins elsewhere
  all.push_back({"causal_field", small_model({causal_field, causal_field})});

  ModelConfig whole = small_model({geometric_mamba, causal_field, geometric_attention, attention});
  whole.mlp_hidden = 5;
  whole.convolution = 3;
  whole.ngram_orders = 3;
  whole.ngram_bits = 5;
  whole.ngram_output = true;
  whole.count_orders = 3;
  whole.recent_orders = 2;
  all.push_back({"everything", whole});
  ModelConfig window = small_model({geometric_mamba});
  window.count_orders = window.recent_orders = 2;
  window.recent_window = 5;
  all.push_back({"recent_window", window});
  all.push_back({"dropout", whole, 0.3});
  all.push_back({"kept_products", whole, 0.3, Keep::products});
  all.push_back({"kept_input", whole, 0.3, Keep::input});
  ModelConfig far = small_model({geometric_mamba});
  far.convolution = 16;  // reaches beyond the stretch before
  all.push_back({"far_convolution", far});
  return all;
}

/// What a call gives, added up over ranks.
struct Sums {
  LossResult loss;
  std::vector<double> gradients;
};

void add(LossResult& sum, const LossResult& part) {
  sum.loss_sum += part.loss_sum;
  sum.targets += part.targets;
  sum.correct += part.correct;
  sum.last_targets += part.last_targets;
  sum.last_correct += part.last_correct;
}

void expect_equal(const LossResult& one, const LossResult& other, double tolerance) {
  EXPECT_NEAR(one.loss_sum, other.loss_sum, tolerance * std::abs(one.loss_sum));
  EXPECT_EQ(one.targets, other.targets);
  EXPECT_EQ(one.correct, other.correct);
  EXPECT_EQ(one.last_targets, other.last_targets);
  EXPECT_EQ(one.last_correct, other.last_correct);
}

double largest(std::span<const double> numbers) {
  double most = 0;
  for (const double number : numbers) most = std::max(most, std::abs(number));
  return most;
}

void expect_near(std::span<const double> one, std::span<const double> other, double tolerance) {
  ASSERT_EQ(one.size(), other.size());
  const double most = tolerance * largest(one);
  for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], most) << "at " << i;
}

class SharedSequences : public testing::TestWithParam<SharedModel> {
 protected:
  SharedSequences() {
    Random random(3);
    for (std::int32_t& token : tokens_.span()) token = static_cast<std::int32_t>(random.below(7));
    for (std::int32_t& target : targets_.span()) {
      target = static_cast<std::int32_t>(random.below(8)) - 1;  // some do not count
    }
  }

  Model<double> model() const {
    Model<double> model(GetParam().config);
    model.initialize(5);
    Random random(4);
    for (double& value : model.values()) value += 0.1 * random.normal();
    model.set_kept(std::vector<Keep>(model.kept().size(), GetParam().kept));
    model.set_dropout({.rate = GetParam().dropout, .seed = 2, .step = 9});
    if (const Index longest = GetParam().config.count_orders; longest > 0) {
      TextCounts counts{.all = Counts(longest), .part_size = 40};
      counts.all.add(tokens_.span());
      counts.all.finish();
      counts.lost.push_back(Counts(longest));
      counts.lost.back().finish();
      counts.lost.push_back(counts.lost.back());
      if (GetParam().config.recent_window == 0) {
        counts.recent = RecentText(GetParam().config.recent_orders);
        counts.recent.add(tokens_.span());
      }
      model.set_counts(std::make_shared<TextCounts>(counts));
    }
    return model;
  }

  Sums step(comm::Communicator& ranks) const {
    Model<double> own = model();
    Arena arena(own.training_bytes(kBatch, kLength, ranks.size()));
    const std::vector<Index> places{5, -1};
    Sums sums{own.loss_and_gradients(tokens_.view(), targets_.view(), arena, places, 0, ranks), {}};
    sums.gradients.assign(own.gradients().begin(), own.gradients().end());
    for (const RowGradient<double>& table : own.row_gradients()) {
      const std::size_t at = sums.gradients.size();
      const Parameter& parameter = own.parameters()[static_cast<std::size_t>(table.parameter)];
      sums.gradients.resize(at + static_cast<std::size_t>(parameter.size));
      const Index width = table.values.extent(1);
      for (Index i = 0; i < std::ssize(table.rows); ++i) {
        const Index row = table.rows[static_cast<std::size_t>(i)];
        std::ranges::copy(table.values[i].span(), sums.gradients.begin() + at + row * width);
      }
    }
    return sums;
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

INSTANTIATE_TEST_SUITE_P(Models, SharedSequences, testing::ValuesIn(shared_models()),
                         [](const auto& info) { return std::string(info.param.name); });

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
