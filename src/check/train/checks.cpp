// SPDX-License-Identifier: Apache-2.0
// The optimisers' two sweeps against the text of their formulas, and their closed forms.
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

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

/// Three steps of a matrix by Muon, against its reference.
template <class T>
double muon_distance(Index rows, Index columns) {
  const OptimizerConfig config{.kind = OptimizerKind::muon};
  Array<T, 2> fast({rows, columns}), plain({rows, columns}), gradients({rows, columns});
  Buffer<T> momentum(rows * columns);
  Random(21).fill_normal(fast.span());
  Random(22).fill_normal(gradients.span());
  std::copy_n(fast.data(), fast.size(), plain.data());
  const std::vector<train::Tensor> tensors = {
      {.size = rows * columns, .decay = true, .rows = rows}};
  train::Optimizer<T> optimizer(config, tensors);
  for (Index t = 1; t <= 3; ++t) {
    optimizer.measure(gradients.span());
    optimizer.step(0.1, 1, fast.span(), gradients.span());
    train::reference::muon_step<T>(config, true, 0.1, plain.view(), std::as_const(gradients).view(),
                                   momentum.span());
  }
  return relative_difference(fast.span(), plain.span());
}

/// A matrix of n x m with orthonormal rows: the first n of the cosine transform.
Array<double, 2> cosines(Index n, Index m) {
  Array<double, 2> rows({n, m});
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < m; ++j) {
      const double angle = std::numbers::pi / static_cast<double>(m) *
                           (static_cast<double>(j) + 0.5) * static_cast<double>(i);
      rows(i, j) = std::cos(angle) * std::sqrt((i == 0 ? 1.0 : 2.0) / static_cast<double>(m));
    }
  }
  return rows;
}

/// U diag(s) V^T, whose singular values are those of the polynomial applied five times, and whose
/// vectors stay.
double newton_schulz_error(Index rows, Index columns) {
  const Index n = std::min(rows, columns);
  const auto u = cosines(n, rows), v = cosines(n, columns);
  Buffer<double> values(n);
  double squares = 0;
  for (Index k = 0; k < n; ++k) {
    values[k] = std::pow(0.6, static_cast<double>(k));
    squares += values[k] * values[k];
  }
  const auto from = [&](const Buffer<double>& s) {
    Array<double, 2> matrix({rows, columns});
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < columns; ++j) {
        for (Index k = 0; k < n; ++k) matrix(i, j) += u(k, i) * s[k] * v(k, j);
      }
    }
    return matrix;
  };
  Array<double, 2> fast = from(values);
  train::NewtonSchulz<double>(rows * columns, n).apply(fast.view());
  const auto [a, b, c] = train::kNewtonSchulz;
  for (double& s : values) {
    s /= std::sqrt(squares) + 1e-7;
    for (Index step = 0; step < train::kNewtonSchulzSteps; ++step) {
      s = a * s + b * std::pow(s, 3) + c * std::pow(s, 5);
    }
  }
  const Array<double, 2> expected = from(values);
  return relative_difference(fast.span(), expected.span());
}

template <class T>
void add_muon_checks(Registry& registry) {
  // The polynomial stretches small singular values, and their errors, up to 3.4^5 = 480 times.
  const double tolerance = 4096 * std::numeric_limits<T>::epsilon();
  for (const auto& [rows, columns] : {Shape<2>{9, 23}, Shape<2>{23, 9}, Shape<2>{130, 140}}) {
    registry.checks.push_back(
        {.name = "optimizer.muon",
         .module = "train",
         .dtype = kDtype<T>,
         .shape = to_string(Shape<2>{rows, columns}),
         .tolerance = tolerance,
         .error = [rows = rows, columns = columns] { return muon_distance<T>(rows, columns); }});
  }
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
      product = task.problem->group->group.product(product, tokens(row, t));
      wrong += product != labels(row, t);
    }
  }
  return static_cast<double>(wrong);
}

}  // namespace

void add_train_checks(Registry& registry) {
  add_optimizer_checks<float>(registry);
  add_optimizer_checks<double>(registry);
  add_muon_checks<float>(registry);
  add_muon_checks<double>(registry);
  for (const auto& [rows, columns] : {Shape<2>{6, 10}, Shape<2>{10, 6}, Shape<2>{8, 8}}) {
    registry.checks.push_back(
        {.name = "optimizer.newton_schulz_is_its_polynomial",
         .module = "train",
         .dtype = "f64",
         .shape = to_string(Shape<2>{rows, columns}),
         .tolerance = 1e-11,  // roundings, stretched 480 times
         .error = [rows = rows, columns = columns] { return newton_schulz_error(rows, columns); }});
  }
  for (const train::Task& task : train::tasks()) {
    if (task.problem == nullptr || !task.problem->group) continue;
    registry.checks.push_back({.name = fmt::format("task.{}_labels", task.name),
                               .module = "train",
                               .dtype = "i32",
                               .shape = "[100, 100]",
                               .tolerance = 0,
                               .error = [&task] { return wrong_labels(task); }});
  }
}

}  // namespace lior::check
