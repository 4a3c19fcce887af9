// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The configuration of a model: plain numbers and choices, no parsing.

#include <vector>

#include "lior/nn/mixer_config.h"

namespace lior::nn {

/// The part of a block that lets its tokens see earlier ones; mixers.h has formulas and options.
enum class Mixer {
  geometric_mamba,         ///< states of octonions, turned by the tokens
  causal_field,            ///< memory of an associator current
  geometric_attention,     ///< softmax attention by scores of spinors
  attention,               ///< softmax attention
  gated_linear_attention,  ///< a matrix a head that forgets by gates of its rows
};
constexpr auto enum_names(Mixer) {
  return enum_words("geometric_mamba", "causal_field", "geometric_attention", "attention",
                    "gated_linear_attention");
}

/// Embedding with n-grams, `layers` blocks of (short convolution, mixer, SwiGLU), RMS norm, output
/// projection.
struct ModelConfig {
  Index vocabulary = 256;  ///< tokens 0..vocabulary-1 come in
  Index classes = 256;     ///< scores of classes come out
  Index d_model = 128;
  Index layers = 1;
  Index mlp_hidden = 0;    ///< width of the SwiGLU; 0: blocks have none
  Index convolution = 0;   ///< taps of the short convolution; 0: blocks have none
  bool tied = false;       ///< the output projection is the embedding (needs classes == vocabulary)
  Index ngram_orders = 0;  ///< n-grams of 2 to so many tokens have rows (ngram.h); 0: none
  Index ngram_bits = 14;   ///< 2^bits rows for each order
  bool ngram_output = false;  ///< a second table, whose rows are added before the output's norm
  Index count_orders = 0;  ///< contexts of 1 to so many tokens whose followers in the training text
                           ///< are counted and add to the scores (count_scores.h); 0: none
  Index recent_orders = 0;  ///< contexts of 1 to so many tokens whose latest followers in what was
                            ///< read add to them (needs count_orders); 0: none
  Index recent_window = 0;  ///< where nothing else was read, so many of a sequence's last tokens
                            ///< were, which the state holds (needs recent_orders); 0: none
  std::vector<Mixer> mixers{Mixer::geometric_mamba};  ///< of block i: entry i mod their number
  MixerConfig mixer{};                                ///< of geometric_mamba
  Index causal_field_heads = 8;                       ///< of 16 numbers each
  Index geometric_attention_heads = 8;                ///< of 16 numbers each
  Index attention_heads = 4;                          ///< share d_model
  Index linear_attention_heads = 4;                   ///< share d_model
  Index attention_window = 1024;  ///< positions that either attention sees, its own among them
};

/// Throws lior::Error that names the first setting that cannot be.
void check_config(const ModelConfig& config);

}  // namespace lior::nn
