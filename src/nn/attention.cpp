#include "lior/nn/attention.h"

#include <cmath>

#include "lior/linalg/gemm.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "nn/layer.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Transpose;

/// Queries, keys or values: columns [part D, (part + 1) D) of the projection.
template <class T>
MatrixView<T> columns(const AttentionShape& shape, View<T, 2> projection, Index part) {
  return MatrixView<T>(projection).block(0, part * shape.d_model, shape.rows(), shape.d_model);
}

}  // namespace

AttentionShape attention_shape(Index batch, Index length, Index d_model, Index heads,
                               Index window) {
  LIOR_CHECK(heads >= 1 && d_model % heads == 0,
             "attention_heads = {} cannot share d_model = {} evenly; it must divide it", heads,
             d_model);
  const Index width = d_model / heads;
  LIOR_CHECK(width <= kMostHeadWidth,
             "attention_heads = {} of d_model = {} are {} wide; at most {} fit the tiles", heads,
             d_model, width, kMostHeadWidth);
  return {{.batch = batch,
           .length = length,
           .heads = heads,
           .key_width = width,
           .value_width = width,
           .window = window},
          d_model};
}

template <class T>
AttentionSaved<T> take_products(const AttentionShape& shape, Arena& arena) {
  const Index R = shape.rows(), D = shape.d_model;
  const TiledAttentionShape& tiled = shape.tiled;
  AttentionSaved<T> saved;
  saved.projection = arena.take<T, 2>({R, 3 * D});
  saved.slopes = arena.take<T, 1>({tiled.heads});
  saved.attended = arena.take<T, 2>({R, D});
  saved.log_sums = arena.take<T, 3>({tiled.batch, tiled.heads, tiled.length});
  return saved;
}

template <class T>
AttentionSaved<T> take_saved(const AttentionShape& shape, Arena& arena) {
  AttentionSaved<T> saved = take_products<T>(shape, arena);
  saved.inv_rms = arena.take<T, 1>({shape.rows()}).span();
  saved.v = arena.take<T, 2>({shape.rows(), shape.d_model});
  return saved;
}

template <class T>
void attention_forward(const AttentionShape& shape, const AttentionParameters<const T>& parameters,
                       View<const T, 2> x, MatrixView<T> state, const AttentionSaved<T>& saved,
                       View<T, 2> out) {
  const Index H = shape.tiled.heads;
  for (Index head = 0; head < H; ++head) {
    saved.slopes(head) =
        static_cast<T>(std::exp2(-8 * static_cast<double>(head + 1) / static_cast<double>(H)));
  }
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  linear_forward<T>(saved.v, parameters.in_weight, parameters.in_bias, saved.projection);
  dot_attention_forward<T>(shape.tiled, columns(shape, saved.projection, 0),
                           columns(shape, saved.projection, 1), columns(shape, saved.projection, 2),
                           saved.slopes, state, saved.attended, saved.log_sums);
  if (out.empty()) return;
  std::copy(x.begin(), x.end(), out.begin());
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.attended, parameters.out_weight, 1,
                  MatrixView<T>(out));
}

template <class T>
void attention_backward(const AttentionShape& shape, const AttentionParameters<const T>& parameters,
                        View<const T, 2> x, const AttentionSaved<T>& saved, View<const T, 2> d_out,
                        View<T, 2> dx, const AttentionParameters<T>& d_parameters, Arena& arena) {
  const Arena::Scope scope(arena);
  const auto d_attended = arena.take<T, 2>(saved.attended.shape());  // then d_v
  const auto d_projection = arena.take<T, 2>(saved.projection.shape());
  const bool run = !arena.planning();

  linear_backward<T>(saved.attended, parameters.out_weight, d_out, Store::write, d_attended,
                     d_parameters.out_weight, {}, arena);
  if (run) {
    dot_attention_backward<T>(shape.tiled, columns(shape, saved.projection, 0),
                              columns(shape, saved.projection, 1),
                              columns(shape, saved.projection, 2), saved.slopes, saved.attended,
                              saved.log_sums, d_attended, columns(shape, d_projection, 0),
                              columns(shape, d_projection, 1), columns(shape, d_projection, 2));
  }
  linear_backward<T>(saved.v, parameters.in_weight, d_projection, Store::write, d_attended,
                     d_parameters.in_weight, d_parameters.in_bias, arena);
  if (run && dx.data() != d_out.data()) std::copy(d_out.begin(), d_out.end(), dx.begin());
  rms_norm_backward<T>(x, parameters.norm_gain, saved.inv_rms, d_attended, Store::add, dx,
                       d_parameters.norm_gain, arena);
}

namespace {

template <class T>
class AttentionLayer final : public Layer<T> {
 public:
  AttentionLayer(const ModelConfig& config, const std::string& prefix, Layout& layout)
      : start_(
            attention_shape(1, 1, config.d_model, config.attention_heads, config.attention_window)),
        out_gain_(residual_gain(config)) {
    const Index D = config.d_model;
    norm_ = layout.add(prefix + "norm.weight", {D});
    in_weight_ = layout.add(prefix + "in.weight", {3 * D, D}, true);
    in_bias_ = layout.add(prefix + "in.bias", {3 * D});
    out_weight_ = layout.add(prefix + "out.weight", {D, D}, true);
  }

  void initialize(Initializer<T>& initializer) const override {
    initializer.fill(norm_, 1);
    initializer.fill_matrix(in_weight_);
    initializer.fill(in_bias_, 0);
    initializer.fill_matrix(out_weight_, out_gain_);
  }

  Index state_size() const override { return start_.tiled.state_size(); }

  void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               std::optional<MatrixView<T>> state, View<T, 2> out, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    if (arena.planning()) return;
    attention_forward<T>(shape(sequences), parameters(values), x, state.value_or(MatrixView<T>{}),
                         saved, out);
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
  }

  void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                View<T, 2> dx, std::span<T> d_values, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    attention_backward<T>(shape(sequences), parameters(values), x, saved, dx, dx,
                          parameters(d_values), arena);
  }

 private:
  AttentionShape shape(const Sequences& sequences) const {
    AttentionShape shape = start_;
    shape.tiled.batch = sequences.batch;
    shape.tiled.length = sequences.length;
    return shape;
  }
  template <class U>
  AttentionParameters<U> parameters(std::span<U> flat) const {
    return {.norm_gain = norm_.vector_in(flat),
            .in_weight = in_weight_.in(flat),
            .in_bias = in_bias_.vector_in(flat),
            .out_weight = out_weight_.in(flat)};
  }

  AttentionShape start_;  ///< of one position
  double out_gain_;
  Slot norm_, in_weight_, in_bias_, out_weight_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> attention_layer(const ModelConfig& config, const std::string& prefix,
                                          Layout& layout) {
  return std::make_unique<AttentionLayer<T>>(config, prefix, layout);
}

#define LIOR_INSTANTIATE(T)                                                                      \
  template AttentionSaved<T> take_saved(const AttentionShape&, Arena&);                          \
  template AttentionSaved<T> take_products(const AttentionShape&, Arena&);                       \
  template void attention_forward(const AttentionShape&, const AttentionParameters<const T>&,    \
                                  View<const T, 2>, MatrixView<T>, const AttentionSaved<T>&,     \
                                  View<T, 2>);                                                   \
  template void attention_backward(const AttentionShape&, const AttentionParameters<const T>&,   \
                                   View<const T, 2>, const AttentionSaved<T>&, View<const T, 2>, \
                                   View<T, 2>, const AttentionParameters<T>&, Arena&);           \
  template std::unique_ptr<Layer<T>> attention_layer(const ModelConfig&, const std::string&,     \
                                                     Layout&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
