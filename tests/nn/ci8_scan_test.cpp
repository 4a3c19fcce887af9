// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/ci8_scan.h"
#include "lior/core/worst.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/thread_scope.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

// Values and gradients of every option are checked in src/check/nn/scan_checks.cpp.

/// A scan's arrays, filled with normal numbers.
struct Trial {
  explicit Trial(const ScanShape& shape)
      : shape(shape),
        projection({shape.batch * shape.length, shape.width()}),
        initial({shape.batch, shape.state_width(), shape.heads()}),
        states({shape.batch, shape.length, shape.state_width(), shape.heads()}) {
    Random random(3);
    random.fill_normal(projection.span());
    random.fill_normal(initial.span());
  }
  void run() {
    ci8_scan_forward<float>(shape, projection.view(), std::as_const(initial).view(), {},
                            states.view());
  }
  double norm(Index n, Index head) const {
    double square = 0;
    for (Index k = 0; k < shape.state_width(); ++k) {
      square += std::pow(static_cast<double>(states(0, n, k, head)), 2);
    }
    return std::sqrt(square);
  }

  ScanShape shape;
  Array<float, 2> projection;
  Array<float, 3> initial;
  Array<float, 4> states;
};

std::string message_of(Trial& trial) {
  return error_of([&] { trial.run(); });
}

TEST(Ci8Scan, TwoHalvesAreTheWhole) {
  constexpr Index kLength = 40, kHalf = 17;
  for (const Index heads : {3, 16}) {  // packed, and in place
    Trial whole({1, kLength, {.heads = heads}}), first({1, kHalf, {.heads = heads}}),
        second({1, kLength - kHalf, {.heads = heads}});
    const auto rows = whole.projection.span();
    std::copy_n(rows.begin(), first.projection.size(), first.projection.data());
    std::copy(rows.begin() + first.projection.size(), rows.end(), second.projection.data());
    std::copy_n(whole.initial.data(), whole.initial.size(), first.initial.data());
    whole.run();
    first.run();
    const auto last = first.states.view()[0][kHalf - 1];
    std::copy(last.begin(), last.end(), second.initial.data());
    second.run();
    const auto end = whole.states.view()[0][kLength - 1];
    const auto got = second.states.view()[0][kLength - kHalf - 1];
    EXPECT_TRUE(std::equal(end.begin(), end.end(), got.begin())) << heads << " heads";
  }
}

TEST(Ci8Scan, TurnsKeepTheNorm) {
  // 1.4e-5 in 16,384 float steps was measured; a tenth of the steps, ten times the room.
  constexpr Index kLength = 1600;
  constexpr double kDrift = 1.4e-5;
  Trial trial({1, kLength, {.heads = 5, .gates = false}});
  trial.run();
  for (Index head = 0; head < 5; ++head) {
    EXPECT_NEAR(trial.norm(kLength - 1, head) / trial.norm(0, head), 1, kDrift);
  }
}

TEST(Ci8Scan, ZeroTurnsByTheUnit) {
  Trial trial({1, 1, {.heads = 1, .gates = false}});
  std::fill(trial.projection.span().begin(), trial.projection.span().end(), 0.0f);
  trial.run();
  for (Index k = 0; k < 8; ++k) EXPECT_EQ(trial.states(0, 0, k, 0), trial.initial(0, k, 0));
}

TEST(Ci8Scan, NaNAndOverflowSpreadFromAnyComponent) {
  for (const float bad : {NAN, 1e20f, INFINITY}) {
    for (Index component = 0; component < 8; ++component) {
      Trial trial({1, 3, {.heads = 1, .gates = false}});
      trial.projection(1, component) = bad;
      trial.run();
      EXPECT_TRUE(std::isfinite(trial.norm(0, 0)));
      EXPECT_TRUE(std::isnan(trial.norm(1, 0))) << bad << " in component " << component;
      EXPECT_TRUE(std::isnan(trial.norm(2, 0))) << bad << " in component " << component;
    }
  }
}

/// Both passes by one plan: states, then gradients. `openness` [H] is added to z.
template <class T>
std::vector<T> both_passes(ScanShape shape, ScanPlan plan, const std::vector<T>& openness = {}) {
  shape.plan = plan;
  const Index B = shape.batch, N = shape.length, S = shape.state_width(), H = shape.heads();
  Array<T, 2> projection({B * N, shape.width()}), d_projection({B * N, shape.width()});
  Array<T, 3> initial({B, S, H}), d_initial({B, S, H});
  Array<T, 4> states({B, N, S, H}), d_states({B, N, S, H});
  Random(5).fill_normal(projection.span());
  Random(6).fill_normal(initial.span());
  Random(7).fill_normal(d_states.span());
  for (Index row = 0; row < B * N; ++row) {
    for (std::size_t head = 0; head < openness.size(); ++head) {
      projection(row, shape.z_plane() * H + static_cast<Index>(head)) += openness[head];
    }
  }
  Buffer<T> workspace(ci8_scan_workspace(shape));
  ci8_scan_forward<T>(shape, projection.view(), initial.view(), {}, states.view(),
                      workspace.span());
  ci8_scan_backward<T>(shape, projection.view(), initial.view(), {}, states.view(), d_states.view(),
                       d_projection.view(), d_initial.view(), {}, workspace.span());
  std::vector<T> all;
  for (const auto span : {states.span(), d_projection.span(), d_initial.span()}) {
    all.insert(all.end(), span.begin(), span.end());
  }
  return all;
}

template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = worst_of<double>(
        {largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]))});
  }
  return largest;
}

TEST(Ci8Scan, PlansAgreeForAnyLengthAndChunk) {
  constexpr double kFloat = 1e-5, kDouble = 1e-12;  // gates forget, so rounding does not add up
  for (const Index length : {1, 15, 16, 17, 100, 1000}) {
    for (const Index chunk : {1, 8, 20, 50, 999, 2000}) {
      const ScanShape shape{.batch = 2, .length = length, .mixer = {.heads = 3}, .chunk = chunk};
      const auto in_float = both_passes<float>(shape, ScanPlan::sequential);
      const auto in_double = both_passes<double>(shape, ScanPlan::sequential);
      EXPECT_LT(largest_difference(both_passes<float>(shape, ScanPlan::chunked), in_float), kFloat)
          << length << " steps in chunks of " << chunk;
      EXPECT_LT(largest_difference(both_passes<double>(shape, ScanPlan::chunked), in_double),
                kDouble)
          << length << " steps in chunks of " << chunk;
    }
  }
}

TEST(Ci8Scan, BlocksOfChunksAreTheWhole) {
  // Two blocks and a tail at every level: a block holds half a million numbers of the projection.
  // Gates of sigmoid(6 +- 1) do not forget within a chunk.
  const ScanShape shape{.batch = 1, .length = 17001, .mixer = {.heads = 4}};
  const std::vector<double> open(4, 6.0);
  EXPECT_LT(largest_difference(both_passes(shape, ScanPlan::chunked, open),
                               both_passes(shape, ScanPlan::sequential, open)),
            1e-12);
}

TEST(Ci8Scan, ChunksStartFromWhatTheirGatesRemember) {
  // Chunks of 600 steps: in float gates of sigmoid(3 +- 1) forget within them, of sigmoid(6 +- 1)
  // do not. 1 / (1 - a), some 250, roundings add up at most.
  const auto differ = []<class T>(const std::vector<T>& openness) {
    const ScanShape shape{.batch = 2, .length = 2001, .mixer = {.heads = 3}, .chunk = 600};
    const auto in_order = both_passes(shape, ScanPlan::sequential, openness);
    const double largest = *std::max_element(in_order.begin(), in_order.end());
    return largest_difference(both_passes(shape, ScanPlan::chunked, openness), in_order) / largest;
  };
  for (const float slowest : {0.0f, 3.0f, 6.0f}) {
    EXPECT_LT(differ(std::vector<float>{slowest, 0, 1}), 1e-5) << slowest;
    EXPECT_LT(differ(std::vector<double>{slowest, 0, 1}), 1e-14) << slowest;
  }
}

TEST(Ci8Scan, ChunksThatForgetDoNotForgetNaN) {
  constexpr Index kLength = 2000, kAt = 700;
  Trial trial({.batch = 1,
               .length = kLength,
               .mixer = {.heads = 2},
               .plan = ScanPlan::chunked,
               .chunk = 200});
  trial.projection(kAt, trial.shape.c_plane() * 2 + 1) = NAN;  // c_0 of head 1
  Buffer<float> workspace(ci8_scan_workspace(trial.shape));
  const auto initial = std::as_const(trial.initial).view();
  ci8_scan_forward<float>(trial.shape, trial.projection.view(), initial, {}, trial.states.view(),
                          workspace.span());
  EXPECT_TRUE(std::isfinite(trial.norm(kAt - 1, 1)));
  EXPECT_TRUE(std::isnan(trial.norm(kAt, 1)));
  EXPECT_TRUE(std::isnan(trial.norm(kLength - 1, 1)));
  EXPECT_TRUE(std::isfinite(trial.norm(kLength - 1, 0)));

  Array<float, 4> d_states(trial.states.shape());
  Array<float, 2> d_projection(trial.projection.shape());
  Array<float, 3> d_initial(trial.initial.shape());
  trial.projection(kAt, trial.shape.c_plane() * 2 + 1) = 0;
  ci8_scan_forward<float>(trial.shape, trial.projection.view(), initial, {}, trial.states.view(),
                          workspace.span());
  d_states(0, kAt, 0, 0) = NAN;
  ci8_scan_backward<float>(trial.shape, trial.projection.view(), initial, {}, trial.states.view(),
                           d_states.view(), d_projection.view(), d_initial.view(), {},
                           workspace.span());
  EXPECT_TRUE(std::isnan(d_initial(0, 0, 0)));
  EXPECT_TRUE(std::isfinite(d_initial(0, 0, 1)));
}

TEST(Ci8Scan, AutomaticIsOneOfThePlans) {
  for (const int count : {1, 4}) {
    const ThreadScope scope(count);
    for (const Index heads : {1, 4, 16}) {
      const ScanShape shape{.batch = 1, .length = 4000, .mixer = {.heads = heads}};
      const auto automatic = both_passes<float>(shape, ScanPlan::automatic);
      const auto sequential = both_passes<float>(shape, ScanPlan::sequential);
      EXPECT_LT(largest_difference(automatic, sequential), 1e-5);
      if (count == 1 && heads == 16) {
        EXPECT_EQ(automatic, sequential) << "every lane is busy";
      }
    }
  }
}

TEST(Ci8Scan, LongTurnsWithoutGatesStayWithinTheirRounding) {
  // A rounding a step, as in the drift of the norm: 1.2e-7 sqrt(N) = 1.4e-5, and room for ten.
  constexpr Index kLength = 16384;
  const ScanShape shape{.batch = 1, .length = kLength, .mixer = {.heads = 2, .gates = false}};
  const auto sequential = both_passes<float>(shape, ScanPlan::sequential);
  const auto chunked = both_passes<float>(shape, ScanPlan::chunked);
  double largest = 0;
  for (Index i = 0; i < kLength * 16; ++i) {  // the states
    largest =
        worst_of<double>({largest, std::abs(static_cast<double>(sequential[i] - chunked[i]))});
  }
  EXPECT_LT(largest, 1.4e-4);
}

TEST(Ci8Scan, ChunksNeedTheirWorkspace) {
  ScanShape shape{
      .batch = 1, .length = 64, .mixer = {.heads = 2}, .plan = ScanPlan::chunked, .chunk = 16};
  Trial trial(shape);
  EXPECT_EQ(message_of(trial),
            "the scan's workspace of 0 numbers holds 0 chunks; 4 chunks need 768");
  EXPECT_EQ(ci8_scan_workspace(shape), 768);
}

TEST(Ci8Scan, NoStepsLeaveAllUntouched) {
  Trial trial({2, 0, {.heads = 3}});
  EXPECT_NO_THROW(trial.run());
}

TEST(Ci8Scan, WrongOptionsAndShapesAreNamed) {
  Trial phase({1, 2, {.heads = 2, .phase = true}});
  EXPECT_EQ(message_of(phase), "phase and rotation turn complex states; set complex_state");
  Trial factors({1, 2, {.heads = 2, .factors = 9}});
  EXPECT_EQ(message_of(factors), "factors = 9; it must be 1 to 8");
  Trial narrow({1, 2, {.heads = 2}});
  narrow.projection = Array<float, 2>({2, 5});
  EXPECT_EQ(message_of(narrow), "projection is 2 x 5; expected 2 x 34");
  Trial state({1, 2, {.heads = 2}});
  state.initial = Array<float, 3>({1, 16, 2});
  EXPECT_EQ(message_of(state), "initial has shape [1, 16, 2]; expected [1, 8, 2]");
}

}  // namespace
}  // namespace lior::nn
