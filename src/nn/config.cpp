// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/config.h"

#include "lior/nn/ci8_scan.h"
#include "lior/nn/counts.h"
#include "lior/nn/short_convolution.h"

namespace lior::nn {

void check_config(const ModelConfig& config) {
  const auto at_least_one = [](Index value, const char* name) {
    LIOR_CHECK(value >= 1, "{} = {}; it must be >= 1", name, value);
  };
  at_least_one(config.vocabulary, "vocabulary");
  at_least_one(config.classes, "classes");
  at_least_one(config.d_model, "d_model");
  at_least_one(config.layers, "layers");
  // So that no product of sizes overflows.
  constexpr Index kMostWidth = 1 << 16, kMostLayers = 1024;
  LIOR_CHECK(config.d_model <= kMostWidth && config.layers <= kMostLayers,
             "d_model = {}, layers = {}; they must be at most {} and {}", config.d_model,
             config.layers, kMostWidth, kMostLayers);
  at_least_one(config.mixer.heads, "heads");
  at_least_one(config.causal_field_heads, "causal_field_heads");
  at_least_one(config.geometric_attention_heads, "geometric_attention_heads");
  at_least_one(config.attention_heads, "attention_heads");
  at_least_one(config.linear_attention_heads, "linear_attention_heads");
  // A state counts positions, and holds tokens, in numbers that may be floats.
  constexpr Index kMostExact = 1 << 22;
  LIOR_CHECK(config.attention_window >= 1 && config.attention_window <= kMostExact,
             "attention_window = {}; it must be 1 to {}", config.attention_window, kMostExact);
  LIOR_CHECK(config.ngram_orders == 0 || config.vocabulary <= kMostExact,
             "vocabulary = {} with n-grams; it must be at most {}", config.vocabulary, kMostExact);
  LIOR_CHECK(!config.mixers.empty(), "mixers is empty; it must name at least one");
  LIOR_CHECK(config.convolution >= 0 && config.convolution <= kMostTaps,
             "convolution = {}; it must be 0 (none) to {} taps", config.convolution, kMostTaps);
  LIOR_CHECK(config.mlp_hidden >= 0, "mlp_hidden = {}; it must be >= 0 (0: no SwiGLU)",
             config.mlp_hidden);
  constexpr Index kMostOrders = 16, kMostBits = 26;
  LIOR_CHECK(
      config.ngram_orders == 0 || (config.ngram_orders >= 2 && config.ngram_orders <= kMostOrders),
      "ngram_orders = {}; it must be 0 (none) or 2 to {}", config.ngram_orders, kMostOrders);
  LIOR_CHECK(config.ngram_bits >= 1 && config.ngram_bits <= kMostBits,
             "ngram_bits = {}; it must be 1 to {}", config.ngram_bits, kMostBits);
  LIOR_CHECK(!config.ngram_output || config.ngram_orders > 0,
             "ngram_output = true adds n-grams, of which there are none; set ngram_orders too");
  LIOR_CHECK(config.count_orders >= 0 && config.count_orders <= kLongestContext,
             "count_orders = {}; it must be 0 (none) to {}", config.count_orders, kLongestContext);
  LIOR_CHECK(config.count_orders == 0 || config.classes == config.vocabulary,
             "count_orders = {} counts tokens that follow tokens: classes ({}) must equal "
             "vocabulary ({})",
             config.count_orders, config.classes, config.vocabulary);
  LIOR_CHECK(config.recent_orders >= 0 && config.recent_orders <= kLongestContext,
             "recent_orders = {}; it must be 0 (none) to {}", config.recent_orders,
             kLongestContext);
  LIOR_CHECK(config.recent_orders == 0 || config.count_orders > 0,
             "recent_orders = {} goes on from the counts of a text, of which there are none; set "
             "count_orders too",
             config.recent_orders);
  LIOR_CHECK(config.recent_window >= 0 && config.recent_window <= kMostWindow,
             "recent_window = {}; it must be 0 (none) to {}", config.recent_window, kMostWindow);
  LIOR_CHECK(config.recent_window == 0 || config.recent_orders > 0,
             "recent_window = {} says where contexts are looked for, and no contexts are; set "
             "recent_orders too",
             config.recent_window);
  LIOR_CHECK(config.mixer.factors >= 1 && config.mixer.factors <= kMaxFactors,
             "factors = {}; it must be 1 to {}", config.mixer.factors, kMaxFactors);
  LIOR_CHECK(config.mixer.complex_state || !config.mixer.phase,
             "phase = true turns complex states; set complex_state = true too");
  LIOR_CHECK(config.mixer.complex_state || !config.mixer.rotation,
             "rotation = true turns complex states; set complex_state = true too");
  LIOR_CHECK(!config.tied || config.classes == config.vocabulary,
             "tied = true needs classes ({}) equal to vocabulary ({})", config.classes,
             config.vocabulary);
}

}  // namespace lior::nn
