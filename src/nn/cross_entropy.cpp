// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/cross_entropy.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/cross_entropy.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/cross_entropy.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/nn/linear.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

// 1 MB of float scores stay in the second-level cache between the products; 128 rows keep those
// efficient where the vocabulary is large.
constexpr Index kScoresPerChunk = Index{1} << 18;
constexpr Index kLeastRows = 128;
constexpr const char* kOp = "cross entropy";

template <class T>
void check_arguments(const Classifier<T>& classifier, std::span<const std::int32_t> targets,
                     std::span<std::int32_t> predicted) {
  const Index R = classifier.x.rows, K = classifier.x.cols, V = classifier.weight.rows;
  check_matrix(classifier.x, R, K, "x");
  check_matrix(classifier.weight, V, K, "weight");
  if (!classifier.bias.empty()) check_size(classifier.bias, V, "bias");
  check_size(targets, R, "targets");
  if (!predicted.empty()) check_size(predicted, R, "predicted");
}

void check_targets(std::span<const std::int32_t> targets, Index V) {
  for (std::size_t r = 0; r < targets.size(); ++r) {
    LIOR_CHECK(targets[r] >= -1 && targets[r] < V,
               "targets[{}] is {}; expected 0 to {}, or -1 where it does not count", r, targets[r],
               V - 1);
  }
}

/// Rows that count, of which each chunk takes the next `height`: `members` are their numbers.
template <class T>
struct Chunk {
  Index begin;  // among the rows that count
  std::span<const std::int32_t> members;
  MatrixView<const T> x;  // in place where all rows count, else copied side by side
  bool in_place;
};

/// Chunk by chunk: scores, then losses, then `gradients(chunk, d_scores)`.
template <bool kGradient, class T, class Gradients>
CrossEntropy by_chunks(const Classifier<T>& classifier, std::span<const std::int32_t> targets,
                       std::span<std::int32_t> predicted, T scale, Arena& workspace,
                       const Gradients& gradients) {
  const Index R = classifier.x.rows, K = classifier.x.cols, V = classifier.weight.rows;
  const Index height = rows_at_once(R, V);
  const Arena::Scope scope(workspace);
  const View<T, 2> scores = workspace.take<T, 2>({height, V});
  const View<double, 1> losses = workspace.take<double, 1>({height});
  const View<std::int32_t, 1> largest = workspace.take<std::int32_t, 1>({height});
  const View<std::int32_t, 1> counted = workspace.take<std::int32_t, 1>({R});
  const View<std::int32_t, 1> chunk_targets = workspace.take<std::int32_t, 1>({height});
  const MatrixView<T> chunk_x = workspace.take<T, 2>({height, K});
  CrossEntropy total;
  if (workspace.planning()) {
    gradients(Chunk<T>{0, {}, chunk_x, false}, MatrixView<T>(nullptr, height, V));
    return total;
  }
  check_targets(targets, V);
  for (Index r = 0; r < R; ++r) {
    if (targets[r] >= 0) counted[total.targets++] = static_cast<std::int32_t>(r);
  }
  std::fill(predicted.begin(), predicted.end(), -1);
  const auto kernel = LIOR_SIMD_TABLE(cross_entropy_rows<kGradient, T>).chosen();
  for (Index begin = 0; begin < total.targets; begin += height) {
    const Index rows = std::min(height, total.targets - begin);
    Chunk<T> chunk{begin, counted.span().subspan(begin, rows), {}, total.targets == R};
    for (Index i = 0; i < rows; ++i) chunk_targets[i] = targets[chunk.members[i]];
    if (chunk.in_place) {
      chunk.x = classifier.x.block(begin, 0, rows, K);
    } else {
      chunk.x = chunk_x.block(0, 0, rows, K);
      for (Index i = 0; i < rows; ++i) {
        std::copy_n(&classifier.x(chunk.members[i], 0), K, &chunk_x(i, 0));
      }
    }
    const MatrixView<T> chunk_scores = MatrixView<T>(scores).block(0, 0, rows, V);
    {
      const ProfiledOp op(kOp);
      linear_forward<T>(chunk.x, classifier.weight, classifier.bias, chunk_scores);
    }
    if (classifier.terms != nullptr) {
      classifier.terms->add(chunk.members, chunk.x, chunk_scores);
    }
    {
      const ProfiledOp op(kOp);
      parallel_for(rows, rows_per_thread(V), [&](Index first, Index last, int) {
        kernel(chunk_scores.block(first, 0, last - first, V), chunk_targets.data() + first, scale,
               losses.data() + first, largest.data() + first);
      });
    }
    for (Index i = 0; i < rows; ++i) {
      total.loss_sum += losses[i];
      total.correct += largest[i] == chunk_targets[i];
      if (!predicted.empty()) predicted[chunk.members[i]] = largest[i];
    }
    gradients(chunk, chunk_scores);
  }
  return total;
}

}  // namespace

Index rows_at_once(Index R, Index V) {
  return std::min(R, std::max(kLeastRows, kScoresPerChunk / std::max<Index>(V, 1)));
}

Index count_targets(std::span<const std::int32_t> targets) {
  return std::count_if(targets.begin(), targets.end(), [](std::int32_t t) { return t >= 0; });
}

template <class T>
CrossEntropy cross_entropy_forward(const Classifier<T>& classifier,
                                   std::span<const std::int32_t> targets,
                                   std::span<std::int32_t> predicted, Arena& workspace) {
  check_arguments(classifier, targets, predicted);
  return by_chunks<false, T>(classifier, targets, predicted, 0, workspace,
                             [](const Chunk<T>&, MatrixView<T>) {});
}

template <class T>
CrossEntropy cross_entropy_backward(const Classifier<T>& classifier,
                                    std::span<const std::int32_t> targets,
                                    std::span<std::int32_t> predicted, double scale, Store store,
                                    MatrixView<T> dx, MatrixView<T> d_weight, std::span<T> d_bias,
                                    Arena& workspace) {
  check_arguments(classifier, targets, predicted);
  const Index R = classifier.x.rows, K = classifier.x.cols, V = classifier.weight.rows;
  check_matrix(dx, R, K, "dx");
  check_matrix(d_weight, V, K, "d_weight");
  if (!d_bias.empty()) check_size(d_bias, V, "d_bias");
  const Arena::Scope scope(workspace);
  const MatrixView<T> chunk_dx = workspace.take<T, 2>({rows_at_once(R, V), K});
  if (!workspace.planning() && store == Store::write && count_targets(targets) < R) {
    for (Index r = 0; r < R; ++r) std::fill_n(dx.data + r * dx.stride, K, T(0));
  }
  return by_chunks<true, T>(classifier, targets, predicted, static_cast<T>(scale), workspace,
                            [&](const Chunk<T>& chunk, MatrixView<T> d_scores) {
                              const Index rows = d_scores.rows;
                              const auto through = [&](Store how, MatrixView<T> to) {
                                {
                                  const ProfiledOp op(kOp);
                                  linear_backward<T>(chunk.x, classifier.weight, d_scores, how, to,
                                                     d_weight, d_bias, workspace);
                                }
                                if (classifier.terms != nullptr)
                                  classifier.terms->backward(chunk.x, d_scores, to);
                              };
                              if (chunk.in_place) {
                                through(store, dx.block(chunk.begin, 0, rows, K));
                                return;
                              }
                              through(Store::write, chunk_dx.block(0, 0, rows, K));
                              for (std::size_t i = 0; i < chunk.members.size(); ++i) {
                                const T* from = &chunk_dx(static_cast<Index>(i), 0);
                                T* to = &dx(chunk.members[i], 0);
                                for (Index k = 0; k < K; ++k) to[k] += from[k];
                              }
                            });
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template CrossEntropy cross_entropy_forward(const Classifier<T>&, std::span<const std::int32_t>, \
                                              std::span<std::int32_t>, Arena&);                    \
  template CrossEntropy cross_entropy_backward(                                                    \
      const Classifier<T>&, std::span<const std::int32_t>, std::span<std::int32_t>, double, Store, \
      MatrixView<T>, MatrixView<T>, std::span<T>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
