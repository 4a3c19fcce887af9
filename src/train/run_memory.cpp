// SPDX-License-Identifier: Apache-2.0
#include "lior/train/run_memory.h"

#include <algorithm>
#include <limits>

#include "lior/core/available_memory.h"
#include "lior/linalg/gemm.h"
#include "lior/train/checkpoint.h"
#include "lior/train/evaluate.h"
#include "lior/train/gradient_sum.h"

namespace lior::train {
namespace {

struct Counts {
  std::size_t parameters = 0;
  std::size_t by_rows = 0;  ///< those of them that have no place in a flat gradient
};
Counts counts_of(const nn::Model<float>& model) {
  Counts counts;
  for (const nn::Parameter& parameter : model.parameters()) {
    const auto size = static_cast<std::size_t>(parameter.size);
    counts.parameters += size;
    if (parameter.by_rows) counts.by_rows += size;
  }
  return counts;
}

std::string text(std::size_t bytes) { return bytes_text(static_cast<double>(bytes)); }

}  // namespace

Index RunMemory::blocks_that_keep(nn::Keep keep) const {
  return std::count(kept.begin(), kept.end(), keep);
}

std::size_t RunMemory::left_between_steps(const Config& config) const {
  if (!config.memory_budget) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(config.memory_budget->count) - (bytes - step_bytes);
}

RunMemory plan_memory(const Config& config, std::span<const Shape<2>> batches, Index evaluated,
                      bool keeps_best, std::size_t held_text, Index ranks) {
  auto model = nn::Model<float>::planner(config.model);
  model.set_dropout({.rate = config.dropout});
  if (linalg::bf16_is_native()) model.set_precision(config.dtype);
  const auto [parameters, by_rows] = counts_of(model);
  const auto tokens =
      static_cast<std::size_t>(checked_product(config.batch, config.length, "tokens"));
  const Index along = config.sequence_ranks;
  Index rows = 0;  // of the largest step on a rank
  for (const auto& [batch, length] : batches) {
    rows = std::max(rows, checked_product(batch, (length + along - 1) / along, "tokens"));
  }
  const std::size_t around_step =
      kProcessBytes + held_text + ((keeps_best ? 3 : 2) * parameters - by_rows) * sizeof(float) +
      model.row_gradient_bytes(1, rows) +
      GradientSum::bytes(config.accumulate * along, ranks, static_cast<Index>(parameters - by_rows),
                         model.row_gradient_bytes(1, rows)) +
      Optimizer<float>::bytes(config.optimizer, tensors_of(model.parameters()), ranks) +
      2 * tokens * static_cast<std::size_t>(config.accumulate * along / ranks) *
          sizeof(std::int32_t) +
      (evaluated > 0 ? Evaluator::bytes(model, evaluated, config.length, along) : 0);

  RunMemory plan{.kept = std::vector(model.kept().begin(), model.kept().end())};
  const auto fits = [&] {
    model.set_kept(plan.kept);
    plan.step_bytes = 0;
    for (const auto& [batch, length] : batches) {
      plan.step_bytes = std::max(plan.step_bytes, model.training_bytes(batch, length, along));
    }
    plan.bytes = around_step + plan.step_bytes;
    return !config.memory_budget ||
           plan.bytes <= static_cast<std::size_t>(config.memory_budget->count);
  };
  for (const nn::Keep less : {nn::Keep::products, nn::Keep::input}) {
    for (nn::Keep& kept : plan.kept) {
      if (fits()) break;
      kept = less;
    }
  }
  LIOR_CHECK(fits(),
             "memory_budget is {}; with batch = {} and length = {} this run needs {} at least; a "
             "larger budget, a smaller batch, length or model, or more sequence_ranks would fit",
             text(static_cast<std::size_t>(config.memory_budget->count)), config.batch,
             config.length, text(plan.bytes));
  const std::size_t available = available_memory();
  LIOR_CHECK(plan.bytes <= available,
             "batch = {} and length = {} need {} and {} are available; a smaller batch, length or "
             "model, or a memory_budget, would fit",
             config.batch, config.length, text(plan.bytes), text(available));
  return plan;
}

}  // namespace lior::train
