// SPDX-License-Identifier: Apache-2.0
// Sequences packed into the rows of one call, beside each in a call of its own.
#include "lior/nn/residual_block.h"

#include <gtest/gtest.h>

#include <numeric>

#include "lior/core/random.h"
#include "lior/nn/config.h"
#include "lior/nn/mixers.h"
#include "support/error_of.h"

namespace lior::nn {
namespace {

constexpr Index kWidth = 16;
const std::vector<Index> kLengths{5, 1, 1, 0, 13, 3, 3};
constexpr Index kRows = 26;

struct Case {
  std::string kind, name;
  ModelConfig config;
};

ModelConfig small_config() {
  ModelConfig config;
  config.d_model = kWidth;
  config.mlp_hidden = 12;
  config.mixer.heads = config.causal_field_heads = config.geometric_attention_heads =
      config.attention_heads = config.linear_attention_heads = 2;
  config.attention_window = 4;
  return config;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string_view kind : layer_kinds()) {
    all.push_back({std::string(kind), std::string(kind), small_config()});
  }
  Case free{"geometric_mamba", "learned_start", small_config()};
  free.config.mixer.gates = false;
  all.push_back(free);
  return all;
}

/// A layer with its parameters, and calls of it.
struct Lone {
  explicit Lone(const Case& of)
      : block(layer_block<double>(of.kind, of.config, "", layout)), values(layout.size()) {
    Initializer<double> initializer(values.span(), 3);
    block->initialize(initializer);
    Random random(4);
    for (double& value : values.span()) value += .1 * random.normal();
  }

  struct Result {
    Buffer<double> out, dx, d_values;
  };

  /// out of rows x, one sequence or those of the lengths, and the gradients of sum d_out * out;
  /// with a state forward alone.
  Result run(std::span<const Index> lengths, std::span<const double> x,
             std::span<const double> d_out, linalg::MatrixView<double> state = {}) const {
    const Index rows = std::ssize(x) / kWidth;
    const Sequences sequences = lengths.empty() ? Sequences{1, rows} : Sequences::packed(lengths);
    const SavedPlan plan = block->plan(sequences);
    Result result{Buffer<double>(rows * kWidth), Buffer<double>(rows * kWidth),
                  Buffer<double>(layout.size())};
    std::copy(d_out.begin(), d_out.end(), result.dx.begin());
    std::fill(result.d_values.begin(), result.d_values.end(), 0.0);
    const auto pass = [&](Arena& arena) {
      LayerCall<double> call{sequences,
                             values.span(),
                             {x.data(), {rows, kWidth}},
                             take_saved<double>(plan, arena),
                             arena};
      block->forward(call, state, {result.out.data(), {rows, kWidth}});
      if (state.data != nullptr) return;
      block->restore(call);
      block->backward(call, {result.dx.data(), {rows, kWidth}}, result.d_values.span());
    };
    Arena planner = Arena::planner();
    pass(planner);
    Arena arena(planner.peak());
    pass(arena);
    return result;
  }

  Layout layout;
  std::unique_ptr<ResidualBlock<double>> block;
  Buffer<double> values;
};

Buffer<double> noise(Index size, std::uint64_t seed) {
  Random random(seed);
  Buffer<double> numbers(size);
  for (double& number : numbers) number = random.normal();
  return numbers;
}

class Packed : public testing::TestWithParam<Case> {
 protected:
  // Products of other numbers of rows may add up in another order; the cores' own bits are equal.
  static constexpr double kTolerance = 1e-13;
};

TEST_P(Packed, SequencesAreThoseOfCallsOfTheirOwn) {
  const Lone lone(GetParam());
  const Buffer<double> x = noise(kRows * kWidth, 5), d_out = noise(kRows * kWidth, 6);
  const Lone::Result all = lone.run(kLengths, x.span(), d_out.span());
  Buffer<double> d_values(lone.layout.size());
  std::fill(d_values.begin(), d_values.end(), 0.0);
  std::size_t begin = 0;
  for (const Index length : kLengths) {
    const auto size = static_cast<std::size_t>(length * kWidth);
    const Lone::Result one =
        lone.run({}, x.span().subspan(begin, size), d_out.span().subspan(begin, size));
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(all.out[begin + i], one.out[i], kTolerance);
      EXPECT_NEAR(all.dx[begin + i], one.dx[i], 10 * kTolerance);
    }
    for (Index i = 0; i < lone.layout.size(); ++i) d_values[i] += one.d_values[i];
    begin += size;
  }
  for (Index i = 0; i < lone.layout.size(); ++i) {
    EXPECT_NEAR(all.d_values[i], d_values[i], 100 * kTolerance);
  }
}

TEST_P(Packed, StatesGoOnWhereEachSequenceEnds) {
  const Lone lone(GetParam());
  const Index size = lone.block->state_size(), count = std::ssize(kLengths);
  const std::vector<Index> second{2, 2, 1, 0, 3, 1, 1};
  const Buffer<double> x = noise(kRows * kWidth, 7), rest = noise(10 * kWidth, 8);
  Array<double, 2> states({count, size});
  lone.block->initial_state(lone.values.span(), states.view());
  const std::span<const double> none;
  lone.run(kLengths, x.span(), none, states.view());
  const Lone::Result after = lone.run(second, rest.span(), none, states.view());
  std::size_t first = 0, begin = 0;
  for (Index i = 0; i < count; ++i) {
    Array<double, 2> state({1, size});
    lone.block->initial_state(lone.values.span(), state.view());
    const auto size_of = [&](const std::vector<Index>& lengths) {
      return static_cast<std::size_t>(lengths[static_cast<std::size_t>(i)] * kWidth);
    };
    const auto before = x.span().subspan(first, size_of(kLengths));
    const auto then = rest.span().subspan(begin, size_of(second));
    lone.run({}, before, none, state.view());
    const Lone::Result one = lone.run({}, then, none, state.view());
    for (std::size_t k = 0; k < then.size(); ++k) {
      EXPECT_NEAR(after.out[begin + k], one.out[k], kTolerance);
    }
    for (Index k = 0; k < size; ++k) EXPECT_NEAR(states(i, k), state(0, k), kTolerance);
    first += before.size();
    begin += then.size();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Packed, testing::ValuesIn(cases()),
                         [](const auto& of) { return of.param.name; });

TEST(PackedCore, RefusesLengthsThatDoNotFit) {
  const Lone lone(cases().front());
  const Buffer<double> x = noise(kRows * kWidth, 5);
  const std::vector<Index> few{5, 20}, negative{27, -1};
  EXPECT_NE(error_of([&] { lone.run(few, x.span(), {}); }).find("26 x 16; expected 25 x 16"),
            std::string::npos);
  EXPECT_NE(error_of([&] { Sequences::packed(negative); }).find("lengths hold -1"),
            std::string::npos);
}

}  // namespace
}  // namespace lior::nn
