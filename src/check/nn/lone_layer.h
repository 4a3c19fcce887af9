// SPDX-License-Identifier: Apache-2.0
#pragma once
// A layer outside a model, with room for its passes, for bench rows.

#include <vector>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/nn/mixers.h"

namespace lior::check {

template <class T>
class LoneLayer {
 public:
  LoneLayer(std::string_view kind, const nn::ModelConfig& config, nn::Sequences of)
      : sequences(of),
        layer(nn::layer_block<T>(kind, config, "", layout)),
        values(layout.size()),
        gradients(layout.size()),
        x({of.rows(), config.d_model}),
        d_out(x.shape()),
        out(x.shape()),
        dx(x.shape()),
        arena_(bytes()) {
    nn::Initializer<T> initializer(values.span(), 1);
    layer->initialize(initializer);
    fill_like_float(x.span(), 2);
    fill_like_float(d_out.span(), 3);
    saved_ = nn::take_saved<T>(layer->plan(sequences), arena_);
  }

  void forward() {
    layer->forward({sequences, values.span(), x.view(), saved_, arena_}, {}, out.view());
  }
  void backward() {
    std::copy(d_out.span().begin(), d_out.span().end(), dx.span().begin());
    layer->backward({sequences, values.span(), x.view(), saved_, arena_}, dx.view(),
                    gradients.span());
  }

  nn::Sequences sequences;
  nn::Layout layout;
  std::unique_ptr<nn::ResidualBlock<T>> layer;
  Buffer<T> values, gradients;
  Array<T, 2> x, d_out, out, dx;

 private:
  std::size_t bytes() const {
    Arena plan = Arena::planner();
    const auto saved = nn::take_saved<T>(layer->plan(sequences), plan);
    const View<const T, 2> none(nullptr, x.shape());
    const std::span<T> numbers(static_cast<T*>(nullptr), values.span().size());
    const nn::LayerCall<T> call{sequences, numbers, none, saved, plan};
    layer->forward(call, {}, {});
    layer->backward(call, {nullptr, x.shape()}, numbers);
    return plan.peak();
  }
  /// Both types get the same numbers.
  static void fill_like_float(std::span<T> numbers, std::uint64_t stream) {
    std::vector<float> drawn(numbers.size());
    Random(31, stream).fill_normal(std::span(drawn));
    std::copy(drawn.begin(), drawn.end(), numbers.begin());
  }

  Arena arena_;
  nn::Saved<T> saved_;
};

}  // namespace lior::check
