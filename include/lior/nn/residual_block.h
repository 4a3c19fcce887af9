// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The layer around a core: norm, projection, core, gate, projection, residual.

#include <memory>

#include "lior/nn/core.h"

namespace lior::nn {

/// out = x + W_o z,  z = y * silu(g) where the core asks for a gate, else y,
/// y = core(c),  [c | g] = W_in v + bias,  v = RMSNorm(x).
///
/// Parameters: norm.weight [D], in.weight [P, D], in.bias [P], those of the core, out.weight
/// [D, out]; P = in (+ out with a gate). It keeps [c | g], what the core keeps and, where that is
/// expensive, y; norms, gates and the rest are made again by restore().
///
/// Products are in the call's precision, those of the core's exact rows of W_in in float32.
/// Cost: 2 R D (P + out) operations in products, and the core. Source: docs/math/conventions.md,
/// section 10.
template <class T>
class ResidualBlock final : public Layer<T> {
 public:
  /// Adds its parameters to the layout, named `prefix` + "norm.weight", ... W_o starts as a matrix
  /// that maps unit variance to out_gain^2: residual paths add up, so each starts small.
  ResidualBlock(std::unique_ptr<Core<T>> core, Index d_model, double out_gain,
                const std::string& prefix, Layout& layout);

  const Core<T>& core() const { return *core_; }

  void initialize(Initializer<T>& initializer) const override;
  Index state_size() const override { return core_->state_size(); }
  void initial_state(std::span<const T> values, linalg::MatrixView<T> state) const override {
    core_->initial_state(values, state);
  }
  bool can_be_shared() const override { return core_->can_be_shared(); }
  SavedPlan plan(const Sequences& sequences) const override;
  void forward(const LayerCall<T>& call, linalg::MatrixView<T> state,
               View<T, 2> out) const override;
  void restore(const LayerCall<T>& call) const override;
  void backward(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values) const override {
    backward(call, dx, d_values, {});
  }
  /// The same of a call with a state, where states have gradients (Core::state_has_gradient):
  /// d_state [B, state_size] is that of the last state in, of the first out.
  void backward(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values,
                linalg::MatrixView<T> d_state) const;

 private:
  struct Arrays;
  Arrays arrays(const Saved<T>& saved) const;
  CoreCall<T> core_call(const LayerCall<T>& call, const Arrays& arrays) const;
  void project(const LayerCall<T>& call, const Arrays& arrays) const;

  std::unique_ptr<Core<T>> core_;
  CoreShape shape_;
  Index d_model_;
  double out_gain_;
  Slot norm_, in_weight_, in_bias_, out_weight_;
};

}  // namespace lior::nn
