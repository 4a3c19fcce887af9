// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "lior/nn/cross_entropy.h"

namespace lior::nn::reference {
namespace {

/// x_r W^T + b.
template <class T>
std::vector<T> scores(const Classifier<T>& classifier, Index r) {
  std::vector<T> row(classifier.weight.rows);
  for (Index v = 0; v < classifier.weight.rows; ++v) {
    row[v] = classifier.bias.empty() ? 0 : classifier.bias[v];
    for (Index k = 0; k < classifier.x.cols; ++k) {
      row[v] += classifier.x(r, k) * classifier.weight(v, k);
    }
  }
  return row;
}

/// In place; returns ln sum_v e^{score_v}.
template <class T>
T softmax(std::vector<T>& row) {
  const T largest = *std::max_element(row.begin(), row.end());
  T sum = 0;
  for (T& score : row) sum += score = std::exp(score - largest);
  for (T& probability : row) probability /= sum;
  return largest + std::log(sum);
}

}  // namespace

template <class T>
CrossEntropy cross_entropy_forward(const Classifier<T>& classifier,
                                   std::span<const std::int32_t> targets,
                                   std::span<std::int32_t> predicted) {
  CrossEntropy total;
  for (Index r = 0; r < classifier.x.rows; ++r) {
    if (!predicted.empty()) predicted[r] = -1;
    if (targets[r] < 0) continue;
    std::vector<T> row = scores(classifier, r);
    const auto largest = std::max_element(row.begin(), row.end()) - row.begin();
    const T target_score = row[targets[r]];
    total.loss_sum += softmax(row) - target_score;
    ++total.targets;
    total.correct += largest == targets[r];
    if (!predicted.empty()) predicted[r] = static_cast<std::int32_t>(largest);
  }
  return total;
}

template <class T>
void cross_entropy_backward(const Classifier<T>& classifier, std::span<const std::int32_t> targets,
                            double scale, linalg::MatrixView<T> dx, linalg::MatrixView<T> d_weight,
                            std::span<T> d_bias) {
  for (Index r = 0; r < classifier.x.rows; ++r) {
    for (Index k = 0; k < dx.cols; ++k) dx(r, k) = 0;
    if (targets[r] < 0) continue;
    std::vector<T> row = scores(classifier, r);
    softmax(row);
    for (Index v = 0; v < classifier.weight.rows; ++v) {
      const T d_score = static_cast<T>(scale) * (row[v] - (v == targets[r] ? 1 : 0));
      for (Index k = 0; k < dx.cols; ++k) {
        dx(r, k) += d_score * classifier.weight(v, k);
        d_weight(v, k) += d_score * classifier.x(r, k);
      }
      if (!d_bias.empty()) d_bias[v] += d_score;
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template CrossEntropy cross_entropy_forward(const Classifier<T>&, std::span<const std::int32_t>, \
                                              std::span<std::int32_t>);                            \
  template void cross_entropy_backward(const Classifier<T>&, std::span<const std::int32_t>,        \
                                       double, linalg::MatrixView<T>, linalg::MatrixView<T>,       \
                                       std::span<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
