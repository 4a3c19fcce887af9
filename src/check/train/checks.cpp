// SPDX-License-Identifier: Apache-2.0
// The optimisers' two sweeps against the text of their formulas, and their closed forms.
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/train/optimizer.h"
#include "lior/train/task.h"

namespace lior::check {
namespace {

using train::LiorForm;
using train::OptimizerConfig;
using train::OptimizerKind;

constexpr Index kSize = 20000;  // past one piece of 16,384

/// Three steps of one tensor by the optimiser and by its reference: their relative difference.
template <class T>
double distance_from_reference(const OptimizerConfig& config) {
  Buffer<T> fast(kSize), gradients(kSize), first(kSize), second(kSize);
  Random(21).fill_normal(fast.span());
  Random(22).fill_normal(gradients.span());
  Buffer<T> plain(kSize);
  std::copy(fast.begin(), fast.end(), plain.begin());

  const std::vector<train::Tensor> tensors = {{.size = kSize, .decay = true}};
  train::Optimizer<T> optimizer(config, tensors);
  for (Index t = 1; t <= 3; ++t) {
    optimizer.measure(gradients.span());
    optimizer.step(0.1, 1, fast.span(), gradients.span());
    if (config.kind == OptimizerKind::adamw) {
      train::reference::adamw_step<T>(config, true, 0.1, t, plain.span(), gradients.span(),
                                      first.span(), second.span());
    } else {
      train::reference::lior_step<T>(config, {}, 0.1, plain.span(), gradients.span(), {});
    }
  }
  return relative_difference(fast.span(), plain.span());
}

template <class T>
void add_optimizer_checks(Registry& registry) {
  // A few roundings a step; in double also those of the two sums of squares, sqrt(n) ~ 140.
  const double tolerance = (sizeof(T) == 4 ? 32 : 256) * std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, const OptimizerConfig& config) {
    registry.checks.push_back({.name = "optimizer." + name,
                               .module = "train",
                               .dtype = kDtype<T>,
                               .shape = to_string(Shape<1>{kSize}),
                               .tolerance = tolerance,
                               .error = [=] { return distance_from_reference<T>(config); }});
  };
  add("adamw", {.kind = OptimizerKind::adamw});
  add("lior_exact_1", {.kind = OptimizerKind::lior});
  add("lior_exact_2", {.kind = OptimizerKind::lior, .power = 2});
  add("lior_compat", {.kind = OptimizerKind::lior, .form = LiorForm::compat});
}

/// Labels that differ from the running product of the tokens, in 100 sequences of 100.
double wrong_labels(const train::Task& task) {
  Array<std::int32_t, 2> tokens({100, 100}), labels({100, 100});
  train::fill_batch(task, train::Purpose::training, 5, 0, 0, tokens.view(), labels.view());
  Index wrong = 0;
  for (Index row = 0; row < 100; ++row) {
    std::int32_t product = 0;
    for (Index t = 0; t < 100; ++t) {
      product = task.group->product(product, tokens(row, t));
      wrong += product != labels(row, t);
    }
  }
  return static_cast<double>(wrong);
}

}  // namespace

void add_train_checks(Registry& registry) {
  add_optimizer_checks<float>(registry);
  add_optimizer_checks<double>(registry);
  for (const train::Task& task : train::tasks()) {
    if (task.group == nullptr) continue;
    registry.checks.push_back({.name = fmt::format("task.{}_labels", task.name),
                               .module = "train",
                               .dtype = "i32",
                               .shape = "[100, 100]",
                               .tolerance = 0,
                               .error = [&task] { return wrong_labels(task); }});
  }
}

}  // namespace lior::check
