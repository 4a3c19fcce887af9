// SPDX-License-Identifier: Apache-2.0
#include "lior/train/evaluate.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
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

/// `count` sequences of the task, as an evaluator of that batch takes them.
std::unique_ptr<Stream> sequences(const char* task, std::uint64_t seed, Index count, Index length,
                                  Index batch) {
  static const auto& a5 =
      *open_source({.corpus = {.names = "builtin:a5"}, .held_out = 0}).release();
  static const auto& copy =
      *open_source({.corpus = {.names = "builtin:copy"}, .held_out = 0}).release();
  static const auto& induction =
      *open_source({.corpus = {.names = "builtin:induction"}, .held_out = 0}).release();
  const std::string_view name = task;
  const Source& source = name == "a5" ? a5 : name == "copy" ? copy : induction;
  return source.evaluation(Part::val, seed, count, length, batch);
}

/// A text of random bytes that lives as long as it, cut into documents where `separator` stands.
class RandomText {
 public:
  RandomText(Index size, std::uint64_t seed, const std::string& separator = "") {
    std::ofstream stream(path_, std::ios::binary);
    Random random(seed);
    for (Index i = 0; i < size; ++i) stream.put(static_cast<char>(random.below(256)));
    stream.close();
    source_ = open_source({.corpus = {.names = path_, .separator = separator}, .held_out = 0});
  }
  ~RandomText() { std::filesystem::remove(path_); }
  const Source& source() const { return *source_; }
  /// Evaluated by an evaluator of that batch and window.
  EvalResult evaluate(const nn::Model<float>& model, Index batch, Index window, Index count,
                      Index length) const {
    const auto stream = source_->evaluation(Part::all, 1, count, length, batch);
    return Evaluator(model, batch, window).run(*stream);
  }

 private:
  std::string path_ =
      (std::filesystem::temp_directory_path() / fmt::format("lior-evaluate-{}", ::getpid()))
          .string();
  std::unique_ptr<Source> source_;
};

// Float sums in another order: a few roundings of a mean.
constexpr double kSumTolerance = 1e-5;

TEST(Evaluator, ATaskDoesNotDependOnBatchOrWindow) {
  const auto model = small_model(60, 60);
  Evaluator whole(model, 5, 100), parts(model, 2, 7);
  const EvalResult a = whole.run(*sequences("a5", 1, 5, 100, 5)),
                   b = parts.run(*sequences("a5", 1, 5, 100, 2));
  EXPECT_EQ(a.tokens, 500);
  EXPECT_EQ(b.tokens, 500);
  EXPECT_NEAR(a.loss, b.loss, kSumTolerance);
  EXPECT_DOUBLE_EQ(a.accuracy, b.accuracy);
  EXPECT_EQ(a.accuracy_last, b.accuracy_last);
  // Other sequences give another loss, so the equality above means something.
  EXPECT_GT(std::abs(a.loss - whole.run(*sequences("a5", 2, 5, 100, 5)).loss), 10 * kSumTolerance);
}

// By hand: 8 of 10 right is Wilson's (0.490, 0.943); 0 and all of 4 are closed on one side.
TEST(Evaluator, IntervalsAreWilsons) {
  const Interval most = wilson_interval(0.8, 10), none = wilson_interval(0, 4),
                 all = wilson_interval(1, 4);
  EXPECT_NEAR(most.low, 0.4902, 5e-5);
  EXPECT_NEAR(most.high, 0.9433, 5e-5);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.4899, 5e-5);
  EXPECT_NEAR(all.low, 1 - none.high, 1e-15);
  EXPECT_EQ(all.high, 1);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

/// Right and wrong of each position of each sequence, by one call a position.
std::vector<std::vector<bool>> right_by_position(const nn::Model<float>& model, Stream& stream) {
  const Shape<2> one{stream.count(), 1};
  Array<std::int32_t, 2> tokens(one), targets(one), predicted(one);
  Array<float, 2> state({stream.count(), model.state_size()});
  Arena arena(model.inference_bytes(stream.count(), 1));
  model.initial_state(state.view());
  std::vector<std::vector<bool>> right;
  for (Index t = 0; t < stream.length(); ++t) {
    stream.read(0, t, tokens.view(), targets.view());
    model.evaluate(tokens.view(), targets.view(), state.view(), arena, predicted.view());
    right.emplace_back();
    for (Index row = 0; row < stream.count(); ++row) {
      right.back().push_back(predicted.view()(row, 0) == targets.view()(row, 0));
    }
  }
  return right;
}

TEST(Evaluator, CountsPositionsAndSequences) {
  constexpr Index kCount = 40, kLength = 2;
  const auto model = small_model(2, 2);  // guesses a bit: right about half of the time
  static const auto& parity =
      *open_source({.corpus = {.names = "builtin:parity"}, .held_out = 0}).release();
  const auto together = parity.evaluation(Part::val, 1, kCount, kLength, kCount);
  const auto right = right_by_position(model, *together);
  const auto few = parity.evaluation(Part::val, 1, kCount, kLength, 7);
  const EvalResult result = Evaluator(model, 7, 1).run(*few);
  Index wrong = 0, exact = 0;
  ASSERT_EQ(std::ssize(result.by_position), kLength);
  for (Index t = 0; t < kLength; ++t) {
    const Index correct = std::count(right[t].begin(), right[t].end(), true);
    wrong += kCount - correct;
    EXPECT_EQ(result.by_position[t], (PositionBin{t, t + 1, kCount, correct}));
  }
  for (Index row = 0; row < kCount; ++row) exact += right[0][row] && right[1][row];
  EXPECT_GT(exact, 0);
  EXPECT_LT(exact, kCount);
  EXPECT_EQ(result.sequences, kCount);
  EXPECT_EQ(result.exact, exact);
  EXPECT_EQ(result.wrong, wrong);
  EXPECT_LT(result.interval.low, result.accuracy);
  EXPECT_GT(result.interval.high, result.accuracy);
}

TEST(Evaluator, LongSequencesHaveBinsOfEqualWidth) {
  const auto model = small_model(60, 60);
  const auto bins = Evaluator(model, 1, 512).run(*sequences("a5", 1, 1, 2500, 1)).by_position;
  ASSERT_EQ(bins.size(), 834u);  // of 3 positions
  Index end = 0;
  for (const PositionBin& bin : bins) {
    EXPECT_EQ(bin.begin, end);
    EXPECT_EQ(bin.targets, bin.end - bin.begin);
    end = bin.end;
  }
  EXPECT_EQ(end, 2500);
}

TEST(Evaluator, RanksFindInDocumentsOfAnyLengthWhatOneFinds) {
  const ThreadScope threads(1);
  const auto model = small_model(256, 256);
  const RandomText text(3000, 7, "a");
  const EvalResult one = text.evaluate(model, 2, 16, 3000, 1);
  EXPECT_GT(one.sequences, 4);
  EXPECT_EQ(one.bytes, one.tokens);
  comm::run_ranks(3, [&](comm::Communicator& ranks) {
    const auto stream = text.source().evaluation(Part::all, 1, 3000, 1, 2);
    const EvalResult many = Evaluator(model, 2, 16).run(*stream, ranks);
    EXPECT_EQ(many.loss, one.loss);
    EXPECT_EQ(many.tokens, one.tokens);
    EXPECT_EQ(many.bytes, one.bytes);
    EXPECT_EQ(many.sequences, one.sequences);
    EXPECT_EQ(many.by_position, one.by_position);
  });
}

TEST(Evaluator, TasksCountTheirLabels) {
  const auto copy = small_model(17, 16), induction = small_model(64, 64);
  EXPECT_EQ(Evaluator(copy, 4, 8).run(*sequences("copy", 1, 6, 20, 4)).tokens, 6 * 10);
  const EvalResult last = Evaluator(induction, 4, 8).run(*sequences("induction", 1, 6, 21, 4));
  EXPECT_EQ(last.tokens, 6);
  EXPECT_EQ(last.accuracy_last, last.accuracy);
  EXPECT_THROW(sequences("induction", 1, 6, 2, 4), Error);
  EXPECT_THROW(sequences("copy", 1, 0, 20, 4), Error);
  EXPECT_THROW(sequences("copy", 1, Index{1} << 32, 20, 4), Error);
  EXPECT_THROW(sequences("copy", 1, 1, Index{1} << 60, 4), Error);
}

TEST(Evaluator, TextCarriesItsStateAcrossWindows) {
  const auto model = small_model(256, 256);
  const RandomText text(1001, 4);
  const EvalResult a = text.evaluate(model, 1, 1000, 10, 100),
                   b = text.evaluate(model, 1, 13, 10, 100);
  EXPECT_EQ(a.tokens, 1000);
  EXPECT_EQ(b.tokens, 1000);
  EXPECT_NEAR(a.loss, b.loss, kSumTolerance);
  EXPECT_EQ(text.evaluate(model, 1, 13, 3, 100).tokens, 300);
  EXPECT_EQ(text.evaluate(model, 8, 13, 100, 100).tokens, 1000);
  EXPECT_THROW(RandomText(1, 4).evaluate(model, 1, 1, 1, 1), Error);
}

// Their product overflowed, and nothing was evaluated.
TEST(Evaluator, AHugeCountOrLengthMeansAllOfAText) {
  const auto model = small_model(256, 256);
  const RandomText text(1001, 4);
  constexpr Index kHuge = std::numeric_limits<Index>::max();
  for (const auto& [count, length] :
       {std::pair{kHuge, kHuge}, {Index{1} << 32, Index{1} << 32}, {kHuge, Index{1}}, {1, kHuge}}) {
    EXPECT_EQ(text.evaluate(model, 1, 100, count, length).tokens, 1000) << count << " " << length;
  }
}

// Each stretch begins without memory; more of them than a text has lengths would cost accuracy.
TEST(Evaluator, AShortTextIsNotCutBelowTheLength) {
  const auto model = small_model(256, 256);
  const RandomText text(251, 6);
  const auto loss = [&](Index batch, Index length) {
    return text.evaluate(model, batch, 50, 64, length).loss;
  };
  EXPECT_EQ(loss(64, 100), loss(2, 100));
  EXPECT_EQ(loss(64, 400), loss(1, 400));
  EXPECT_GT(std::abs(loss(64, 50) - loss(2, 50)), 10 * kSumTolerance);
}

TEST(Evaluator, ScoresThatOverflowAreAFailedRun) {
  auto model = small_model(60, 60);
  for (float& value : model.values()) value = 1e30f;
  EXPECT_THROW(Evaluator(model, 4, 32).run(*sequences("a5", 1, 4, 32, 4)), RunError);
}

TEST(Evaluator, SaysHowMuchIsOverAndStopsWhenItIsTold) {
  const auto model = small_model(60, 60);
  Evaluator evaluator(model, 2, 10);
  std::vector<double> parts;
  evaluator.stop_when([&](double done) {
    parts.push_back(done);
    return parts.size() == 6;
  });
  EXPECT_EQ(evaluator.run(*sequences("a5", 1, 4, 40, 2)).tokens, 2 * 50);
  const std::vector<double> expected = {0, 0.125, 0.25, 0.375, 0.5, 0.625};
  ASSERT_EQ(parts.size(), expected.size());
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_DOUBLE_EQ(parts[i], expected[i]);
}

// A model at its start knows nothing: its loss is near ln V.
TEST(Evaluator, UntrainedLossIsNearTheLogarithmOfTheClasses) {
  auto model = small_model(60, 60);
  model.initialize(3);
  EXPECT_NEAR(Evaluator(model, 8, 32).run(*sequences("a5", 1, 64, 32, 8)).loss, std::log(60.0),
              0.5);
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

TEST(Generator, GoesOnFromAReadingOfAnother) {
  const auto model = small_model(256, 256);
  const std::vector<std::int32_t> prompt{5, 6, 7, 8};
  const Sampling sampling{.temperature = 0, .repetition_penalty = 1.5};
  Generator first(model, sampling, 1), second(model, sampling, 1);
  first.read(prompt);
  const Generator::Reading reading = first.reading();
  second.resume(reading, prompt);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(first.next(), second.next());
  EXPECT_THROW(second.resume({}, prompt), Error);
  EXPECT_THROW(second.resume(reading, {}), Error);
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
