// SPDX-License-Identifier: Apache-2.0
// A model's training step: forward down the list of its layers and backward up again.
#include <functional>

#include "lior/nn/embedding.h"
#include "lior/nn/rms_norm.h"
#include "nn/model_impl.h"

namespace lior::nn {
namespace {

/// Stands for the rest of a model where the output of the layers is not used.
struct Nothing {
  template <class X>
  LossResult operator()(const X&) const {
    return {};
  }
};

}  // namespace

/// Forward down the list and backward up again: the arena is a stack, and so are the calls.
template <class T>
LossResult Model<T>::Impl::Pass::run() {
  const Arena::Scope scope(arena);
  const Tokens tokens = own.tokens;
  const auto x = arena.take<T, 2>({tokens.size(), model.config.d_model});
  const auto dx = arena.take<T, 2>(x.shape());
  const bool has_ngrams = model.ngram_tables() > 0;
  ngram_rows = arena.take<std::int32_t, 2>({tokens.size(), model.ngram_shape.orders()});
  if (!arena.planning()) {
    std::fill(d_values.begin(), d_values.end(), T(0));
    embedding_forward<T>(model.embedding.in(model.weights()), tokens.span(), x);
    if (has_ngrams) {
      model.look_up(own, ngram_rows);
      if (dropout.is_on()) drop_rows(dropout, kNgramPlace, ngram_rows);
      ngram_forward<T>(model.ngram.in(model.weights()), ngram_rows, x, ngram_scale());
      d_ngrams.groups = d_ngrams.grouping.group(ngram_rows);
    }
  }
  const LossResult result = through_blocks(0, x, dx);
  if (!arena.planning()) {
    embedding_backward<T>(tokens.span(), dx, model.embedding.in(d_values));
    if (has_ngrams) d_ngrams.take(0, model.ngram_parameter(), dx, ngram_scale());
  }
  return result;
}

/// Blocks first, first + 1, ... and the loss: x in, the gradient of x into dx.
template <class T>
LossResult Model<T>::Impl::Pass::through_blocks(std::size_t first, View<const T, 2> x,
                                                View<T, 2> dx) const {
  if (first == model.kept.size()) return through_loss(x, dx);
  const Layers<T> block = model.block(first);
  const auto rest = [&](View<const T, 2> out) { return through_blocks(first + 1, out, dx); };
  if (model.kept[first] != Keep::input) {
    return through_layers(block, model.kept[first], x, dx, rest);
  }
  const Arena::Scope scope(arena);
  const auto out = arena.take<T, 2>(x.shape());
  forward(block, x, out);
  const LossResult result = rest(out);
  through_layers(block, Keep::everything, x, dx, Nothing{});
  return result;
}

/// These layers forward, then `rest` with what they put out and dx, then these layers backward.
template <class T>
template <class Rest>
LossResult Model<T>::Impl::Pass::through_layers(Layers<T> layers, Keep keep, View<const T, 2> x,
                                                View<T, 2> dx, const Rest& rest) const {
  if (layers.empty()) return rest(x);
  const Layer<T>& layer = *layers.front();
  const bool is_read = layers.size() > 1 || !std::is_same_v<Rest, Nothing>;
  const Arena::Scope scope(arena);
  const auto out = arena.take<T, 2>(is_read ? x.shape() : Shape<2>{});
  LayerCall<T> call = call_of(layer, x);
  const SavedPlan& plan = call.saved.plan;
  const auto take = [&](Index numbers) { return arena.take<T, 1>({numbers}).data(); };
  call.saved.kept = take(plan.kept());
  const std::size_t kept = arena.used();
  call.saved.redone = take(plan.redone());
  layer.forward(call, {}, out);
  if (is_read) drop(layers, x, out);
  if (keep == Keep::products) arena.rewind(kept);
  const LossResult result = through_layers(layers.subspan(1), keep, out, dx, rest);
  if (keep == Keep::products) {
    call.saved.redone = take(plan.redone());
    layer.restore(call);
  }
  if (!dropout.is_on()) {
    layer.backward(call, dx, d_values);
    return result;
  }
  const auto past = arena.take<T, 2>(dx.shape());  // what does not go through f
  if (!arena.planning()) dropout_backward<T>(dropout, model.place_of(layers), dx, past);
  layer.backward(call, dx, d_values);
  if (!arena.planning()) {
    std::transform(dx.begin(), dx.end(), past.begin(), dx.begin(), std::plus<>());
  }
  return result;
}

/// Of a layer that has put out x + f(x), leaves entries of f(x) out.
template <class T>
void Model<T>::Impl::Pass::drop(Layers<T> from, View<const T, 2> x, View<T, 2> out) const {
  if (!dropout.is_on() || arena.planning()) return;
  dropout_forward<T>(dropout, model.place_of(from), x, out);
}

/// One block, of which nothing stays.
template <class T>
void Model<T>::Impl::Pass::forward(Layers<T> block, View<const T, 2> x, View<T, 2> out) const {
  const Arena::Scope scope(arena);
  for (const auto& layer : block) {
    const auto to = layer == block.back() ? out : arena.take<T, 2>(x.shape());
    const Arena::Scope saved(arena);
    LayerCall<T> call = call_of(*layer, x);
    call.saved = take_saved<T>(call.saved.plan, arena);
    layer->forward(call, {}, to);
    drop(block.subspan(static_cast<std::size_t>(&layer - block.data())), x, to);
    x = to;
  }
}

/// x with the rows of the second table, which is what the output's norm reads.
template <class T>
View<const T, 2> Model<T>::Impl::Pass::with_output_ngrams(View<const T, 2> x) const {
  if (!model.config.ngram_output) return x;
  const auto sum = arena.take<T, 2>(x.shape());
  if (arena.planning()) return sum;
  std::copy_n(x.data(), x.size(), sum.data());
  ngram_forward<T>(model.ngram_output.in(model.weights()), ngram_rows, sum, ngram_scale());
  return sum;
}

template <class T>
LossResult Model<T>::Impl::Pass::through_loss(View<const T, 2> out, View<T, 2> dx) const {
  const Arena::Scope scope(arena);
  const auto x = with_output_ngrams(out);
  const auto normed = arena.take<T, 2>(x.shape());
  const auto inv_rms = arena.take<T, 1>({x.extent(0)}).span();
  const auto predicted = arena.take<std::int32_t, 1>({x.extent(0)}).span();
  Index counted = 1;
  if (!arena.planning()) {
    rms_norm_forward<T>(x, model.norm_gain(), kRmsNormEpsilon, normed, inv_rms);
    counted = std::max<Index>(of, 1);
  }
  std::optional<CountScores<T>> terms;
  model.make_terms({own.tokens, own.sequences.lengths, own.history, own.places,
                    own.sequences.stretch.begin(), model.config.recent_window},
                   d_values, rows_at_once(x.extent(0), model.config.classes), arena, terms);
  const CrossEntropy sums = cross_entropy_backward<T>(
      model.classifier(normed, terms), own.targets.span(), predicted,
      1 / static_cast<double>(counted), Store::write, dx, model.output.in(d_values),
      model.output_bias.vector_in(d_values), arena);
  rms_norm_backward<T>(x, model.norm_gain(), inv_rms, dx, Store::write, dx,
                       model.norm.vector_in(d_values), arena);
  if (model.config.ngram_output && !arena.planning()) {
    d_ngrams.take(1, model.ngram_parameter() + 1, dx, ngram_scale());
  }
  return loss_result(sums, own, predicted, arena.planning());
}

template LossResult Model<float>::Impl::Pass::run();
template LossResult Model<double>::Impl::Pass::run();

}  // namespace lior::nn
