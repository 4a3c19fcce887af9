// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The part of a layer between the two projections of its residual block (residual_block.h), which
/// makes it the kind it is. A file src/nn/KIND.cpp holds one, its formula first.

#include <algorithm>
#include <memory>
#include <string>

#include "lior/nn/layer.h"

namespace lior::nn {

/// The widths of a core, and what it asks of its block.
struct CoreShape {
  Index in = 0;          ///< columns of W_in v + bias that it reads
  Index out = 0;         ///< columns of y that it makes
  bool gate = false;     ///< W_o reads y * silu(g), g the `out` columns behind the first `in`
  bool bias = true;      ///< whether W_in v has one
  bool keep_y = true;    ///< false: y costs little, and restore() makes it again
  Index exact_rows = 0;  ///< first rows of W_in, whose products are float32 in any precision
  const char* profile = nullptr;  ///< the op that all of the block counts as; null: its parts' own
};

/// The arguments of every pass of a core, as LayerCall has those of a layer.
template <class T>
struct CoreCall {
  Sequences sequences;
  std::span<const T> values;
  linalg::MatrixView<const T> columns;  ///< [R, in], rows may be strided
  Saved<T> saved;                       ///< the core's arrays are among them
  Arena& arena;
  linalg::Precision precision = linalg::Precision::float32;
};

/// y = core(columns), R = B N rows. Parameters of its own are declared once, by name and shape.
template <class T>
class Core {
 public:
  virtual ~Core() = default;

  virtual CoreShape shape() const = 0;

  /// Adds its own parameters to the layout, named `prefix` + "transport", ...
  virtual void declare(const std::string&, Layout&) {}
  /// Start values of its own parameters, and what should differ in W_in [in (+ out), D], which
  /// comes with rows of unit length, and in its bias, which comes as zeros (empty without).
  virtual void start(Initializer<T>&, View<T, 2>, std::span<T>) const {}

  virtual Index state_size() const { return 0; }
  virtual void initial_state(std::span<const T>, linalg::MatrixView<T> state) const {
    for (Index b = 0; b < state.rows; ++b) {
      std::fill_n(state.data + b * state.stride, state.cols, T(0));
    }
  }
  /// Whether backward takes and gives gradients of states.
  virtual bool state_has_gradient() const { return false; }

  /// Adds the arrays that forward leaves for backward, beside the columns and y.
  virtual void save(const Sequences&, SavedPlan&) const {}

  /// y [R, out]. State as Layer::forward's.
  virtual void forward(const CoreCall<T>& call, linalg::MatrixView<T> state,
                       View<T, 2> y) const = 0;

  /// Makes its saved arrays that are not kept again, and y unless that is kept.
  virtual void restore(const CoreCall<T>&, View<T, 2>) const {}

  /// d_columns [R, in] written, from y and dy [R, out], which may be overwritten; d_values summed
  /// into. d_state [B, state_size]: the gradient of the last state in, of the first out; without
  /// data nothing reads the last state, and the first is initial_state's.
  virtual void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                        linalg::MatrixView<T> d_columns, std::span<T> d_values,
                        linalg::MatrixView<T> d_state) const = 0;

  /// d_values += the gradient through initial_state, from that of the first state, d_state.
  virtual void initial_state_backward(std::span<const T>, View<const T, 2>, std::span<T>) const {}

  /// Whether ranks may share its sequences: at first where tokens do not see each other, and where
  /// states have gradients.
  virtual bool can_be_shared() const { return state_size() == 0 || state_has_gradient(); }
  /// forward and backward of sequences that ranks share, as Layer says; neither is told of that
  /// here. At first one rank after another: states are handed on, and their gradients back.
  virtual void forward_shared(const CoreCall<T>& call, linalg::MatrixView<T> state,
                              View<T, 2> y) const;
  virtual void backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                               linalg::MatrixView<T> d_columns, std::span<T> d_values) const;
};

}  // namespace lior::nn
