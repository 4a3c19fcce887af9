// SPDX-License-Identifier: Apache-2.0
// The harness on y_n = a x_n^3, where every derivative is known, and on the ways to get it wrong.
#include "lior/check/op_harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace lior::check {
namespace {

constexpr Index kCount = 37;

/// Multiplies what the kernel computes: 1 is right.
struct Mistake {
  double value = 1, d_x = 1, d_a = 1;
  Index only = -1;  ///< the one index of d_x that is wrong; -1: all
};

Op scaled_cube(Mistake mistake = {}) {
  return {.name = "scaled_cube",
          .module = "test",
          .shape = "[37]",
          .inputs = {{"x", {kCount}, uniform(0.5, 1.5)},
                     {"a", {1}},
                     {"label", {1}, integers(3), false}},
          .outputs = {{"y", {kCount}}},
          .reference =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const View<const T, 1> x = in("x");
                for (Index n = 0; n < kCount; ++n) out("y")[n] = in("a")[0] * x(n) * x(n) * x(n);
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const View<const T, 1> x = in("x");
                for (Index n = 0; n < kCount; ++n) {
                  out("y")[n] = T(mistake.value) * (x(n) * in("a")[0]) * (x(n) * x(n));
                }
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const View<const T, 1> x = in("x");
                for (Index n = 0; n < kCount; ++n) {
                  const T g = gradient("y")[n];
                  const bool wrong = mistake.only < 0 || mistake.only == n;
                  d("x")[n] = (wrong ? T(mistake.d_x) : 1) * g * 3 * in("a")[0] * x(n) * x(n);
                  d("a")[0] += T(mistake.d_a) * g * x(n) * x(n) * x(n);
                }
              }};
}

/// Which rows fail, by "name dtype".
std::vector<std::string> failing_rows(const Op& op) {
  Registry registry;
  add_checks(registry, op);
  std::vector<std::string> failed;
  for (const Check& check : registry.checks) {
    if (!(check.error() <= check.tolerance)) failed.push_back(check.name + " " + check.dtype);
  }
  return failed;
}

using Rows = std::vector<std::string>;

TEST(OpHarness, RightOpPassesEveryRow) {
  EXPECT_EQ(failing_rows(scaled_cube()), Rows{});
  Registry registry;
  add_checks(registry, scaled_cube());
  EXPECT_EQ(registry.checks.size(), 6);  // two values, two gradients, one in float, repeatable
}

TEST(OpHarness, WrongValueIsCaught) {
  const double a_little = 1 + 64 * std::numeric_limits<double>::epsilon();
  EXPECT_EQ(failing_rows(scaled_cube({.value = a_little})), Rows{"scaled_cube.value f64"});
  EXPECT_EQ(failing_rows(scaled_cube({.value = NAN})),
            (Rows{"scaled_cube.value f32", "scaled_cube.value f64", "scaled_cube.gradient.x f64",
                  "scaled_cube.gradient.a f64"}));
}

TEST(OpHarness, WrongGradientIsCaughtAndNamed) {
  EXPECT_EQ(failing_rows(scaled_cube({.d_x = 1 + 1e-5})), Rows{"scaled_cube.gradient.x f64"});
  EXPECT_EQ(failing_rows(scaled_cube({.d_a = 1 + 1e-5})), Rows{"scaled_cube.gradient.a f64"});
  EXPECT_EQ(failing_rows(scaled_cube({.d_x = 0, .only = kCount - 1})),
            Rows{"scaled_cube.gradient.x f64"});
}

TEST(OpHarness, FloatGradientThatIsOnlyWrongInFloatIsCaught) {
  Op op = scaled_cube();
  op.backward.f32 = scaled_cube({.d_x = 1.001}).backward.f32;
  EXPECT_EQ(failing_rows(op), Rows{"scaled_cube.gradient f32"});
}

TEST(OpHarness, ResultThatDependsOnTheRunIsCaught) {
  Op op = scaled_cube();
  const auto calls = std::make_shared<int>(0);
  const auto forward = op.forward.f32;
  op.forward.f32 = [=](Inputs<float> in, Outputs<float> out, Arena& arena) {
    forward(in, out, arena);
    if (++*calls % 2 == 0) out("y")[5] = std::nextafter(out("y")[5], 10.f);
  };
  EXPECT_EQ(failing_rows(op), Rows{"scaled_cube.repeatable f32"});
}

TEST(OpHarness, UnknownArgumentIsNamed) {
  Op op = scaled_cube();
  op.forward.f64 = [](Inputs<double> in, Outputs<double>, Arena&) { in("weight"); };
  Registry registry;
  add_checks(registry, op);
  EXPECT_THROW(registry.checks[1].error(), Error);
}

TEST(OpHarness, BenchRowsCompareBeforeTheyTime) {
  Registry registry;
  Op op = scaled_cube();
  op.reference_backward = op.backward;
  op.forward_cost = {.flops = 3, .numbers = 2};
  add_benches<float>(registry, op);
  ASSERT_EQ(registry.benches.size(), 2);
  EXPECT_EQ(registry.benches[0].name, "scaled_cube.forward");
  EXPECT_EQ(registry.benches[1].name, "scaled_cube.backward");
  EXPECT_EQ(registry.benches[0].bytes, 8);
  for (const Bench& bench : registry.benches) {
    const BenchRun run = bench.prepare();
    run.before();
    EXPECT_FALSE(run.error() <= run.tolerance) << "`after` has not run";
    run.after();
    EXPECT_LE(run.error(), run.tolerance);
  }
}

}  // namespace
}  // namespace lior::check
