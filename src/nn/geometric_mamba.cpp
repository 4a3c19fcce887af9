#include "lior/nn/geometric_mamba.h"

#include <cmath>

#include "lior/linalg/gemm.h"
#include "lior/linalg/precision.h"
#include "lior/nn/activation.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "nn/layer.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Transpose;

template <class T>
MatrixView<T> scan_columns(const GeometricMambaShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, 0, shape.rows(), shape.scan.width());
}

template <class T>
MatrixView<T> gate_columns(const GeometricMambaShape& shape, View<T, 2> projection) {
  return MatrixView<T>(projection).block(0, shape.scan.width(), shape.rows(), shape.d_model);
}

/// |column h| of initial [S, H].
template <class T>
T column_norm(View<const T, 2> initial, Index head) {
  T square = 0;
  for (Index k = 0; k < initial.extent(0); ++k) square += initial(k, head) * initial(k, head);
  return std::sqrt(square);
}

/// d_initial [S, H] += the gradient through normalisation, from the gradients of each sequence's
/// h_0.
template <class T>
void initial_state_backward(View<const T, 2> initial, View<const T, 3> d_state,
                            View<T, 2> d_initial) {
  const Index S = initial.extent(0), H = initial.extent(1);
  for (Index head = 0; head < H; ++head) {
    const T norm = column_norm(initial, head);
    T along = 0;
    const auto summed = [&](Index k) {
      T sum = 0;
      for (Index b = 0; b < d_state.extent(0); ++b) sum += d_state(b, k, head);
      return sum;
    };
    for (Index k = 0; k < S; ++k) along += summed(k) * initial(k, head) / norm;
    for (Index k = 0; k < S; ++k) {
      d_initial(k, head) += (summed(k) - along * initial(k, head) / norm) / norm;
    }
  }
}

}  // namespace

template <class T>
GeometricMambaSaved<T> take_products(const GeometricMambaShape& shape, Arena& arena) {
  const Index R = shape.rows();
  const ScanShape& scan = shape.scan;
  GeometricMambaSaved<T> saved;
  saved.projection = arena.take<T, 2>({R, shape.projection_width()});
  saved.starts = arena.take<T, 4>({scan.batch, scan.tiles(), scan.state_width(), scan.heads()});
  saved.p = arena.take<T, 2>({R, shape.d_model});
  return saved;
}

template <class T>
GeometricMambaSaved<T> take_saved(const GeometricMambaShape& shape, Arena& arena) {
  const Index R = shape.rows(), D = shape.d_model;
  GeometricMambaSaved<T> saved = take_products<T>(shape, arena);
  saved.inv_rms = arena.take<T, 1>({R}).span();
  saved.v = arena.take<T, 2>({R, D});
  saved.q = arena.take<T, 2>({R, shape.read_width()});
  saved.gated = arena.take<T, 2>({R, D});
  saved.state = arena.take<T, 3>({shape.scan.batch, shape.scan.state_width(), shape.scan.heads()});
  saved.scan_workspace = arena.take<T, 1>({ci8_scan_workspace(shape.scan)}).span();
  return saved;
}

/// W_in v + b. Where products round their factors, the turns' rows of it do not: a weight is
/// rounded alike at every step, and a state carries the same small turn too much as often as it is
/// turned while it lives: 150 times (docs/decisions/043-bf16.md).
template <class T>
void project(const GeometricMambaShape& shape, const GeometricMambaParameters<const T>& parameters,
             View<const T, 2> v, MatrixView<T> projection) {
  const auto product = [&](Index begin, Index end) {
    const auto first = static_cast<std::size_t>(begin),
               count = static_cast<std::size_t>(end - begin);
    linear_forward<T>(
        v, MatrixView<const T>(parameters.in_weight).block(begin, 0, end - begin, shape.d_model),
        parameters.in_bias.subspan(first, count),
        projection.block(0, begin, projection.rows, end - begin));
  };
  const Index turns = 8 * shape.scan.mixer.factors * shape.scan.heads();
  if (linalg::current_precision() == linalg::Precision::float32) {
    return product(0, projection.cols);
  }
  product(turns, projection.cols);
  const linalg::PrecisionScope exact(linalg::Precision::float32);
  product(0, turns);
}

template <class T>
void geometric_mamba_forward(const GeometricMambaShape& shape,
                             const GeometricMambaParameters<const T>& parameters,
                             View<const T, 2> x, View<T, 3> state,
                             const GeometricMambaSaved<T>& saved, View<T, 2> out) {
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  project<T>(shape, parameters, saved.v, saved.projection);
  ci8_scan_readout_forward<T>(shape.scan, scan_columns(shape, saved.projection), parameters.angles,
                              state, saved.starts, saved.q, saved.scan_workspace);
  linear_forward<T>(saved.q, parameters.read_weight, {}, saved.p);
  gate_forward<T>(saved.p, gate_columns(shape, saved.projection), saved.gated);
  if (!out.empty()) {
    std::copy(x.begin(), x.end(), out.begin());
    linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.gated, parameters.out_weight, 1,
                    MatrixView<T>(out));
  }
}

template <class T>
void geometric_mamba_restore(const GeometricMambaShape& shape,
                             const GeometricMambaParameters<const T>& parameters,
                             View<const T, 2> x, const GeometricMambaSaved<T>& saved) {
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  if (shape.scan.length > 0) {
    for (Index b = 0; b < shape.scan.batch; ++b) {
      const auto start = saved.starts[b][0];
      std::copy(start.begin(), start.end(), saved.state[b].begin());
    }
  }
  ci8_scan_readout_forward<T>(shape.scan, scan_columns(shape, saved.projection), parameters.angles,
                              saved.state, {}, saved.q, saved.scan_workspace);
  gate_forward<T>(saved.p, gate_columns(shape, saved.projection), saved.gated);
}

template <class T>
void geometric_mamba_backward(const GeometricMambaShape& shape,
                              const GeometricMambaParameters<const T>& parameters,
                              View<const T, 2> x, const GeometricMambaSaved<T>& saved,
                              View<const T, 2> d_out, View<T, 2> dx,
                              const GeometricMambaParameters<T>& d_parameters, Arena& arena) {
  const ScanShape& scan = shape.scan;
  const Index R = shape.rows(), D = shape.d_model;
  const Arena::Scope scope(arena);
  const auto d_projection = arena.take<T, 2>({R, shape.projection_width()});
  const auto d_gated = arena.take<T, 2>({R, D});  // then d_p, then d_v
  const auto d_q = arena.take<T, 2>({R, shape.read_width()});
  const auto d_state = arena.take<T, 3>({scan.batch, scan.state_width(), scan.heads()});
  const auto d_angles = arena.take<T, 3>({scan.batch, 8, scan.heads()});
  const bool run = !arena.planning();

  linear_backward<T>(saved.gated, parameters.out_weight, d_out, Store::write, d_gated,
                     d_parameters.out_weight, {}, arena);
  if (run) {
    gate_backward<T>(saved.p, gate_columns(shape, saved.projection), d_gated, d_gated,
                     gate_columns(shape, d_projection));
  }
  linear_backward<T>(saved.q, parameters.read_weight, d_gated, Store::write, d_q,
                     d_parameters.read_weight, {}, arena);
  if (run) {
    std::fill(d_state.begin(), d_state.end(), T(0));
    ci8_scan_readout_backward<T>(scan, scan_columns(shape, saved.projection), parameters.angles,
                                 saved.starts, d_q, scan_columns(shape, d_projection), d_state,
                                 d_angles, saved.scan_workspace);
    if (!scan.mixer.gates) {
      initial_state_backward<T>(parameters.initial, d_state, d_parameters.initial);
    }
    if (scan.mixer.rotation) {
      for (Index b = 0; b < scan.batch; ++b) {
        for (Index i = 0; i < 8 * scan.heads(); ++i) {
          d_parameters.angles.data()[i] += d_angles[b].data()[i];
        }
      }
    }
  }
  linear_backward<T>(saved.v, parameters.in_weight, d_projection, Store::write, d_gated,
                     d_parameters.in_weight, d_parameters.in_bias, arena);
  if (run && dx.data() != d_out.data()) std::copy(d_out.begin(), d_out.end(), dx.begin());
  rms_norm_backward<T>(x, parameters.norm_gain, saved.inv_rms, d_gated, Store::add, dx,
                       d_parameters.norm_gain, arena);
}

template <class T>
void geometric_mamba_initial_state(const MixerConfig& mixer, View<const T, 2> initial,
                                   View<T, 3> state) {
  if (mixer.gates) {
    std::fill(state.begin(), state.end(), T(0));
    return;
  }
  for (Index head = 0; head < mixer.heads; ++head) {
    const T norm = column_norm(initial, head);
    for (Index b = 0; b < state.extent(0); ++b) {
      for (Index k = 0; k < initial.extent(0); ++k) state(b, k, head) = initial(k, head) / norm;
    }
  }
}

namespace {

template <class T>
class GeometricMambaLayer final : public Layer<T> {
 public:
  GeometricMambaLayer(const ModelConfig& config, const std::string& prefix, Layout& layout)
      : mixer_(config.mixer), d_model_(config.d_model), out_gain_(residual_gain(config)) {
    const Index D = d_model_, H = mixer_.heads;
    const GeometricMambaShape widths = shape({1, 1});
    norm_ = layout.add(prefix + "norm.weight", {D});
    in_weight_ = layout.add(prefix + "in.weight", {widths.projection_width(), D}, true);
    in_bias_ = layout.add(prefix + "in.bias", {widths.projection_width()});
    read_weight_ = layout.add(prefix + "readout.weight", {D, widths.read_width()}, true);
    out_weight_ = layout.add(prefix + "out.weight", {D, D}, true);
    if (!mixer_.gates) {
      initial_ = layout.add(prefix + "initial", {mixer_.state_width(), H}, false);
    }
    if (mixer_.rotation) angles_ = layout.add(prefix + "angles", {8, H}, false);
  }

  void initialize(Initializer<T>& initializer) const override {
    const Index H = mixer_.heads;
    const ScanShape scan{1, 1, mixer_};
    initializer.fill(norm_, 1);
    initializer.fill_matrix(in_weight_);
    initializer.fill(in_bias_, 0);
    if (mixer_.gates) {
      const View<T, 2> bias{in_bias_.vector_in(initializer.values()).data(), {scan.planes(), H}};
      for (Index head = 0; head < H; ++head) {
        // Near no turn, and time constants 1 + e^z from 4 to 150 steps.
        for (Index factor = 0; factor < mixer_.factors; ++factor) bias(8 * factor, head) = 2;
        const double place = H == 1 ? 0.5 : static_cast<double>(head) / static_cast<double>(H - 1);
        bias(scan.z_plane(), head) = static_cast<T>(1 + 4 * place);
      }
    } else {
      initializer.fill_normal(initial_, 1);
    }
    if (mixer_.phase) {  // the phase starts at 0 for every input
      const View<T, 2> rows = in_weight_.in(initializer.values());
      std::fill_n(rows[scan.phi_plane() * H].data(), H * d_model_, T(0));
    }
    if (mixer_.rotation) initializer.fill(angles_, 0);
    initializer.fill_matrix(read_weight_);
    initializer.fill_matrix(out_weight_, out_gain_);
  }

  Index state_size() const override { return mixer_.state_width() * mixer_.heads; }

  void initial_state(std::span<const T> values, MatrixView<T> state) const override {
    for (Index b = 0; b < state.rows; ++b) {
      geometric_mamba_initial_state<T>(
          mixer_, initial_.in(values),
          {state.data + b * state.stride, {1, mixer_.state_width(), mixer_.heads}});
    }
  }

  void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               std::optional<MatrixView<T>> state, View<T, 2> out, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    const Arena::Scope scope(arena);
    const auto h = arena.take<T, 3>(saved.state.shape());
    if (arena.planning()) return;
    if (state) {
      for (Index b = 0; b < sequences.batch; ++b) {
        std::copy_n(state->data + b * state->stride, state_size(), h[b].data());
      }
    } else {
      geometric_mamba_initial_state<T>(mixer_, initial_.in(values), h);
    }
    geometric_mamba_forward<T>(shape(sequences), parameters(values), x, h, saved, out);
    if (!state) return;
    for (Index b = 0; b < sequences.batch; ++b) {
      std::copy_n(h[b].data(), state_size(), state->data + b * state->stride);
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
    geometric_mamba_restore<T>(shape(sequences), parameters(values), x, saved);
  }

  void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                View<T, 2> dx, std::span<T> d_values, Arena& arena) const override {
    const auto saved = take_saved<T>(shape(sequences), arena);
    geometric_mamba_backward<T>(shape(sequences), parameters(values), x, saved, dx, dx,
                                parameters(d_values), arena);
  }

 private:
  GeometricMambaShape shape(const Sequences& sequences) const {
    return {{sequences.batch, sequences.length, mixer_}, d_model_};
  }
  template <class U>
  GeometricMambaParameters<U> parameters(std::span<U> flat) const {
    return {.norm_gain = norm_.vector_in(flat),
            .in_weight = in_weight_.in(flat),
            .in_bias = in_bias_.vector_in(flat),
            .read_weight = read_weight_.in(flat),
            .out_weight = out_weight_.in(flat),
            .initial = initial_.in(flat),
            .angles = angles_.in(flat)};
  }

  MixerConfig mixer_;
  Index d_model_;
  double out_gain_;
  Slot norm_, in_weight_, in_bias_, read_weight_, out_weight_, initial_, angles_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> geometric_mamba_layer(const ModelConfig& config,
                                                const std::string& prefix, Layout& layout) {
  return std::make_unique<GeometricMambaLayer<T>>(config, prefix, layout);
}

template GeometricMambaSaved<float> take_saved(const GeometricMambaShape&, Arena&);
template GeometricMambaSaved<double> take_saved(const GeometricMambaShape&, Arena&);
template void geometric_mamba_forward(const GeometricMambaShape&,
                                      const GeometricMambaParameters<const float>&,
                                      View<const float, 2>, View<float, 3>,
                                      const GeometricMambaSaved<float>&, View<float, 2>);
template void geometric_mamba_forward(const GeometricMambaShape&,
                                      const GeometricMambaParameters<const double>&,
                                      View<const double, 2>, View<double, 3>,
                                      const GeometricMambaSaved<double>&, View<double, 2>);
template GeometricMambaSaved<float> take_products(const GeometricMambaShape&, Arena&);
template GeometricMambaSaved<double> take_products(const GeometricMambaShape&, Arena&);
template void geometric_mamba_restore(const GeometricMambaShape&,
                                      const GeometricMambaParameters<const float>&,
                                      View<const float, 2>, const GeometricMambaSaved<float>&);
template void geometric_mamba_restore(const GeometricMambaShape&,
                                      const GeometricMambaParameters<const double>&,
                                      View<const double, 2>, const GeometricMambaSaved<double>&);
template void geometric_mamba_backward(const GeometricMambaShape&,
                                       const GeometricMambaParameters<const float>&,
                                       View<const float, 2>, const GeometricMambaSaved<float>&,
                                       View<const float, 2>, View<float, 2>,
                                       const GeometricMambaParameters<float>&, Arena&);
template void geometric_mamba_backward(const GeometricMambaShape&,
                                       const GeometricMambaParameters<const double>&,
                                       View<const double, 2>, const GeometricMambaSaved<double>&,
                                       View<const double, 2>, View<double, 2>,
                                       const GeometricMambaParameters<double>&, Arena&);
template void geometric_mamba_initial_state(const MixerConfig&, View<const float, 2>,
                                            View<float, 3>);
template void geometric_mamba_initial_state(const MixerConfig&, View<const double, 2>,
                                            View<double, 3>);
template std::unique_ptr<Layer<float>> geometric_mamba_layer(const ModelConfig&, const std::string&,
                                                             Layout&);
template std::unique_ptr<Layer<double>> geometric_mamba_layer(const ModelConfig&,
                                                              const std::string&, Layout&);

}  // namespace lior::nn
