// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/causal_convolution.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "support/changing_threads.h"
#include "support/equal.h"
#include "support/on_thread_counts.h"

namespace lior::memory {
namespace {

template <class T>
class CausalConvolutionOf : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(CausalConvolutionOf, Types);

constexpr double kRuleTolerance = 1e-9;
const PowerLawRule& rule() {
  static const PowerLawRule made(kRuleTolerance, 4096);
  return made;
}

template <class T>
Array<T, 2> random_kernels(Index heads, std::uint64_t seed) {
  Array<T, 2> raw({heads, kKernelParameters});
  Random(seed).fill_normal(raw.span(), 0.5);
  return raw;
}

template <class T>
Array<T, 4> random_input(const Shape<4>& shape, std::uint64_t seed) {
  Array<T, 4> x(shape);
  Random(seed).fill_normal(x.span());
  return x;
}

template <class T>
double relative_error(const Array<T, 4>& got, const Array<T, 4>& want) {
  double error = 0, scale = 1e-30;
  for (Index i = 0; i < want.size(); ++i) {
    error =
        worst_of<double>({error, std::abs(static_cast<double>(got.data()[i]) - want.data()[i])});
    scale = std::max(scale, std::abs(static_cast<double>(want.data()[i])));
  }
  return error / scale;
}

/// Over the entries of the shorter one.
double max_error(const Array<double, 4>& start, const Array<double, 4>& whole) {
  double error = 0;
  for (Index i = 0; i < start.size(); ++i) {
    error = worst_of<double>({error, std::abs(start.data()[i] - whole.data()[i])});
  }
  return error;
}

// The rule's relative error of a kernel whose absolute sum is a few times its sum at most (random
// parameters), and roundings of sums over poles.
template <class T>
constexpr double kTolerance = 8 * kRuleTolerance + 256 * std::numeric_limits<T>::epsilon();

Arena workspace_for(const Shape<4>& shape) {
  return Arena(static_cast<std::size_t>(64 * (shape[1] + 64) * (shape[2] + 8 * threads()) +
                                        shape[0] * shape[2] * (shape[3] + 8) * 2048));
}

TYPED_TEST(CausalConvolutionOf, EveryPlanIsTheSumAtEverySize) {
  using T = TypeParam;
  for (const Index length : {1, 2, 3, 15, 16, 17, 33, 100, 250}) {
    for (const Index channels : {1, 3, 4, 8, 9, 16, 33, 150}) {
      const Shape<4> shape{2, length, 2, channels};
      const auto raw = random_kernels<T>(2, 5);
      const auto x = random_input<T>(shape, 6);
      CausalConvolution<T> memory(2, rule());
      memory.set(raw.view());
      Array<T, 4> want(shape), got(shape);
      Arena workspace = workspace_for(shape);
      reference::causal_convolution<T>(raw.view(), rule(), x.view(), want.view());
      for (const MemoryPlan plan :
           {MemoryPlan::automatic, MemoryPlan::direct, MemoryPlan::fft, MemoryPlan::recurrence}) {
        memory.forward(x.view(), got.view(), workspace, plan);
        ASSERT_LE(relative_error(got, want), kTolerance<T>)
            << "N=" << length << " C=" << channels << " plan " << static_cast<int>(plan);
      }
    }
  }
}

// Short sequences and long ones run by different plans: no output may jump between them.
TYPED_TEST(CausalConvolutionOf, AutomaticIsThePolesAtEveryLength) {
  using T = TypeParam;
  const PowerLawRule loose(1e-2, 4096);  // the formula is 1e-2 away from these poles
  CausalConvolution<T> memory(1, loose);
  for (const Index channels : {1, 16}) {
    for (const Index length : {1, 7, 40, 90, 120, 192, 193}) {
      const Shape<4> shape{2, length, 1, channels};
      const auto x = random_input<T>(shape, 3), g = random_input<T>(shape, 4);
      Array<T, 4> want(shape), got(shape), d_want(shape), d_got(shape);
      Array<T, 2> d_raw({1, kKernelParameters});
      Arena workspace = workspace_for(shape);
      memory.forward(x.view(), want.view(), workspace, MemoryPlan::recurrence);
      memory.forward(x.view(), got.view(), workspace);
      EXPECT_LE(relative_error(got, want), 128 * std::numeric_limits<T>::epsilon()) << length;
      memory.backward(x.view(), g.view(), d_want.view(), d_raw.view(), workspace,
                      MemoryPlan::recurrence);
      memory.backward(x.view(), g.view(), d_got.view(), d_raw.view(), workspace);
      EXPECT_LE(relative_error(d_got, d_want), 128 * std::numeric_limits<T>::epsilon()) << length;
    }
  }
}

TYPED_TEST(CausalConvolutionOf, AnySplitOfASequenceGivesTheWhole) {
  using T = TypeParam;
  const Index length = 75, channels = 21;
  const auto raw = random_kernels<T>(1, 7);
  const auto x = random_input<T>({1, length, 1, channels}, 8);
  CausalConvolution<T> memory(1, rule());
  memory.set(raw.view());
  Array<T, 4> whole(x.shape()), pieces(x.shape());
  Arena workspace = workspace_for(x.shape());
  memory.forward(x.view(), whole.view(), workspace);
  Array<double, 4> state({1, 1, memory.state_rows(), channels});
  Index first = 0;
  for (const Index steps : {1, 1, 5, 16, 1, 33, 18}) {
    const Shape<4> part{1, steps, 1, channels};
    memory.advance(View<const T, 4>(&x(0, first, 0, 0), part),
                   View<T, 4>(&pieces(0, first, 0, 0), part), state.view());
    first += steps;
  }
  ASSERT_EQ(first, length);
  EXPECT_LE(relative_error(pieces, whole), 128 * std::numeric_limits<T>::epsilon());
}

TYPED_TEST(CausalConvolutionOf, PlansAgreeOnGradientsOfTheInput) {
  using T = TypeParam;
  const Shape<4> shape{2, 50, 2, 19};
  const auto raw = random_kernels<T>(2, 9);
  const auto x = random_input<T>(shape, 10), g = random_input<T>(shape, 11);
  CausalConvolution<T> memory(2, rule());
  memory.set(raw.view());
  Arena workspace = workspace_for(shape);
  Array<T, 4> want(shape), got(shape);
  Array<T, 2> d_raw({2, kKernelParameters});
  memory.backward(x.view(), g.view(), want.view(), d_raw.view(), workspace, MemoryPlan::direct);
  for (const MemoryPlan plan : {MemoryPlan::fft, MemoryPlan::recurrence}) {
    memory.backward(x.view(), g.view(), got.view(), d_raw.view(), workspace, plan);
    EXPECT_LE(relative_error(got, want), kTolerance<T>);
  }
}

TYPED_TEST(CausalConvolutionOf, BitEqualAcrossThreadCounts) {
  using T = TypeParam;
  const Shape<4> shape{3, 40, 2, 37};
  const auto raw = random_kernels<T>(2, 12);
  const auto x = random_input<T>(shape, 13), g = random_input<T>(shape, 14);
  CausalConvolution<T> memory(2, rule());
  memory.set(raw.view());
  Array<T, 4> y[2] = {Array<T, 4>(shape), Array<T, 4>(shape)};
  Array<T, 4> d_x[2] = {Array<T, 4>(shape), Array<T, 4>(shape)};
  Array<T, 2> d_raw[2] = {Array<T, 2>({2, 12}), Array<T, 2>({2, 12})};
  on_thread_counts([&](int count) {
    const int run = count / 3;
    Arena workspace = workspace_for(shape);
    memory.forward(x.view(), y[run].view(), workspace);
    memory.backward(x.view(), g.view(), d_x[run].view(), d_raw[run].view(), workspace);
  });
  EXPECT_TRUE(equal(y[0].span(), y[1].span()));
  EXPECT_TRUE(equal(d_x[0].span(), d_x[1].span()));
  EXPECT_TRUE(equal(d_raw[0].span(), d_raw[1].span()));
}

/// What `memory` makes of x by FFTs, each time in a workspace that one thread planned.
template <class T>
struct ByFft {
  explicit ByFft(const Shape<4>& shape) : x(random_input<T>(shape, 16)), y(shape), again(shape) {
    memory.set(random_kernels<T>(2, 15).view());
    const ThreadScope one(1);
    Arena planner = Arena::planner();
    memory.forward(x.view(), y.view(), planner, MemoryPlan::fft);
    workspace = Arena(planner.peak());
    memory.forward(x.view(), y.view(), workspace, MemoryPlan::fft);
  }
  bool is_the_same() {
    memory.forward(x.view(), again.view(), workspace, MemoryPlan::fft);
    return equal(again.span(), y.span());
  }

  CausalConvolution<T> memory{2, rule()};
  Array<T, 4> x, y, again;
  Arena workspace{0};
};

constexpr Shape<4> kManyGroups{6, 600, 2, 40};  // of channels, for eight threads

TYPED_TEST(CausalConvolutionOf, WhatOneThreadPlannedServesMore) {
  ByFft<TypeParam> by_fft(kManyGroups);
  const ThreadScope eight(8);
  EXPECT_TRUE(by_fft.is_the_same());
}

TYPED_TEST(CausalConvolutionOf, ThreadsMayBeSetWhileItRuns) {
  ByFft<TypeParam> by_fft(kManyGroups);
  const ChangingThreads changing;
  for (int call = 0; call < 10; ++call) ASSERT_TRUE(by_fft.is_the_same());
}

// Past a megabyte of spectra the FFTs go column by column.
TYPED_TEST(CausalConvolutionOf, ImpulsesInLongColumnsReadTheKernel) {
  using T = TypeParam;
  const Index channels = 5;
  const Shape<4> shape{1, 9000, 1, channels};
  const CausalConvolution<T> memory(1, rule());
  Array<T, 4> x(shape), y(shape), want(shape);
  for (Index c = 0; c < channels; ++c) {
    const Index start = 1700 * c;
    x(0, start, 0, c) = T(c + 1);
    for (Index n = start; n < shape[1]; ++n) {
      const double kappa = memory.kernel(0).kappa(n - start);
      want(0, n, 0, c) =
          static_cast<T>((c + 1) * (n == start ? kappa + memory.kernel(0).w0() : kappa));
    }
  }
  Arena workspace(std::size_t{1} << 26);
  memory.forward(x.view(), y.view(), workspace, MemoryPlan::fft);
  EXPECT_LE(relative_error(y, want), 64 * std::numeric_limits<T>::epsilon());
}

TEST(CausalConvolution, AnImpulseReadsTheKernelAndALongerInputChangesNothing) {
  const auto raw = random_kernels<double>(1, 15);
  CausalConvolution<double> memory(1, rule());
  memory.set(raw.view());
  Array<double, 4> x({1, 200, 1, 1}), y({1, 200, 1, 1});
  x.data()[0] = 1;
  Arena none(1);
  memory.forward(x.view(), y.view(), none);
  const PoleForm& form = memory.kernel(0);
  double sum = 0;
  for (Index k = 0; k < 200; ++k) sum = std::max(sum, std::abs(form.kappa(k)));
  for (Index k = 0; k < 200; ++k) {
    EXPECT_NEAR(y.data()[k], form.kappa(k) + (k == 0 ? form.w0() : 0), 1e-8 * sum);
  }
  Array<double, 4> start({1, 50, 1, 1});
  const View<const double, 4> first(x.data(), start.shape());
  memory.forward(first, start.view(), none);
  EXPECT_LE(max_error(start, y), 1e-14 * sum);
  memory.forward(x.view(), y.view(), none, MemoryPlan::recurrence);
  memory.forward(first, start.view(), none, MemoryPlan::recurrence);
  EXPECT_EQ(max_error(start, y), 0);
}

TEST(CausalConvolution, AStepCostsNoMoreAndHoldsItsAccuracyAfterAMillion) {
  // A constant input tends to w0 + sum kappa; S normalises that sum to 1 - w0 (S > 0).
  const PowerLawRule rule(1e-6, 1e6);
  CausalConvolution<float> memory(1, rule);
  const Index steps = 1 << 16;
  Array<float, 4> x({1, steps, 1, 1}), y({1, steps, 1, 1});
  Array<double, 4> state({1, 1, memory.state_rows(), 1});
  for (float& value : x.span()) value = 1;
  for (int part = 0; part < 16; ++part) memory.advance(x.view(), y.view(), state.view());
  EXPECT_NEAR(y.data()[steps - 1], 1, 1e-6);
}

TEST(CausalConvolution, PoleFormSumsToItsOwnNormaliser) {
  const PoleForm form({}, rule());
  double sum = form.w0();
  for (Index k = 0; k < 400; ++k) sum += form.kappa(k);
  EXPECT_NEAR(sum, 1, 1e-8);  // e^-400 is left
  EXPECT_GT(form.cancellation(), 0.5);
}

TEST(CausalConvolution, WrongArgumentsAreNamed) {
  CausalConvolution<float> memory(2, rule());
  Array<float, 4> x({1, 5, 3, 4}), y({1, 5, 3, 4});
  Arena none(1);
  EXPECT_THROW(memory.forward(x.view(), y.view(), none), Error);
  Array<float, 2> raw({2, 11});
  EXPECT_THROW(memory.set(raw.view()), Error);
  auto bad = random_kernels<float>(2, 1);
  bad(1, 0) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(memory.set(bad.view()), Error);
  EXPECT_THROW(CausalConvolution<float>(0, rule()), Error);
}

}  // namespace
}  // namespace lior::memory
