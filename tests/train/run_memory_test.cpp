// SPDX-License-Identifier: Apache-2.0
#include "lior/train/run_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/train/source.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

constexpr Shape<2> kBatches[] = {{4, 64}, {8, 32}};

Config config_of(Index layers) {
  Config config = preset_config("tiny");
  config.batch = 4;
  config.length = 64;
  config.model.vocabulary = config.model.classes = 256;
  config.model.layers = layers;
  return config;
}

RunMemory plan_within(Config config, std::size_t budget) {
  config.memory_budget = settings::ByteCount{static_cast<Index>(budget)};
  return plan_memory(config, kBatches, 4);
}

TEST(RunMemory, WithoutABudgetKeepsEverything) {
  const RunMemory plan = plan_memory(config_of(4), kBatches, 4);
  EXPECT_EQ(plan.blocks_that_keep(nn::Keep::everything), 4);
  // Values, gradients and two moments of 0.26 M parameters a block, and the step's arena.
  EXPECT_GT(plan.bytes, plan.step_bytes + 4 * 4 * 4 * 250'000);
}

TEST(RunMemory, GivesUpAsLittleAsTheBudgetTakes) {
  const Config config = config_of(6);
  const RunMemory whole = plan_memory(config, kBatches, 4);
  EXPECT_EQ(plan_within(config, whole.bytes).kept, whole.kept);
  const RunMemory slightly_less = plan_within(config, whole.bytes - 1);
  EXPECT_EQ(slightly_less.blocks_that_keep(nn::Keep::products), 1);
  EXPECT_EQ(slightly_less.blocks_that_keep(nn::Keep::input), 0);

  std::size_t budget = whole.bytes;
  Index inputs = 0;
  while (inputs < 4) {
    budget -= whole.step_bytes / 20;
    const RunMemory plan = plan_within(config, budget);
    EXPECT_LE(plan.bytes, budget);
    EXPECT_GE(plan.blocks_that_keep(nn::Keep::input), inputs);
    inputs = plan.blocks_that_keep(nn::Keep::input);
  }
}

TEST(RunMemory, AStepTakesWhatWasPlanned) {
  Config config = config_of(5);
  config.memory_budget =
      settings::ByteCount{static_cast<Index>(plan_memory(config, kBatches, 4).bytes * 9 / 10)};
  const RunMemory plan = plan_memory(config, kBatches, 4);
  ASSERT_LT(plan.blocks_that_keep(nn::Keep::everything), 5);
  nn::Model<float> model(config.model);
  model.initialize(1);
  model.set_kept(plan.kept);
  Arena arena(plan.step_bytes);
  for (const Shape<2>& shape : kBatches) {
    const Array<std::int32_t, 2> tokens(shape);
    arena.reset();
    model.loss_and_gradients(tokens.view(), tokens.view(), arena);
  }
  EXPECT_EQ(arena.peak(), plan.step_bytes);
}

// The trainer plans for rows and for as many short sequences as a packed batch may have.
TEST(RunMemory, PackedSequencesTakeLittleMoreThanRowsAndTheShortest) {
  constexpr Index kRoom = 4 * 64;
  for (std::size_t kind = 0; kind < enum_names(nn::Mixer{}).size(); ++kind) {
    Config config = config_of(2);
    const auto mixer = static_cast<nn::Mixer>(kind);
    config.model.mixers = {mixer};
    const auto model = nn::Model<float>::planner(config.model);
    const Index most = most_packed(kRoom);
    const std::size_t planned =
        std::max(model.training_bytes(4, 64), model.training_bytes(most, kRoom / most));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Random random(seed);
      std::vector<Index> lengths;
      for (Index left = kRoom; left > 0 && std::ssize(lengths) < most; left -= lengths.back()) {
        lengths.push_back(std::min(left, 1 + random.below(seed % 2 == 0 ? 64 : 7)));
      }
      std::ranges::sort(lengths, std::greater());
      EXPECT_LE(model.training_bytes(lengths), planned + planned / 1000) << name(mixer);
    }
  }
}

TEST(RunMemory, RoundedFactorsArePartOfIt) {
  Config config = config_of(2);
  config.model.d_model = 128;
  config.model.mlp_hidden = 336;
  config.model.mixers = {nn::Mixer::attention};
  constexpr Index kRows = 4 * 64;
  // The step is at its largest where the gradient of SwiGLU's two halves goes back through its
  // projection: left these halves, right the weight.
  const std::size_t rounded = 2 * (kRows * 672 + 672 * 128);
  // They lie where the sums of the norm's gain, 8 blocks of rows, lie a moment later.
  constexpr std::size_t kSums = 8 * 128 * sizeof(float);
  const std::size_t bytes = plan_memory(config, kBatches, 4).bytes;
  config.dtype = linalg::Precision::bfloat16;
  EXPECT_EQ(plan_memory(config, kBatches, 4).bytes,
            bytes + (linalg::bf16_is_native() ? rounded - kSums : 0));
}

TEST(RunMemory, ATableByRowsHasNoFlatGradient) {
  Config config = config_of(2);
  const RunMemory without = plan_memory(config, kBatches, 0);
  config.model.ngram_orders = 3;
  config.model.ngram_bits = 12;
  const RunMemory with = plan_memory(config, kBatches, 0);
  // Two orders of 4,096 rows of 128 numbers, with two moments each.
  constexpr std::size_t kTables = 2 * 4096 * 128 * sizeof(float) * 3;
  const std::size_t of_rows = nn::Model<float>::planner(config.model).row_gradient_bytes(4, 64);
  EXPECT_EQ(with.bytes - with.step_bytes, without.bytes - without.step_bytes + kTables + of_rows);
}

TEST(RunMemory, ABestCopyIsPartOfIt) {
  const Config config = config_of(2);
  const auto model = nn::Model<float>::planner(config.model);
  Index parameters = 0;
  for (const nn::Parameter& p : model.parameters()) parameters += p.size;
  EXPECT_EQ(plan_memory(config, kBatches, 4, true).bytes - plan_memory(config, kBatches, 4).bytes,
            static_cast<std::size_t>(parameters) * sizeof(float));
}

TEST(RunMemory, ABudgetThatCannotBeNamesBothNumbers) {
  const std::string message = error_of([] { plan_within(config_of(2), 1'500'000); });
  EXPECT_NE(message.find("memory_budget is 1.5 MB"), std::string::npos) << message;
  EXPECT_NE(message.find("needs "), std::string::npos) << message;
  EXPECT_NE(message.find(" at least; a larger budget"), std::string::npos) << message;
}

}  // namespace
}  // namespace lior::train
