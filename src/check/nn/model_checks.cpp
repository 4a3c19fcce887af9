// SPDX-License-Identifier: Apache-2.0
// Blocks and the whole model: what follows from the definitions and needs no recorded
// number.
#include <array>
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/model.h"

namespace lior::check {
namespace {

using algebra::Transition;
using nn::MixerConfig;
using nn::Model;
using nn::ModelConfig;
using nn::Readout;

/// A text that repeats itself, for counts.
std::vector<std::int32_t> random_text(Index vocabulary) {
  constexpr Index kSize = 200, kPeriod = 17;
  Random random(4);
  std::vector<std::int32_t> text;
  for (Index t = 0; t < kSize; ++t) {
    const bool repeats = t > kPeriod && random.below(3) > 0;
    text.push_back(repeats ? text[static_cast<std::size_t>(t - kPeriod)]
                           : static_cast<std::int32_t>(random.below(vocabulary)));
  }
  return text;
}

std::shared_ptr<nn::TextCounts> counts_of_random_text(const ModelConfig& config) {
  constexpr Index kPart = 50;
  const std::vector<std::int32_t> text = random_text(config.vocabulary);
  auto counts =
      std::make_shared<nn::TextCounts>(nn::TextCounts{.all = nn::Counts(config.count_orders)});
  counts->all.add(text);
  counts->all.finish();
  if (config.recent_orders > 0 &&
      config.recent_window == 0) {  // a trained model that has read the text once more
    counts->recent = nn::RecentText(config.recent_orders);
    counts->recent.add(text);
    return counts;
  }
  for (Index begin = 0; begin < std::ssize(text); begin += kPart) {
    const Index from = std::max<Index>(0, begin - config.count_orders);
    const std::vector<std::vector<std::int32_t>> piece{
        {text.begin() + from, text.begin() + begin + kPart}};
    counts->stretches.push_back({begin, std::ssize(counts->lost)});
    counts->lost.push_back(nn::lost_without(counts->all, piece));
  }
  return counts;
}

/// A small model with every part, its tokens, targets and an arena.
template <class T>
struct Trial {
  explicit Trial(ModelConfig config, Index batch = 3, Index length = 11)
      : model(config),
        tokens({batch, length}),
        targets({batch, length}),
        arena(model.training_bytes(batch, length) + model.inference_bytes(batch, length)) {
    model.initialize(7);
    if (config.count_orders > 0) model.set_counts(counts_of_random_text(config));
    Random random(8);
    // Away from zero, so that every parameter has a gradient.
    for (T& value : model.values()) value += static_cast<T>(0.1 * random.normal());
    for (std::int32_t& token : tokens.span())
      token = static_cast<std::int32_t>(random.below(config.vocabulary));
    for (std::int32_t& target : targets.span())
      target = static_cast<std::int32_t>(random.below(config.classes + 1) - 1);
  }
  double mean_loss() {
    Array<T, 2> state({tokens.shape()[0], model.state_size()});
    model.initial_state(state.view());
    const auto result = model.evaluate(tokens.view(), targets.view(), state.view(), arena);
    return result.loss_sum / static_cast<double>(result.targets);
  }

  Model<T> model;
  Array<std::int32_t, 2> tokens, targets;
  Arena arena;
};

ModelConfig small_config(bool tied) {
  return {.vocabulary = 13,
          .classes = 13,
          .d_model = 16,
          .layers = 2,
          .mlp_hidden = 24,
          .tied = tied,
          .mixer = {.heads = 3}};
}

std::vector<nn::Mixer> every_mixer() {
  std::vector<nn::Mixer> all;
  for (std::size_t i = 0; i < enum_names(nn::Mixer{}).size(); ++i) {
    all.push_back(static_cast<nn::Mixer>(i));
  }
  return all;
}

/// A block of each mixer; the attentions' window is passed within a trial's 11 tokens.
ModelConfig config_of(std::vector<nn::Mixer> mixers) {
  ModelConfig config = small_config(false);
  config.layers = static_cast<Index>(mixers.size());
  config.mixers = std::move(mixers);
  config.causal_field_heads = config.geometric_attention_heads = config.attention_heads = 2;
  config.attention_window = 6;
  return config;
}

/// The gradient of every parameter, those of tables by rows with zeros between.
Buffer<double> whole_gradient(const Model<double>& model) {
  Buffer<double> whole(std::ssize(model.values()));
  std::copy(model.gradients().begin(), model.gradients().end(), whole.begin());
  for (const nn::RowGradient<double>& table : model.row_gradients()) {
    double* const start = whole.data() + model.parameters()[table.parameter].offset;
    for (std::size_t k = 0; k < table.rows.size(); ++k) {
      const View<const double, 1> row = table.values[static_cast<Index>(k)];
      std::copy(row.begin(), row.end(), start + table.rows[k] * row.size());
    }
  }
  return whole;
}

/// (L(w + s v) - L(w - s v)) / 2 s against <grad L, v> for a random direction v, relative to
/// |grad L|, which is the deviation of <grad L, v>: the product itself may be near 0.
double gradient_error(ModelConfig config, double dropout = 0) {
  Trial<double> trial(config);
  trial.model.set_dropout({.rate = dropout, .seed = 5, .step = 3});
  trial.arena = Arena(trial.model.training_bytes(3, 11) + trial.model.inference_bytes(3, 11));
  trial.model.loss_and_gradients(trial.tokens.view(), trial.targets.view(), trial.arena);
  const std::span<double> values = trial.model.values();
  Buffer<double> start(static_cast<Index>(values.size())), direction(start.size());
  std::copy(values.begin(), values.end(), start.begin());
  Random(9).fill_normal(direction.span());
  const Buffer<double> gradients = whole_gradient(trial.model);
  double analytic = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double gradient = gradients[static_cast<Index>(i)];
    analytic += gradient * direction[static_cast<Index>(i)];
    squares += gradient * gradient;
  }
  constexpr double kStep = 1e-6;
  const auto loss_at = [&](double step) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = start[static_cast<Index>(i)] + step * direction[static_cast<Index>(i)];
    if (dropout == 0) return trial.mean_loss();
    const auto result =
        trial.model.loss_and_gradients(trial.tokens.view(), trial.targets.view(), trial.arena);
    return result.loss_sum / static_cast<double>(result.targets);
  };
  const double numeric = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
  return std::abs(numeric - analytic) / std::sqrt(squares);
}

/// Every legal mixer of `factors` factors. A trial's 11 tokens are more than one tile of any.
std::vector<MixerConfig> every_mixer_config(Index factors) {
  std::vector<MixerConfig> all;
  for (const Transition transition : {Transition::right, Transition::left, Transition::two_sided}) {
    for (const Readout readout :
         {Readout::linear, Readout::quadratic, Readout::linear_quadratic, Readout::invariants}) {
      for (int options = 0; options < 16; ++options) {
        const MixerConfig mixer{.heads = 3,
                                .factors = factors,
                                .transition = transition,
                                .complex_state = (options & 1) != 0,
                                .gates = (options & 2) != 0,
                                .phase = (options & 4) != 0,
                                .rotation = (options & 8) != 0,
                                .readout = readout};
        if (mixer.complex_state || !(mixer.phase || mixer.rotation)) all.push_back(mixer);
      }
    }
  }
  return all;
}

/// The largest gradient_error of a training step with each.
double worst_gradient_error(const std::vector<MixerConfig>& mixers) {
  Worst<double> worst;
  for (const MixerConfig& mixer : mixers) {
    ModelConfig config = small_config(false);
    config.d_model = 8;
    config.layers = 1;
    config.mlp_hidden = 0;
    config.mixer = mixer;
    worst.add(gradient_error(config));
  }
  return worst.value();
}

/// Scores after the last token, from one call and from a token a call: largest difference.
template <class T>
double streaming_error(ModelConfig config) {
  constexpr Index kBatch = 3, kLength = 11;
  Trial<T> trial(config, kBatch, kLength);
  Array<T, 2> state({kBatch, trial.model.state_size()}), whole({kBatch, config.classes}),
      streamed({kBatch, config.classes});
  trial.model.initial_state(state.view());
  trial.model.logits(trial.tokens.view(), state.view(), whole.view(), trial.arena);
  trial.model.initial_state(state.view());
  Array<std::int32_t, 2> token({kBatch, 1});
  for (Index n = 0; n < kLength; ++n) {
    for (Index b = 0; b < kBatch; ++b) token(b, 0) = trial.tokens(b, n);
    trial.model.logits(token.view(), state.view(), streamed.view(), trial.arena);
  }
  return relative_difference(streamed.span(), whole.span());
}

/// Gradients with blocks of which less is kept, against those with everything kept: entries that
/// differ in any bit.
template <class T>
double checkpointing_error(ModelConfig config, double dropout = 0) {
  using enum nn::Keep;
  config.layers = std::max<Index>(3, static_cast<Index>(config.mixers.size()));
  double differing = 0;
  for (const auto& in_turn :
       {std::array{products, products, products}, std::array{input, input, input},
        std::array{input, products, everything}}) {
    Trial<T> whole(config), less(config);
    for (Trial<T>* trial : {&whole, &less}) {
      trial->model.set_dropout({.rate = dropout, .seed = 5, .step = 3});
    }
    whole.arena = Arena(whole.model.training_bytes(3, 11));
    std::vector<nn::Keep> kept;
    for (Index i = 0; i < config.layers; ++i) kept.push_back(in_turn[i % in_turn.size()]);
    less.model.set_kept(kept);
    const auto result =
        whole.model.loss_and_gradients(whole.tokens.view(), whole.targets.view(), whole.arena);
    Arena arena(less.model.training_bytes(3, 11));
    const auto again =
        less.model.loss_and_gradients(less.tokens.view(), less.targets.view(), arena);
    differing += result.loss_sum != again.loss_sum;
    for (std::size_t i = 0; i < whole.model.gradients().size(); ++i) {
      differing += whole.model.gradients()[i] != less.model.gradients()[i];
    }
    for (std::size_t table = 0; table < whole.model.row_gradients().size(); ++table) {
      const auto a = whole.model.row_gradients()[table].values.span(),
                 b = less.model.row_gradients()[table].values.span();
      differing += !std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
  }
  return differing;
}

/// |g_bf16 - g| / |g| of the gradients with the layers' products in bf16 and in full precision.
double bfloat16_error() {
  Trial<float> whole(small_config(false)), rounded(small_config(false));
  rounded.model.set_precision(linalg::Precision::bfloat16);
  whole.model.loss_and_gradients(whole.tokens.view(), whole.targets.view(), whole.arena);
  rounded.model.loss_and_gradients(rounded.tokens.view(), rounded.targets.view(), rounded.arena);
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < whole.model.gradients().size(); ++i) {
    const double g = whole.model.gradients()[i];
    error += std::pow(rounded.model.gradients()[i] - g, 2);
    norm += g * g;
  }
  return error > 0 ? std::sqrt(error / norm) : NAN;  // equal: nothing was rounded
}

/// Scores of a model as it starts, against those of one without n-grams.
double start_difference(const ModelConfig& config) {
  ModelConfig plain = config;
  plain.ngram_orders = 0;
  plain.ngram_output = false;
  Trial<float> trial(config), without(plain);
  trial.model.initialize(3);
  without.model.initialize(3);
  std::copy_n(trial.tokens.data(), trial.tokens.size(), without.tokens.data());
  std::copy_n(trial.targets.data(), trial.targets.size(), without.targets.data());
  return std::abs(trial.mean_loss() - without.mean_loss());
}

/// The loss of a model as it starts on a window of the text that it counts, against that of the
/// probabilities of the longest contexts, from the text without the window's part.
double start_error_of_counts(const ModelConfig& config) {
  constexpr Index kPlace = 110, kLength = 11, kPartBegin = 100, kPartEnd = 150;
  Trial<double> trial(config, 1, kLength);
  trial.model.initialize(3);
  const std::vector<std::int32_t> text = random_text(config.vocabulary);
  std::copy_n(text.begin() + kPlace, kLength, trial.tokens.data());
  std::copy_n(text.begin() + kPlace + 1, kLength, trial.targets.data());
  const std::array<Index, 1> places{kPlace};
  const double loss =
      trial.model.loss_and_gradients(trial.tokens.view(), trial.targets.view(), trial.arena, places)
          .loss_sum;
  std::vector<std::array<double, nn::ContextTable::kDiscounts>> discounts;
  const nn::Counts& counts = trial.model.counts()->all;
  for (Index n = 0; n <= counts.longest(); ++n) discounts.push_back(counts.table(n).discounts());
  double expected = 0;
  for (Index t = kPlace; t < kPlace + kLength; ++t) {
    const auto context = std::span(text).subspan(kPlace, static_cast<std::size_t>(t + 1 - kPlace));
    const auto p = nn::reference::count_probabilities(text, kPartBegin, kPartEnd, counts.longest(),
                                                      config.vocabulary, context, discounts);
    expected -= std::log(p[static_cast<std::size_t>(text[static_cast<std::size_t>(t + 1)])]);
  }
  return std::abs(loss - expected) / expected;
}

template <class T>
double untrained_error() {
  ModelConfig config = small_config(false);
  config.classes = 29;
  Trial<T> trial(config);
  trial.model.initialize(1);
  return std::abs(trial.mean_loss() - std::log(29.0));
}

}  // namespace

void add_nn_model_checks(Registry& registry) {
  const auto add = [&](const char* name, const char* dtype, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = std::string("model.") + name,
                               .module = "nn",
                               .dtype = dtype,
                               .shape = "B=3 N=11 D=16",
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  add("gradient", "f64", kGradientTolerance, [] { return gradient_error(small_config(false)); });
  add("gradient.tied", "f64", kGradientTolerance,
      [] { return gradient_error(small_config(true)); });
  add("gradient.no_gates", "f64", kGradientTolerance, [] {
    ModelConfig config = small_config(false);
    config.mlp_hidden = 0;
    config.mixer = {
        .heads = 4, .transition = Transition::left, .gates = false, .readout = Readout::quadratic};
    return gradient_error(config);
  });
  add("gradient.every_mixer", "f64", kGradientTolerance, [] {
    return gradient_error(config_of({nn::Mixer::geometric_mamba, nn::Mixer::causal_field,
                                     nn::Mixer::geometric_attention, nn::Mixer::attention}));
  });
  for (Index factors = 1; factors <= nn::kMaxFactors; ++factors) {
    const std::string row = fmt::format("gradient.every_mixer_of_{}_factors", factors);
    add(row.c_str(), "f64", kGradientTolerance,
        [factors] { return worst_gradient_error(every_mixer_config(factors)); });
  }
  const auto with_convolution = [] {
    ModelConfig config = small_config(false);
    config.convolution = 4;
    return config;
  };
  add("gradient.convolution", "f64", kGradientTolerance,
      [=] { return gradient_error(with_convolution()); });
  add("streaming_is_batch.convolution", "f64", 1e-13,
      [=] { return streaming_error<double>(with_convolution()); });
  add("checkpointing_is_exact.convolution", "f32", 0,
      [=] { return checkpointing_error<float>(with_convolution()); });
  const auto with_ngrams = [] {
    ModelConfig config = small_config(false);
    config.ngram_orders = 3;
    config.ngram_bits = 4;  // 13 tokens: rows are shared
    config.ngram_output = true;
    return config;
  };
  add("gradient.ngrams", "f64", kGradientTolerance, [=] { return gradient_error(with_ngrams()); });
  add("streaming_is_batch.ngrams", "f64", 1e-13,
      [=] { return streaming_error<double>(with_ngrams()); });
  add("checkpointing_is_exact.ngrams", "f32", 0,
      [=] { return checkpointing_error<float>(with_ngrams()); });
  add("ngrams_start_as_none", "f32", 0, [=] { return start_difference(with_ngrams()); });
  const auto with_counts = [] {
    ModelConfig config = small_config(false);
    config.count_orders = 3;
    return config;
  };
  add("gradient.counts", "f64", kGradientTolerance, [=] { return gradient_error(with_counts()); });
  add("streaming_is_batch.counts", "f64", 1e-13,
      [=] { return streaming_error<double>(with_counts()); });
  add("checkpointing_is_exact.counts", "f32", 0,
      [=] { return checkpointing_error<float>(with_counts()); });
  add("counts_start_as_they_predict", "f64", 1e-13,
      [=] { return start_error_of_counts(with_counts()); });
  const auto with_recent = [] {
    ModelConfig config = small_config(false);
    config.count_orders = 2;
    config.recent_orders = 3;
    return config;
  };
  add("gradient.recent", "f64", kGradientTolerance, [=] { return gradient_error(with_recent()); });
  add("streaming_is_batch.recent", "f64", 1e-13,
      [=] { return streaming_error<double>(with_recent()); });
  add("checkpointing_is_exact.recent", "f32", 0,
      [=] { return checkpointing_error<float>(with_recent()); });
  const auto with_window = [=] {
    ModelConfig config = with_recent();
    config.recent_window = 7;  // ends within a sequence, and within pieces of it
    return config;
  };
  add("gradient.recent_window", "f64", kGradientTolerance,
      [=] { return gradient_error(with_window()); });
  add("streaming_is_batch.recent_window", "f64", 1e-13,
      [=] { return streaming_error<double>(with_window()); });
  add("gradient.dropout", "f64", kGradientTolerance,
      [=] { return gradient_error(with_ngrams(), 0.3); });
  add("checkpointing_is_exact.dropout", "f32", 0,
      [=] { return checkpointing_error<float>(with_ngrams(), 0.3); });
  // A recurrence behind two layers: some hundred roundings.
  add("streaming_is_batch", "f32", 1e-5,
      [] { return streaming_error<float>(small_config(false)); });
  add("streaming_is_batch", "f64", 1e-13,
      [] { return streaming_error<double>(small_config(false)); });
  add("checkpointing_is_exact", "f32", 0,
      [] { return checkpointing_error<float>(small_config(false)); });
  add("checkpointing_is_exact.no_gates", "f64", 0, [] {
    ModelConfig config = small_config(false);
    config.mlp_hidden = 0;
    config.mixer = {
        .heads = 4, .transition = Transition::left, .gates = false, .readout = Readout::quadratic};
    return checkpointing_error<double>(config);
  });
  add("checkpointing_is_exact.every_mixer", "f32", 0,
      [] { return checkpointing_error<float>(config_of(every_mixer())); });
  for (const nn::Mixer mixer : every_mixer()) {
    const std::string row = "streaming_is_batch." + std::string(name(mixer));
    add(row.c_str(), "f32", 1e-5, [=] {
      return streaming_error<float>(config_of({mixer, mixer}));
    });
    add(row.c_str(), "f64", 1e-13, [=] {
      return streaming_error<double>(config_of({mixer, mixer}));
    });
  }
  // Factors are rounded by 2^-9, ten products in a row, and quadratic read-outs double each error:
  // some percent (5 measured). A wrong product would be off by 1.
  add("bfloat16_gradient", "f32", 0.1, [] { return bfloat16_error(); });
  add("untrained_loss_is_ln_classes", "f32", 1e-6, [] { return untrained_error<float>(); });
}

}  // namespace lior::check
