#include "lior/train/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "lior/core/random.h"
#include "lior/train/generate.h"

namespace lior::train {
namespace {

/// With random values everywhere: start values score all classes alike, which hides mistakes.
nn::Model<float> small_model(Index vocabulary, Index classes) {
  nn::Model<float> model({.vocabulary = vocabulary,
                          .classes = classes,
                          .d_model = 16,
                          .layers = 2,
                          .mixer = {.heads = 2}});
  Random(3).fill_normal(model.values(), 0.5);
  return model;
}

// Float sums in another order: a few roundings of a mean.
constexpr double kSumTolerance = 1e-5;

TEST(Evaluator, ATaskDoesNotDependOnBatchOrWindow) {
  const auto model = small_model(60, 60);
  Evaluator whole(model, 5, 100), parts(model, 2, 7);
  const EvalResult a = whole.task(Task::a5, 1, 5, 100), b = parts.task(Task::a5, 1, 5, 100);
  EXPECT_EQ(a.tokens, 500);
  EXPECT_EQ(b.tokens, 500);
  EXPECT_NEAR(a.loss, b.loss, kSumTolerance);
  EXPECT_DOUBLE_EQ(a.accuracy, b.accuracy);
  EXPECT_EQ(a.accuracy_last, b.accuracy_last);
  // Other sequences give another loss, so the equality above means something.
  EXPECT_GT(std::abs(a.loss - whole.task(Task::a5, 2, 5, 100).loss), 10 * kSumTolerance);
}

TEST(Evaluator, TasksCountTheirLabels) {
  const auto copy = small_model(17, 16), induction = small_model(64, 64);
  EXPECT_EQ(Evaluator(copy, 4, 8).task(Task::copy, 1, 6, 20).tokens, 6 * 10);
  const EvalResult last = Evaluator(induction, 4, 8).task(Task::induction, 1, 6, 21);
  EXPECT_EQ(last.tokens, 6);
  EXPECT_EQ(last.accuracy_last, last.accuracy);
  EXPECT_THROW(Evaluator(induction, 4, 8).task(Task::induction, 1, 6, 2), Error);
}

TEST(Evaluator, TextCarriesItsStateAcrossWindows) {
  const auto model = small_model(256, 256);
  std::vector<std::byte> bytes(1001);
  Random random(4);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  Evaluator whole(model, 1, 1000), windows(model, 1, 13);
  const EvalResult a = whole.text(bytes, 10, 100), b = windows.text(bytes, 10, 100);
  EXPECT_EQ(a.tokens, 1000);
  EXPECT_EQ(b.tokens, 1000);
  EXPECT_NEAR(a.loss, b.loss, kSumTolerance);
  EXPECT_EQ(windows.text(bytes, 3, 100).tokens, 300);
  EXPECT_EQ(Evaluator(model, 8, 13).text(bytes, 100, 100).tokens, 1000);
  EXPECT_THROW(whole.text(std::span(bytes).first(1), 1, 1), Error);
}

// Each stretch begins without memory; more of them than a text has lengths would cost accuracy.
TEST(Evaluator, AShortTextIsNotCutBelowTheLength) {
  const auto model = small_model(256, 256);
  std::vector<std::byte> bytes(251);
  Random random(6);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  const auto loss = [&](Index batch, Index length) {
    return Evaluator(model, batch, 50).text(bytes, 64, length).loss;
  };
  EXPECT_EQ(loss(64, 100), loss(2, 100));
  EXPECT_EQ(loss(64, 400), loss(1, 400));
  EXPECT_GT(std::abs(loss(64, 50) - loss(2, 50)), 10 * kSumTolerance);
}

// A model at its start knows nothing: its loss is near ln V.
TEST(Evaluator, UntrainedLossIsNearTheLogarithmOfTheClasses) {
  auto model = small_model(60, 60);
  model.initialize(3);
  EXPECT_NEAR(Evaluator(model, 8, 32).task(Task::a5, 1, 64, 32).loss, std::log(60.0), 0.5);
}

TEST(Generator, GoesOnAlikeHoweverThePromptIsRead) {
  const auto model = small_model(256, 256);
  std::vector<std::int32_t> prompt(700);  // more than it reads at a time
  Random random(5);
  for (std::int32_t& token : prompt) token = static_cast<std::int32_t>(random.below(256));
  Generator whole(model, {.temperature = 0}, 1), pieces(model, {.temperature = 0}, 1);
  whole.read(prompt);
  pieces.read(std::span(prompt).first(1));
  pieces.read(std::span(prompt).subspan(1));
  std::set<std::int32_t> seen;
  for (int i = 0; i < 20; ++i) {
    const std::int32_t token = whole.next();
    EXPECT_EQ(token, pieces.next());
    seen.insert(token);
  }
  EXPECT_GT(seen.size(), 2u);
}

TEST(Generator, NeedsAPrompt) {
  const auto model = small_model(256, 256);
  Generator generator(model, {}, 1);
  EXPECT_THROW(generator.next(), Error);
  const auto unequal = small_model(17, 16);
  EXPECT_THROW(Generator(unequal, {}, 1), Error);
}

}  // namespace
}  // namespace lior::train
