// SPDX-License-Identifier: Apache-2.0
// Small models of every kind and part, and what a step of one gives, for tests that compare calls.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>
#include <vector>

#include "lior/core/random.h"
#include "lior/nn/model.h"

namespace lior::nn {

inline constexpr double kRoundings = 1e-12;  // of doubles, of the largest number beside each

struct SmallModel {
  const char* name;
  ModelConfig config;
  double dropout = 0;  // this and what is kept are of training alone
  Keep kept = Keep::everything;
  bool is_state_the_same = true;  // of sequences cut into stretches or windows
};

inline void PrintTo(const SmallModel& model, std::ostream* out) { *out << model.name; }

inline ModelConfig small_model(std::vector<Mixer> mixers) {
  return {.vocabulary = 7,
          .classes = 7,
          .d_model = 4,
          .layers = static_cast<Index>(mixers.size()),
          .mixers = std::move(mixers),
          .mixer = {.heads = 3},
          .causal_field_heads = 3,
          .geometric_attention_heads = 2,
          .attention_heads = 2,
          .linear_attention_heads = 2,
          .attention_window = 9};
}

inline std::vector<SmallModel> small_models() {
  using enum Mixer;
  std::vector<SmallModel> all;
  all.push_back({"mamba", small_model({geometric_mamba, geometric_mamba})});
  ModelConfig turns = small_model({geometric_mamba});
  turns.mixer = {.heads = 2,
                 .factors = 2,
                 .transition = algebra::Transition::two_sided,
                 .complex_state = true,
                 .gates = false,
                 .phase = true,
                 .rotation = true,
                 .readout = Readout::invariants};
  all.push_back({"turns", turns});
  all.push_back({"linear_attention", small_model({gated_linear_attention})});
  all.push_back({"attention", small_model({attention, attention})});
  all.push_back({"geometric_attention", small_model({geometric_attention})});
  ModelConfig near = small_model({attention, geometric_attention});
  near.attention_window = 3;  // less than a stretch
  all.push_back({"near_attention", near});
  all.back().is_state_the_same = false;  // its ring begins elsewhere
  all.push_back({"causal_field", small_model({causal_field, causal_field})});

  ModelConfig whole = small_model({geometric_mamba, causal_field, geometric_attention, attention});
  whole.mlp_hidden = 5;
  whole.convolution = 3;
  whole.ngram_orders = 3;
  whole.ngram_bits = 5;
  whole.ngram_output = true;
  whole.count_orders = 3;
  whole.recent_orders = 2;
  all.push_back({"everything", whole});
  ModelConfig window = small_model({geometric_mamba});
  window.count_orders = window.recent_orders = 2;
  window.recent_window = 5;
  all.push_back({"recent_window", window});
  all.push_back({"dropout", whole, 0.3});
  all.push_back({"kept_products", whole, 0.3, Keep::products});
  all.push_back({"kept_input", whole, 0.3, Keep::input});
  ModelConfig far = small_model({geometric_mamba});
  far.convolution = 16;  // reaches beyond the stretch before
  all.push_back({"far_convolution", far});
  return all;
}

/// What a step gives, added up over its parts.
struct Sums {
  LossResult loss;
  std::vector<double> gradients;
};

inline void add(LossResult& sum, const LossResult& part) {
  sum.loss_sum += part.loss_sum;
  sum.targets += part.targets;
  sum.correct += part.correct;
  sum.last_targets += part.last_targets;
  sum.last_correct += part.last_correct;
}

inline void expect_equal(const LossResult& one, const LossResult& other, double tolerance) {
  EXPECT_NEAR(one.loss_sum, other.loss_sum, tolerance * std::abs(one.loss_sum));
  EXPECT_EQ(one.targets, other.targets);
  EXPECT_EQ(one.correct, other.correct);
  EXPECT_EQ(one.last_targets, other.last_targets);
  EXPECT_EQ(one.last_correct, other.last_correct);
}

inline double largest(std::span<const double> numbers) {
  double most = 0;
  for (const double number : numbers) most = std::max(most, std::abs(number));
  return most;
}

inline void expect_near(std::span<const double> one, std::span<const double> other,
                        double tolerance) {
  ASSERT_EQ(one.size(), other.size());
  const double most = tolerance * largest(one);
  for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], most) << "at " << i;
}

/// With numbers away from the start values, and the counts of `text`, if any.
inline Model<double> made_of(const SmallModel& of, std::span<const std::int32_t> text) {
  Model<double> model(of.config);
  model.initialize(5);
  Random random(4);
  for (double& value : model.values()) value += 0.1 * random.normal();
  model.set_kept(std::vector<Keep>(model.kept().size(), of.kept));
  model.set_dropout({.rate = of.dropout, .seed = 2, .step = 9});
  if (const Index longest = of.config.count_orders; longest > 0) {
    TextCounts counts{.all = Counts(longest), .stretches = {{0, 0}, {40, 1}}};
    counts.all.add(text);
    counts.all.finish();
    counts.lost.push_back(Counts(longest));
    counts.lost.back().finish();
    counts.lost.push_back(counts.lost.back());
    if (of.config.recent_window == 0) {
      counts.recent = RecentText(of.config.recent_orders);
      counts.recent.add(text);
    }
    model.set_counts(std::make_shared<TextCounts>(counts));
  }
  return model;
}

/// Of all parameters, one behind the other.
inline std::vector<double> gradients_of(const Model<double>& model) {
  std::vector<double> all(model.gradients().begin(), model.gradients().end());
  for (const RowGradient<double>& table : model.row_gradients()) {
    const std::size_t at = all.size();
    const Parameter& parameter = model.parameters()[static_cast<std::size_t>(table.parameter)];
    all.resize(at + static_cast<std::size_t>(parameter.size));
    const Index width = table.values.extent(1);
    for (Index i = 0; i < std::ssize(table.rows); ++i) {
      const Index row = table.rows[static_cast<std::size_t>(i)];
      std::ranges::copy(table.values[i].span(), all.begin() + at + row * width);
    }
  }
  return all;
}

}  // namespace lior::nn
