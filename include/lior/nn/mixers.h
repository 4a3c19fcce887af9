// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The kinds of layers that are a core in a residual block (residual_block.h), by name: what makes
/// them, and their options. Configuration, help, errors, checks and bindings read these lists.
///
/// Columns c = W_in v + bias of a row, and y = core(c); H heads, D = d_model, R = B N rows:
///
/// geometric_mamba   c = w, z, phi, c of a CI8 scan (ci8_scan.h), h its states,
///                   y = W_q readout(h), gated. Own parameters: readout.weight [D, Q H], initial
///                   [S, H] without gates (each head's column, normalised, is h_0), angles [8, H]
///                   with rotation. Cost: 2 R D Q H in a product, and the scan. Section 4.
/// causal_field      c = a, b, c head by head [48 H], j = ((a b) c - a (b c)) P/|P|, y = memory of
/// j
///                   along time (memory/causal_convolution.h) [16 H], gated. Own parameters:
///                   transport P [H, 8], memory [H, 12], raw parameters of each head's kernel.
///                   Cost: 2,300 a head and row in the current, 1,600 in the memory. Section 10.1.
/// geometric_attention   c = octets A, B, Theta head by head [24 H] and values [16 H],
///                   z = spinor_map(octets), y = attention by spinor scores (tiled_attention.h).
///                   Own parameters: mix [H, 4], l1..l4. Section 10.2.
/// attention         c = q, k, v [D each], y = softmax attention with slopes 2^{-8 (h+1)/H} on
///                   distances (tiled_attention.h). Section 10.3.
/// gated_linear_attention   c = q, k, v, z [D each] in heads of width E = D/H,
///                   S_n = diag(sigmoid(z_n)) S_{n-1} + k_n v_n^T, y_n = q_n S_n / sqrt E, gated.
///                   E <= 128. Cost: 4 R D E operations. Section 10.5.
/// swiglu_mlp        c = a, b [F each], y = silu(a) * b; no bias. Not a mixer: the second half of a
///                   block. Shazeer, arXiv:2002.05202.
///
/// Sections are those of docs/math/conventions.md. NaN spreads to later positions of its sequence,
/// and to at most 3 (causal_field) or 63 (attentions) earlier ones.

#include <initializer_list>
#include <memory>
#include <string>

#include "lior/nn/config.h"
#include "lior/nn/residual_block.h"

namespace lior::nn {

/// Every kind that layer_block makes: the mixers, in the order of their enumeration, and
/// swiglu_mlp.
std::span<const std::string_view> layer_kinds();

/// A layer of that kind, its parameters named `prefix` + "norm.weight", ... and placed in `layout`.
/// Of `config` it reads d_model, layers (for the size that W_o starts with) and the kind's options.
/// Throws lior::Error for a kind that is unknown, and for options that cannot be.
template <class T>
std::unique_ptr<ResidualBlock<T>> layer_block(std::string_view kind, const ModelConfig& config,
                                              const std::string& prefix, Layout& layout);

/// One option of one or more kinds: a member of ModelConfig.
struct LayerOption {
  std::string_view key;   ///< in a model's configuration: "causal_field_heads"
  std::string_view name;  ///< among the options of one kind: "heads"
  std::string_view help;
  std::array<std::string_view, 2> kinds;
  double low = 0, high = 1;  ///< of numbers, ends included
  bool is_new = false;       ///< whether configurations were written before there was this option

  bool belongs_to(std::string_view kind) const { return kinds[0] == kind || kinds[1] == kind; }
};

/// visit(LayerOption, member) for every option of every mixer. `config` is a ModelConfig, const or
/// not; members are Index, bool or enumerations with names (core/names.h).
template <class Config, class Visitor>
void visit_mixer_options(Config& config, Visitor&& visit) {
  constexpr std::string_view mamba = "geometric_mamba", field = "causal_field",
                             spinors = "geometric_attention", softmax = "attention",
                             linear = "gated_linear_attention";
  constexpr double most_heads = 1 << 14;
  visit(LayerOption{"causal_field_heads", "heads", "of 16 numbers each", {field}, 1, most_heads},
        config.causal_field_heads);
  visit(
      LayerOption{
          "geometric_attention_heads", "heads", "of 16 numbers each", {spinors}, 1, most_heads},
      config.geometric_attention_heads);
  visit(LayerOption{"attention_heads", "heads", "that share d_model", {softmax}, 1, most_heads},
        config.attention_heads);
  visit(
      LayerOption{
          "linear_attention_heads", "heads", "that share d_model", {linear}, 1, most_heads, true},
      config.linear_attention_heads);
  visit(LayerOption{"attention_window",
                    "window",
                    "positions that are seen, its own among them",
                    {spinors, softmax},
                    1,
                    1 << 22},
        config.attention_window);
  auto& m = config.mixer;
  visit(LayerOption{"heads", "heads", "of one state each", {mamba}, 1, most_heads}, m.heads);
  visit(LayerOption{"factors", "factors", "unit octonions a head and token", {mamba}, 1, 8},
        m.factors);
  visit(LayerOption{"transition", "transition", "how an octonion turns a state", {mamba}},
        m.transition);
  visit(LayerOption{"complex_state", "complex_state", "16 numbers a head, not 8", {mamba}},
        m.complex_state);
  visit(LayerOption{"gates", "gates", "forget and take in; without them turn alone", {mamba}},
        m.gates);
  visit(LayerOption{"phase", "phase", "turn by e^{i phi} (needs complex_state)", {mamba}}, m.phase);
  visit(LayerOption{"rotation", "rotation", "turn by e^{i theta_k} (needs complex_state)", {mamba}},
        m.rotation);
  visit(LayerOption{"readout", "readout", "what a head shows of its state", {mamba}}, m.readout);
}

/// The same for every kind of layer_kinds().
template <class Config, class Visitor>
void visit_layer_options(Config& config, Visitor&& visit) {
  visit_mixer_options(config, visit);
  visit(
      LayerOption{"mlp_hidden", "hidden", "width between the products", {"swiglu_mlp"}, 1, 1 << 18},
      config.mlp_hidden);
}

}  // namespace lior::nn
