// SPDX-License-Identifier: Apache-2.0
// SwiGLU, the second half of a block: y = silu(a) * b, columns a | b.
#include "lior/nn/activation.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

template <class T>
class SwigluMlp final : public Core<T> {
 public:
  explicit SwigluMlp(const ModelConfig& config) : hidden_(config.mlp_hidden) {}

  CoreShape shape() const override {
    return {.in = 2 * hidden_, .out = hidden_, .bias = false, .keep_y = false, .profile = "SwiGLU"};
  }

  void forward(const CoreCall<T>& call, MatrixView<T>, View<T, 2> y) const override {
    restore(call, y);
  }
  void restore(const CoreCall<T>& call, View<T, 2> y) const override {
    if (!call.arena.planning()) swiglu_forward<T>(call.columns, y);
  }
  void backward(const CoreCall<T>& call, View<const T, 2>, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T>, MatrixView<T>) const override {
    if (!call.arena.planning()) swiglu_backward<T>(call.columns, dy, d_columns);
  }

 private:
  Index hidden_;
};

}  // namespace

LIOR_CORE(swiglu_mlp_core, SwigluMlp);

}  // namespace lior::nn
