// SPDX-License-Identifier: Apache-2.0
// Cross entropy: the reference at every vocabulary, across chunks; ln V, ties, rows left out.
#include "lior/nn/cross_entropy.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "nn/strided.h"

namespace lior::nn {
namespace {

template <class T>
class CrossEntropyOp : public testing::Test {
 protected:
  Arena workspace{16 << 20};
};
TYPED_TEST_SUITE(CrossEntropyOp, Types);

// Scores are sums of 6 products; their errors pass into probabilities as they are.
template <class T>
constexpr double kTolerance = 64 * kEpsilon<T>;

std::vector<std::int32_t> random_targets(Index rows, Index vocabulary) {
  std::vector<std::int32_t> targets(rows);
  Random random(99);
  for (auto& target : targets) target = static_cast<std::int32_t>(random.below(vocabulary + 1)) - 1;
  return targets;
}

TYPED_TEST(CrossEntropyOp, IsTheReferenceAtEveryVocabulary) {
  using T = TypeParam;
  const Index K = 6;
  // The last two take several chunks: 2048 scores make chunks of 128 rows, the last one short.
  for (const Shape<2> size : {Shape<2>{0, 5},
                              {1, 1},
                              {3, 3},
                              {5, 7},
                              {9, 8},
                              {9, 9},
                              {17, 131},
                              {300, 2048},
                              {131, 4001}}) {
    const auto [R, V] = size;
    Strided<T> x(R, K, 1), weight(V, K, 2), dx(R, K, 3), dx_want(R, K, 4);
    Strided<T> d_weight(V, K, 5), d_weight_want(V, K, 5);
    const Buffer<T> bias = normal_numbers<T>(V, 6);
    Buffer<T> d_bias = normal_numbers<T>(V, 7), d_bias_want = normal_numbers<T>(V, 7);
    const std::vector<std::int32_t> targets = random_targets(R, V);
    std::vector<std::int32_t> predicted(R), predicted_back(R), predicted_want(R);
    const Classifier<T> classifier{x, weight, bias.span()};

    const CrossEntropy want =
        reference::cross_entropy_forward<T>(classifier, targets, predicted_want);
    reference::cross_entropy_backward<T>(classifier, targets, 0.25, dx_want, d_weight_want,
                                         d_bias_want.span());
    const CrossEntropy forward =
        cross_entropy_forward<T>(classifier, targets, predicted, this->workspace);
    const CrossEntropy backward =
        cross_entropy_backward<T>(classifier, targets, predicted_back, 0.25, Store::write, dx,
                                  d_weight, d_bias.span(), this->workspace);
    for (const CrossEntropy& got : {forward, backward}) {
      EXPECT_NEAR(got.loss_sum, want.loss_sum, kTolerance<T> * (1 + want.loss_sum));
      EXPECT_EQ(got.targets, want.targets);
      EXPECT_EQ(got.correct, want.correct);
    }
    EXPECT_EQ(predicted, predicted_want) << to_string(size);
    EXPECT_EQ(predicted_back, predicted_want) << to_string(size);
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << to_string(size);
    EXPECT_LE(difference(d_weight.view(), d_weight_want.view()), kTolerance<T>) << to_string(size);
    EXPECT_LE(difference(d_bias.span(), d_bias_want.span()), kTolerance<T>) << to_string(size);
    EXPECT_TRUE(dx.margins_are_whole() && d_weight.margins_are_whole());
    EXPECT_EQ(this->workspace.used(), 0u);
  }
}

TYPED_TEST(CrossEntropyOp, EqualScoresCostLnVAndTheLowestClassWins) {
  using T = TypeParam;
  for (const Index V : {2, 7, 8, 60, 256}) {
    Array<T, 2> x({3, 2}), weight({V, 2});
    const std::vector<std::int32_t> targets = {0, 1, -1};
    std::vector<std::int32_t> predicted(3);
    const CrossEntropy got = cross_entropy_forward<T>({x.view(), weight.view(), {}}, targets,
                                                      predicted, this->workspace);
    EXPECT_NEAR(got.loss_sum, 2 * std::log(static_cast<double>(V)), 16 * kEpsilon<T>);
    EXPECT_EQ(got.targets, 2);
    EXPECT_EQ(got.correct, 1);
    EXPECT_EQ(predicted, (std::vector<std::int32_t>{0, 0, -1}));
  }
}

TYPED_TEST(CrossEntropyOp, LargeScoresDoNotOverflowAndNaNShows) {
  using T = TypeParam;
  Array<T, 2> x({1, 1}), weight({9, 1});
  x(0, 0) = 1;
  weight(8, 0) = static_cast<T>(1e30);
  const std::vector<std::int32_t> target = {8};
  const Classifier<T> classifier{x.view(), weight.view(), {}};
  EXPECT_EQ(cross_entropy_forward<T>(classifier, target, {}, this->workspace).loss_sum, 0);
  weight(3, 0) = std::numeric_limits<T>::quiet_NaN();
  EXPECT_TRUE(
      std::isnan(cross_entropy_forward<T>(classifier, target, {}, this->workspace).loss_sum));
}

TYPED_TEST(CrossEntropyOp, RowsThatDoNotCountAreNotRead) {
  using T = TypeParam;
  const Index R = 40, K = 5, V = 11;
  Strided<T> x(R, K, 1), weight(V, K, 2), dx(R, K, 3), d_weight(V, K, 4);
  std::vector<std::int32_t> targets(R, -1);
  targets[7] = 3, targets[31] = 10;
  for (Index r = 0; r < R; ++r) {
    if (targets[r] < 0) x.view()(r, 2) = std::numeric_limits<T>::quiet_NaN();
  }
  const CrossEntropy got = cross_entropy_backward<T>({x, weight, {}}, targets, {}, 1, Store::write,
                                                     dx, d_weight, {}, this->workspace);
  EXPECT_TRUE(std::isfinite(got.loss_sum));
  EXPECT_EQ(got.targets, 2);
  for (Index k = 0; k < K; ++k) {
    EXPECT_EQ(dx.view()(8, k), 0);
    EXPECT_NE(dx.view()(31, k), 0);
    EXPECT_TRUE(std::isfinite(d_weight.view()(3, k)));
  }
}

TYPED_TEST(CrossEntropyOp, AddsToTheGradientOfItsInput) {
  using T = TypeParam;
  const Index R = 40, K = 5, V = 11;
  Strided<T> x(R, K, 1), weight(V, K, 2), written(R, K, 3), added(R, K, 4), start(R, K, 4);
  Strided<T> d_weight(V, K, 5);
  const std::vector<std::int32_t> targets = random_targets(R, V);
  const Classifier<T> classifier{x, weight, {}};
  cross_entropy_backward<T>(classifier, targets, {}, 1, Store::write, written, d_weight, {},
                            this->workspace);
  cross_entropy_backward<T>(classifier, targets, {}, 1, Store::add, added, d_weight, {},
                            this->workspace);
  for (Index r = 0; r < R; ++r) {
    for (Index k = 0; k < K; ++k) start.view()(r, k) += written.view()(r, k);
  }
  EXPECT_LE(difference(added.view(), start.view()), kTolerance<T>);
}

TYPED_TEST(CrossEntropyOp, PlanningAsksForWhatACallTakes) {
  using T = TypeParam;
  const Index R = 300, K = 5, V = 2048;
  const std::vector<std::int32_t> targets(R, 1);
  const linalg::MatrixView<T> rows(nullptr, R, K), classes(nullptr, V, K);
  const std::span<T> no_bias(static_cast<T*>(nullptr), V);
  Arena plan = Arena::planner();
  cross_entropy_backward<T>({rows, classes, no_bias}, targets, {}, 1, Store::write, rows, classes,
                            no_bias, plan);
  Strided<T> x(R, K, 1), weight(V, K, 2), dx(R, K, 3), d_weight(V, K, 4);
  Buffer<T> bias(V), d_bias(V);
  Arena exact(plan.peak());
  cross_entropy_backward<T>({x, weight, bias.span()}, targets, {}, 1, Store::write, dx, d_weight,
                            d_bias.span(), exact);
  EXPECT_EQ(exact.peak(), plan.peak());
  EXPECT_LT(plan.peak(), R * V * sizeof(T));  // less than all scores at once
}

TYPED_TEST(CrossEntropyOp, EqualThreadCountsGiveEqualBits) {
  using T = TypeParam;
  const Index R = 300, K = 8, V = 2048;
  Strided<T> x(R, K, 1), weight(V, K, 2), first_dx(R, K, 3), dx(R, K, 4);
  const std::vector<std::int32_t> targets = random_targets(R, V);
  on_thread_counts([&](int) {
    Strided<T> first_d_weight(V, K, 5), d_weight(V, K, 5);
    const auto run = [&](Strided<T>& d_x, Strided<T>& d_w) {
      return cross_entropy_backward<T>({x, weight, {}}, targets, {}, 1, Store::write, d_x, d_w, {},
                                       this->workspace)
          .loss_sum;
    };
    EXPECT_EQ(run(first_dx, first_d_weight), run(dx, d_weight));
    EXPECT_EQ(difference(first_dx.view(), dx.view()), 0);
    EXPECT_EQ(difference(first_d_weight.view(), d_weight.view()), 0);
  });
}

TYPED_TEST(CrossEntropyOp, WrongArgumentsAreNamed) {
  using T = TypeParam;
  Strided<T> x(2, 3, 1), weight(4, 3, 2);
  const Classifier<T> classifier{x, weight, {}};
  const std::vector<std::int32_t> large = {0, 4}, negative = {-2, 0}, one = {0};
  const auto error = [&](std::span<const std::int32_t> targets) {
    return error_of([&] { cross_entropy_forward<T>(classifier, targets, {}, this->workspace); });
  };
  EXPECT_EQ(error(large), "targets[1] is 4; expected 0 to 3, or -1 where it does not count");
  EXPECT_EQ(error(negative), "targets[0] is -2; expected 0 to 3, or -1 where it does not count");
  EXPECT_EQ(error(one), "targets has 1 entries; expected 2");
  EXPECT_EQ(count_targets(large), 2);
  EXPECT_EQ(count_targets(negative), 1);
}

}  // namespace
}  // namespace lior::nn
