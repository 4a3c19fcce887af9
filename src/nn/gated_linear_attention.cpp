// SPDX-License-Identifier: Apache-2.0
// Gated linear attention: S_n = diag(a_n) S_{n-1} + k_n v_n^T, a = sigmoid(z), y_n = q_n S_n / sqrt
// E in each of H heads of width E = D/H; columns q | k | v | z of D numbers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/gated_linear_attention.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/gated_linear_attention.inl.h"

#if HWY_ONCE
#include <array>
#include <cmath>

#include "lior/core/denormals.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/core/stop.h"
#include "lior/simd/dispatch.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

template <class T>
class GatedLinearAttention final : public Core<T> {
 public:
  explicit GatedLinearAttention(const ModelConfig& config)
      : heads_(config.linear_attention_heads), width_(config.d_model / std::max<Index>(1, heads_)) {
    LIOR_CHECK(heads_ >= 1 && config.d_model == heads_ * width_ && width_ <= kMostLinearWidth,
               "linear_attention_heads = {} of d_model = {} cannot be; it must divide it into "
               "widths of at most {}",
               heads_, config.d_model, kMostLinearWidth);
  }

  CoreShape shape() const override {
    return {.in = 4 * heads_ * width_, .out = heads_ * width_, .gate = true};
  }
  void start(Initializer<T>&, View<T, 2>, std::span<T> in_bias) const override {
    // Time constants 1 + e^z from 4 to 150 steps over the rows of each head's state.
    for (Index i = 0; i < heads_ * width_; ++i) {
      const double place = static_cast<double>(i % width_) / static_cast<double>(width_);
      in_bias[static_cast<std::size_t>(3 * heads_ * width_ + i)] = static_cast<T>(1 + 4 * place);
    }
  }

  Index state_size() const override { return heads_ * head_size(); }
  bool state_has_gradient() const override { return true; }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    plan.keep("start", Shape<2>{sequences.batch, state_size()});
  }

  void forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    if (call.arena.planning()) return;
    const ProfiledOp op("linear attention", flops(call, 1), bytes(call, 5));
    const View<T, 2> start = call.saved.template array<2>("start");
    const auto kernel = LIOR_SIMD_TABLE(linear_attention_forward<T>).chosen();
    over_heads(call, [&](Index b, Index head, T* S) {
      T* first = start[b].data() + head * head_size();
      T* carried =
          state.data == nullptr ? nullptr : state.data + b * state.stride + head * head_size();
      if (carried == nullptr) {
        std::fill_n(first, head_size(), T(0));
      } else {
        std::copy_n(carried, head_size(), first);
      }
      std::copy_n(first, head_size(), S);
      const auto x = head_of(call, call.columns, b, head);
      const auto out = rows_of(call, MatrixView<T>(y), b, head);
      in_pieces(out.rows, tokens_together(), [&](Index begin, Index end) {
        kernel(x.rows(begin, end), S, rows_between(out, begin, end));
      });
      if (carried != nullptr) std::copy_n(S, head_size(), carried);
    });
  }

  void backward(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T>, MatrixView<T> d_state) const override {
    if (call.arena.planning()) return;
    const ProfiledOp op("linear attention", flops(call, 3), bytes(call, 14));
    const View<const T, 2> start = call.saved.template array<2>("start");
    const auto queries = LIOR_SIMD_TABLE(linear_attention_queries<T>).chosen();
    const auto kernel = LIOR_SIMD_TABLE(linear_attention_backward<T>).chosen();
    over_heads(call, [&](Index b, Index head, T* S) {
      const auto x = head_of(call, call.columns, b, head);
      const auto d = head_of(call, d_columns, b, head);
      const auto g = rows_of(call, MatrixView<const T>(dy), b, head);
      std::copy_n(start[b].data() + head * head_size(), head_size(), S);
      in_pieces(g.rows, tokens_together(), [&](Index begin, Index end) {
        queries(x.rows(begin, end), rows_between(g, begin, end), S, rows_between(d.q, begin, end));
      });
      std::array<double, kMostLinearWidth> d_gates{};
      T* gradient = d_state.data == nullptr
                        ? nullptr
                        : d_state.data + b * d_state.stride + head * head_size();
      if (gradient == nullptr) {
        std::fill_n(S, head_size(), T(0));
      } else {
        for (Index i = 0; i < head_size(); ++i) {  // S is the last state here
          d_gates[static_cast<std::size_t>(i / width_)] += static_cast<double>(S[i]) * gradient[i];
        }
        std::copy_n(gradient, head_size(), S);
      }
      in_pieces(g.rows, tokens_together(), [&](Index begin, Index end) {  // from the last
        const Index first = g.rows - end, last = g.rows - begin;
        kernel(x.rows(first, last), rows_between(g, first, last), S, d_gates.data(),
               d.rows(first, last));
      });
      if (gradient != nullptr) std::copy_n(S, head_size(), gradient);
    });
  }

 private:
  Index head_size() const { return width_ * width_; }
  /// Between two looks at check_stop: some ten milliseconds.
  Index tokens_together() const { return (Index{1} << 25) / head_size() + 1; }

  /// Columns of one head in one part (q, k, v or z), rows of one sequence.
  template <class U>
  MatrixView<U> rows_of(const CoreCall<T>& call, MatrixView<U> columns, Index b, Index head,
                        Index part = 0) const {
    const Index N = call.sequences.length;
    return columns.block(b * N, (part * heads_ + head) * width_, N, width_);
  }
  template <class U>
  LinearAttentionHead<U> head_of(const CoreCall<T>& call, MatrixView<U> columns, Index b,
                                 Index head) const {
    const auto part = [&](Index i) { return rows_of(call, columns, b, head, i); };
    return {part(0), part(1), part(2), part(3), T(1) / std::sqrt(static_cast<T>(width_))};
  }
  /// body(sequence, head, room for a state), threads over sequences and heads.
  template <class Body>
  void over_heads(const CoreCall<T>& call, const Body& body) const {
    parallel_for(call.sequences.batch * heads_, 1, [&](Index begin, Index end, int) {
      const FlushDenormals flush;
      alignas(kAlignment) T state[kMostLinearWidth * kMostLinearWidth];
      for (Index i = begin; i < end; ++i) body(i / heads_, i % heads_, state);
    });
  }
  double flops(const CoreCall<T>& call, double passes) const {
    return passes * 4 * static_cast<double>(call.sequences.rows() * state_size());
  }
  double bytes(const CoreCall<T>& call, double arrays) const {
    return arrays * sizeof(T) * static_cast<double>(call.sequences.rows() * heads_ * width_);
  }

  Index heads_, width_;
};

}  // namespace

LIOR_CORE(gated_linear_attention_core, GatedLinearAttention);

}  // namespace lior::nn
#endif
