// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Packed sequences (stretch.h) for a core that knows sequences of one length.

#include <memory>

#include "lior/nn/core.h"

namespace lior::nn {

/// A core, of any sequences: where they are packed, neighbours of one length have a call of their
/// own, so that sequences sorted by length cost least. Every row has the bits that it has in that
/// call, in whichever pass; gradients of parameters are the sums of those of the calls, in their
/// order. Ranks share no packed sequences.
///
/// Every ResidualBlock has one around its core.
template <class T>
class PackedCore final : public Core<T> {
 public:
  explicit PackedCore(std::unique_ptr<Core<T>> core) : core_(std::move(core)) {}

  CoreShape shape() const override { return core_->shape(); }
  void declare(const std::string& prefix, Layout& layout) override {
    core_->declare(prefix, layout);
  }
  void start(Initializer<T>& initializer, View<T, 2> weight, std::span<T> bias) const override {
    core_->start(initializer, weight, bias);
  }
  Index state_size() const override { return core_->state_size(); }
  void initial_state(std::span<const T> values, linalg::MatrixView<T> state) const override {
    core_->initial_state(values, state);
  }
  bool state_has_gradient() const override { return core_->state_has_gradient(); }
  void initial_state_backward(std::span<const T> values, View<const T, 2> d_state,
                              std::span<T> d_values) const override {
    core_->initial_state_backward(values, d_state, d_values);
  }

  void save(const Sequences& sequences, SavedPlan& plan) const override;
  void forward(const CoreCall<T>& call, linalg::MatrixView<T> state, View<T, 2> y) const override;
  void restore(const CoreCall<T>& call, View<T, 2> y) const override;
  void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                linalg::MatrixView<T> d_columns, std::span<T> d_values,
                linalg::MatrixView<T> d_state) const override;

  bool can_be_shared() const override { return core_->can_be_shared(); }
  void forward_shared(const CoreCall<T>& call, linalg::MatrixView<T> state,
                      View<T, 2> y) const override {
    core_->forward_shared(call, state, y);
  }
  void backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                       linalg::MatrixView<T> d_columns, std::span<T> d_values) const override {
    core_->backward_shared(call, y, dy, d_columns, d_values);
  }

 private:
  /// run(first sequence, its first row, its call) for each call.
  template <class Run>
  void for_each(const CoreCall<T>& call, const Run& run) const;
  SavedPlan plan_of(const Sequences& sequences) const;

  std::unique_ptr<Core<T>> core_;
};

}  // namespace lior::nn
