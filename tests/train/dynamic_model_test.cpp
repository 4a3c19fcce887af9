// SPDX-License-Identifier: Apache-2.0
#include "lior/train/dynamic_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lior/core/random.h"
#include "lior/train/evaluate.h"
#include "lior/train/generate.h"
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

/// One whose scores hear what was read: the weights of its terms are 0 at first.
nn::Model<float> listening_model() {
  nn::Model<float> model = model_of(config_of(2, 3));
  Random random(5);
  for (float& value : model.values()) value += static_cast<float>(0.3 * random.normal());
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

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::abs(a[i] - b[i]));
  }
  return largest;
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

TEST(DynamicModel, LooksIntoATextUntilTheNextOneBegins) {
  nn::Model<float> model = listening_model();
  double read = 0;
  {
    DynamicModel learner(model, 0);
    learner.start();
    learner.read(rounds(64));
    read = loss_of(model);
  }
  const auto values = values_of(model);
  const double before = loss_of(model);
  EXPECT_GT(std::abs(read - before), 0.01);
  DynamicModel learner(model, kRate);
  for (int i = 0; i < 2; ++i) {
    learner.start();
    learner.look_into(rounds(64));
    EXPECT_EQ(loss_of(model), read);
    learner.start();
    EXPECT_EQ(loss_of(model), before);
  }
  learner.look_into(rounds(1000));
  EXPECT_EQ(values_of(model), values);
  EXPECT_NE(error_of([&] { learner.read(rounds(8)); }).find("another begins before more is read"),
            std::string::npos);
  learner.start();
  for (int i = 0; i < 8; ++i) learner.read(rounds(64));
  EXPECT_NE(values_of(model), values);
}

TEST(DynamicModel, LooksIntoWhatAGeneratorReadsAndDraws) {
  nn::Model<float> model = listening_model();
  DynamicModel learner(model, kRate);
  learner.start();
  learner.read(rounds(kDynamicWindow));
  const Sampling sampling{.temperature = 2};
  const std::vector<std::int32_t> prompt{3, 3, 1, 3, 3};
  Generator::Reading reading;
  std::vector<std::int32_t> drawn(40);
  {
    Generator generator(model, sampling, 7, &learner);
    generator.read(prompt);
    reading = generator.reading();
    for (std::int32_t& token : drawn) token = generator.next();
  }
  {  // the same again, of which nothing stayed
    Generator generator(model, sampling, 7, &learner);
    generator.resume(reading, prompt);
    for (const std::int32_t token : drawn) EXPECT_EQ(generator.next(), token);
  }
  // The scores of a model that has the prompt and the text before its eyes.
  std::vector<std::int32_t> text = prompt;
  text.insert(text.end(), drawn.begin(), drawn.end());
  Generator writer(model, sampling, 7, &learner), reader(model, sampling, 7);
  writer.resume(reading, prompt);
  for (std::size_t i = 0; i < drawn.size(); ++i) writer.next();
  learner.start();
  learner.look_into(text);
  reader.read(text);
  const std::vector<float> scores = reader.reading().scores;
  EXPECT_LT(largest_difference(writer.reading().scores, scores), 1e-4);  // float32, other pieces
  learner.start();
  Generator blind(model, sampling, 7);
  blind.read(text);
  EXPECT_GT(largest_difference(blind.reading().scores, scores), 0.1);
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
