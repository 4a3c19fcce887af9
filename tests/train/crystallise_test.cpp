// SPDX-License-Identifier: Apache-2.0
// Models that were made by hand to track a group exactly, and then disturbed.
#include "lior/train/crystallise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "lior/core/random.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::train {
namespace {

using algebra::Octonion;
using algebra::Transition;
using Point = Octonion<double>;

/// A group that turns points: its letters' unit octonions, one letter an element, and the point of
/// each element.
struct Turned {
  Transition transition;
  Index factors;
  std::vector<Point> turns;   ///< [elements, factors]
  std::vector<Point> points;  ///< [elements]; of the identity, element 0, the start
  nn::Readout readout;
};

/// The rotations of a tetrahedron, A4, as 12 pairs +-q of unit quaternions.
Turned tetrahedron(Transition transition) {
  std::vector<Point> q = {{{1}}, {{0, 1}}, {{0, 0, 1}}, {{0, 0, 0, 1}}};
  for (const double i : {0.5, -0.5}) {
    for (const double j : {0.5, -0.5}) {
      for (const double k : {0.5, -0.5}) q.push_back({{0.5, i, j, k}});
    }
  }
  return {transition, 1, q, q, nn::Readout::quadratic};
}

/// All permutations of three coordinates, S3, as products of four reflections. B_u of an imaginary
/// u is a reflection after a conjugation, and of four the conjugations cancel.
Turned triangle() {
  const double s = std::sqrt(0.5);
  const Point a{{0, s, -s}}, b{{0, 0, s, -s}}, c{{0, s, 0, -s}}, sign{{0, 0, 0, 0, 0, 0, 0, 1}};
  const double n = 1 / std::sqrt(15);
  const auto point = [&](double x, double y, double z, double w) {
    return Point{{0, x * n, y * n, z * n, 0, 0, 0, w * n}};
  };
  return {Transition::two_sided,
          4,
          {a, a,    sign, sign, a, b,    sign, sign, b, a,    sign, sign,  // identity, 3-cycles
           a, sign, b,    b,    b, sign, a,    a,    c, sign, a,    a},    // swaps, with a sign
          {point(3, 2, 1, 1), point(2, 1, 3, 1), point(1, 3, 2, 1), point(2, 3, 1, -1),
           point(3, 1, 2, -1), point(1, 2, 3, -1)},
          nn::Readout::linear};
}

View<float, 2> parameter(nn::Model<float>& model, std::string_view name) {
  for (const nn::Parameter& p : model.parameters()) {
    if (p.name == name) {
      const Index rows = p.shape.size() == 1 ? 1 : p.shape[0];
      return {model.values().data() + p.offset, {rows, p.size / rows}};
    }
  }
  throw Error("no such parameter");
}

/// The coefficients of (x . h) or (x . h)^2 in what a head shows of h.
std::vector<double> matched(nn::Readout readout, const Point& x) {
  std::vector<double> weights(x.e.begin(), x.e.end());
  if (readout == nn::Readout::linear) return weights;
  for (double& weight : weights) weight *= weight;
  for (std::size_t j = 0; j < 8; ++j) {
    for (std::size_t k = j + 1; k < 8; ++k) weights.push_back(2 * x.e[j] * x.e[k]);
  }
  return weights;
}

/// A model whose first head tracks the group, and whose second one is noise that is hardly read.
/// Class of a state: its element.
nn::Model<float> model_of(const Turned& group, Index d_model) {
  const Index V = std::ssize(group.points), H = 2;
  nn::Model<float> model({.vocabulary = V,
                          .classes = V,
                          .d_model = d_model,
                          .mixer = {.heads = H,
                                    .factors = group.factors,
                                    .transition = group.transition,
                                    .gates = false,
                                    .readout = group.readout}});
  model.initialize(3);
  const auto in = parameter(model, "blocks.0.mixer.in.weight"),
             bias = parameter(model, "blocks.0.mixer.in.bias"),
             read = parameter(model, "blocks.0.mixer.readout.weight"),
             out = parameter(model, "blocks.0.mixer.out.weight"),
             embedding = parameter(model, "embedding.weight"),
             output = parameter(model, "output.weight");
  for (const auto& matrix : {embedding, out, output}) std::fill(matrix.begin(), matrix.end(), 0.0f);
  for (Index t = 0; t < V; ++t) {
    embedding(t, t % d_model) = 0.1f;  // RMSNorm: sqrt(D) there, and 0 elsewhere
    for (Index f = 0; f < group.factors; ++f) {
      for (Index c = 0; c < 8; ++c) {
        const double u = group.turns[static_cast<std::size_t>(t * group.factors + f)].e[c];
        in((8 * f + c) * H, t % d_model) = static_cast<float>(u / std::sqrt(double(d_model)));
      }
    }
  }
  const Index gate = 8 * group.factors * H;
  for (Index k = 0; k < d_model; ++k) {
    std::fill(in[gate + k].begin(), in[gate + k].end(), 0.0f);
    bias(0, gate + k) = 3;  // open
  }
  for (Index s = 0; s < V; ++s) {
    const auto weights = matched(group.readout, group.points[static_cast<std::size_t>(s)]);
    for (Index q = 0; q < std::ssize(weights); ++q) {
      read(s % d_model, q * H) = static_cast<float>(weights[static_cast<std::size_t>(q)]);
      read(s % d_model, q * H + 1) *= 0.02f;
    }
    out(s % d_model, s % d_model) = output(s, s % d_model) = 10;
  }
  for (Index c = 0; c < 8; ++c) {
    parameter(model, "blocks.0.mixer.initial")(c, 0) = static_cast<float>(group.points[0].e[c]);
  }
  return model;
}

/// Moves the turns and starts by about `size`.
void disturb(nn::Model<float>& model, double size) {
  Random random(11);
  const auto in = parameter(model, "blocks.0.mixer.in.weight");
  const auto& mixer = model.config().mixer;
  const double scale = size / std::sqrt(static_cast<double>(model.config().d_model));
  for (Index row = 0; row < 8 * mixer.factors * mixer.heads; ++row) {
    for (float& weight : in[row]) weight += static_cast<float>(scale * random.normal());
  }
  for (float& weight : parameter(model, "blocks.0.mixer.initial")) {
    weight += static_cast<float>(size * random.normal());
  }
}

/// Wrong outputs along a word of N random letters.
Index wrong_outputs(const nn::Model<float>& model, const Automaton& automaton, Index N) {
  Array<std::int32_t, 2> word({1, N}), targets({1, N});
  Array<float, 2> state({1, model.state_size()});
  Random random(5);
  std::int32_t at = automaton.start;
  for (Index t = 0; t < N; ++t) {
    word(0, t) = static_cast<std::int32_t>(random.below(automaton.letters));
    at = automaton.after(at, word(0, t));
    targets(0, t) = automaton.output[static_cast<std::size_t>(at)];
  }
  Arena arena(model.inference_bytes(1, N));
  model.initial_state(state.view());
  return N - model.evaluate(word.view(), targets.view(), state.view(), arena).correct;
}

void expect_exact_again(const Turned& group) {
  auto model = model_of(group, 16);
  disturb(model, 0.03);
  const auto disturbed = std::vector<float>(model.values().begin(), model.values().end());
  const Crystal crystal = crystallise(model);
  EXPECT_EQ(crystal.automaton.states, std::ssize(group.points));
  EXPECT_GT(crystal.agreement, 0.9);
  EXPECT_GT(crystal.margin, 1);
  ASSERT_EQ(crystal.heads.size(), 2u);
  const HeadDeviation& head = crystal.heads[0];
  EXPECT_TRUE(head.used);
  EXPECT_GT(head.before, 0.03);
  EXPECT_LT(head.exact, 1e-13);  // roundings of double
  EXPECT_LT(head.after, 1e-6);   // of float weights
  EXPECT_FALSE(crystal.heads[1].used);
  EXPECT_FALSE(crystal.taught);  // what reads the states is right already
  constexpr Index kLong = 10000;
  EXPECT_EQ(wrong_outputs(model, crystal.automaton, kLong), 0);
  std::copy(disturbed.begin(), disturbed.end(), model.values().begin());
  EXPECT_GT(wrong_outputs(model, crystal.automaton, kLong), kLong / 10);
}

TEST(Crystallise, ADisturbedModelOfRotationsIsExactAgain) {
  expect_exact_again(tetrahedron(Transition::left));
  expect_exact_again(tetrahedron(Transition::right));
}

TEST(Crystallise, ADisturbedModelOfReflectionsIsExactAgain) { expect_exact_again(triangle()); }

TEST(Crystallise, DoesNotDependOnThreads) {
  std::vector<std::vector<float>> results;
  on_thread_counts([&](int) {
    auto model = model_of(tetrahedron(Transition::left), 16);
    disturb(model, 0.03);
    crystallise(model);
    results.emplace_back(model.values().begin(), model.values().end());
  });
  for (const auto& result : results) EXPECT_EQ(result, results.front());
}

/// The cases that stop it, each of which leaves the model as it was.
std::string refusal(nn::Model<float>& model) {
  const std::vector<float> before(model.values().begin(), model.values().end());
  const std::string why = run_error_of([&] { crystallise(model); });
  EXPECT_TRUE(std::equal(before.begin(), before.end(), model.values().begin()));
  return why;
}

TEST(Crystallise, SaysWhyNot) {
  auto noisy = model_of(tetrahedron(Transition::left), 16);
  disturb(noisy, 0.6);
  EXPECT_NE(refusal(noisy).find("it is no automaton yet"), std::string::npos) << refusal(noisy);

  auto narrow = model_of(tetrahedron(Transition::left), 8);
  EXPECT_NE(refusal(narrow).find("d_model >= 11"), std::string::npos) << refusal(narrow);

  // Two tokens that are one to the model: a wider one would not help.
  auto alike = model_of(tetrahedron(Transition::left), 16);
  const auto embedding = parameter(alike, "embedding.weight");
  std::copy(embedding[0].begin(), embedding[0].end(), embedding[1].begin());
  EXPECT_EQ(
      refusal(alike),
      "the embeddings of its 12 tokens depend on each other in d_model = 16, so no projection "
      "gives each its own turns");

  auto constant = model_of(tetrahedron(Transition::left), 16);
  const auto readout = parameter(constant, "output.bias");
  readout(0, 5) = 1e4f;  // always this class: one state
  EXPECT_NE(refusal(constant).find("all the same"), std::string::npos) << refusal(constant);
}

TEST(Crystallise, OfOtherModelsSaysWhatTheyAre) {
  const nn::ModelConfig tracker{.layers = 1, .mixer = {.gates = false}};
  EXPECT_FALSE(why_not_exact(tracker).has_value());
  for (const auto& [change, word] :
       std::vector<std::pair<std::function<void(nn::ModelConfig&)>, const char*>>{
           {[](auto& c) { c.layers = 2; }, "2 layers"},
           {[](auto& c) { c.mixers = {nn::Mixer::attention}; }, "attention"},
           {[](auto& c) { c.mixer.gates = true; }, "gates"},
           {[](auto& c) { c.mixer.complex_state = true; }, "complex"},
           {[](auto& c) { c.convolution = 4; }, "convolution"},
           {[](auto& c) { c.ngram_orders = 2; }, "ngram_orders"},
           {[](auto& c) { c.count_orders = 2; }, "count_orders"}}) {
    nn::ModelConfig config = tracker;
    change(config);
    ASSERT_TRUE(why_not_exact(config).has_value()) << word;
    EXPECT_NE(why_not_exact(config)->find(word), std::string::npos) << *why_not_exact(config);
    nn::Model<float> model(config);
    EXPECT_NE(error_of([&] { crystallise(model); }).find(word), std::string::npos);
  }
}

}  // namespace
}  // namespace lior::train
