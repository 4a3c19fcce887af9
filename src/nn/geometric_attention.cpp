#include "lior/nn/geometric_attention.h"

#include "lior/linalg/gemm.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/spinor_map.h"
#include "nn/layer.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Transpose;

template <class T>
MatrixView<T> octet_columns(const GeometricAttentionShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, 0, shape.rows(), shape.octet_width());
}

template <class T>
MatrixView<T> value_columns(const GeometricAttentionShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, shape.octet_width(), shape.rows(), shape.value_width());
}

}  // namespace

GeometricAttentionShape geometric_attention_shape(Index batch, Index length, Index d_model,
                                                  Index heads, Index window) {
  return {{.batch = batch,
           .length = length,
           .heads = heads,
           .key_width = kSpinorWidth,
           .value_width = kGeometricValueWidth,
           .window = window},
          d_model};
}

template <class T>
GeometricAttentionSaved<T> take_products(const GeometricAttentionShape& shape, Arena& arena) {
  const Index R = shape.rows();
  const TiledAttentionShape& tiled = shape.tiled;
  GeometricAttentionSaved<T> saved;
  saved.projection = arena.take<T, 2>({R, shape.projection_width()});
  saved.attended = arena.take<T, 2>({R, shape.value_width()});
  saved.log_sums = arena.take<T, 3>({tiled.batch, tiled.heads, tiled.length});
  return saved;
}

template <class T>
GeometricAttentionSaved<T> take_saved(const GeometricAttentionShape& shape, Arena& arena) {
  const Index R = shape.rows();
  GeometricAttentionSaved<T> saved = take_products<T>(shape, arena);
  saved.inv_rms = arena.take<T, 1>({R}).span();
  saved.v = arena.take<T, 2>({R, shape.d_model});
  saved.z = arena.take<T, 2>({R, kSpinorWidth * shape.tiled.heads});
  return saved;
}

template <class T>
void geometric_attention_forward(const GeometricAttentionShape& shape,
                                 const GeometricAttentionParameters<const T>& parameters,
                                 View<const T, 2> x, MatrixView<T> state,
                                 const GeometricAttentionSaved<T>& saved, View<T, 2> out) {
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  linear_forward<T>(saved.v, parameters.in_weight, parameters.in_bias, saved.projection);
  spinor_map_forward<T>(octet_columns(shape, saved.projection), saved.z);
  spinor_attention_forward<T>(shape.tiled, saved.z, value_columns(shape, saved.projection),
                              parameters.mix, state, saved.attended, saved.log_sums);
  if (out.empty()) return;
  std::copy(x.begin(), x.end(), out.begin());
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.attended, parameters.out_weight, 1,
                  MatrixView<T>(out));
}

template <class T>
void geometric_attention_backward(const GeometricAttentionShape& shape,
                                  const GeometricAttentionParameters<const T>& parameters,
                                  View<const T, 2> x, const GeometricAttentionSaved<T>& saved,
                                  View<const T, 2> d_out, View<T, 2> dx,
                                  const GeometricAttentionParameters<T>& d_parameters,
                                  Arena& arena) {
  const Arena::Scope scope(arena);
  const auto d_attended = arena.take<T, 2>(saved.attended.shape());
  const auto d_projection = arena.take<T, 2>(saved.projection.shape());
  const auto dz = arena.take<T, 2>(saved.z.shape());
  const auto d_v = arena.take<T, 2>(saved.v.shape());
  const bool run = !arena.planning();

  linear_backward<T>(saved.attended, parameters.out_weight, d_out, Store::write, d_attended,
                     d_parameters.out_weight, {}, arena);
  spinor_attention_backward<T>(shape.tiled, saved.z, value_columns(shape, saved.projection),
                               parameters.mix, saved.attended, saved.log_sums, d_attended, dz,
                               value_columns(shape, d_projection), d_parameters.mix, arena);
  if (run) {
    spinor_map_backward<T>(octet_columns(shape, saved.projection), dz,
                           octet_columns(shape, d_projection));
  }
  linear_backward<T>(saved.v, parameters.in_weight, d_projection, Store::write, d_v,
                     d_parameters.in_weight, d_parameters.in_bias, arena);
  if (run && dx.data() != d_out.data()) std::copy(d_out.begin(), d_out.end(), dx.begin());
  rms_norm_backward<T>(x, parameters.norm_gain, saved.inv_rms, d_v, Store::add, dx,
                       d_parameters.norm_gain, arena);
}

namespace {

template <class T>
class GeometricAttentionLayer final : public Layer<T> {
 public:
  GeometricAttentionLayer(const ModelConfig& config, const std::string& prefix, Layout& layout)
      : start_(geometric_attention_shape(1, 1, config.d_model, config.geometric_attention_heads,
                                         config.attention_window)),
        out_gain_(residual_gain(config)) {
    const Index D = config.d_model, P = start_.projection_width();
    norm_ = layout.add(prefix + "norm.weight", {D});
    in_weight_ = layout.add(prefix + "in.weight", {P, D}, true);
    in_bias_ = layout.add(prefix + "in.bias", {P});
    mix_ = layout.add(prefix + "mix", {start_.tiled.heads, 4}, false);
    out_weight_ = layout.add(prefix + "out.weight", {D, start_.value_width()}, true);
  }

  void initialize(Initializer<T>& initializer) const override {
    initializer.fill(norm_, 1);
    initializer.fill_matrix(in_weight_);
    // Octets of half the size: |z|^2, which is every token's score with itself, starts near 5.
    const View<T, 2> weight = in_weight_.in(initializer.values());
    for (T& number : weight.span().first(start_.octet_width() * start_.d_model)) number /= 2;
    initializer.fill(in_bias_, 0);
    const View<T, 2> mix = mix_.in(initializer.values());
    for (Index head = 0; head < mix.extent(0); ++head) {
      for (Index m = 0; m < 4; ++m) mix(head, m) = m == 0 ? 1 : 0;
    }
    initializer.fill_matrix(out_weight_, out_gain_);
  }

  Index state_size() const override { return start_.tiled.state_size(); }

  void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               std::optional<MatrixView<T>> state, View<T, 2> out, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    if (arena.planning()) return;
    geometric_attention_forward<T>(shape(sequences), parameters(values), x,
                                   state.value_or(MatrixView<T>{}), saved, out);
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
    spinor_map_forward<T>(octet_columns(shape(sequences), saved.projection), saved.z);
  }

  void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                View<T, 2> dx, std::span<T> d_values, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    geometric_attention_backward<T>(shape(sequences), parameters(values), x, saved, dx, dx,
                                    parameters(d_values), arena);
  }

 private:
  GeometricAttentionShape shape(const Sequences& sequences) const {
    GeometricAttentionShape shape = start_;
    shape.tiled.batch = sequences.batch;
    shape.tiled.length = sequences.length;
    return shape;
  }
  template <class U>
  GeometricAttentionParameters<U> parameters(std::span<U> flat) const {
    return {.norm_gain = norm_.vector_in(flat),
            .in_weight = in_weight_.in(flat),
            .in_bias = in_bias_.vector_in(flat),
            .mix = mix_.in(flat),
            .out_weight = out_weight_.in(flat)};
  }

  GeometricAttentionShape start_;  ///< of one position
  double out_gain_;
  Slot norm_, in_weight_, in_bias_, mix_, out_weight_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> geometric_attention_layer(const ModelConfig& config,
                                                    const std::string& prefix, Layout& layout) {
  return std::make_unique<GeometricAttentionLayer<T>>(config, prefix, layout);
}

#define LIOR_INSTANTIATE(T)                                                                  \
  template GeometricAttentionSaved<T> take_saved(const GeometricAttentionShape&, Arena&);    \
  template GeometricAttentionSaved<T> take_products(const GeometricAttentionShape&, Arena&); \
  template void geometric_attention_forward(                                                 \
      const GeometricAttentionShape&, const GeometricAttentionParameters<const T>&,          \
      View<const T, 2>, MatrixView<T>, const GeometricAttentionSaved<T>&, View<T, 2>);       \
  template void geometric_attention_backward(                                                \
      const GeometricAttentionShape&, const GeometricAttentionParameters<const T>&,          \
      View<const T, 2>, const GeometricAttentionSaved<T>&, View<const T, 2>, View<T, 2>,     \
      const GeometricAttentionParameters<T>&, Arena&);                                       \
  template std::unique_ptr<Layer<T>> geometric_attention_layer(const ModelConfig&,           \
                                                               const std::string&, Layout&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
