// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/residual_block.h"

#include <optional>

#include "lior/core/profile.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/activation.h"
#include "lior/nn/linear.h"
#include "lior/nn/packed_core.h"
#include "lior/nn/rms_norm.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Precision;
using linalg::Transpose;

/// The block as one op of a profile, where its core asks for that.
struct BlockOp {
  explicit BlockOp(const CoreShape& shape) {
    if (shape.profile != nullptr) op.emplace(shape.profile);
  }
  std::optional<ProfiledOp> op;
};

Index projection_width(const CoreShape& shape) { return shape.in + (shape.gate ? shape.out : 0); }

template <class T>
MatrixView<T> core_columns(const CoreShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, 0, projection.extent(0), shape.in);
}

template <class T>
MatrixView<T> gate_columns(const CoreShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, shape.in, projection.extent(0), shape.out);
}

}  // namespace

template <class T>
struct ResidualBlock<T>::Arrays {
  View<T, 2> projection;  ///< [R, P]: c | g
  View<T, 2> y;           ///< [R, out]
  View<T, 2> z;           ///< [R, out]: y * silu(g), or y itself
  View<T, 2> v;           ///< [R, D]
  std::span<T> inv_rms;   ///< [R]
};

template <class T>
ResidualBlock<T>::ResidualBlock(std::unique_ptr<Core<T>> core, Index d_model, double out_gain,
                                const std::string& prefix, Layout& layout)
    : core_(std::make_unique<PackedCore<T>>(std::move(core))),
      shape_(core_->shape()),
      d_model_(d_model),
      out_gain_(out_gain) {
  const Index P = projection_width(shape_);
  norm_ = layout.add(prefix + "norm.weight", {d_model});
  in_weight_ = layout.add(prefix + "in.weight", {P, d_model}, true);
  if (shape_.bias) in_bias_ = layout.add(prefix + "in.bias", {P});
  core_->declare(prefix, layout);
  out_weight_ = layout.add(prefix + "out.weight", {d_model, shape_.out}, true);
}

template <class T>
void ResidualBlock<T>::initialize(Initializer<T>& initializer) const {
  initializer.fill(norm_, 1);
  initializer.fill_matrix(in_weight_);
  initializer.fill(in_bias_, 0);
  core_->start(initializer, in_weight_.in(initializer.values()),
               in_bias_.vector_in(initializer.values()));
  initializer.fill_matrix(out_weight_, out_gain_);
}

template <class T>
SavedPlan ResidualBlock<T>::plan(const Sequences& sequences) const {
  const Index R = sequences.rows();
  SavedPlan plan;
  plan.keep("projection", Shape<2>{R, projection_width(shape_)});
  core_->save(sequences, plan);
  const Shape<2> y{R, shape_.out};
  shape_.keep_y ? plan.keep("y", y) : plan.redo("y", y);
  plan.redo("inv_rms", Shape<1>{R});
  plan.redo("v", Shape<2>{R, d_model_});
  if (shape_.gate) plan.redo("gated", y);
  return plan;
}

template <class T>
typename ResidualBlock<T>::Arrays ResidualBlock<T>::arrays(const Saved<T>& saved) const {
  const auto y = saved.template array<2>("y");
  return {.projection = saved.template array<2>("projection"),
          .y = y,
          .z = shape_.gate ? saved.template array<2>("gated") : y,
          .v = saved.template array<2>("v"),
          .inv_rms = saved.template array<1>("inv_rms").span()};
}

template <class T>
CoreCall<T> ResidualBlock<T>::core_call(const LayerCall<T>& call, const Arrays& arrays) const {
  return {call.sequences, call.values, core_columns(shape_, arrays.projection),
          call.saved,     call.arena,  call.precision};
}

/// W_in v + bias. A weight is rounded in the same way at every step, so what it does to a recurrent
/// state's turns adds up over the state's life: rows that say so stay exact
/// (docs/decisions/043-bf16.md).
template <class T>
void ResidualBlock<T>::project(const LayerCall<T>& call, const Arrays& arrays) const {
  const MatrixView<const T> weight(in_weight_.in(call.values));
  const MatrixView<const T> bias(in_bias_.in(call.values));  // one row, or none
  const MatrixView<T> projection(arrays.projection);
  const auto product = [&](Precision precision, Index begin, Index end) {
    const Index count = end - begin;
    std::span<const T> part;
    if (shape_.bias) part = {bias.block(0, begin, 1, count).data, static_cast<std::size_t>(count)};
    linear_forward<T>(precision, arrays.v, weight.block(begin, 0, count, d_model_), part,
                      projection.block(0, begin, projection.rows, count), call.arena);
  };
  if (call.precision == Precision::float32 || shape_.exact_rows == 0) {
    return product(call.precision, 0, projection.cols);
  }
  product(call.precision, shape_.exact_rows, projection.cols);
  product(Precision::float32, 0, shape_.exact_rows);
}

template <class T>
void ResidualBlock<T>::forward(const LayerCall<T>& call, MatrixView<T> state,
                               View<T, 2> out) const {
  const BlockOp op(shape_);
  const Arrays s = arrays(call.saved);
  const bool run = !call.arena.planning();
  if (run) {
    rms_norm_forward<T>(call.x, norm_.vector_in(call.values), kRmsNormEpsilon, s.v, s.inv_rms);
  }
  project(call, s);
  if (call.sequences.stretch.is_shared()) {
    core_->forward_shared(core_call(call, s), state, s.y);
  } else {
    core_->forward(core_call(call, s), state, s.y);
  }
  if (run && shape_.gate) gate_forward<T>(s.y, gate_columns(shape_, s.projection), s.z);
  if (out.empty()) return;
  if (run) std::copy(call.x.begin(), call.x.end(), out.begin());
  linalg::gemm<T>(call.precision, Transpose::no, Transpose::yes, s.z, out_weight_.in(call.values),
                  1, MatrixView<T>(out), call.arena);
}

template <class T>
void ResidualBlock<T>::restore(const LayerCall<T>& call) const {
  const BlockOp op(shape_);
  const Arrays s = arrays(call.saved);
  const bool run = !call.arena.planning();
  if (run) {
    rms_norm_forward<T>(call.x, norm_.vector_in(call.values), kRmsNormEpsilon, s.v, s.inv_rms);
  }
  core_->restore(core_call(call, s), s.y);
  if (run && shape_.gate) gate_forward<T>(s.y, gate_columns(shape_, s.projection), s.z);
}

template <class T>
void ResidualBlock<T>::backward(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values,
                                MatrixView<T> d_state) const {
  const BlockOp op(shape_);
  const Arrays s = arrays(call.saved);
  Arena& arena = call.arena;
  const Arena::Scope scope(arena);
  const auto d_projection = arena.take<T, 2>(s.projection.shape());
  const auto dy = arena.take<T, 2>(s.y.shape());  // at first of z
  const auto d_v = shape_.out == d_model_ ? dy : arena.take<T, 2>(s.v.shape());
  const bool run = !arena.planning();

  linear_backward<T>(call.precision, s.z, out_weight_.in(call.values), dx, Store::write, dy,
                     out_weight_.in(d_values), {}, arena);
  if (run && shape_.gate) {
    gate_backward<T>(s.y, gate_columns(shape_, s.projection), dy, dy,
                     gate_columns(shape_, d_projection));
  }
  const MatrixView<T> d_columns = core_columns(shape_, d_projection);
  if (call.sequences.stretch.is_shared()) {
    core_->backward_shared(core_call(call, s), s.y, dy, d_columns, d_values);
  } else {
    core_->backward(core_call(call, s), s.y, dy, d_columns, d_values, d_state);
  }
  linear_backward<T>(call.precision, s.v, in_weight_.in(call.values), d_projection, Store::write,
                     d_v, in_weight_.in(d_values), in_bias_.vector_in(d_values), arena);
  rms_norm_backward<T>(call.x, norm_.vector_in(call.values), s.inv_rms, d_v, Store::add, dx,
                       norm_.vector_in(d_values), arena);
}

template class ResidualBlock<float>;
template class ResidualBlock<double>;

}  // namespace lior::nn
