#include "lior/nn/ci8_scan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::nn {
namespace {

// Values and gradients of every option are checked in src/check/nn_scan_checks.cpp.

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
  try {
    trial.run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
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
