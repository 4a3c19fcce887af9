// SPDX-License-Identifier: Apache-2.0
#include "lior/train/optimizer.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

template <class T>
class OptimizerSteps : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(OptimizerSteps, Types);

// A handful of roundings a step; in double, where the reference's own sum is no more exact than
// ours, also sqrt(n) ~ 200 roundings of its 50,000 squares one after another.
template <class T>
constexpr double kStepTolerance = (sizeof(T) == 4 ? 64 : 512) * std::numeric_limits<T>::epsilon();

/// Flat values and gradients of tensors of the given sizes.
template <class T>
struct Problem {
  std::vector<Tensor> tensors;
  Buffer<T> values, gradients;

  explicit Problem(const std::vector<Index>& sizes, double gradient_size = 1) {
    Index end = 0;
    for (const Index size : sizes) {
      tensors.push_back({.offset = end, .size = size, .decay = tensors.size() % 2 == 0});
      end += size;
    }
    values = Buffer<T>(end);
    gradients = Buffer<T>(end);
    Random(1).fill_normal(values.span());
    Random(2).fill_normal(gradients.span(), gradient_size);
  }
  void scale_gradients(double factor) {
    for (T& g : gradients) g = static_cast<T>(factor * g);
  }
};

const std::vector<Index> kSizes = {1, 3, 4, 5, 7, 8, 9, 31, 32, 33, 16384, 16385, 50000};

/// A net with k = 3 hidden numbers on d = 4 coordinates.
template <class T>
struct SmallNet {
  Array<T, 2> v1{{3, 4}};
  Array<T, 1> c1{{3}}, w2{{3}};
  SmallNet() {
    Random random(9);
    random.fill_normal(v1.span());
    random.fill_normal(c1.span());
    random.fill_normal(w2.span());
  }
  ResilienceNet<T> net() const { return {v1.view(), c1.view(), w2.view(), T(0.25)}; }
};

/// Largest |got - want| / max(1, |want|) after three steps that differ in rate, clip and gradients.
template <class T>
double distance_from_reference(const OptimizerConfig& config,
                               const std::optional<ResilienceNet<T>>& net = {}) {
  Problem<T> fast(kSizes, 3), plain(kSizes, 3);
  Optimizer<T> optimizer(config, fast.tensors, net);
  Buffer<T> first(plain.values.size()), second(plain.values.size());
  double largest = 0;
  for (Index t = 1; t <= 3; ++t) {
    const double rate = 0.01 * static_cast<double>(t), clip = t == 2 ? 0.5 : 1;
    optimizer.measure(fast.gradients.span());
    optimizer.step(rate, clip, fast.values.span(), fast.gradients.span());

    plain.scale_gradients(clip);
    for (const Tensor& tensor : plain.tensors) {
      const auto part = [&](Buffer<T>& flat) {
        return flat.span().subspan(tensor.offset, tensor.size);
      };
      if (config.kind == OptimizerKind::adamw) {
        reference::adamw_step<T>(config, tensor.decay, rate, t, part(plain.values),
                                 part(plain.gradients), part(first), part(second));
      } else {
        reference::lior_step<T>(config, net, rate, part(plain.values), part(plain.gradients),
                                config.memory ? part(first) : std::span<T>{});
      }
    }
    plain.scale_gradients(1 / clip);
    for (Index i = 0; i < fast.values.size(); ++i) {
      const double want = plain.values[i];
      largest = worst_of<double>(
          {largest, std::abs(fast.values[i] - want) / std::max(1.0, std::abs(want))});
    }
  }
  return largest;
}

TYPED_TEST(OptimizerSteps, EveryFormIsItsReference) {
  using T = TypeParam;
  EXPECT_LE(distance_from_reference<T>({.kind = OptimizerKind::adamw}), kStepTolerance<T>);
  EXPECT_LE(distance_from_reference<T>({.kind = OptimizerKind::lior}), kStepTolerance<T>);
  EXPECT_LE(distance_from_reference<T>({.kind = OptimizerKind::lior, .power = 2}),
            kStepTolerance<T>);
  EXPECT_LE(distance_from_reference<T>({.kind = OptimizerKind::lior, .kappa = 0.5}),
            kStepTolerance<T>);
  EXPECT_LE(distance_from_reference<T>({.kind = OptimizerKind::lior, .form = LiorForm::compat}),
            kStepTolerance<T>);
  const SmallNet<T> net;
  OptimizerConfig manifold{.kind = OptimizerKind::lior, .form = LiorForm::manifold};
  EXPECT_LE(distance_from_reference<T>(manifold, net.net()), kStepTolerance<T>);
  manifold.memory = true;
  EXPECT_LE(distance_from_reference<T>(manifold, net.net()), kStepTolerance<T>);
}

TYPED_TEST(OptimizerSteps, BitEqualAcrossThreadCounts) {
  using T = TypeParam;
  const auto run = [](OptimizerKind kind, int count) {
    const ThreadScope scope(count);
    Problem<T> problem({100000, 65536, 7, 30001});
    Optimizer<T> optimizer({.kind = kind}, problem.tensors);
    for (int t = 0; t < 3; ++t) {
      const double norm = optimizer.measure(problem.gradients.span());
      optimizer.step(0.1, 1 / norm, problem.values.span(), problem.gradients.span());
    }
    return problem;
  };
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::lior}) {
    const auto one = run(kind, 1), many = run(kind, 3);
    EXPECT_TRUE(equal(one.values, many.values));
  }
}

TYPED_TEST(OptimizerSteps, TensorsApartStepAsTheyDoInOneArray) {
  using T = TypeParam;
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::lior}) {
    Problem<T> together(kSizes), apart(kSizes);
    std::vector<T*> values;
    std::vector<const T*> gradients;
    for (std::size_t i = kSizes.size(); i-- > 0;) {  // the last tensor first
      values.push_back(apart.values.data() + apart.tensors[i].offset);
      gradients.push_back(apart.gradients.data() + apart.tensors[i].offset);
      apart.tensors[i].offset =
          i + 1 == kSizes.size() ? 0 : apart.tensors[i + 1].offset + apart.tensors[i + 1].size;
    }
    std::reverse(apart.tensors.begin(), apart.tensors.end());
    Optimizer<T> one({.kind = kind}, together.tensors), other({.kind = kind}, apart.tensors);
    for (int t = 0; t < 3; ++t) {
      one.measure(together.gradients.span());
      one.step(0.1, 1, together.values.span(), together.gradients.span());
      other.measure(gradients);
      other.step(0.1, 1, values, gradients);
    }
    EXPECT_TRUE(equal(together.values, apart.values));
  }
}

TYPED_TEST(OptimizerSteps, MeasureIsTheNorm) {
  using T = TypeParam;
  Problem<T> problem({3, 40000});
  std::fill(problem.gradients.begin(), problem.gradients.end(), T(0.5));
  Optimizer<T> optimizer({}, problem.tensors);
  EXPECT_NEAR(optimizer.measure(problem.gradients.span()), 0.5 * std::sqrt(40003), 1e-9);
  problem.gradients[20000] = std::numeric_limits<T>::quiet_NaN();
  EXPECT_TRUE(std::isnan(optimizer.measure(problem.gradients.span())));
}

// All entries g: mean g^2 = g^2, so the step is a function of g in closed form.
TEST(Lior, StepOfAConstantGradient) {
  const auto step = [](OptimizerConfig config, double g) {
    config.kind = OptimizerKind::lior;
    Problem<double> problem({11});
    std::fill(problem.values.begin(), problem.values.end(), 0.0);
    std::fill(problem.gradients.begin(), problem.gradients.end(), g);
    Optimizer<double> optimizer(config, problem.tensors);
    optimizer.measure(problem.gradients.span());
    optimizer.step(1, 1, problem.values.span(), problem.gradients.span());
    return -problem.values[10];
  };
  EXPECT_NEAR(step({}, 0.75), 0.75 / 1.25, 1e-15);
  EXPECT_NEAR(step({}, 1e6), 1, 1e-12);                            // bounded by 1
  EXPECT_NEAR(step({.power = 2}, 1), 0.5, 1e-15);                  // the largest step of power 2
  EXPECT_NEAR(step({.power = 2}, 1e6), 1e-6, 1e-15);               // then it falls as 1/g
  EXPECT_NEAR(step({.form = LiorForm::compat}, 2), 2 * 5, 1e-14);  // (1 + g^2) g
  EXPECT_NEAR(step({.form = LiorForm::compat}, 20), 2000, 1e-11);  // R at its clamp: 100 g
}

// With a constant gradient the bias corrections make m-hat = g and v-hat = g^2 at every t.
TEST(Adamw, ConstantGradientMovesByTheRate) {
  Problem<double> problem({4, 4});
  std::fill(problem.values.begin(), problem.values.end(), 1.0);
  std::fill(problem.gradients.begin(), problem.gradients.end(), -3.0);
  Optimizer<double> optimizer({.weight_decay = 0.5}, problem.tensors);
  double with_decay = 1, without = 1;
  for (int t = 0; t < 5; ++t) {
    optimizer.measure(problem.gradients.span());
    optimizer.step(0.01, 1, problem.values.span(), problem.gradients.span());
    with_decay = with_decay * (1 - 0.01 * 0.5) + 0.01;
    without += 0.01;
    EXPECT_NEAR(problem.values[0], with_decay, 1e-9);  // epsilon is 3e-9 of the step
    EXPECT_NEAR(problem.values[4], without, 1e-9);
  }
  EXPECT_EQ(optimizer.steps(), 5);
}

TEST(Resilience, ClosedForms) {
  Array<double, 2> v1({1, 2});
  Array<double, 1> c1({1}), w2({1});
  const auto net = [&](double c2) {
    return ResilienceNet<double>{v1.view(), c1.view(), w2.view(), c2};
  };
  const ResilienceNet<double> at_zero = net(0);
  const std::vector<double> coordinates = {1, 2};
  const std::span<const double> point = coordinates;
  EXPECT_NEAR(geometry::resilience<double>(at_zero, point), std::log(2.0), 1e-15);  // softplus(0)
  EXPECT_EQ(geometry::resilience<double>(net(50), point), 10);
  EXPECT_EQ(geometry::resilience<double>(net(-50), point), 0.1);
  v1(0, 0) = 1, v1(0, 1) = 7, w2(0) = 1;
  // One coordinate alone: the second counts as 0. gelu(1) = (1 + erf(1/sqrt 2))/2.
  const double gelu = 0.8413447460685429;
  EXPECT_NEAR(geometry::resilience<double>(at_zero, point.first(1)), std::log1p(std::exp(gelu)),
              1e-15);
}

TEST(Optimizer, SettingsThatCannotBeAreNamed) {
  const std::vector<Tensor> tensors = {{0, 4, true}};
  EXPECT_THROW(Optimizer<float>({.beta1 = 1}, tensors), Error);
  EXPECT_THROW(Optimizer<float>({.kind = OptimizerKind::lior, .power = 3}, tensors), Error);
  EXPECT_THROW(Optimizer<float>({.kind = OptimizerKind::lior, .form = LiorForm::manifold}, tensors),
               Error);
  EXPECT_THROW(Optimizer<float>({.kind = OptimizerKind::lior, .memory = true}, tensors), Error);
  const std::vector<Tensor> gap = {{0, 4, true}, {5, 1, true}};
  EXPECT_THROW(Optimizer<float>({}, gap), Error);
}

/// A flat tensor of 3 numbers, and a table of 4 rows of 2 that is updated by rows.
struct WithTable {
  std::vector<Tensor> tensors{{.offset = 0, .size = 3}, {.offset = 3, .size = 8, .by_rows = true}};
  Buffer<double> values{11}, flat{3};
  std::vector<std::int32_t> rows{1, 3};
  Array<double, 2> of_rows{{2, 2}};

  WithTable() {
    Random(1).fill_normal(values.span());
    Random(2).fill_normal(flat.span());
    Random(3).fill_normal(of_rows.span());
  }
  std::array<nn::RowGradient<double>, 1> row_gradients() const {
    return {{{.parameter = 1, .rows = rows, .values = of_rows.view()}}};
  }
  /// The gradient of the whole table.
  Buffer<double> whole() const {
    Buffer<double> gradient(11);
    std::copy(flat.begin(), flat.end(), gradient.begin());
    for (Index k = 0; k < 2; ++k) std::copy_n(&of_rows(k, 0), 2, &gradient[3 + 2 * rows[k]]);
    return gradient;
  }
};

TEST(OptimizerRows, AreUpdatedAsInAWholeGradientAndNoOthersAre) {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::lior}) {
    WithTable by_rows, whole;
    whole.tensors[1].by_rows = false;
    Optimizer<double> fast({.kind = kind}, by_rows.tensors), plain({.kind = kind}, whole.tensors);
    const Buffer<double> start = std::move(WithTable().values), gradient = whole.whole();
    for (int step = 0; step < 3; ++step) {
      // A few roundings: sums of squares go piece by piece in another order.
      EXPECT_NEAR(fast.measure(by_rows.flat.span(), by_rows.row_gradients()),
                  plain.measure(gradient.span()), 1e-14);
      fast.step(0.1, 0.5, by_rows.values.span(), by_rows.flat.span(), by_rows.row_gradients());
      plain.step(0.1, 0.5, whole.values.span(), gradient.span());
    }
    for (Index i = 0; i < 11; ++i) EXPECT_NEAR(by_rows.values[i], whole.values[i], 1e-14) << i;
    for (const Index i : {3, 4, 7, 8}) EXPECT_EQ(by_rows.values[i], start[i]);
  }
}

// Where a row was not read, its moments wait: they do not fade, and do not move it.
TEST(OptimizerRows, WaitWithTheirMoments) {
  WithTable table;
  Optimizer<double> optimizer({.kind = OptimizerKind::adamw}, table.tensors);
  const auto step = [&](std::span<const nn::RowGradient<double>> rows) {
    optimizer.measure(table.flat.span(), rows);
    optimizer.step(0.1, 1, table.values.span(), table.flat.span(), rows);
  };
  step(table.row_gradients());
  const double value = table.values[5], moment = optimizer.state()[0].values[5];
  EXPECT_NE(moment, 0);
  step({});
  EXPECT_EQ(table.values[5], value);
  EXPECT_EQ(optimizer.state()[0].values[5], moment);
}

TEST(OptimizerRows, BelongToATableThatWasSaidToHaveThem) {
  WithTable table;
  Optimizer<double> optimizer({}, table.tensors);
  auto rows = table.row_gradients();
  rows[0].parameter = 0;
  EXPECT_NE(error_of([&] {
              optimizer.measure(table.flat.span(), rows);
            }).find("tensor 0 has a gradient by rows"),
            std::string::npos);
}

}  // namespace
}  // namespace lior::train
