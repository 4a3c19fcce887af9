#pragma once
// What a model is a list of: a short convolution, a mixer or a SwiGLU, with norm and residual. A
// kind's file holds its forward and backward, and at its end the Layer that places its parameters
// in a model.

#include <algorithm>
#include <memory>
#include <optional>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "nn/layout.h"

namespace lior::nn {

/// The sequences of one call. Row b N + n of an [R, D] array belongs to token n of sequence b.
struct Sequences {
  Index batch = 0;
  Index length = 0;

  Index rows() const { return batch * length; }
};

/// out = x + f(x), R = B N rows of D. `values` and `d_values` are the model's whole flat buffers.
/// On an arena that plans, calls take what they would take and compute nothing.
template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual void initialize(Initializer<T>& initializer) const = 0;

  /// Numbers in one sequence's state; 0 where tokens do not see each other.
  virtual Index state_size() const { return 0; }

  /// The state before the first token: writes all of `state` [B, state_size], zeros unless a kind
  /// says otherwise.
  virtual void initial_state(std::span<const T> values, linalg::MatrixView<T> state) const;

  /// out [R, D] from x [R, D], distinct; an empty out is left out. `state` [B, state_size]: the
  /// sequences' state before the call in, after it out; without it they start from the initial
  /// state and end with the call. What backward needs is taken first and stays on top of the arena.
  virtual void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                       std::optional<linalg::MatrixView<T>> state, View<T, 2> out,
                       Arena& arena) const = 0;

  /// Of the bytes that forward leaves on the arena, those at their start that restore builds on:
  /// the outputs of products, which are dear to compute again.
  virtual std::size_t kept_bytes(const Sequences&) const { return 0; }

  /// Leaves on the arena what forward left there, bit for bit, when only its first kept_bytes still
  /// hold. The arena stands where it stood at the call of forward, without state.
  virtual void restore(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                       Arena& arena) const {
    forward(sequences, values, x, {}, {}, arena);
  }

  /// dx [R, D]: the gradient of out in, of x out, the residual's included; d_values summed into.
  /// The arena stands where it stood at the call of forward, without state: arrays that are taken
  /// in the same order hold what forward left.
  virtual void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                        View<T, 2> dx, std::span<T> d_values, Arena& arena) const = 0;
};

/// Each adds its parameters to the layout, named `prefix` + "norm.weight", ...
template <class T>
std::unique_ptr<Layer<T>> geometric_mamba_layer(const ModelConfig& config,
                                                const std::string& prefix, Layout& layout);
template <class T>
std::unique_ptr<Layer<T>> causal_field_layer(const ModelConfig& config, const std::string& prefix,
                                             Layout& layout);
template <class T>
std::unique_ptr<Layer<T>> geometric_attention_layer(const ModelConfig& config,
                                                    const std::string& prefix, Layout& layout);
template <class T>
std::unique_ptr<Layer<T>> attention_layer(const ModelConfig& config, const std::string& prefix,
                                          Layout& layout);
template <class T>
std::unique_ptr<Layer<T>> short_convolution_layer(const ModelConfig& config,
                                                  const std::string& prefix, Layout& layout);
template <class T>
std::unique_ptr<Layer<T>> swiglu_mlp_layer(const ModelConfig& config, const std::string& prefix,
                                           Layout& layout);

template <class T>
void Layer<T>::initial_state(std::span<const T>, linalg::MatrixView<T> state) const {
  for (Index b = 0; b < state.rows; ++b) {
    std::fill_n(state.data + b * state.stride, state.cols, T(0));
  }
}

}  // namespace lior::nn
