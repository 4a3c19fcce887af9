// SPDX-License-Identifier: Apache-2.0
#include "lior/train/longer_words.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "lior/core/available_memory.h"
#include "lior/train/checkpoint.h"
#include "lior/train/optimizer.h"
#include "lior/train/schedule.h"
#include "train/word_runner.h"

namespace lior::train {
namespace {

constexpr LearnOptions kLearn{.fresh_words = 1024, .word_length = 16, .least_agreement = 0.998};
constexpr Index kCheckedWords = 64, kCheckedLength = 1024;
constexpr Index kWords = 8;  // a step, of the longest ones: 4,096 letters at each length
constexpr Index kLongest = 512;
constexpr Index kRightSteps = 20;  // in a row, all right: they end it
constexpr double kRate = 1e-3, kClip = 0.1;

Curriculum growing_lengths() {
  return {{.start = 64, .batch = 64, .accuracy = 0.995}, 1, kLongest};
}

/// The arena of the largest step.
std::size_t step_bytes(const nn::Model<float>& model) {
  const Curriculum curriculum = growing_lengths();
  std::size_t bytes = 0;
  for (const Index length : curriculum.lengths()) {
    bytes = std::max(bytes, model.training_bytes(curriculum.batch(kWords, length), length));
  }
  return bytes;
}

/// What all of it takes besides the model.
std::size_t bytes_of_learning(const nn::Model<float>& model) {
  constexpr auto kWordBytes = kCheckedWords * kCheckedLength * sizeof(std::int32_t);
  const std::size_t training =
      Optimizer<float>::bytes({}, tensors_of(model.parameters())) + step_bytes(model);
  return std::max(training, WordRunner(model).bytes(kCheckedWords, kCheckedLength)) +
         model.values().size_bytes() + 3 * kWordBytes;
}

void check_fits(const nn::Model<float>& model, std::size_t most) {
  const std::size_t bytes = bytes_of_learning(model);
  if (bytes <= most) return;
  throw RunError(
      fmt::format("longer words take {} of memory, and {} are left; a larger budget would do",
                  bytes_text(static_cast<double>(bytes)), bytes_text(static_cast<double>(most))));
}

/// Outputs along fresh words, asked for and wrong.
struct Count {
  Index asked = 0, wrong = 0;
};

Count count_wrong(const nn::Model<float>& model, const Automaton& automaton, std::uint64_t seed) {
  const Shape<2> shape{kCheckedWords, kCheckedLength};
  Array<std::int32_t, 2> words(shape), outputs(shape), predicted(shape);
  Random random(seed);
  draw_words(automaton, random, words.view(), outputs.view());
  WordRunner(model).predict(words.view(), predicted.view());
  Count count;
  for (Index i = 0; i < words.size(); ++i) {
    if (outputs.data()[i] == Automaton::kNoOutput) continue;
    ++count.asked;
    count.wrong += predicted.data()[i] != outputs.data()[i];
  }
  return count;
}

/// Trains along words of growing lengths for `most` steps; returns how many it made, or nothing
/// where it was stopped. The longest words end it early once they are right. The rate is a fifth of
/// training's: at two fifths the first steps cost more than the next hundred gain.
std::optional<Index> train_along(nn::Model<float>& model, const Automaton& automaton, Index most,
                                 Random& random, const std::function<bool(Index step)>& goes_on) {
  Curriculum curriculum = growing_lengths();
  Optimizer<float> optimizer({}, tensors_of(model.parameters()));
  Arena arena(step_bytes(model));
  Index step = 0;
  for (Index right = 0; step < most && right < kRightSteps; ++step) {
    if (!goes_on(step)) return {};
    const Shape<2> shape{curriculum.batch(kWords, curriculum.length()), curriculum.length()};
    Array<std::int32_t, 2> words(shape), outputs(shape);
    draw_words(automaton, random, words.view(), outputs.view());
    arena.reset();
    const nn::LossResult result =
        model.loss_and_gradients(std::as_const(words).view(), std::as_const(outputs).view(), arena);
    const double norm = optimizer.measure(model.gradients(), model.row_gradients());
    const double done = static_cast<double>(step + 1) / static_cast<double>(most);
    optimizer.step(kRate * schedule_factor({.floor = 0}, done), norm > kClip ? kClip / norm : 1,
                   model.values(), model.gradients(), model.row_gradients());
    const bool all_right = result.correct == result.targets && curriculum.length() == kLongest;
    right = all_right ? right + 1 : 0;
    curriculum.observe(static_cast<double>(result.correct) / static_cast<double>(result.targets));
  }
  return step;
}

/// The steps of all rounds, or nothing where one was stopped.
std::optional<Index> train_in_rounds(nn::Model<float>& model, const Automaton& automaton,
                                     const LongerWordsOptions& options) {
  const Index all = std::accumulate(options.rounds.begin(), options.rounds.end(), Index{0});
  Random random(options.seed + 1);
  Index steps = 0;
  for (const Index most : options.rounds) {
    const auto made = train_along(model, automaton, most, random, [&](Index step) {
      options.stepping(static_cast<double>(steps + step) / static_cast<double>(all));
      return !options.stopped();
    });
    if (!made) return {};
    steps += *made;
    if (*made < most) break;
  }
  return steps;
}

}  // namespace

LongerWords learn_longer_words(nn::Model<float>& model, const Automaton& machine,
                               const LongerWordsOptions& options) {
  LIOR_CHECK(machine.letters == model.config().vocabulary,
             "the machine has {} letters and the model {}; expected the machine that it was "
             "trained on",
             machine.letters, model.config().vocabulary);
  check_fits(model, options.most_bytes);
  const WordRunner runner(model);
  LearnOptions learn = kLearn;
  learn.word_length = std::min(learn.word_length, options.trained_length);
  learn.seed = options.seed;
  const LearntAutomaton learnt = learn_automaton(
      questions_of(machine),
      [&](View<const std::int32_t, 2> words, View<std::int32_t, 2> outputs) {
        runner.predict(words, outputs);
      },
      learn);
  const Count before = count_wrong(model, learnt.automaton, options.seed);
  LongerWords result{.automaton = learnt.automaton,
                     .agreement = learnt.agreement,
                     .length = kCheckedLength,
                     .asked = before.asked,
                     .wrong_before = before.wrong,
                     .wrong_after = before.wrong};
  if (before.wrong == 0) return result;
  const std::vector<float> values(model.values().begin(), model.values().end());
  const auto put_back = [&] { std::copy(values.begin(), values.end(), model.values().begin()); };
  try {
    const std::optional<Index> steps = train_in_rounds(model, learnt.automaton, options);
    if (!steps) {
      put_back();
      return result;
    }
    result.steps = *steps;
    result.wrong_after = count_wrong(model, learnt.automaton, options.seed).wrong;
    if (result.wrong_after < result.wrong_before) return result;
    throw RunError(
        fmt::format("trained along words of its own automaton of {} states, it is wrong "
                    "at {} of {} places at length {}, and was at {} before",
                    learnt.automaton.states, result.wrong_after, result.asked, result.length,
                    result.wrong_before));
  } catch (...) {
    put_back();
    throw;
  }
}

}  // namespace lior::train
