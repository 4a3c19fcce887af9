#include "lior/nn/causal_field.h"

#include <cstring>

#include "lior/linalg/gemm.h"
#include "lior/nn/activation.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "nn/layer.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Transpose;

constexpr double kPoleTolerance = 1e-4, kPoleHorizon = 65536;

/// Made once: its search for poles takes longer than a training step.
const memory::PowerLawRule& power_law_rule() {
  static const memory::PowerLawRule rule(kPoleTolerance, kPoleHorizon);
  return rule;
}

template <class T>
MatrixView<T> factor_columns(const CausalFieldShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, 0, shape.rows(), shape.factor_width());
}

template <class T>
MatrixView<T> gate_columns(const CausalFieldShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection)
      .block(0, shape.factor_width(), shape.rows(), shape.field_width());
}

/// [R, 16 H] as the sequences that the memory takes.
template <class T>
View<T, 4> sequences_of(const CausalFieldShape& shape, View<T, 2> rows) {
  return rows.template reshaped<4>({shape.batch, shape.length, shape.heads, kCurrentWidth});
}

}  // namespace

template <class T>
FieldMemory<T>::FieldMemory(Index heads)
    : convolution_(heads, power_law_rule()), made_of_({heads, memory::kKernelParameters}) {
  convolution_.set(made_of_.view());
}

template <class T>
const memory::CausalConvolution<T>& FieldMemory<T>::with(View<const T, 2> parameters) {
  if (!std::equal(parameters.begin(), parameters.end(), made_of_.data())) {
    convolution_.set(parameters);
    std::copy(parameters.begin(), parameters.end(), made_of_.data());
  }
  return convolution_;
}

template <class T>
CausalFieldSaved<T> take_products(const CausalFieldShape& shape, Arena& arena) {
  const Index R = shape.rows(), F = shape.field_width();
  CausalFieldSaved<T> saved;
  saved.projection = arena.take<T, 2>({R, shape.projection_width()});
  saved.current = arena.take<T, 2>({R, F});
  saved.field = arena.take<T, 2>({R, F});
  return saved;
}

template <class T>
CausalFieldSaved<T> take_saved(const CausalFieldShape& shape, Arena& arena) {
  CausalFieldSaved<T> saved = take_products<T>(shape, arena);
  saved.inv_rms = arena.take<T, 1>({shape.rows()}).span();
  saved.v = arena.take<T, 2>({shape.rows(), shape.d_model});
  saved.gated = arena.take<T, 2>({shape.rows(), shape.field_width()});
  return saved;
}

template <class T>
void causal_field_forward(const CausalFieldShape& shape,
                          const CausalFieldParameters<const T>& parameters, FieldMemory<T>& memory,
                          View<const T, 2> x, View<double, 4> state,
                          const CausalFieldSaved<T>& saved, View<T, 2> out, Arena& arena) {
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  linear_forward<T>(saved.v, parameters.in_weight, parameters.in_bias, saved.projection);
  associator_current_forward<T>(factor_columns(shape, saved.projection), parameters.transport,
                                saved.current);
  const memory::CausalConvolution<T>& convolution = memory.with(parameters.memory);
  const View<const T, 4> current = sequences_of(shape, saved.current);
  const View<T, 4> field = sequences_of(shape, saved.field);
  if (state.data() != nullptr) {
    convolution.advance(current, field, state);
  } else {
    convolution.forward(current, field, arena);
  }
  gate_forward<T>(saved.field, gate_columns(shape, saved.projection), saved.gated);
  if (out.empty()) return;
  std::copy(x.begin(), x.end(), out.begin());
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.gated, parameters.out_weight, 1,
                  MatrixView<T>(out));
}

template <class T>
void causal_field_backward(const CausalFieldShape& shape,
                           const CausalFieldParameters<const T>& parameters, FieldMemory<T>& memory,
                           View<const T, 2> x, const CausalFieldSaved<T>& saved,
                           View<const T, 2> d_out, View<T, 2> dx,
                           const CausalFieldParameters<T>& d_parameters, Arena& arena) {
  const Arena::Scope scope(arena);
  const auto d_projection = arena.take<T, 2>(saved.projection.shape());
  const auto d_field = arena.take<T, 2>(saved.gated.shape());  // of gated, then of m
  const auto d_current = arena.take<T, 2>(saved.current.shape());
  const auto d_memory = arena.take<T, 2>({shape.heads, memory::kKernelParameters});
  const auto d_v = arena.take<T, 2>(saved.v.shape());
  const bool run = !arena.planning();

  linear_backward<T>(saved.gated, parameters.out_weight, d_out, Store::write, d_field,
                     d_parameters.out_weight, {}, arena);
  if (run) {
    gate_backward<T>(saved.field, gate_columns(shape, saved.projection), d_field, d_field,
                     gate_columns(shape, d_projection));
  }
  const memory::CausalConvolution<T>& convolution =
      run ? memory.with(parameters.memory) : memory.last();
  convolution.backward(sequences_of(shape, saved.current), sequences_of(shape, d_field),
                       sequences_of(shape, d_current), d_memory, arena);
  if (run) {
    for (Index i = 0; i < d_memory.size(); ++i) d_parameters.memory.data()[i] += d_memory.data()[i];
  }
  associator_current_backward<T>(factor_columns(shape, saved.projection), parameters.transport,
                                 saved.current, d_current, factor_columns(shape, d_projection),
                                 d_parameters.transport, arena);
  linear_backward<T>(saved.v, parameters.in_weight, d_projection, Store::write, d_v,
                     d_parameters.in_weight, d_parameters.in_bias, arena);
  if (run && dx.data() != d_out.data()) std::copy(d_out.begin(), d_out.end(), dx.begin());
  rms_norm_backward<T>(x, parameters.norm_gain, saved.inv_rms, d_v, Store::add, dx,
                       d_parameters.norm_gain, arena);
}

namespace {

template <class T>
class CausalFieldLayer final : public Layer<T> {
 public:
  CausalFieldLayer(const ModelConfig& config, const std::string& prefix, Layout& layout)
      : heads_(config.causal_field_heads),
        d_model_(config.d_model),
        out_gain_(residual_gain(config)),
        memory_(std::make_unique<FieldMemory<T>>(heads_)) {
    const CausalFieldShape widths = shape({1, 1});
    norm_ = layout.add(prefix + "norm.weight", {d_model_});
    in_weight_ = layout.add(prefix + "in.weight", {widths.projection_width(), d_model_}, true);
    in_bias_ = layout.add(prefix + "in.bias", {widths.projection_width()});
    transport_ = layout.add(prefix + "transport", {heads_, 8}, false);
    memory_weight_ = layout.add(prefix + "memory", {heads_, memory::kKernelParameters}, false);
    out_weight_ = layout.add(prefix + "out.weight", {d_model_, widths.field_width()}, true);
  }

  void initialize(Initializer<T>& initializer) const override {
    const CausalFieldShape widths = shape({1, 1});
    initializer.fill(norm_, 1);
    initializer.fill_matrix(in_weight_);
    // An associator of three unit normal octonions has entries near 20; of these, near 1.
    constexpr T kFactorGain = T(0.4);
    const View<T, 2> weight = in_weight_.in(initializer.values());
    for (T& number : weight.span().first(widths.factor_width() * d_model_)) number *= kFactorGain;
    initializer.fill(in_bias_, 0);
    initializer.fill_normal(transport_, 1);
    // Time constants from 3 to 150 steps.
    const View<T, 2> memory = memory_weight_.in(initializer.values());
    for (Index head = 0; head < heads_; ++head) {
      const double place =
          heads_ == 1 ? 0.5 : static_cast<double>(head) / static_cast<double>(heads_ - 1);
      memory::KernelParameters raw;
      raw.log_beta = raw.log_xi = raw.log_zeta = -(1 + 4 * place);
      const auto numbers = raw.array();
      std::copy(numbers.begin(), numbers.end(), memory[head].begin());
    }
    initializer.fill_matrix(out_weight_, out_gain_);
  }

  /// Doubles, in the room of T's.
  Index state_size() const override {
    return state_doubles() * static_cast<Index>(sizeof(double) / sizeof(T));
  }

  void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               std::optional<MatrixView<T>> state, View<T, 2> out, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    const Arena::Scope scope(arena);
    View<double, 4> poles;
    if (state) {
      poles =
          arena.take<double, 4>({sequences.batch, heads_, memory_->state_rows(), kCurrentWidth});
    }
    if (arena.planning()) return;
    const auto bytes = static_cast<std::size_t>(state_doubles()) * sizeof(double);
    const auto of_sequence = [&](Index b) { return poles.data() + b * state_doubles(); };
    if (state) {
      for (Index b = 0; b < sequences.batch; ++b) {
        std::memcpy(of_sequence(b), state->data + b * state->stride, bytes);
      }
    }
    causal_field_forward<T>(shape(sequences), parameters(values), *memory_, x, poles, saved, out,
                            arena);
    if (!state) return;
    for (Index b = 0; b < sequences.batch; ++b) {
      std::memcpy(state->data + b * state->stride, of_sequence(b), bytes);
    }
  }

  std::size_t kept_bytes(const Sequences& sequences) const override {
    Arena planner = Arena::planner();
    take_products<T>(shape(sequences), planner);
    return planner.used();
  }

  void restore(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    if (arena.planning()) return;
    rms_norm_forward<T>(x, norm_.vector_in(values), kRmsNormEpsilon, saved.v, saved.inv_rms);
    gate_forward<T>(saved.field, gate_columns(shape(sequences), saved.projection), saved.gated);
  }

  void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                View<T, 2> dx, std::span<T> d_values, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    causal_field_backward<T>(shape(sequences), parameters(values), *memory_, x, saved, dx, dx,
                             parameters(d_values), arena);
  }

 private:
  Index state_doubles() const { return heads_ * memory_->state_rows() * kCurrentWidth; }
  CausalFieldShape shape(const Sequences& sequences) const {
    return {sequences.batch, sequences.length, heads_, d_model_};
  }
  template <class U>
  CausalFieldParameters<U> parameters(std::span<U> flat) const {
    return {.norm_gain = norm_.vector_in(flat),
            .in_weight = in_weight_.in(flat),
            .in_bias = in_bias_.vector_in(flat),
            .transport = transport_.in(flat),
            .memory = memory_weight_.in(flat),
            .out_weight = out_weight_.in(flat)};
  }

  Index heads_, d_model_;
  double out_gain_;
  std::unique_ptr<FieldMemory<T>> memory_;
  Slot norm_, in_weight_, in_bias_, transport_, memory_weight_, out_weight_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> causal_field_layer(const ModelConfig& config, const std::string& prefix,
                                             Layout& layout) {
  return std::make_unique<CausalFieldLayer<T>>(config, prefix, layout);
}

template class FieldMemory<float>;
template class FieldMemory<double>;

#define LIOR_INSTANTIATE(T)                                                                     \
  template CausalFieldSaved<T> take_saved(const CausalFieldShape&, Arena&);                     \
  template CausalFieldSaved<T> take_products(const CausalFieldShape&, Arena&);                  \
  template void causal_field_forward(                                                           \
      const CausalFieldShape&, const CausalFieldParameters<const T>&, FieldMemory<T>&,          \
      View<const T, 2>, View<double, 4>, const CausalFieldSaved<T>&, View<T, 2>, Arena&);       \
  template void causal_field_backward(                                                          \
      const CausalFieldShape&, const CausalFieldParameters<const T>&, FieldMemory<T>&,          \
      View<const T, 2>, const CausalFieldSaved<T>&, View<const T, 2>, View<T, 2>,               \
      const CausalFieldParameters<T>&, Arena&);                                                 \
  template std::unique_ptr<Layer<T>> causal_field_layer(const ModelConfig&, const std::string&, \
                                                        Layout&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
