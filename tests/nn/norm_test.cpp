// SPDX-License-Identifier: Apache-2.0
// RMS and layer normalisation: the references at every length, strided rows, sums of parameters.
#include <gtest/gtest.h>

#include "lior/core/arena.h"
#include "lior/nn/layer_norm.h"
#include "lior/nn/rms_norm.h"
#include "nn/strided.h"

namespace lior::nn {
namespace {

constexpr Index kRows = 67;  // three blocks of a parameter's sum, the last one short

template <class T>
class Norm : public testing::Test {
 protected:
  Arena workspace{1 << 20};
};
TYPED_TEST_SUITE(Norm, Types);

// Sums of up to 131 products, each rounded once.
template <class T>
constexpr double kTolerance = 256 * kEpsilon<T>;

TYPED_TEST(Norm, RmsNormIsTheReferenceAtEveryLength) {
  using T = TypeParam;
  for (const Index K : kLengths) {
    Strided<T> x(kRows, K, 1), dy(kRows, K, 2), y(kRows, K, 3), dx(kRows, K, 4);
    Strided<T> y_want(kRows, K, 5), dx_want(kRows, K, 6);
    const Buffer<T> gain = normal_numbers<T>(K, 7);
    Buffer<T> inv_rms(kRows), d_gain = normal_numbers<T>(K, 8), d_gain_want(K);
    std::copy(d_gain.begin(), d_gain.end(), d_gain_want.begin());

    rms_norm_forward<T>(x, gain.span(), kRmsNormEpsilon, y, inv_rms.span());
    rms_norm_backward<T>(x, gain.span(), inv_rms.span(), dy, Store::write, dx, d_gain.span(),
                         this->workspace);
    reference::rms_norm_forward<T>(x, gain.span(), kRmsNormEpsilon, y_want);
    reference::rms_norm_backward<T>(x, gain.span(), kRmsNormEpsilon, dy, dx_want,
                                    d_gain_want.span());
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << "K=" << K;
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << "K=" << K;
    EXPECT_LE(difference(d_gain.span(), d_gain_want.span()), kTolerance<T>) << "K=" << K;
    EXPECT_TRUE(y.margins_are_whole() && dx.margins_are_whole()) << "K=" << K;
    EXPECT_EQ(this->workspace.used(), 0u);
  }
}

TYPED_TEST(Norm, LayerNormIsTheReferenceAtEveryLength) {
  using T = TypeParam;
  for (const Index K : kLengths) {
    if (K == 1) continue;  // x - mean is 0 and its gradient rounding: nothing to compare
    Strided<T> x(kRows, K, 1), dy(kRows, K, 2), y(kRows, K, 3), dx(kRows, K, 4);
    Strided<T> y_want(kRows, K, 5), dx_want(kRows, K, 6);
    const Buffer<T> gain = normal_numbers<T>(K, 7), bias = normal_numbers<T>(K, 8);
    Buffer<T> mean(kRows), inverse(kRows), d_gain(K), d_bias(K), d_gain_want(K), d_bias_want(K);

    layer_norm_forward<T>(x, gain.span(), bias.span(), kLayerNormEpsilon, y, mean.span(),
                          inverse.span());
    layer_norm_backward<T>(x, gain.span(), mean.span(), inverse.span(), dy, Store::write, dx,
                           d_gain.span(), d_bias.span(), this->workspace);
    reference::layer_norm_forward<T>(x, gain.span(), bias.span(), kLayerNormEpsilon, y_want);
    reference::layer_norm_backward<T>(x, gain.span(), kLayerNormEpsilon, dy, dx_want,
                                      d_gain_want.span(), d_bias_want.span());
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << "K=" << K;
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << "K=" << K;
    EXPECT_LE(difference(d_gain.span(), d_gain_want.span()), kTolerance<T>) << "K=" << K;
    EXPECT_LE(difference(d_bias.span(), d_bias_want.span()), kTolerance<T>) << "K=" << K;
    EXPECT_TRUE(y.margins_are_whole() && dx.margins_are_whole()) << "K=" << K;
  }
}

TYPED_TEST(Norm, ClosedForms) {
  using T = TypeParam;
  // x = (3, 4, 0, 0): rms = 2.5; mean 1.75, deviation sqrt(3.1875).
  Array<T, 2> x({1, 4}), y({1, 4});
  x(0, 0) = 3, x(0, 1) = 4;
  Buffer<T> gain(4), bias(4), saved(1), mean(1);
  std::fill(gain.begin(), gain.end(), T{2});
  std::fill(bias.begin(), bias.end(), T{1});
  rms_norm_forward<T>(x.view(), gain.span(), 0, y.view(), saved.span());
  EXPECT_NEAR(y(0, 0), 2.4, 4 * kEpsilon<T>);
  EXPECT_NEAR(y(0, 1), 3.2, 4 * kEpsilon<T>);
  layer_norm_forward<T>(x.view(), gain.span(), bias.span(), 0, y.view(), mean.span(), saved.span());
  EXPECT_NEAR(mean[0], 1.75, 2 * kEpsilon<T>);
  EXPECT_NEAR(y(0, 0), 1 + 2.5 / std::sqrt(3.1875), 8 * kEpsilon<T>);
}

TYPED_TEST(Norm, AddingKeepsWhatIsThere) {
  using T = TypeParam;
  const Index K = 21;
  Strided<T> x(kRows, K, 1), dy(kRows, K, 2), written(kRows, K, 3), added(kRows, K, 4);
  Strided<T> start(kRows, K, 4);  // the same numbers as `added`
  const Buffer<T> gain = normal_numbers<T>(K, 7);
  Buffer<T> inv_rms(kRows), mean(kRows), d_gain(K), d_bias(K);
  const auto expect_sum = [&] {
    for (Index r = 0; r < kRows; ++r) {
      for (Index k = 0; k < K; ++k) {
        const T sum = start.view()(r, k) + written.view()(r, k);
        // The last product and the addition may be fused, which saves a rounding.
        ASSERT_NEAR(added.view()(r, k), sum, 8 * kEpsilon<T>);
      }
    }
  };
  rms_norm_forward<T>(x, gain.span(), kRmsNormEpsilon, written, inv_rms.span());
  rms_norm_backward<T>(x, gain.span(), inv_rms.span(), dy, Store::write, written, d_gain.span(),
                       this->workspace);
  rms_norm_backward<T>(x, gain.span(), inv_rms.span(), dy, Store::add, added, d_gain.span(),
                       this->workspace);
  expect_sum();

  added = Strided<T>(kRows, K, 4);
  layer_norm_forward<T>(x, gain.span(), d_bias.span(), kLayerNormEpsilon, written, mean.span(),
                        inv_rms.span());
  layer_norm_backward<T>(x, gain.span(), mean.span(), inv_rms.span(), dy, Store::write, written,
                         d_gain.span(), d_bias.span(), this->workspace);
  layer_norm_backward<T>(x, gain.span(), mean.span(), inv_rms.span(), dy, Store::add, added,
                         d_gain.span(), d_bias.span(), this->workspace);
  expect_sum();
}

TYPED_TEST(Norm, ParameterSumsAreBitEqualAcrossThreadCounts) {
  using T = TypeParam;
  const Index R = 5000, K = 33;
  Strided<T> x(R, K, 1), dy(R, K, 2), dx(R, K, 3);
  const Buffer<T> gain = normal_numbers<T>(K, 7);
  Buffer<T> inv_rms(R), first(K);
  on_thread_counts([&](int count) {
    Buffer<T> d_gain(K);
    rms_norm_forward<T>(x, gain.span(), kRmsNormEpsilon, dx, inv_rms.span());
    rms_norm_backward<T>(x, gain.span(), inv_rms.span(), dy, Store::write, dx, d_gain.span(),
                         this->workspace);
    if (count == 1) std::copy(d_gain.begin(), d_gain.end(), first.begin());
    EXPECT_TRUE(std::equal(d_gain.begin(), d_gain.end(), first.begin()));
  });
}

TYPED_TEST(Norm, PlanningTakesTheScratchAndNothingElse) {
  using T = TypeParam;
  const Index R = 5000, K = 33;
  Arena plan = Arena::planner();
  const linalg::MatrixView<T> nothing(nullptr, R, K);
  const std::span<T> no_rows(static_cast<T*>(nullptr), R), no_cols(static_cast<T*>(nullptr), K);
  rms_norm_backward<T>(nothing, no_cols, no_rows, nothing, Store::write, nothing, no_cols, plan);
  EXPECT_EQ(plan.used(), 0u);
  Arena exact(plan.peak());
  Strided<T> x(R, K, 1), dx(R, K, 2);
  Buffer<T> gain(K), inv_rms(R), d_gain(K);
  EXPECT_NO_THROW(rms_norm_backward<T>(x, gain.span(), inv_rms.span(), x, Store::write, dx,
                                       d_gain.span(), exact));
}

TYPED_TEST(Norm, WrongShapesAreNamed) {
  using T = TypeParam;
  Strided<T> x(3, 5, 1), y(3, 6, 2);
  Buffer<T> five(5), six(6), three(3);
  EXPECT_EQ(error_of([&] { rms_norm_forward<T>(x, five.span(), 0, y, three.span()); }),
            "y is 3 x 6; expected 3 x 5");
  EXPECT_EQ(error_of([&] { rms_norm_forward<T>(x, six.span(), 0, x, three.span()); }),
            "gain has 6 entries; expected 5");
  EXPECT_EQ(error_of([&] {
              layer_norm_forward<T>(x, five.span(), six.span(), 0, x, three.span(), three.span());
            }),
            "bias has 6 entries; expected 5");
  EXPECT_EQ(error_of([&] {
              layer_norm_backward<T>(x, five.span(), three.span(), five.span(), x, Store::write, x,
                                     five.span(), five.span(), this->workspace);
            }),
            "inv_deviation has 5 entries; expected 3");
}

}  // namespace
}  // namespace lior::nn
