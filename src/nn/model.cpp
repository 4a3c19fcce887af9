// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/model.h"

#include "lior/nn/embedding.h"
#include "lior/nn/linear.h"
#include "lior/nn/mixers.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/short_convolution.h"
#include "nn/model_impl.h"

namespace lior::nn {
using linalg::MatrixView;

namespace {

/// Of all tokens of these, as arrays have them.
Shape<2> shape_of(const Sequences& whole) {
  if (whole.is_packed()) return {1, whole.rows()};
  return {whole.batch, whole.length};
}

}  // namespace

void count_last(const Sequences& sequences, Tokens targets, std::span<const std::int32_t> predicted,
                LossResult& result) {
  for_last_rows(sequences, [&](Index, Index row) {
    const std::int32_t target = targets.data()[row];
    if (target < 0) return;
    ++result.last_targets;
    if (predicted[row] == target) ++result.last_correct;
  });
}

template <class T>
Model<T>::Impl::Impl(const ModelConfig& settings) : config(settings) {
  check_config(config);
  const Index D = config.d_model;
  embedding = layout.add("embedding.weight", {config.vocabulary, D}, true);
  for (Index i = 0; i < config.layers; ++i) {
    const std::string block = fmt::format("blocks.{}.", i);
    if (config.convolution > 0) {
      layers.push_back(
          short_convolution_layer<T>(config.convolution, D, block + "convolution.", layout));
    }
    const Mixer mixer = config.mixers[static_cast<std::size_t>(i) % config.mixers.size()];
    layers.push_back(layer_block<T>(name(mixer), config, block + "mixer.", layout));
    if (config.mlp_hidden > 0) {
      layers.push_back(layer_block<T>("swiglu_mlp", config, block + "mlp.", layout));
    }
  }
  kept.assign(static_cast<std::size_t>(config.layers), Keep::everything);
  norm = layout.add("norm.weight", {D});
  output = config.tied ? embedding : layout.add("output.weight", {config.classes, D}, true);
  output_bias = layout.add("output.bias", {config.classes});
  if (config.count_orders > 0) {
    const Index L = config.count_orders + config.recent_orders;
    count_weight = layout.add("counts.weight", {L, D}, true);
    count_sureness = layout.add("counts.sureness", {sureness_rows(L), L}, false);
    count_bias = layout.add("counts.bias", {L});
  }
  if (config.ngram_orders == 0) return;
  ngram_shape = {.longest = config.ngram_orders, .bits = config.ngram_bits};
  ngram = layout.add_by_rows("ngram.weight", {ngram_shape.rows(), D});
  if (config.ngram_output) {
    ngram_output = layout.add_by_rows("ngram_output.weight", {ngram_shape.rows(), D});
  }
}

template <class T>
void Model<T>::Impl::allocate() {
  values = Buffer<T>(layout.size());
  gradients = Buffer<T>(layout.dense_size());
}

template <class T>
View<T, 2> Model<T>::Impl::infer(const OwnPart<T>& own, View<T, 2> state, Arena& arena) const {
  const Sequences& sequences = own.sequences;
  const Shape<2> shape{sequences.rows(), config.d_model};
  auto x = arena.take<T, 2>(shape), out = arena.take<T, 2>(shape);
  const auto inv_rms = arena.take<T, 1>({shape[0]}).span();
  const auto rows = arena.take<std::int32_t, 2>({shape[0], ngram_shape.orders()});
  if (!arena.planning()) {
    embedding_forward<T>(embedding.in(weights()), own.tokens.span(), x);
    if (ngram_tables() > 0) {
      look_up(own, rows);
      ngram_forward<T>(ngram.in(weights()), rows, x);
    }
  }
  Index column = 0;
  for (const auto& layer : layers) {
    const Arena::Scope scope(arena);
    const Index width = layer->state_size();
    const auto columns = MatrixView<T>(state).block(0, column, sequences.batch, width);
    layer->forward({sequences, weights(), x, take_saved<T>(layer->plan(sequences), arena), arena},
                   columns, out);
    column += width;
    std::swap(x, out);
  }
  if (config.ngram_output && !arena.planning()) {
    ngram_forward<T>(ngram_output.in(weights()), rows, x);
  }
  if (!arena.planning()) rms_norm_forward<T>(x, norm_gain(), kRmsNormEpsilon, out, inv_rms);
  return out;
}

template <class T>
void Model<T>::Impl::look_up(const OwnPart<T>& own, View<std::int32_t, 2> rows) const {
  const Index orders = ngram_shape.orders();
  own.sequences.for_each_call([&](Index first, Index row, const Sequences& call) {
    ngram_rows<T>(ngram_shape, tokens_of(own.tokens, row, call),
                  own.last_before(ngram_shape.history(), first, call.batch),
                  {rows.data() + row * orders, {call.rows(), orders}});
  });
}

template <class T>
void Model<T>::Impl::remember(const Sequences& whole, Tokens tokens, View<T, 2> state) const {
  const MatrixView<T> before = history(state);
  whole.for_each_call([&](Index first, Index row, const Sequences& call) {
    ngram_remember<T>(tokens_of(tokens, row, call),
                      before.block(first, 0, call.batch, before.cols));
  });
}

template <class T>
void Model<T>::Impl::make_terms(const CountedRows<T>& rows, std::span<T> d_values, Index most,
                                Arena& arena, std::optional<CountScores<T>>& terms) const {
  if (config.count_orders == 0) return;
  LIOR_CHECK(counts != nullptr || arena.planning(),
             "the model counts contexts of up to {} tokens, of a text that it does not have; "
             "set_counts says which",
             config.count_orders);
  const CountGate<T> gate{count_weight.in(weights()), count_sureness.in(weights()),
                          count_bias.vector_in(weights())};
  CountGateGradient<T> gradient;
  if (!d_values.empty()) {
    gradient = {count_weight.in(d_values), count_sureness.in(d_values),
                count_bias.vector_in(d_values)};
  }
  terms.emplace(counts.get(), config.count_orders, rows, gate, gradient, most, config.classes,
                arena);
}

template <class T>
LossResult Model<T>::Impl::evaluate(const Sequences& whole, Tokens tokens, Tokens targets,
                                    View<T, 2> state, Arena& arena,
                                    View<std::int32_t, 2> predictions) const {
  const Stretch& stretch = whole.stretch;
  check_shape(targets, tokens.shape(), "targets");
  if (!predictions.empty()) check_shape(predictions, tokens.shape(), "predicted");
  const Arena::Scope scope(arena);
  const OwnPart<T> own = own_part(whole, tokens, targets, history(state), {}, arena);
  const bool own_room = predictions.empty() || stretch.is_shared();
  const auto predicted =
      own_room ? arena.take<std::int32_t, 1>({own.sequences.rows()}).span() : predictions.span();
  const auto normed = infer(own, state, arena);
  std::optional<CountScores<T>> terms;
  make_terms({.tokens = own.tokens,
              .lengths = own.sequences.lengths,
              .history = own.history,
              .window = config.recent_window},
             {}, rows_at_once(own.tokens.size(), config.classes), arena, terms);
  const CrossEntropy sums =
      cross_entropy_forward<T>(classifier(normed, terms), own.targets.span(), predicted, arena);
  LossResult result = loss_result(sums, own, predicted, arena.planning());
  if (stretch.is_shared()) {
    result = sum_of_stretches(stretch, result, arena);
    if (!predictions.empty()) gather_stretches(stretch, predicted, predictions, arena);
  }
  if (!arena.planning()) remember(whole, tokens, state);
  return result;
}

template <class T>
Index Model<T>::Impl::layers_state_size() const {
  Index size = 0;
  for (const auto& layer : layers) size += layer->state_size();
  return size;
}

template <class T>
void Model<T>::Impl::initial_state(View<T, 2> state) const {
  Index column = 0;
  for (const auto& layer : layers) {
    const Index width = layer->state_size();
    layer->initial_state(weights(), MatrixView<T>(state).block(0, column, state.extent(0), width));
    column += width;
  }
  for (Index b = 0; b < state.extent(0); ++b) {  // no tokens before the first
    std::fill_n(state.data() + b * state.extent(1) + column, history_size(), T(0));
  }
}

template <class T>
std::size_t Model<T>::Impl::training_bytes(const Sequences& whole) const {
  Arena planner = Arena::planner();
  const Tokens none(nullptr, shape_of(whole));
  const std::span<T> no_gradients(static_cast<T*>(nullptr), layout.dense_size());
  NgramGradients<T> no_rows;
  const OwnPart<T> own = own_part(whole, none, none, {}, {}, planner);
  Pass{*this, own, no_gradients, no_rows, planner}.run();
  return planner.peak();
}

template <class T>
std::size_t Model<T>::Impl::inference_bytes(const Sequences& whole) const {
  Arena planner = Arena::planner();
  const Tokens none(nullptr, shape_of(whole));
  const View<std::int32_t, 2> predicted(nullptr,
                                        whole.stretch.is_shared() ? none.shape() : Shape<2>{});
  evaluate(whole, none, none, {nullptr, {whole.batch, state_size()}}, planner, predicted);
  return planner.peak();
}

template <class T>
Model<T>::Model(const ModelConfig& config) : Model(std::make_unique<Impl>(config)) {
  impl_->allocate();
}
template <class T>
Model<T>::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
template <class T>
Model<T> Model<T>::planner(const ModelConfig& config) {
  return Model(std::make_unique<Impl>(config));
}
template <class T>
Model<T>::~Model() = default;
template <class T>
Model<T>::Model(Model&&) noexcept = default;
template <class T>
Model<T>& Model<T>::operator=(Model&&) noexcept = default;

template <class T>
const ModelConfig& Model<T>::config() const {
  return impl_->config;
}
template <class T>
std::span<const Parameter> Model<T>::parameters() const {
  return impl_->layout.parameters();
}
template <class T>
std::span<T> Model<T>::values() {
  return impl_->values.span();
}
template <class T>
std::span<const T> Model<T>::values() const {
  return impl_->weights();
}
template <class T>
std::span<T> Model<T>::gradients() {
  return impl_->gradients.span();
}
template <class T>
std::span<const T> Model<T>::gradients() const {
  return std::as_const(impl_->gradients).span();
}
template <class T>
std::span<const RowGradient<T>> Model<T>::row_gradients() const {
  return std::span(impl_->ngram_gradients.rows)
      .first(static_cast<std::size_t>(impl_->ngram_tables()));
}

template <class T>
void Model<T>::initialize(std::uint64_t seed) {
  Initializer<T> initializer(values(), seed);
  initializer.fill_matrix(impl_->embedding);
  for (const auto& layer : impl_->layers) layer->initialize(initializer);
  initializer.fill(impl_->norm, 1);
  if (!impl_->config.tied) initializer.fill(impl_->output, 0);  // the first loss is ln(classes)
  initializer.fill(impl_->output_bias, 0);
  if (impl_->config.count_orders > 0) {  // at first the model predicts what the counts do
    initializer.fill(impl_->count_weight, 0);
    initializer.fill(impl_->count_sureness, 0);
    initializer.fill(impl_->count_bias, 0);
    impl_->count_bias.vector_in(
        values())[static_cast<std::size_t>(impl_->config.count_orders - 1)] = 1;
  }
  initializer.fill(impl_->ngram, 0);  // at first the model is one without them
  initializer.fill(impl_->ngram_output, 0);
}

template <class T>
void Model<T>::set_kept(std::span<const Keep> of_blocks) {
  LIOR_CHECK(of_blocks.size() == impl_->kept.size(),
             "what to keep is said of {} blocks; the model has {}", of_blocks.size(),
             impl_->kept.size());
  impl_->kept.assign(of_blocks.begin(), of_blocks.end());
}
template <class T>
void Model<T>::set_dropout(const Dropout& dropout) {
  LIOR_CHECK(dropout.rate >= 0 && dropout.rate < 1, "dropout = {}; it must be in [0, 1)",
             dropout.rate);
  impl_->dropout = dropout;
}
template <class T>
void Model<T>::set_counts(std::shared_ptr<const TextCounts> counts) {
  const Index longest = counts == nullptr ? 0 : counts->all.longest();
  LIOR_CHECK(longest == impl_->config.count_orders,
             "counts of contexts of up to {} tokens; the model has count_orders = {}", longest,
             impl_->config.count_orders);
  const Index recent = counts == nullptr ? 0 : counts->recent.longest();
  LIOR_CHECK(recent == 0 || recent == impl_->config.recent_orders,
             "what was read has contexts of up to {} tokens; the model has recent_orders = {}",
             recent, impl_->config.recent_orders);
  impl_->counts = std::move(counts);
}
template <class T>
const std::shared_ptr<const TextCounts>& Model<T>::counts() const {
  return impl_->counts;
}
template <class T>
void Model<T>::set_precision(linalg::Precision precision) {
  impl_->precision = precision;
}
template <class T>
std::span<const Keep> Model<T>::kept() const {
  return impl_->kept;
}

template <class T>
std::size_t Model<T>::training_bytes(Index batch, Index length, Index ranks) const {
  impl_->check_shared(length, ranks);
  std::size_t most = 0;
  for (Index place = 0; place < ranks; ++place) {
    most = std::max(most, impl_->training_bytes({batch, length, {place, ranks, length}}));
  }
  return most;
}
template <class T>
std::size_t Model<T>::training_bytes(std::span<const Index> lengths) const {
  return impl_->training_bytes(Sequences::packed(lengths));
}

template <class T>
std::size_t Model<T>::row_gradient_bytes(Index batch, Index length) const {
  return NgramGradients<T>::bytes(impl_->ngram_entries(batch * length), impl_->ngram_tables(),
                                  impl_->config.d_model);
}

template <class T>
std::size_t Model<T>::inference_bytes(Index batch, Index length, Index ranks) const {
  impl_->check_shared(length, ranks);
  // Beside others, the last tokens of a stream, see evaluate.
  std::size_t most = ranks == 1 ? 0 : impl_->inference_bytes({batch, ranks - 1});
  for (Index place = 0; place < ranks; ++place) {
    most = std::max(most, impl_->inference_bytes({batch, length, {place, ranks, length}}));
  }
  return most;
}
template <class T>
std::size_t Model<T>::inference_bytes(std::span<const Index> lengths) const {
  return impl_->inference_bytes(Sequences::packed(lengths));
}

template <class T>
Index Model<T>::state_size() const {
  return impl_->state_size();
}

template <class T>
void Model<T>::initial_state(View<T, 2> state) const {
  check_shape(state, {state.extent(0), state_size()}, "state");
  impl_->initial_state(state);
}

template <class T>
LossResult Model<T>::loss_and_gradients(View<const std::int32_t, 2> tokens,
                                        View<const std::int32_t, 2> targets, Arena& arena,
                                        std::span<const Index> places, Index of,
                                        comm::Communicator& ranks, std::span<const Index> lengths) {
  check_shape(targets, tokens.shape(), "targets");
  const Arena::Scope scope(arena);
  const Sequences whole = impl_->sequences_of(tokens, lengths, ranks);
  const OwnPart<T> own = impl_->own_part(whole, tokens, targets, {}, places, arena);
  if (of == 0) of = count_targets(targets.span());
  auto& rows = impl_->ngram_gradients;
  rows.reserve(impl_->ngram_entries(own.tokens.size()), impl_->ngram_tables(),
               impl_->config.d_model);
  return typename Impl::Pass{*impl_, own, gradients(), rows, arena, of}.run();
}

template <class T>
LossResult Model<T>::evaluate(View<const std::int32_t, 2> tokens,
                              View<const std::int32_t, 2> targets, View<T, 2> state, Arena& arena,
                              View<std::int32_t, 2> predicted, comm::Communicator& ranks,
                              std::span<const Index> lengths) const {
  // The last tokens of a stream may be fewer than ranks: each reads them all.
  const bool shares = tokens.extent(1) >= ranks.size();
  const Sequences whole = impl_->sequences_of(tokens, lengths, shares ? ranks : comm::alone());
  check_shape(state, {whole.batch, state_size()}, "state");
  return impl_->evaluate(whole, tokens, targets, state, arena, predicted);
}

template <class T>
void Model<T>::logits(View<const std::int32_t, 2> tokens, View<T, 2> state, View<T, 2> last_logits,
                      Arena& arena, std::span<const Index> lengths) const {
  const Sequences whole = impl_->sequences_of(tokens, lengths, comm::alone());
  const Index B = whole.batch, D = impl_->config.d_model;
  check_shape(state, {B, state_size()}, "state");
  check_shape(last_logits, {B, impl_->config.classes}, "last_logits");
  LIOR_CHECK(tokens.extent(1) >= 1 || B == 0,
             "tokens is [{}, 0]; scores follow a token: expected at least one", tokens.extent(0));
  LIOR_CHECK(std::ranges::find(lengths, 0) == lengths.end(),
             "lengths hold 0; scores follow a token: expected at least 1");
  const Arena::Scope scope(arena);
  const OwnPart<T> own{whole, tokens, {}, impl_->history(state)};
  const auto normed = impl_->infer(own, state, arena);
  const auto ends = arena.take<std::int32_t, 1>({B}).span();
  for_last_rows(whole, [&](Index s, Index row) {  // no earlier than row s, where it is put
    ends[s] = static_cast<std::int32_t>(row);
    if (row != s) std::copy_n(normed[row].data(), D, normed[s].data());
  });
  const MatrixView<T> last(normed.data(), B, D, D);
  linear_forward<T>(last, impl_->output.in(values()), impl_->output_bias.vector_in(values()),
                    last_logits);
  std::optional<CountScores<T>> terms;
  const CountedRows<T> counted{.tokens = tokens,
                               .lengths = lengths,
                               .history = impl_->history(state),
                               .window = impl_->config.recent_window};
  impl_->make_terms(counted, {}, B, arena, terms);
  if (terms) terms->add(ends, last, last_logits);
  impl_->remember(whole, tokens, state);
}

template class Model<float>;
template class Model<double>;

}  // namespace lior::nn
