// SPDX-License-Identifier: Apache-2.0
// Sequences packed into one row of a model, beside each in a call of its own.
#include <gtest/gtest.h>

#include <numeric>

#include "lior/core/thread_scope.h"
#include "small_models.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

using Row = std::vector<std::int32_t>;

View<const std::int32_t, 2> row_of(std::span<const std::int32_t> tokens) {
  return {tokens.data(), {1, std::ssize(tokens)}};
}

class PackedModel : public testing::TestWithParam<SmallModel> {
 protected:
  PackedModel() {
    Random random(3);
    for (std::int32_t& token : tokens_) token = static_cast<std::int32_t>(random.below(7));
    for (std::int32_t& target : targets_) {
      target = static_cast<std::int32_t>(random.below(8)) - 1;  // some do not count
    }
  }
  /// What dropout leaves out depends on the row.
  Model<double> model() const {
    Model<double> made = made_of(GetParam(), tokens_);
    made.set_dropout({});
    return made;
  }

  /// Of a step on these tokens, whose loss is the mean over those of all.
  Sums step(Model<double>& model, std::size_t begin, std::size_t size, std::vector<Index> places,
            std::span<const Index> lengths = {}) const {
    const auto tokens = std::span(tokens_).subspan(begin, size);
    const auto targets = std::span(targets_).subspan(begin, size);
    Arena arena(lengths.empty() ? model.training_bytes(1, std::ssize(tokens))
                                : model.training_bytes(lengths));
    const Index all = std::ranges::count_if(targets_, [](auto target) { return target >= 0; });
    const LossResult loss = model.loss_and_gradients(row_of(tokens), row_of(targets), arena, places,
                                                     all, comm::alone(), lengths);
    return {loss, gradients_of(model)};
  }

  const ThreadScope threads_{1};
  const std::vector<Index> lengths_{5, 1, 1, 0, 12, 2, 2}, places_{7, -1, 2, 0, 3, 19, -1};
  Row tokens_ = Row(23), targets_ = tokens_;
};

TEST_P(PackedModel, AStepIsTheSumOfThoseOfItsSequences) {
  Model<double> model = this->model();
  const Sums packed = step(model, 0, tokens_.size(), places_, lengths_);
  Sums sum{{}, std::vector<double>(packed.gradients.size())};
  std::size_t begin = 0;
  for (std::size_t s = 0; s < lengths_.size(); ++s) {
    const auto size = static_cast<std::size_t>(lengths_[s]);
    const Sums one = step(model, begin, size, {places_[s]});
    add(sum.loss, one.loss);
    for (std::size_t i = 0; i < one.gradients.size(); ++i) sum.gradients[i] += one.gradients[i];
    begin += size;
  }
  expect_equal(sum.loss, packed.loss, kRoundings);
  expect_near(sum.gradients, packed.gradients, kRoundings);
  // What a boundary is for: as one sequence they have another loss.
  const Sums whole = step(model, 0, tokens_.size(), {-1});
  EXPECT_GT(std::abs(whole.loss.loss_sum - packed.loss.loss_sum), 1e-3);
}

// Twice, so that the second call goes on where each sequence of the first ended.
TEST_P(PackedModel, AnEvaluationGoesOnWhereEachSequenceEnded) {
  const Model<double> model = this->model();
  const auto count = std::ssize(lengths_);
  const std::vector<std::vector<Index>> calls{lengths_, {2, 4, 4, 4, 1, 7, 1}};
  Array<double, 2> states({count, model.state_size()}), alone(states.shape());
  model.initial_state(states.view());
  model.initial_state(alone.view());
  for (const std::vector<Index>& lengths : calls) {
    Row predicted(tokens_.size());
    Arena arena(model.inference_bytes(lengths) + model.inference_bytes(1, 23));
    const LossResult packed =
        model.evaluate(row_of(tokens_), row_of(targets_), states.view(), arena,
                       {predicted.data(), {1, 23}}, comm::alone(), lengths);
    LossResult sum;
    Row each(tokens_.size());
    std::size_t begin = 0;
    for (Index s = 0; s < count; ++s) {
      const auto size = static_cast<std::size_t>(lengths[static_cast<std::size_t>(s)]);
      const auto part = [&](const Row& of) { return row_of(std::span(of).subspan(begin, size)); };
      const View<double, 2> state(alone.view()[s].data(), {1, model.state_size()});
      add(sum, model.evaluate(part(tokens_), part(targets_), state, arena,
                              {each.data() + begin, {1, std::ssize(part(tokens_).span())}}));
      begin += size;
    }
    expect_equal(sum, packed, kRoundings);
    EXPECT_EQ(predicted, each);
    expect_near(alone.span(), states.span(), kRoundings);
  }
}

TEST_P(PackedModel, LogitsAreThoseBehindEachSequence) {
  const Model<double> model = this->model();
  const std::vector<Index> lengths{5, 1, 14, 3};
  Array<double, 2> states({4, model.state_size()}), logits({4, 7}), alone({1, 7});
  model.initial_state(states.view());
  Arena arena(model.inference_bytes(lengths) + model.inference_bytes(1, 23));
  model.logits(row_of(tokens_), states.view(), logits.view(), arena, lengths);
  std::size_t begin = 0;
  for (Index s = 0; s < 4; ++s) {
    const auto size = static_cast<std::size_t>(lengths[static_cast<std::size_t>(s)]);
    Array<double, 2> state({1, model.state_size()});
    model.initial_state(state.view());
    model.logits(row_of(std::span(tokens_).subspan(begin, size)), state.view(), alone.view(),
                 arena);
    expect_near(alone.span(), logits.view()[s].span(), kRoundings);
    expect_near(state.span(), states.view()[s].span(), kRoundings);
    begin += size;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PackedModel, testing::ValuesIn(small_models()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PackedModelErrors, PlacesBeyondTheCountedTextAreNamed) {
  const auto models = small_models();
  const auto with_text =
      std::ranges::find_if(models, [](const auto& of) { return of.config.recent_orders > 0; });
  const Row text(23);
  Model<double> model = made_of(*with_text, text);
  const std::vector<Index> lengths{20, 3}, fit{2, 19}, far{2, 20};
  Arena arena(model.training_bytes(lengths));
  const auto step = [&](const std::vector<Index>& places) {
    model.loss_and_gradients(row_of(text), row_of(text), arena, places, 0, comm::alone(), lengths);
  };
  step(fit);
  EXPECT_NE(error_of([&] { step(far); })
                .find("places hold 20, of a sequence of 3 tokens; the "
                      "counted text has 23"),
            std::string::npos);
}

TEST(PackedModelErrors, LengthsThatDoNotFitAreNamed) {
  Model<double> model = made_of(small_models().front(), {});
  const Row tokens(23);
  Arena arena(model.inference_bytes(1, 23) + model.training_bytes(1, 23));
  Array<double, 2> states({2, model.state_size()}), logits({2, 7});
  const auto said = [&](const std::vector<Index>& lengths) {
    return error_of(
        [&] { model.logits(row_of(tokens), states.view(), logits.view(), arena, lengths); });
  };
  EXPECT_NE(said({20, 2}).find("lengths are of 22 tokens in one row; tokens is [1, 23]"),
            std::string::npos);
  EXPECT_NE(said({24, -1}).find("lengths hold -1"), std::string::npos);
  EXPECT_NE(said({23, 0}).find("lengths hold 0; scores follow a token"), std::string::npos);
  EXPECT_NE(said({20, 2, 1}).find("state"), std::string::npos);
  const std::vector<Index> lengths{20, 3};
  comm::run_ranks(2, [&](comm::Communicator& ranks) {
    Model<double> own = made_of(small_models().front(), {});
    Arena room(own.training_bytes(lengths));
    EXPECT_NE(error_of([&] {
                own.loss_and_gradients(row_of(tokens), row_of(tokens), room, {}, 0, ranks, lengths);
              }).find("2 ranks share sequences, and these are packed"),
              std::string::npos);
  });
}

}  // namespace
}  // namespace lior::nn
