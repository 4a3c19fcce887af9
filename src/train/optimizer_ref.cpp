// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "lior/train/optimizer.h"

namespace lior::train::reference {

template <class T>
void lior_step(const OptimizerConfig& config, const std::optional<ResilienceNet<T>>& net,
               double rate, std::span<T> values, std::span<const T> gradients,
               std::span<T> memory) {
  double mean_square = 0;
  for (const T g : gradients) mean_square += static_cast<double>(g) * static_cast<double>(g);
  mean_square /= static_cast<double>(gradients.size());

  double factor = 0;  // R^-q
  switch (config.form) {
    case LiorForm::exact:
      factor = std::pow(std::sqrt(1 + mean_square), -static_cast<double>(config.power));
      break;
    case LiorForm::compat:
      factor = std::pow(std::clamp(1 / std::sqrt(1 + mean_square), 0.1, 10.0), -2);
      break;
    case LiorForm::manifold:
      factor = std::pow(geometry::resilience<double>(*net, std::span<const T>(values)), -2);
      break;
  }

  for (std::size_t i = 0; i < values.size(); ++i) {
    double direction = factor * gradients[i];
    if (!memory.empty()) {
      memory[i] = static_cast<T>(0.9 * memory[i] + 0.1 * direction);
      direction = memory[i];
    }
    values[i] = static_cast<T>(values[i] - rate * config.kappa * direction);
  }
}

template <class T>
void adamw_step(const OptimizerConfig& config, bool decay, double rate, Index t,
                std::span<T> values, std::span<const T> gradients, std::span<T> first,
                std::span<T> second) {
  const double correction1 = 1 - std::pow(config.beta1, static_cast<double>(t));
  const double correction2 = 1 - std::pow(config.beta2, static_cast<double>(t));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double g = gradients[i];
    first[i] = static_cast<T>(config.beta1 * first[i] + (1 - config.beta1) * g);
    second[i] = static_cast<T>(config.beta2 * second[i] + (1 - config.beta2) * g * g);
    const double direction =
        first[i] / correction1 / (std::sqrt(second[i] / correction2) + config.epsilon);
    values[i] = static_cast<T>(values[i] -
                               rate * (direction + (decay ? config.weight_decay * values[i] : 0)));
  }
}

template <class T>
void muon_step(const OptimizerConfig& config, bool decay, double rate, linalg::MatrixView<T> values,
               linalg::MatrixView<const T> gradients, std::span<T> momentum) {
  const Index rows = values.rows, columns = values.cols;
  std::vector<T> direction(momentum.size());
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      T& m = momentum[i * columns + j];
      const double taken = (1 - config.momentum) * gradients(i, j);
      m = static_cast<T>(config.momentum * m + taken);
      direction[i * columns + j] = static_cast<T>(config.momentum * m + taken);
    }
  }
  const linalg::MatrixView<T> turned(direction.data(), rows, columns);
  newton_schulz<T>(turned);
  const double size = config.size * std::sqrt(static_cast<double>(std::max(rows, columns)));
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      const double step = size * turned(i, j) + (decay ? config.weight_decay * values(i, j) : 0);
      values(i, j) = static_cast<T>(values(i, j) - rate * step);
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void lior_step(const OptimizerConfig&, const std::optional<ResilienceNet<T>>&, double, \
                          std::span<T>, std::span<const T>, std::span<T>);                        \
  template void muon_step(const OptimizerConfig&, bool, double, linalg::MatrixView<T>,            \
                          linalg::MatrixView<const T>, std::span<T>);                             \
  template void adamw_step(const OptimizerConfig&, bool, double, Index, std::span<T>,             \
                           std::span<const T>, std::span<T>, std::span<T>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::train::reference
