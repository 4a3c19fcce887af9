// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sequences of any lengths in the rows of one call, one behind another.

#include <span>
#include <vector>

#include "lior/nn/core.h"

namespace lior::nn {

/// A core whose one sequence of R rows is S sequences apart, of lengths n_1 + ... + n_S = R: each
/// begins from a state of its own, and none sees another. Every row has the bits that it has in a
/// call of its sequence alone, in whichever pass; gradients of parameters are the sums of those of
/// the calls, in the order of the sequences.
///
/// ResidualBlock::packed makes a layer of it. Its state is the S states side by side, [1, S
/// state_size]. Cost: that of S calls.
template <class T>
class PackedCore final : public Core<T> {
 public:
  /// `core` must outlive this. Throws lior::Error where a length is below 0.
  PackedCore(const Core<T>& core, std::span<const Index> lengths);

  CoreShape shape() const override { return core_.shape(); }
  /// Throws lior::Error: its core has declared its parameters.
  void declare(const std::string& prefix, Layout& layout) override;
  void start(Initializer<T>& initializer, View<T, 2> weight, std::span<T> bias) const override {
    core_.start(initializer, weight, bias);
  }
  Index state_size() const override { return std::ssize(lengths_) * core_.state_size(); }
  void initial_state(std::span<const T> values, linalg::MatrixView<T> state) const override;
  bool state_has_gradient() const override { return core_.state_has_gradient(); }

  void save(const Sequences& sequences, SavedPlan& plan) const override;
  void forward(const CoreCall<T>& call, linalg::MatrixView<T> state, View<T, 2> y) const override;
  void restore(const CoreCall<T>& call, View<T, 2> y) const override;
  void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                linalg::MatrixView<T> d_columns, std::span<T> d_values,
                linalg::MatrixView<T> d_state) const override;

 private:
  /// body(i, first row, its call) for each sequence.
  template <class Body>
  void for_each(const CoreCall<T>& call, Body&& body) const;
  SavedPlan plan_of(Index length) const;

  const Core<T>& core_;
  std::vector<Index> lengths_;
  Index rows_ = 0;
};

}  // namespace lior::nn
