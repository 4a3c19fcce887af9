// SPDX-License-Identifier: Apache-2.0
// Tapes beside the plain text of their operations, at every size of a batch.
#include "lior/expr/tape.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "expr/formula.h"
#include "lior/core/random.h"
#include "support/replaced_new.h"

namespace {
std::atomic<long> allocations = 0;
}

void lior::observed::allocation(std::size_t, const void*, bool) { ++allocations; }
void lior::observed::release() noexcept {}

namespace lior::expr {
namespace {

template <class T>
class TapeOf : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(TapeOf, Types);

/// Rows x and y, uniform in [low, high].
template <class T>
struct Points {
  Array<T, 2> xy;
  const T* rows[2];

  Points(Index count, double low, double high) : xy({2, count}) {
    Random(7).fill_uniform(xy.span(), low, high);
    rows[0] = xy.data(), rows[1] = xy.data() + count;
  }
};

constexpr const char* kFormulas[] = {"x + y",     "x - y",     "x * y",
                                     "x / y",     "-x",        "abs(x - y)",
                                     "sqrt(x)",   "exp(x)",    "log(x)",
                                     "sin(x)",    "cos(x)",    "tan(x)",
                                     "asin(x/2)", "acos(x/2)", "atan(x)",
                                     "sinh(x)",   "cosh(x)",   "tanh(x)",
                                     "erf(x)",    "x^y",       "atan2(x, y)",
                                     "min(x, y)", "max(x, y)", "x < y",
                                     "x <= y",    "x == x",    "where(x < y, x, y)",
                                     "x*y + a",   "x*y - a",   "a - x*y",
                                     "x*y + x*y", "3",         "x"};

TYPED_TEST(TapeOf, EveryOperationAgreesWithItsReferenceAtEverySize) {
  using T = TypeParam;
  // Of the results' size: 4 roundings of a function and its argument.
  constexpr double kRounding = 8 * std::numeric_limits<T>::epsilon();
  for (const char* text : kFormulas) {
    const Formula formula(text);
    const Tape tape(formula.graph, {&formula.id, 1}, 2);
    for (const Index count : {0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 200}) {
      const Points<T> at(count, 0.1, 1.9);
      Array<T, 2> out({1, count + 1});
      out(0, count) = 42;
      tape.run<T>(at.rows, out.data(), count + 1, count);
      for (Index n = 0; n < count; ++n) {
        const long double want = formula(static_cast<long double>(at.rows[0][n]),
                                         static_cast<long double>(at.rows[1][n]));
        const double size = std::max(1.0, std::abs(static_cast<double>(want)));
        ASSERT_NEAR(out(0, n), static_cast<double>(want), kRounding * size) << text << " " << n;
      }
      ASSERT_EQ(out(0, count), 42) << text;
    }
  }
}

TYPED_TEST(TapeOf, PointsDoNotDependOnTheirNeighbours) {
  using T = TypeParam;
  const Formula formula("sin(x) + cos(x * y) + x*y");
  const Tape tape(formula.graph, {&formula.id, 1}, 2);
  Points<T> at(70, 0, 9);
  Array<T, 2> all({1, 70}), far({1, 70});
  tape.run<T>(at.rows, all.data(), 70, 70);
  for (Index n = 0; n < 70; ++n) {
    const T* one[] = {at.rows[0] + n, at.rows[1] + n};
    T alone = 0;
    tape.run<T>(one, &alone, 1, 1);
    ASSERT_EQ(alone, all(0, n)) << n;
  }
  at.xy(0, 5) = static_cast<T>(1e6);  // past the range of vector sines
  tape.run<T>(at.rows, far.data(), 70, 70);
  for (Index n = 0; n < 70; ++n) {
    if (n == 5) continue;
    ASSERT_EQ(far(0, n), all(0, n)) << n;
  }
  EXPECT_NEAR(far(0, 5), std::sin(T(1e6)) + std::cos(T(1e6) * at.xy(1, 5)) + T(1e6) * at.xy(1, 5),
              static_cast<T>(1e7) * std::numeric_limits<T>::epsilon());
}

TEST(Tape, SharedProductsSurviveTheSumsThatNeedThem) {
  Formula formula("x*y + a");
  Graph& graph = formula.graph;
  const Scope scope = Formula::scope(graph);
  std::vector<Id> outputs;
  for (const char* text : {"x*y + a", "x*y - a", "x*y*x + y", "sin(x*y) + x*y", "x*y"}) {
    outputs.push_back(parse(graph, text, scope, "formula"));
  }
  const Tape tape(graph, outputs, 2);
  const double x = 0.7, y = 1.3;
  const double* rows[] = {&x, &y};
  double got[5];
  tape.run<double>(rows, got, 1, 1);
  const double inputs[] = {x, y};
  const auto want = reference::evaluate<double>(graph, outputs, inputs);
  for (int k = 0; k < 5; ++k) EXPECT_NEAR(got[k], want[k], 1e-15) << k;
}

TEST(Tape, SlotsAreUsedAgain) {
  std::string text = "x";
  for (int k = 0; k < 150; ++k) text = "sin(" + text + "+y)";
  const Formula formula(text);
  const Tape tape(formula.graph, {&formula.id, 1}, 2);
  std::int32_t most = 0;
  for (const Instruction& next : tape.instructions()) {
    if (next.op != Op::store) most = std::max(most, next.out);
  }
  EXPECT_LE(most, 3);  // two inputs, and two at a time
  EXPECT_EQ(std::ssize(tape.instructions()), 301);
}

TEST(Tape, OnlyTheFirstCallOfAThreadAllocates) {
  const Formula formula("exp(-x^2) * sin(y) + x^y");
  const Tape tape(formula.graph, {&formula.id, 1}, 2);
  const Points<double> at(500, 0.1, 2);
  Array<double, 2> out({1, 500});
  tape.run<double>(at.rows, out.data(), 500, 500);
  const long before = allocations;
  for (int k = 0; k < 10; ++k) tape.run<double>(at.rows, out.data(), 500, 500);
  EXPECT_EQ(allocations, before);
}

TEST(Tape, ThreadsShareOne) {
  const Formula formula("exp(-x^2) * sin(y)");
  const Tape tape(formula.graph, {&formula.id, 1}, 2);
  const Points<double> at(500, -2, 2);
  Array<double, 2> out({4, 500});
  std::vector<std::thread> threads;
  for (Index k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] { tape.run<double>(at.rows, &out(k, 0), 500, 500); });
  }
  for (std::thread& thread : threads) thread.join();
  for (Index n = 0; n < 500; ++n) {
    for (Index k = 1; k < 4; ++k) ASSERT_EQ(out(k, n), out(0, n));
  }
}

}  // namespace
}  // namespace lior::expr
