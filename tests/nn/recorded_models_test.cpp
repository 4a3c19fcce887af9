// SPDX-License-Identifier: Apache-2.0
// Models as a file of version 0.1 has them: they load by name, and give the loss, scores and
// gradients that were recorded beside them in double precision.
//
// LIOR_RECORD=1 nn_test --gtest_filter='RecordedModels.*' writes the files again. That is right
// only for a model that did not exist before: otherwise checkpoints of users would change too.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "lior/core/random.h"
#include "lior/io/safetensors.h"
#include "lior/nn/model.h"

namespace lior::nn {
namespace {

struct RecordedModel {
  const char* name;
  ModelConfig config;
};

ModelConfig small_model(std::vector<Mixer> mixers) {
  return {.vocabulary = 7,
          .classes = 7,
          .d_model = 4,
          .layers = static_cast<Index>(mixers.size()),
          .mixers = std::move(mixers),
          .mixer = {.heads = 2},
          .causal_field_heads = 1,
          .geometric_attention_heads = 1,
          .attention_heads = 2,
          .attention_window = 6};
}

std::vector<RecordedModel> recorded_models() {
  using enum Mixer;
  ModelConfig mamba = small_model({geometric_mamba, geometric_mamba});
  mamba.tied = true;
  ModelConfig turns = small_model({geometric_mamba});
  turns.mixer = {.heads = 2,
                 .factors = 2,
                 .transition = algebra::Transition::two_sided,
                 .complex_state = true,
                 .gates = false,
                 .phase = true,
                 .rotation = true,
                 .readout = Readout::invariants};
  ModelConfig hybrid = small_model({causal_field, attention, geometric_attention});
  hybrid.mlp_hidden = 5;
  hybrid.convolution = 3;
  return {{"mamba", mamba}, {"turns", turns}, {"hybrid", hybrid}};
}

/// A model of the file's numbers, and what it gives.
struct Trial {
  static constexpr Index kBatch = 2, kLength = 11;  // more than the window

  explicit Trial(const ModelConfig& config)
      : model(config),
        tokens({kBatch, kLength}),
        targets({kBatch, kLength}),
        arena(model.training_bytes(kBatch, kLength) + model.inference_bytes(kBatch, kLength)) {
    Random random(3);
    for (std::int32_t& token : tokens.span()) {
      token = static_cast<std::int32_t>(random.below(config.vocabulary));
    }
    for (std::int32_t& target : targets.span()) {
      target = static_cast<std::int32_t>(random.below(config.classes));
    }
  }

  void initialize() {  // numbers of float, away from zero
    model.initialize(5);
    Random random(4);
    for (double& value : model.values()) {
      value = static_cast<float>(value + 0.1 * random.normal());
    }
  }
  void load(const io::SafeTensors& file) {
    for (const Parameter& p : model.parameters()) {
      const auto numbers = file.read<double>(p.name);
      ASSERT_EQ(file.info(p.name).shape, p.shape) << p.name;
      std::copy(numbers.begin(), numbers.end(), model.values().begin() + p.offset);
    }
  }

  /// The loss, then of each parameter, in the file's order, sum_i g_i cos(i).
  std::vector<double> slopes(std::span<const std::string> names) {
    std::vector<double> sums{
        model.loss_and_gradients(tokens.view(), targets.view(), arena).loss_sum};
    for (const std::string& name : names) {
      for (const Parameter& p : model.parameters()) {
        if (p.name != name) continue;
        double sum = 0;
        for (Index i = 0; i < p.size; ++i) {
          sum += model.gradients()[static_cast<std::size_t>(p.offset + i)] *
                 std::cos(static_cast<double>(i));
        }
        sums.push_back(sum);
      }
    }
    return sums;
  }
  Array<double, 2> logits() {
    Array<double, 2> state({kBatch, model.state_size()});
    Array<double, 2> scores({kBatch, model.config().classes});
    model.initial_state(state.view());
    model.logits(tokens.view(), state.view(), scores.view(), arena);
    return scores;
  }

  Model<double> model;
  Array<std::int32_t, 2> tokens, targets;
  Arena arena;
};

std::string path_of(const RecordedModel& recorded) {
  return fmt::format("{}/{}.safetensors", LIOR_RECORDED, recorded.name);
}

void record(const RecordedModel& recorded) {
  Trial trial(recorded.config);
  trial.initialize();
  std::vector<std::string> names;
  std::vector<Buffer<float>> numbers;
  std::vector<io::NamedTensor> tensors;
  for (const Parameter& p : trial.model.parameters()) {
    names.push_back(p.name);
    numbers.emplace_back(p.size);
    std::copy_n(trial.model.values().begin() + p.offset, p.size, numbers.back().begin());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    tensors.push_back(io::named_tensor<float>(names[i], std::as_const(numbers[i]).span(),
                                              trial.model.parameters()[i].shape));
  }
  const std::vector<double> slopes = trial.slopes(names);
  const Array<double, 2> logits = trial.logits();
  tensors.push_back(
      io::named_tensor<double>("slopes", std::span(slopes), {static_cast<Index>(slopes.size())}));
  tensors.push_back(io::named_tensor("logits", logits.view()));
  io::write_safetensors(path_of(recorded), tensors);
}

// Some hundred roundings, of numbers of size 1 to 100.
constexpr double kTolerance = 1e-11;

TEST(RecordedModels, LoadByNameAndGiveWhatTheyGave) {
  for (const RecordedModel& recorded : recorded_models()) {
    SCOPED_TRACE(recorded.name);
    if (std::getenv("LIOR_RECORD") != nullptr) record(recorded);
    const auto file = io::SafeTensors::open(path_of(recorded));
    Trial trial(recorded.config);
    trial.load(file);
    std::vector<std::string> names;
    for (const std::string& name : file.names()) {
      if (name != "slopes" && name != "logits") names.push_back(name);
    }
    EXPECT_EQ(names.size(), trial.model.parameters().size());
    const std::vector<double> slopes = trial.slopes(names);
    const auto wanted = file.read<double>("slopes");
    ASSERT_EQ(static_cast<Index>(slopes.size()), wanted.size());
    for (Index i = 0; i < wanted.size(); ++i) {
      const double want = wanted[i];
      EXPECT_NEAR(slopes[static_cast<std::size_t>(i)], want, kTolerance * (1 + std::abs(want)))
          << (i == 0 ? "loss" : names[static_cast<std::size_t>(i - 1)]);
    }
    const auto logits = trial.logits();
    const auto scores = file.read<double>("logits");
    for (Index i = 0; i < scores.size(); ++i) {
      EXPECT_NEAR(logits.data()[i], scores[i], kTolerance * (1 + std::abs(scores[i])));
    }
  }
}

}  // namespace
}  // namespace lior::nn
