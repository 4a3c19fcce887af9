// SPDX-License-Identifier: Apache-2.0
// Code that runs per step or per token takes no memory: operator new is counted for the whole
// program. Calls out of oneDNN's own code are left out: its products make one each, whoever calls
// them.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <vector>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"
#include "support/replaced_new.h"

namespace {
std::atomic<std::int64_t> allocations{0};

bool is_in_onednn(const void* code) {
  Dl_info info{};
  return dladdr(code, &info) != 0 && std::strstr(info.dli_fname, "libdnnl") != nullptr;
}

}  // namespace

void lior::observed::allocation(std::size_t, const void* caller, bool) {
  if (!is_in_onednn(caller)) ++allocations;
}
void lior::observed::release() noexcept {}

namespace lior::train {
namespace {

nn::ModelConfig model_config() {
  return {.vocabulary = 256,
          .classes = 256,
          .d_model = 32,
          .layers = 2,
          .mlp_hidden = 48,
          .mixer = {.heads = 4}};
}

/// std::thread, which takes OpenMP's place in front of ThreadSanitizer, allocates each thread.
#if defined(__SANITIZE_THREAD__)
int threads_that_stay() { return 1; }
#else
int threads_that_stay() { return threads(); }
#endif

/// Forward, backward, norm, clip and update, as the trainer does them.
void expect_no_allocation_per_step(const nn::ModelConfig& config, const OptimizerConfig& method,
                                   std::span<const nn::Keep> kept) {
  constexpr Index kBatch = 2, kLength = 32;
  const ThreadScope scope(threads_that_stay());
  nn::Model<float> model(config);
  model.initialize(1);
  model.set_kept(kept);
  Optimizer<float> optimizer(method, tensors_of(model.parameters()));
  Arena arena(model.training_bytes(kBatch, kLength));
  Array<std::int32_t, 2> tokens({kBatch, kLength}), targets({kBatch, kLength});
  Random random(2);
  for (std::int32_t& token : tokens.span()) token = static_cast<std::int32_t>(random.below(256));
  for (std::int32_t& target : targets.span()) target = static_cast<std::int32_t>(random.below(256));
  const auto step = [&] {
    arena.reset();
    model.loss_and_gradients(tokens.view(), targets.view(), arena);
    const double norm = optimizer.measure(model.gradients(), model.row_gradients());
    optimizer.step(1e-3, 1 / std::max(norm, 1.0), model.values(), model.gradients(),
                   model.row_gradients());
  };
  step();  // threads start, the matrix library makes its kernels
  const std::int64_t before = allocations;
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(allocations - before, 0);
}

TEST(Allocation, IsCounted) {
  const std::int64_t before = allocations;
  const Buffer<float> buffer(100);
  EXPECT_EQ(allocations - before, 1);
}

TEST(Allocation, HappensInNoTrainingStep) {
  using enum nn::Keep;
  expect_no_allocation_per_step(model_config(), {.kind = OptimizerKind::adamw},
                                std::array{everything, everything});
  expect_no_allocation_per_step(model_config(), {.kind = OptimizerKind::lior},
                                std::array{input, products});
}

/// A block of each mixer.
nn::ModelConfig every_mixer() {
  nn::ModelConfig config = model_config();
  config.mixers.clear();
  for (std::size_t i = 0; i < enum_names(nn::Mixer{}).size(); ++i) {
    config.mixers.push_back(static_cast<nn::Mixer>(i));
  }
  config.layers = static_cast<Index>(config.mixers.size());
  config.ngram_orders = 4;
  config.ngram_output = true;
  return config;
}

TEST(Allocation, HappensInNoTrainingStepWithEveryMixer) {
  using enum nn::Keep;
  expect_no_allocation_per_step(model_config(), {.kind = OptimizerKind::muon},
                                std::array{everything, everything});
  const nn::ModelConfig every = every_mixer();
  std::vector<nn::Keep> kept(every.mixers.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    kept[i] = std::array{everything, products, input}[i % 3];
  }
  expect_no_allocation_per_step(every, {.kind = OptimizerKind::adamw}, kept);
}

TEST(Allocation, HappensForNoGeneratedToken) {
  const ThreadScope scope(threads_that_stay());
  nn::Model<float> model(every_mixer());
  model.initialize(1);
  Generator generator(model, {.temperature = 0.8, .top_k = 40, .top_p = 0.9}, 3);
  const std::int32_t prompt[] = {1, 2, 3};
  generator.read(prompt);
  generator.next();
  const std::int64_t before = allocations;
  for (int i = 0; i < 20; ++i) generator.next();
  EXPECT_EQ(allocations - before, 0);
}

}  // namespace
}  // namespace lior::train
