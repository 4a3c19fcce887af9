// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/model.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "lior/nn/count_scores.h"
#include "lior/nn/cross_entropy.h"
#include "lior/nn/embedding.h"
#include "lior/nn/linear.h"
#include "lior/nn/mixers.h"
#include "lior/nn/ngram.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/short_convolution.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using Tokens = View<const std::int32_t, 2>;

/// Right answers at the last position of each of B sequences.
void count_last(Tokens targets, std::span<const std::int32_t> predicted, LossResult& result) {
  const Index N = targets.extent(1);
  if (N == 0) return;
  for (Index b = 0; b < targets.extent(0); ++b) {
    const std::int32_t target = targets(b, N - 1);
    if (target < 0) continue;
    ++result.last_targets;
    if (predicted[b * N + N - 1] == target) ++result.last_correct;
  }
}

LossResult loss_result(const CrossEntropy& sums, Tokens targets,
                       std::span<const std::int32_t> predicted, bool planning) {
  LossResult result{.loss_sum = sums.loss_sum, .targets = sums.targets, .correct = sums.correct};
  if (!planning) count_last(targets, predicted, result);
  return result;
}

/// Stands for the rest of a model where the output of the layers is not used.
struct Nothing {
  template <class X>
  LossResult operator()(const X&) const {
    return {};
  }
};
template <class T>
using Layers = std::span<const std::unique_ptr<Layer<T>>>;

/// The gradients of n-gram rows: at the embedding, and before the output's norm.
template <class T>
struct NgramGradients {
  RowGrouping grouping;
  RowGroups groups;
  std::array<Buffer<T>, 2> buffers;
  std::array<RowGradient<T>, 2> rows;

  static std::size_t bytes(Index entries, Index tables, Index width) {
    return RowGrouping::bytes(entries) +
           static_cast<std::size_t>(tables * entries * width) * sizeof(T);
  }
  /// Room for so many look-ups, where there is less.
  void reserve(Index entries, Index tables, Index width) {
    if (entries <= grouping.entries()) return;
    grouping = RowGrouping(entries);
    for (Index i = 0; i < tables; ++i) buffers[i] = Buffer<T>(entries * width);
  }
  void take(std::size_t table, Index parameter, View<const T, 2> dx, T scale) {
    const View<T, 2> to(buffers[table].data(), {std::ssize(groups.rows), dx.extent(1)});
    ngram_backward<T>(groups, dx, to, scale);
    rows[table] = {.parameter = parameter, .rows = groups.rows, .values = to};
  }
};

}  // namespace

template <class T>
struct Model<T>::Impl {
  explicit Impl(const ModelConfig& settings);
  void allocate();

  ModelConfig config;
  Layout layout;
  Slot embedding, norm, output, output_bias;
  std::vector<std::unique_ptr<Layer<T>>> layers;  // of each block its convolution, mixer, SwiGLU
  std::vector<Keep> kept;                         // of each block
  NgramShape ngram_shape;
  Slot ngram, ngram_output;
  Slot count_weight, count_sureness, count_bias;
  std::shared_ptr<const TextCounts> counts;
  Buffer<T> values, gradients;
  NgramGradients<T> ngram_gradients;
  Dropout dropout;
  linalg::Precision precision = linalg::Precision::float32;

  /// The numbers of a step's masks: of the n-grams, and of each layer.
  static constexpr Index kNgramPlace = 0;
  Index place_of(Layers<T> from) const { return 1 + (from.data() - layers.data()); }

  std::span<const T> weights() const { return values.span(); }
  std::span<const T> norm_gain() const { return norm.vector_in(weights()); }
  Classifier<T> classifier(View<const T, 2> x, std::optional<CountScores<T>>& terms) const {
    return {x, output.in(weights()), output_bias.vector_in(weights()), terms ? &*terms : nullptr};
  }
  /// What counts add to the scores of up to `most` rows at a time; nothing where there are none.
  void make_terms(const CountedRows<T>& rows, std::span<T> d_values, Index most, Arena& arena,
                  std::optional<CountScores<T>>& terms) const;
  Layers<T> block(std::size_t i) const {
    const std::size_t size = layers.size() / kept.size();
    return Layers<T>(layers).subspan(i * size, size);
  }
  Index ngram_tables() const { return ngram_shape.longest == 0 ? 0 : config.ngram_output ? 2 : 1; }
  /// Which of the parameters the first of them is.
  Index ngram_parameter() const { return std::ssize(layout.parameters()) - ngram_tables(); }
  Index ngram_entries(Index tokens) const { return tokens * ngram_shape.orders(); }
  Index layers_state_size() const;
  /// Tokens that the state holds.
  Index history_size() const {
    return std::max(ngram_shape.history(), config.count_orders > 0 ? config.count_orders - 1 : 0);
  }
  MatrixView<T> history(View<T, 2> state) const {
    return MatrixView<T>(state).block(0, layers_state_size(), state.extent(0), history_size());
  }
  Index state_size() const { return layers_state_size() + history_size(); }
  void initial_state(View<T, 2> state) const;

  /// RMSNorm of what leaves the last layer, [R, D]; the layers' part of `state` goes on to the last
  /// token.
  View<T, 2> infer(Tokens tokens, View<T, 2> state, Arena& arena) const;
  LossResult evaluate(Tokens tokens, Tokens targets, View<T, 2> state, Arena& arena,
                      View<std::int32_t, 2> predicted) const;
  void look_up(Tokens tokens, View<T, 2> state, View<std::int32_t, 2> rows, View<T, 2> x) const;

  /// One call of loss_and_gradients.
  struct Pass {
    const Impl& model;
    Tokens tokens, targets;
    std::span<T> d_values;
    NgramGradients<T>& d_ngrams;
    Arena& arena;
    std::span<const Index> places{};
    Index of = 0;                        // targets that the loss is the mean over; 0: those here
    View<std::int32_t, 2> ngram_rows{};  // of every token

    static constexpr Index kNgramPlace = Impl::kNgramPlace;
    /// Of the rows that dropout leaves.
    T ngram_scale() const { return static_cast<T>(1 / (1 - model.dropout.rate)); }
    Sequences sequences() const { return {tokens.extent(0), tokens.extent(1)}; }
    /// A call of `layer` that has no room yet for what it saves.
    LayerCall<T> call_of(const Layer<T>& layer, View<const T, 2> x) const {
      return {sequences(), model.weights(), x, {.plan = layer.plan(sequences())},
              arena,       model.precision};
    }
    LossResult run();
    LossResult through_blocks(std::size_t first, View<const T, 2> x, View<T, 2> dx) const;
    template <class Rest>
    LossResult through_layers(Layers<T> layers, Keep keep, View<const T, 2> x, View<T, 2> dx,
                              const Rest& rest) const;
    void forward(Layers<T> block, View<const T, 2> x, View<T, 2> out) const;
    void drop(Layers<T> from, View<const T, 2> x, View<T, 2> out) const;
    LossResult through_loss(View<const T, 2> x, View<T, 2> dx) const;
    View<const T, 2> with_output_ngrams(View<const T, 2> x) const;
  };
};

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
  if (const Index K = config.count_orders; K > 0) {
    count_weight = layout.add("counts.weight", {K, D}, true);
    count_sureness = layout.add("counts.sureness", {sureness_rows(K), K}, false);
    count_bias = layout.add("counts.bias", {K});
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

/// Forward down the list and backward up again: the arena is a stack, and so are the calls.
template <class T>
LossResult Model<T>::Impl::Pass::run() {
  check_shape(targets, tokens.shape(), "targets");
  const Arena::Scope scope(arena);
  const auto x = arena.take<T, 2>({tokens.size(), model.config.d_model});
  const auto dx = arena.take<T, 2>(x.shape());
  const bool has_ngrams = model.ngram_tables() > 0;
  ngram_rows = arena.take<std::int32_t, 2>({tokens.size(), model.ngram_shape.orders()});
  if (!arena.planning()) {
    std::fill(d_values.begin(), d_values.end(), T(0));
    embedding_forward<T>(model.embedding.in(model.weights()), tokens.span(), x);
    if (has_ngrams) {
      nn::ngram_rows<T>(model.ngram_shape, tokens, {}, ngram_rows);
      if (model.dropout.is_on()) drop_rows(model.dropout, kNgramPlace, ngram_rows);
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
  if (!model.dropout.is_on()) {
    layer.backward(call, dx, d_values);
    return result;
  }
  const auto past = arena.take<T, 2>(dx.shape());  // what does not go through f
  if (!arena.planning()) dropout_backward<T>(model.dropout, model.place_of(layers), dx, past);
  layer.backward(call, dx, d_values);
  if (!arena.planning()) {
    std::transform(dx.begin(), dx.end(), past.begin(), dx.begin(), std::plus<>());
  }
  return result;
}

/// Of a layer that has put out x + f(x), leaves entries of f(x) out.
template <class T>
void Model<T>::Impl::Pass::drop(Layers<T> from, View<const T, 2> x, View<T, 2> out) const {
  if (!model.dropout.is_on() || arena.planning()) return;
  dropout_forward<T>(model.dropout, model.place_of(from), x, out);
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
    counted = of > 0 ? of : std::max<Index>(count_targets(targets.span()), 1);
  }
  std::optional<CountScores<T>> terms;
  model.make_terms({.tokens = tokens, .places = places}, d_values,
                   rows_at_once(x.extent(0), model.config.classes), arena, terms);
  const CrossEntropy sums = cross_entropy_backward<T>(
      model.classifier(normed, terms), targets.span(), predicted, 1 / static_cast<double>(counted),
      Store::write, dx, model.output.in(d_values), model.output_bias.vector_in(d_values), arena);
  rms_norm_backward<T>(x, model.norm_gain(), inv_rms, dx, Store::write, dx,
                       model.norm.vector_in(d_values), arena);
  if (model.config.ngram_output && !arena.planning()) {
    d_ngrams.take(1, model.ngram_parameter() + 1, dx, ngram_scale());
  }
  return loss_result(sums, targets, predicted, arena.planning());
}

template <class T>
View<T, 2> Model<T>::Impl::infer(Tokens tokens, View<T, 2> state, Arena& arena) const {
  const Sequences sequences{tokens.extent(0), tokens.extent(1)};
  const Shape<2> shape{sequences.rows(), config.d_model};
  auto x = arena.take<T, 2>(shape), out = arena.take<T, 2>(shape);
  const auto inv_rms = arena.take<T, 1>({shape[0]}).span();
  const auto rows = arena.take<std::int32_t, 2>({shape[0], ngram_shape.orders()});
  if (!arena.planning()) {
    embedding_forward<T>(embedding.in(weights()), tokens.span(), x);
    if (ngram_tables() > 0) look_up(tokens, state, rows, x);
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

/// Adds the rows of n-grams to x; the last tokens are kept behind the states of the layers.
template <class T>
void Model<T>::Impl::look_up(Tokens tokens, View<T, 2> state, View<std::int32_t, 2> rows,
                             View<T, 2> x) const {
  const Index size = ngram_shape.history();
  const MatrixView<T> all = history(state);
  ngram_rows<T>(ngram_shape, tokens, all.block(0, all.cols - size, all.rows, size), rows);
  ngram_forward<T>(ngram.in(weights()), rows, x);
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
  terms.emplace(counts.get(), rows, gate, gradient, most, config.classes, arena);
}

template <class T>
LossResult Model<T>::Impl::evaluate(Tokens tokens, Tokens targets, View<T, 2> state, Arena& arena,
                                    View<std::int32_t, 2> predictions) const {
  check_shape(targets, tokens.shape(), "targets");
  if (!predictions.empty()) check_shape(predictions, tokens.shape(), "predicted");
  const Arena::Scope scope(arena);
  const auto predicted = predictions.empty() ? arena.take<std::int32_t, 1>({tokens.size()}).span()
                                             : predictions.span();
  const auto normed = infer(tokens, state, arena);
  std::optional<CountScores<T>> terms;
  make_terms({.tokens = tokens, .history = history(state)}, {},
             rows_at_once(tokens.size(), config.classes), arena, terms);
  const CrossEntropy sums =
      cross_entropy_forward<T>(classifier(normed, terms), targets.span(), predicted, arena);
  if (!arena.planning()) ngram_remember<T>(tokens, history(state));
  return loss_result(sums, targets, predicted, arena.planning());
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
    impl_->count_bias.vector_in(values()).back() = 1;
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
std::size_t Model<T>::training_bytes(Index batch, Index length) const {
  Arena planner = Arena::planner();
  const Tokens none(nullptr, {batch, length});
  const std::span<T> no_gradients(static_cast<T*>(nullptr), impl_->layout.dense_size());
  NgramGradients<T> no_rows;
  typename Impl::Pass{*impl_, none, none, no_gradients, no_rows, planner}.run();
  return planner.peak();
}

template <class T>
std::size_t Model<T>::row_gradient_bytes(Index batch, Index length) const {
  return NgramGradients<T>::bytes(impl_->ngram_entries(batch * length), impl_->ngram_tables(),
                                  impl_->config.d_model);
}

template <class T>
std::size_t Model<T>::inference_bytes(Index batch, Index length) const {
  Arena planner = Arena::planner();
  const Tokens none(nullptr, {batch, length});
  impl_->evaluate(none, none, {nullptr, {batch, state_size()}}, planner, {});
  return planner.peak();
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
                                        std::span<const Index> places, Index of) {
  auto& rows = impl_->ngram_gradients;
  rows.reserve(impl_->ngram_entries(tokens.size()), impl_->ngram_tables(), impl_->config.d_model);
  return typename Impl::Pass{*impl_, tokens, targets, gradients(), rows, arena, places, of}.run();
}

template <class T>
LossResult Model<T>::evaluate(View<const std::int32_t, 2> tokens,
                              View<const std::int32_t, 2> targets, View<T, 2> state, Arena& arena,
                              View<std::int32_t, 2> predicted) const {
  check_shape(state, {tokens.extent(0), state_size()}, "state");
  return impl_->evaluate(tokens, targets, state, arena, predicted);
}

template <class T>
void Model<T>::logits(View<const std::int32_t, 2> tokens, View<T, 2> state, View<T, 2> last_logits,
                      Arena& arena) const {
  const Index B = tokens.extent(0), N = tokens.extent(1), D = impl_->config.d_model;
  check_shape(state, {B, state_size()}, "state");
  check_shape(last_logits, {B, impl_->config.classes}, "last_logits");
  LIOR_CHECK(N >= 1, "tokens is [{}, 0]; scores follow a token: expected at least one", B);
  const Arena::Scope scope(arena);
  const auto normed = impl_->infer(tokens, state, arena);
  const MatrixView<T> last(normed[N - 1].data(), B, D, N * D);
  linear_forward<T>(last, impl_->output.in(values()), impl_->output_bias.vector_in(values()),
                    last_logits);
  std::optional<CountScores<T>> terms;
  impl_->make_terms({.tokens = tokens, .history = impl_->history(state)}, {}, B, arena, terms);
  if (terms) {
    const auto rows = arena.take<std::int32_t, 1>({B});
    for (Index b = 0; b < B; ++b) rows[b] = static_cast<std::int32_t>((b + 1) * N - 1);
    terms->add(rows.span(), last, last_logits);
  }
  ngram_remember<T>(tokens, impl_->history(state));
}

template class Model<float>;
template class Model<double>;

}  // namespace lior::nn
