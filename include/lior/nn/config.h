#pragma once
/// What a model is made of: plain numbers and choices, no parsing.

#include <vector>

#include "lior/algebra/ci8.h"
#include "lior/core/names.h"
#include "lior/core/view.h"

namespace lior::nn {

/// What a head shows of its state h. Numbers a head, real state and complex state:
enum class Readout {
  linear,            ///< the components of h: 8, 16
  quadratic,         ///< |h_k|^2, then Re and Im of h_j conj(h_k), j < k: 36, 64
  linear_quadratic,  ///< both: 44, 80
  invariants,        ///< |h_k|^2, then Re and Im of h_k conj(h_0), k = 1..7: 15, 22
};
constexpr auto enum_names(Readout) {
  return enum_words("linear", "quadratic", "linear_quadratic", "invariants");
}

/// The geometric Mamba recurrence h_t = a_t e^{i phi_t} F(x_t) D h_{t-1} + b_t.
struct MixerConfig {
  Index heads = 8;
  Index factors = 1;  ///< unit octonions a head and token, 1 to 8
  algebra::Transition transition = algebra::Transition::right;
  bool complex_state = false;  ///< 16 numbers a head instead of 8
  bool gates =
      true;  ///< a_t and b_t; without them a learned unit state is turned, and nothing else
  bool phase = false;     ///< phi_t (needs complex_state)
  bool rotation = false;  ///< D = diag(e^{i theta_k}) (needs complex_state)
  Readout readout = Readout::linear_quadratic;

  Index state_width() const { return complex_state ? 16 : 8; }
};

/// What lets the tokens of a block see earlier ones.
enum class Mixer {
  geometric_mamba,      ///< geometric_mamba.h
  causal_field,         ///< causal_field.h
  geometric_attention,  ///< geometric_attention.h
  attention,            ///< attention.h
};
constexpr auto enum_names(Mixer) {
  return enum_words("geometric_mamba", "causal_field", "geometric_attention", "attention");
}

/// Embedding, `layers` blocks of (short convolution, mixer, SwiGLU), RMS norm, output projection.
struct ModelConfig {
  Index vocabulary = 256;  ///< tokens 0..vocabulary-1 come in
  Index classes = 256;     ///< scores of classes come out
  Index d_model = 128;
  Index layers = 1;
  Index mlp_hidden = 0;   ///< width of the SwiGLU; 0: blocks have none
  Index convolution = 0;  ///< taps of the short convolution; 0: blocks have none
  bool tied = false;      ///< the output projection is the embedding (needs classes == vocabulary)
  std::vector<Mixer> mixers{Mixer::geometric_mamba};  ///< of block i: entry i mod their number
  MixerConfig mixer{};                                ///< of geometric_mamba
  Index causal_field_heads = 8;                       ///< of 16 numbers each
  Index geometric_attention_heads = 8;                ///< of 16 numbers each
  Index attention_heads = 4;                          ///< share d_model
  Index attention_window = 1024;  ///< positions that either attention sees, its own among them
};

/// Throws lior::Error that names the first setting that cannot be.
void check_config(const ModelConfig& config);

}  // namespace lior::nn
