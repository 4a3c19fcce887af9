// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Softmax cross entropy together with the projection to classes, so that the scores of all rows
/// never lie in memory at once.

#include <cstdint>
#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/gradient.h"

namespace lior::nn {

/// Sums over the rows whose target is >= 0.
struct CrossEntropy {
  double loss_sum = 0;  ///< -ln p(target), nats
  Index targets = 0;
  Index correct = 0;  ///< the largest score is the target's (the lowest class in ties)
};

/// Targets that count.
Index count_targets(std::span<const std::int32_t> targets);

/// Terms added to scores, a part of the rows at a time: count_scores.h.
template <class T>
class ScoreTerms {
 public:
  virtual ~ScoreTerms() = default;
  /// scores [n, V] += the terms of `rows` [n], whose x [n, K] lie side by side; n is at most
  /// rows_at_once. `rows` holds until `backward`.
  virtual void add(std::span<const std::int32_t> rows, linalg::MatrixView<const T> x,
                   linalg::MatrixView<T> scores) = 0;
  /// dx [n, K] += what comes back through the terms, of the rows of the last `add`.
  virtual void backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> d_scores,
                        linalg::MatrixView<T> dx) = 0;
};

/// Rows of R that are scored at a time: scores of V classes.
Index rows_at_once(Index R, Index V);

/// The arrays of one projection to classes: logits = x W^T + b, and the terms where there are any.
template <class T>
struct Classifier {
  linalg::MatrixView<const T> x;       ///< [R, K]
  linalg::MatrixView<const T> weight;  ///< W [V, K]
  std::span<const T> bias;             ///< b [V], or empty
  ScoreTerms<T>* terms = nullptr;
};

/// L = - sum_r ln softmax(x_r W^T + b)_{targets_r}, over rows with targets_r >= 0.
///
/// targets [R], -1 where a row does not count, else in [0, V). predicted [R], or empty: the class
/// of the largest score of each counted row, -1 elsewhere. Rows that do not count are not read, and
/// cost nothing. Rows go in chunks of about 2^18 scores, which workspace holds. Cost: 2 R K V
/// operations and R V exponentials, R counted rows. Accuracy: the largest
/// score is taken off first, so nothing overflows; losses are summed in double in the order of
/// rows. Bit-equal for equal thread counts. A NaN score gives a NaN loss. Throws lior::Error when
/// shapes do not fit, and names a target outside.
template <class T>
CrossEntropy cross_entropy_forward(const Classifier<T>& classifier,
                                   std::span<const std::int32_t> targets,
                                   std::span<std::int32_t> predicted, Arena& workspace);

/// The same sums, and the gradients of scale * L in the same pass over the scores, with
/// d_logits = scale (softmax - one_hot(target)), 0 in rows that do not count:
/// dx = d_logits W (written or added),  d_weight += d_logits^T x,  d_bias += sum_r d_logits.
/// For the mean over counted targets, scale = 1 / count_targets(targets).
/// Cost: 6 R K V operations.
template <class T>
CrossEntropy cross_entropy_backward(const Classifier<T>& classifier,
                                    std::span<const std::int32_t> targets,
                                    std::span<std::int32_t> predicted, double scale, Store store,
                                    linalg::MatrixView<T> dx, linalg::MatrixView<T> d_weight,
                                    std::span<T> d_bias, Arena& workspace);

namespace reference {
template <class T>
CrossEntropy cross_entropy_forward(const Classifier<T>& classifier,
                                   std::span<const std::int32_t> targets,
                                   std::span<std::int32_t> predicted);
template <class T>
void cross_entropy_backward(const Classifier<T>& classifier, std::span<const std::int32_t> targets,
                            double scale, linalg::MatrixView<T> dx, linalg::MatrixView<T> d_weight,
                            std::span<T> d_bias);
}  // namespace reference

}  // namespace lior::nn
