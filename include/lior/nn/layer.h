// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The layers that a model is a list of: out = x + f(x) for rows x of sequences.
///
/// A layer owns no numbers: its parameters lie in flat buffers of values and gradients, at the
/// places that a Layout gave it when it was made. Layers: residual_block.h, short_convolution.h.

#include <algorithm>
#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "lior/linalg/precision.h"
#include "lior/nn/layout.h"
#include "lior/nn/saved.h"
#include "lior/nn/stretch.h"

namespace lior::nn {

/// The arguments of every pass of a layer. On an arena that only counts, a pass takes what it would
/// take and computes nothing.
template <class T>
struct LayerCall {
  Sequences sequences;
  std::span<const T> values;                                 ///< the whole flat buffer
  View<const T, 2> x;                                        ///< [R, D]
  Saved<T> saved;                                            ///< of the layer's plan(sequences)
  Arena& arena;                                              ///< for what lives as long as the call
  linalg::Precision precision = linalg::Precision::float32;  ///< of its products
};

/// Bit-equal for equal thread counts.
///
/// Where ranks share the sequences (stretch.h), all of them call a pass together, each with the
/// rows of its stretch; gradients are those of its rows, and sum up to the whole ones. A state is
/// that before the first stretch and after the last, the same on all ranks.
template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual void initialize(Initializer<T>& initializer) const = 0;

  /// Numbers in one sequence's state; 0 where tokens do not see each other. All are ordinary
  /// numbers of T, whatever a kind counts or sums, so that a state may be converted or
  /// differentiated.
  virtual Index state_size() const { return 0; }

  /// The state before the first token: writes all of `state` [B, state_size], zeros unless a kind
  /// says otherwise.
  virtual void initial_state(std::span<const T> values, linalg::MatrixView<T> state) const;

  /// Whether ranks may share its sequences.
  virtual bool can_be_shared() const { return false; }

  /// The arrays that forward leaves for backward.
  virtual SavedPlan plan(const Sequences&) const { return {}; }

  /// out [R, D] from x, distinct; an empty out is left out: what is saved is computed alone.
  /// `state` [B, state_size]: the sequences' state before the call in, after it out; without data
  /// they start from the initial state and end with the call.
  virtual void forward(const LayerCall<T>& call, linalg::MatrixView<T> state,
                       View<T, 2> out) const = 0;

  /// Makes the saved arrays that are not kept again, bit for bit, of a call without state.
  virtual void restore(const LayerCall<T>&) const {}

  /// dx [R, D]: the gradient of out in, of x out; d_values summed into. Of a call without state.
  virtual void backward(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values) const = 0;
};

/// Room for all that a call saves, in an arena.
template <class T>
Saved<T> take_saved(const SavedPlan& plan, Arena& arena) {
  Saved<T> saved{.plan = plan};
  saved.kept = arena.take<T, 1>({plan.kept()}).data();
  saved.redone = arena.take<T, 1>({plan.redone()}).data();
  return saved;
}

template <class T>
void Layer<T>::initial_state(std::span<const T>, linalg::MatrixView<T> state) const {
  for (Index b = 0; b < state.rows; ++b) {
    std::fill_n(state.data + b * state.stride, state.cols, T(0));
  }
}

}  // namespace lior::nn
