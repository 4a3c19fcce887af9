#include "lior/nn/model.h"

#include <cmath>

#include "lior/core/random.h"
#include "lior/nn/cross_entropy.h"
#include "lior/nn/embedding.h"
#include "lior/nn/geometric_mamba.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/swiglu_mlp.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

/// One tensor's place in the flat buffers.
struct Slot {
  Index offset = 0;
  Shape<2> shape{};

  template <class T>
  View<T, 2> in(std::span<T> flat) const {
    return {flat.data() + offset, shape};
  }
  template <class T>
  std::span<T> vector_in(std::span<T> flat) const {
    return in(flat).span();
  }
};

struct BlockSlots {
  Slot norm, in_weight, in_bias, read_weight, out_weight, initial, angles;
  Slot mlp_norm, mlp_in_weight, mlp_out_weight;
};

/// Every parameter by name and place: the one description of what a model holds.
struct Layout {
  explicit Layout(const ModelConfig& config) {
    const Index D = config.d_model;
    const GeometricMambaShape layer{{1, 1, config.mixer}, D};
    embedding = add("embedding.weight", {config.vocabulary, D}, true);
    for (Index i = 0; i < config.layers; ++i) {
      const std::string block = fmt::format("blocks.{}.", i);
      const std::string mixer = block + "mixer.", mlp = block + "mlp.";
      BlockSlots slots;
      slots.norm = add(mixer + "norm.weight", {D});
      slots.in_weight = add(mixer + "in.weight", {layer.projection_width(), D}, true);
      slots.in_bias = add(mixer + "in.bias", {layer.projection_width()});
      slots.read_weight = add(mixer + "readout.weight", {D, layer.read_width()}, true);
      slots.out_weight = add(mixer + "out.weight", {D, D}, true);
      if (!config.mixer.gates) {
        slots.initial =
            add(mixer + "initial", {config.mixer.state_width(), config.mixer.heads}, false);
      }
      if (config.mixer.rotation)
        slots.angles = add(mixer + "angles", {8, config.mixer.heads}, false);
      if (config.mlp_hidden > 0) {
        slots.mlp_norm = add(mlp + "norm.weight", {D});
        slots.mlp_in_weight = add(mlp + "in.weight", {2 * config.mlp_hidden, D}, true);
        slots.mlp_out_weight = add(mlp + "out.weight", {D, config.mlp_hidden}, true);
      }
      blocks.push_back(slots);
    }
    norm = add("norm.weight", {D});
    output = config.tied ? embedding : add("output.weight", {config.classes, D}, true);
    output_bias = add("output.bias", {config.classes});
  }

  Slot add(std::string name, Shape<2> shape, bool decay) {
    return add(std::move(name), {shape[0], shape[1]}, shape, decay);
  }
  Slot add(std::string name, Shape<1> shape) {
    return add(std::move(name), {shape[0]}, {1, shape[0]}, false);
  }

  std::vector<Parameter> parameters;
  Index size = 0;
  Slot embedding, norm, output, output_bias;
  std::vector<BlockSlots> blocks;

 private:
  Slot add(std::string name, std::vector<Index> shape, Shape<2> matrix, bool decay) {
    parameters.push_back({.name = std::move(name),
                          .shape = std::move(shape),
                          .offset = size,
                          .size = element_count(matrix),
                          .decay = decay});
    const Slot slot{size, matrix};
    size += element_count(matrix);
    return slot;
  }
};

template <class T>
GeometricMambaParameters<T> mixer_of(const BlockSlots& slots, std::span<T> flat) {
  return {.norm_gain = slots.norm.vector_in(flat),
          .in_weight = slots.in_weight.in(flat),
          .in_bias = slots.in_bias.vector_in(flat),
          .read_weight = slots.read_weight.in(flat),
          .out_weight = slots.out_weight.in(flat),
          .initial = slots.initial.in(flat),
          .angles = slots.angles.in(flat)};
}

template <class T>
SwigluMlpParameters<T> mlp_of(const BlockSlots& slots, std::span<T> flat) {
  return {.norm_gain = slots.mlp_norm.vector_in(flat),
          .in_weight = slots.mlp_in_weight.in(flat),
          .out_weight = slots.mlp_out_weight.in(flat)};
}

/// One call's arrays. x[2 i] goes into mixer i, x[2 i + 1] into its SwiGLU, the last into the norm.
template <class T>
struct Activations {
  std::vector<View<T, 2>> x;
  std::vector<GeometricMambaSaved<T>> mixers;
  std::vector<SwigluMlpSaved<T>> mlps;
  View<T, 2> normed;
  std::span<T> inv_rms;
};

/// For training every array is kept for the way back; for inference blocks share one set, and x
/// goes to and fro between two.
enum class Keep { all, nothing };

/// Right answers at the last position of each of B sequences.
void count_last(View<const std::int32_t, 2> targets, std::span<const std::int32_t> predicted,
                LossResult& result) {
  const Index N = targets.extent(1);
  if (N == 0) return;
  for (Index b = 0; b < targets.extent(0); ++b) {
    const std::int32_t target = targets(b, N - 1);
    if (target < 0) continue;
    ++result.last_targets;
    if (predicted[b * N + N - 1] == target) ++result.last_correct;
  }
}

void check_tokens(View<const std::int32_t, 2> tokens, View<const std::int32_t, 2> targets) {
  check_shape(targets, tokens.shape(), "targets");
}

}  // namespace

template <class T>
struct Model<T>::Impl {
  explicit Impl(const ModelConfig& settings)
      : config((check_config(settings), settings)),
        layout(config),
        values(layout.size),
        gradients(layout.size) {}

  const ModelConfig config;
  const Layout layout;
  Buffer<T> values, gradients;

  std::span<const T> weights() const { return values.span(); }
  GeometricMambaShape layer_shape(Index batch, Index length) const {
    return {{batch, length, config.mixer}, config.d_model};
  }
  /// The state of block i inside a sequence's row of states.
  Index block_state_size() const { return config.mixer.state_width() * config.mixer.heads; }

  Classifier<T> classifier(View<const T, 2> x) const {
    return {x, layout.output.in(weights()), layout.output_bias.vector_in(weights())};
  }

  Activations<T> take_activations(Index batch, Index length, Keep keep, Arena& arena) const;
  void initial_state(View<T, 2> state) const;
  /// Fills `saved` from the tokens; `state` goes on to the last token.
  void forward(View<const std::int32_t, 2> tokens, View<T, 2> state, const Activations<T>& saved,
               Arena& arena) const;
  LossResult train_pass(View<const std::int32_t, 2> tokens, View<const std::int32_t, 2> targets,
                        std::span<T> d_values, Arena& arena) const;
  LossResult evaluate(View<const std::int32_t, 2> tokens, View<const std::int32_t, 2> targets,
                      View<T, 2> state, Arena& arena) const;
};

template <class T>
Activations<T> Model<T>::Impl::take_activations(Index batch, Index length, Keep keep,
                                                Arena& arena) const {
  const Index R = batch * length, D = config.d_model;
  const bool has_mlp = config.mlp_hidden > 0;
  Activations<T> saved;
  const auto take_x = [&] {
    const bool fresh = keep == Keep::all || saved.x.size() < 2;
    saved.x.push_back(fresh ? arena.take<T, 2>({R, D}) : saved.x[saved.x.size() - 2]);
  };
  take_x();
  for (Index i = 0; i < config.layers; ++i) {
    const bool fresh = keep == Keep::all || i == 0;
    saved.mixers.push_back(fresh ? take_saved<T>(layer_shape(batch, length), arena)
                                 : saved.mixers.front());
    take_x();
    if (!has_mlp) continue;
    saved.mlps.push_back(fresh ? take_saved<T>(R, D, config.mlp_hidden, arena)
                               : saved.mlps.front());
    take_x();
  }
  saved.normed = arena.take<T, 2>({R, D});
  saved.inv_rms = arena.take<T, 1>({R}).span();
  return saved;
}

template <class T>
void Model<T>::Impl::initial_state(View<T, 2> state) const {
  const Index S = config.mixer.state_width(), H = config.mixer.heads;
  for (Index b = 0; b < state.extent(0); ++b) {
    for (Index i = 0; i < config.layers; ++i) {
      geometric_mamba_initial_state<T>(config.mixer, layout.blocks[i].initial.in(weights()),
                                       {state[b].data() + i * block_state_size(), {1, S, H}});
    }
  }
}

template <class T>
void Model<T>::Impl::forward(View<const std::int32_t, 2> tokens, View<T, 2> state,
                             const Activations<T>& saved, Arena& arena) const {
  const Index B = tokens.extent(0), N = tokens.extent(1), size = block_state_size();
  const Arena::Scope scope(arena);
  const auto block_state = arena.take<T, 3>({B, config.mixer.state_width(), config.mixer.heads});
  if (arena.planning()) return;

  auto x = saved.x.begin();
  embedding_forward<T>(layout.embedding.in(weights()), tokens.span(), *x);
  for (Index i = 0; i < config.layers; ++i) {
    for (Index b = 0; b < B; ++b) {
      std::copy_n(state[b].data() + i * size, size, block_state[b].data());
    }
    geometric_mamba_forward<T>(layer_shape(B, N), mixer_of(layout.blocks[i], weights()), x[0],
                               block_state, saved.mixers[i], x[1]);
    ++x;
    for (Index b = 0; b < B; ++b) {
      std::copy_n(block_state[b].data(), size, state[b].data() + i * size);
    }
    if (config.mlp_hidden == 0) continue;
    swiglu_mlp_forward<T>(mlp_of(layout.blocks[i], weights()), x[0], saved.mlps[i], x[1]);
    ++x;
  }
  rms_norm_forward<T>(*x, layout.norm.vector_in(weights()), kRmsNormEpsilon, saved.normed,
                      saved.inv_rms);
}

template <class T>
LossResult Model<T>::Impl::train_pass(View<const std::int32_t, 2> tokens,
                                      View<const std::int32_t, 2> targets, std::span<T> d_values,
                                      Arena& arena) const {
  check_tokens(tokens, targets);
  const Index B = tokens.extent(0), N = tokens.extent(1);
  const Arena::Scope scope(arena);
  const auto state = arena.take<T, 2>({B, config.layers * block_state_size()});
  const Activations<T> saved = take_activations(B, N, Keep::all, arena);
  const auto dx = arena.take<T, 2>({B * N, config.d_model});
  const auto predicted = arena.take<std::int32_t, 1>({B * N}).span();
  const bool run = !arena.planning();
  if (run) {
    std::fill(d_values.begin(), d_values.end(), T(0));
    initial_state(state);
  }
  forward(tokens, state, saved, arena);

  const Index counted = run ? count_targets(targets.span()) : 1;
  const CrossEntropy sums = cross_entropy_backward<T>(
      classifier(saved.normed), targets.span(), predicted,
      1.0 / static_cast<double>(std::max<Index>(counted, 1)), Store::write, dx,
      layout.output.in(d_values), layout.output_bias.vector_in(d_values), arena);

  auto x = saved.x.end() - 1;
  rms_norm_backward<T>(*x, layout.norm.vector_in(weights()), saved.inv_rms, dx, Store::write, dx,
                       layout.norm.vector_in(d_values), arena);
  for (Index i = config.layers; i-- > 0;) {
    const BlockSlots& slots = layout.blocks[i];
    if (config.mlp_hidden > 0) {
      swiglu_mlp_backward<T>(mlp_of(slots, weights()), *--x, saved.mlps[i], dx, dx,
                             mlp_of(slots, d_values), arena);
    }
    geometric_mamba_backward<T>(layer_shape(B, N), mixer_of(slots, weights()), *--x,
                                saved.mixers[i], dx, dx, mixer_of(slots, d_values), arena);
  }
  LossResult result{.loss_sum = sums.loss_sum, .targets = sums.targets, .correct = sums.correct};
  if (run) {
    embedding_backward<T>(tokens.span(), dx, layout.embedding.in(d_values));
    count_last(targets, predicted, result);
  }
  return result;
}

template <class T>
LossResult Model<T>::Impl::evaluate(View<const std::int32_t, 2> tokens,
                                    View<const std::int32_t, 2> targets, View<T, 2> state,
                                    Arena& arena) const {
  check_tokens(tokens, targets);
  const Index B = tokens.extent(0), N = tokens.extent(1);
  const Arena::Scope scope(arena);
  const Activations<T> saved = take_activations(B, N, Keep::nothing, arena);
  const auto predicted = arena.take<std::int32_t, 1>({B * N}).span();
  forward(tokens, state, saved, arena);
  const CrossEntropy sums =
      cross_entropy_forward<T>(classifier(saved.normed), targets.span(), predicted, arena);
  LossResult result{.loss_sum = sums.loss_sum, .targets = sums.targets, .correct = sums.correct};
  if (!arena.planning()) count_last(targets, predicted, result);
  return result;
}

template <class T>
Model<T>::Model(const ModelConfig& config) : impl_(std::make_unique<Impl>(config)) {}
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
  return impl_->layout.parameters;
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
void Model<T>::initialize(std::uint64_t seed) {
  const ModelConfig& config = impl_->config;
  const Layout& layout = impl_->layout;
  const MixerConfig& mixer = config.mixer;
  const std::span<T> flat = values();
  std::uint64_t stream = 0;
  const auto fill_normal = [&](const Slot& slot, double deviation) {
    Random(seed, stream++).fill_normal(slot.vector_in(flat), deviation);
  };
  const auto fill = [&](const Slot& slot, T value) {
    const auto numbers = slot.vector_in(flat);
    std::fill(numbers.begin(), numbers.end(), value);
  };
  /// Unit variance in, unit variance out.
  const auto fill_matrix = [&](const Slot& slot, double gain = 1) {
    fill_normal(slot, gain / std::sqrt(static_cast<double>(slot.shape[1])));
  };
  // Residual paths add up over 2 layers' worth of sums; each starts smaller for it.
  const double residual_gain = 1 / std::sqrt(2.0 * static_cast<double>(config.layers));

  fill_matrix(layout.embedding);
  for (const BlockSlots& slots : layout.blocks) {
    fill(slots.norm, 1);
    fill_matrix(slots.in_weight);
    fill(slots.in_bias, 0);
    if (mixer.gates) {
      const ScanShape scan{1, 1, mixer};
      const View<T, 2> bias{slots.in_bias.vector_in(flat).data(), {scan.planes(), mixer.heads}};
      for (Index head = 0; head < mixer.heads; ++head) {
        // Near no turn, and time constants 1 + e^z from 4 to 150 steps.
        for (Index factor = 0; factor < mixer.factors; ++factor) bias(8 * factor, head) = 2;
        const double place = mixer.heads == 1
                                 ? 0.5
                                 : static_cast<double>(head) / static_cast<double>(mixer.heads - 1);
        bias(scan.z_plane(), head) = static_cast<T>(1 + 4 * place);
      }
    } else {
      fill_normal(slots.initial, 1);
    }
    if (mixer.phase) {  // the phase starts at 0 for every input
      const ScanShape scan{1, 1, mixer};
      const View<T, 2> rows = slots.in_weight.in(flat);
      std::fill_n(rows[scan.phi_plane() * mixer.heads].data(), mixer.heads * config.d_model, T(0));
    }
    if (mixer.rotation) fill(slots.angles, 0);
    fill_matrix(slots.read_weight);
    fill_matrix(slots.out_weight, residual_gain);
    if (config.mlp_hidden > 0) {
      fill(slots.mlp_norm, 1);
      fill_matrix(slots.mlp_in_weight);
      fill_matrix(slots.mlp_out_weight, residual_gain);
    }
  }
  fill(layout.norm, 1);
  if (!config.tied) fill(layout.output, 0);  // the first loss is ln(classes)
  fill(layout.output_bias, 0);
}

template <class T>
std::size_t Model<T>::training_bytes(Index batch, Index length) const {
  Arena planner = Arena::planner();
  const View<const std::int32_t, 2> none(nullptr, {batch, length});
  impl_->train_pass(none, none, std::span<T>(static_cast<T*>(nullptr), impl_->layout.size),
                    planner);
  return planner.peak();
}

template <class T>
std::size_t Model<T>::inference_bytes(Index batch, Index length) const {
  Arena planner = Arena::planner();
  const View<const std::int32_t, 2> none(nullptr, {batch, length});
  impl_->evaluate(none, none, {nullptr, {batch, state_size()}}, planner);
  return planner.peak();
}

template <class T>
Index Model<T>::state_size() const {
  return impl_->config.layers * impl_->block_state_size();
}

template <class T>
void Model<T>::initial_state(View<T, 2> state) const {
  check_shape(state, {state.extent(0), state_size()}, "state");
  impl_->initial_state(state);
}

template <class T>
LossResult Model<T>::loss_and_gradients(View<const std::int32_t, 2> tokens,
                                        View<const std::int32_t, 2> targets, Arena& arena) {
  return impl_->train_pass(tokens, targets, gradients(), arena);
}

template <class T>
LossResult Model<T>::evaluate(View<const std::int32_t, 2> tokens,
                              View<const std::int32_t, 2> targets, View<T, 2> state,
                              Arena& arena) const {
  check_shape(state, {tokens.extent(0), state_size()}, "state");
  return impl_->evaluate(tokens, targets, state, arena);
}

template <class T>
void Model<T>::logits(View<const std::int32_t, 2> tokens, View<T, 2> state, View<T, 2> last_logits,
                      Arena& arena) const {
  const Index B = tokens.extent(0), N = tokens.extent(1), D = impl_->config.d_model;
  check_shape(state, {B, state_size()}, "state");
  check_shape(last_logits, {B, impl_->config.classes}, "last_logits");
  LIOR_CHECK(N >= 1, "tokens is [{}, 0]; scores follow a token: expected at least one", B);
  const Arena::Scope scope(arena);
  const Activations<T> saved = impl_->take_activations(B, N, Keep::nothing, arena);
  impl_->forward(tokens, state, saved, arena);
  const MatrixView<const T> last(saved.normed[N - 1].data(), B, D, N * D);
  linear_forward<T>(last, impl_->layout.output.in(values()),
                    impl_->layout.output_bias.vector_in(values()), last_logits);
}

template class Model<float>;
template class Model<double>;

}  // namespace lior::nn
