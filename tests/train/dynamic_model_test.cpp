// SPDX-License-Identifier: Apache-2.0
#include "lior/train/dynamic_model.h"

#include <gtest/gtest.h>

#include <string>

#include "lior/train/evaluate.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

constexpr double kRate = 1e-2;

nn::ModelConfig config_of(Index count_orders, Index recent_orders) {
  nn::ModelConfig config{.vocabulary = 8, .classes = 8, .d_model = 16};
  config.mixer.heads = 1;
  config.count_orders = count_orders;
  config.recent_orders = recent_orders;
  return config;
}

/// The numbers 0 to 7 in order, again and again.
std::vector<std::int32_t> rounds(Index size) {
  std::vector<std::int32_t> tokens;
  for (Index t = 0; t < size; ++t) tokens.push_back(static_cast<std::int32_t>(t % 8));
  return tokens;
}

nn::Model<float> model_of(const nn::ModelConfig& config) {
  nn::Model<float> model(config);
  model.initialize(1);
  if (config.count_orders > 0) {
    auto counts =
        std::make_shared<nn::TextCounts>(nn::TextCounts{.all = nn::Counts(config.count_orders)});
    counts->all.add(std::vector<std::int32_t>{7, 6, 5, 4, 3, 2, 1, 0, 7, 6, 5, 4});
    counts->all.finish();
    model.set_counts(counts);
  }
  return model;
}

/// Mean loss of 32 more tokens.
double loss_of(const nn::Model<float>& model) {
  const std::vector<std::int32_t> tokens = rounds(33);
  Array<float, 2> state({1, model.state_size()});
  model.initial_state(state.view());
  Arena arena(model.inference_bytes(1, 32));
  const Shape<2> shape{1, 32};
  return model.evaluate({tokens.data(), shape}, {tokens.data() + 1, shape}, state.view(), arena)
             .loss_sum /
         32;
}

/// Texts one after another; each token of the last one is a target, and none before.
class Texts : public Stream {
 public:
  explicit Texts(const std::vector<std::vector<std::int32_t>>& texts)
      : Stream(std::ssize(texts), std::ssize(texts.front()) - 1, 1), texts_(texts) {}

  Index longest(Index first, Index) const override { return std::ssize(text(first)) - 1; }
  void read(Index first, Index begin, View<std::int32_t, 2> tokens,
            View<std::int32_t, 2> targets) override {
    const auto from = text(first).begin() + begin;
    std::copy_n(from, tokens.size(), tokens.data());
    if (first + 1 == count()) {
      std::copy_n(from + 1, tokens.size(), targets.data());
    } else {
      std::fill_n(targets.data(), tokens.size(), kNoTarget);
    }
  }

 private:
  const std::vector<std::int32_t>& text(Index i) const {
    return texts_[static_cast<std::size_t>(i)];
  }
  std::vector<std::vector<std::int32_t>> texts_;
};

std::vector<float> values_of(const nn::Model<float>& model) {
  return {model.values().begin(), model.values().end()};
}

TEST(DynamicModel, PredictsWhatRepeatsItselfAndIsThenAsBefore) {
  for (const auto& [count_orders, recent_orders] :
       {std::pair<Index, Index>{0, 0}, {2, 0}, {2, 3}}) {
    nn::Model<float> model = model_of(config_of(count_orders, recent_orders));
    const double before = loss_of(model);
    const auto values = values_of(model);
    {
      DynamicModel learner(model, kRate);
      learner.start();
      for (int i = 0; i < 40; ++i) learner.read(rounds(64));
      EXPECT_LT(loss_of(model), 0.8 * before) << count_orders << ' ' << recent_orders;
    }
    EXPECT_EQ(loss_of(model), before);
    EXPECT_EQ(values_of(model), values);
  }
}

TEST(DynamicModel, TakesAStepForEveryWindowWhoseNextTokenIsThere) {
  nn::Model<float> model = model_of(config_of(0, 0));
  const auto values = values_of(model);
  DynamicModel learner(model, kRate);
  learner.start();
  learner.read(rounds(kDynamicWindow));
  EXPECT_EQ(values_of(model), values);  // what follows the last one is not known
  learner.start();                      // what waited is not followed by a new text
  learner.read(rounds(kDynamicWindow));
  EXPECT_EQ(values_of(model), values);
  learner.read(rounds(1));
  EXPECT_NE(values_of(model), values);
}

TEST(DynamicModel, LearnsTheSameFromTheSameTextInOtherPieces) {
  const std::vector<std::int32_t> text = rounds(1000);
  std::vector<std::vector<float>> learnt;
  for (const std::size_t piece : {1, 16, 1000}) {
    nn::Model<float> model = model_of(config_of(2, 3));
    DynamicModel learner(model, kRate);
    learner.start();
    for (std::size_t t = 0; t < text.size(); t += piece) {
      learner.read(std::span(text).subspan(t, std::min(piece, text.size() - t)));
    }
    learnt.push_back(values_of(model));
  }
  EXPECT_EQ(learnt[0], learnt[1]);
  EXPECT_EQ(learnt[0], learnt[2]);
}

TEST(DynamicModel, ThatHasReadATextPredictsWhatFollowsAsADynamicEvaluationDoes) {
  // One token more, since an evaluation reads the tokens that have a target.
  const std::vector<std::int32_t> before = rounds(3 * kDynamicWindow),
                                  next = rounds(kGrowthWindow + 1);
  for (const auto& [count_orders, recent_orders] :
       {std::pair<Index, Index>{0, 0}, {2, 0}, {2, 3}}) {
    nn::Model<float> model = model_of(config_of(count_orders, recent_orders));
    Evaluator evaluator(model, 1, kGrowthWindow);
    Texts one({next});
    const double unread = evaluator.run(one).loss;
    double adapted = 0;
    {
      DynamicModel learner(model, kRate);
      learner.start();
      learner.read(std::span(before).first(before.size() - 1));
      adapted = evaluator.run(one).loss;
    }
    DynamicModel learner(model, kRate);
    evaluator.after_windows([&](View<const std::int32_t, 2> tokens, bool is_first) {
      if (is_first) learner.start();
      learner.read(tokens.span());
    });
    Texts both({before, next});
    EXPECT_EQ(evaluator.run(both).loss, adapted) << count_orders << ' ' << recent_orders;
    EXPECT_NE(adapted, unread) << count_orders << ' ' << recent_orders;
  }
}

TEST(DynamicModel, TakesNoStepsAtARateOfZeroOrWhereCountsGrow) {
  for (const auto& [recent_orders, rate] : {std::pair<Index, double>{3, 0}, {0, kRate}}) {
    nn::Model<float> model = model_of(config_of(2, recent_orders));
    const auto values = values_of(model);
    DynamicModel learner(model, rate);
    learner.start();
    learner.read(rounds(1000));
    EXPECT_EQ(values_of(model), values);
  }
}

TEST(DynamicModel, ThatCannotLearnIsRefused) {
  nn::Model<float> model = model_of(config_of(0, 0));
  EXPECT_NE(error_of([&] { DynamicModel learner(model, 0); }).find("nothing else learns"),
            std::string::npos);
  EXPECT_NE(error_of([&] { DynamicModel learner(model, -1); }).find("at least 0"),
            std::string::npos);
}

}  // namespace
}  // namespace lior::train
