#include "lior/nn/swiglu_mlp.h"

#include "lior/core/profile.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/activation.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "nn/layer.h"

namespace lior::nn {

using linalg::MatrixView;
using linalg::Transpose;

template <class T>
SwigluMlpSaved<T> take_saved(Index rows, Index d_model, Index hidden, Arena& arena) {
  return {.ab = arena.take<T, 2>({rows, 2 * hidden}),
          .inv_rms = arena.take<T, 1>({rows}).span(),
          .v = arena.take<T, 2>({rows, d_model}),
          .hidden = arena.take<T, 2>({rows, hidden})};
}

template <class T>
void swiglu_mlp_forward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                        const SwigluMlpSaved<T>& saved, View<T, 2> out) {
  const ProfiledOp op("SwiGLU");
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  linear_forward<T>(saved.v, parameters.in_weight, {}, saved.ab);
  swiglu_forward<T>(saved.ab, saved.hidden);
  if (out.empty()) return;
  std::copy(x.begin(), x.end(), out.begin());
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.hidden, parameters.out_weight, 1,
                  MatrixView<T>(out));
}

template <class T>
void swiglu_mlp_restore(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                        const SwigluMlpSaved<T>& saved) {
  const ProfiledOp op("SwiGLU");
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  swiglu_forward<T>(saved.ab, saved.hidden);
}

template <class T>
void swiglu_mlp_backward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                         const SwigluMlpSaved<T>& saved, View<const T, 2> d_out, View<T, 2> dx,
                         const SwigluMlpParameters<T>& d_parameters, Arena& arena) {
  const ProfiledOp op("SwiGLU");
  const Arena::Scope scope(arena);
  const auto d_hidden = arena.take<T, 2>(saved.hidden.shape());
  const auto d_ab = arena.take<T, 2>(saved.ab.shape());
  const auto d_v = arena.take<T, 2>(saved.v.shape());
  const bool run = !arena.planning();

  linear_backward<T>(saved.hidden, parameters.out_weight, d_out, Store::write, d_hidden,
                     d_parameters.out_weight, {}, arena);
  if (run) swiglu_backward<T>(saved.ab, d_hidden, d_ab);
  linear_backward<T>(saved.v, parameters.in_weight, d_ab, Store::write, d_v, d_parameters.in_weight,
                     {}, arena);
  if (run && dx.data() != d_out.data()) std::copy(d_out.begin(), d_out.end(), dx.begin());
  rms_norm_backward<T>(x, parameters.norm_gain, saved.inv_rms, d_v, Store::add, dx,
                       d_parameters.norm_gain, arena);
}

namespace {

template <class T>
class SwigluMlpLayer final : public Layer<T> {
 public:
  SwigluMlpLayer(const ModelConfig& config, const std::string& prefix, Layout& layout)
      : d_model_(config.d_model), hidden_(config.mlp_hidden), out_gain_(residual_gain(config)) {
    norm_ = layout.add(prefix + "norm.weight", {d_model_});
    in_weight_ = layout.add(prefix + "in.weight", {2 * hidden_, d_model_}, true);
    out_weight_ = layout.add(prefix + "out.weight", {d_model_, hidden_}, true);
  }

  void initialize(Initializer<T>& initializer) const override {
    initializer.fill(norm_, 1);
    initializer.fill_matrix(in_weight_);
    initializer.fill_matrix(out_weight_, out_gain_);
  }

  void forward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               std::optional<MatrixView<T>>, View<T, 2> out, Arena& arena) const override {
    const auto saved = take_saved<T>(sequences.rows(), d_model_, hidden_, arena);
    if (!arena.planning()) swiglu_mlp_forward<T>(parameters(values), x, saved, out);
  }

  std::size_t kept_bytes(const Sequences& sequences) const override {
    Arena planner = Arena::planner();
    planner.take<T, 2>({sequences.rows(), 2 * hidden_});
    return planner.used();
  }

  void restore(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
               Arena& arena) const override {
    const auto saved = take_saved<T>(sequences.rows(), d_model_, hidden_, arena);
    if (!arena.planning()) swiglu_mlp_restore<T>(parameters(values), x, saved);
  }

  void backward(const Sequences& sequences, std::span<const T> values, View<const T, 2> x,
                View<T, 2> dx, std::span<T> d_values, Arena& arena) const override {
    const auto saved = take_saved<T>(sequences.rows(), d_model_, hidden_, arena);
    swiglu_mlp_backward<T>(parameters(values), x, saved, dx, dx, parameters(d_values), arena);
  }

 private:
  template <class U>
  SwigluMlpParameters<U> parameters(std::span<U> flat) const {
    return {.norm_gain = norm_.vector_in(flat),
            .in_weight = in_weight_.in(flat),
            .out_weight = out_weight_.in(flat)};
  }

  Index d_model_, hidden_;
  double out_gain_;
  Slot norm_, in_weight_, out_weight_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> swiglu_mlp_layer(const ModelConfig& config, const std::string& prefix,
                                           Layout& layout) {
  return std::make_unique<SwigluMlpLayer<T>>(config, prefix, layout);
}

template SwigluMlpSaved<float> take_saved(Index, Index, Index, Arena&);
template SwigluMlpSaved<double> take_saved(Index, Index, Index, Arena&);
template void swiglu_mlp_forward(const SwigluMlpParameters<const float>&, View<const float, 2>,
                                 const SwigluMlpSaved<float>&, View<float, 2>);
template void swiglu_mlp_forward(const SwigluMlpParameters<const double>&, View<const double, 2>,
                                 const SwigluMlpSaved<double>&, View<double, 2>);
template void swiglu_mlp_restore(const SwigluMlpParameters<const float>&, View<const float, 2>,
                                 const SwigluMlpSaved<float>&);
template void swiglu_mlp_restore(const SwigluMlpParameters<const double>&, View<const double, 2>,
                                 const SwigluMlpSaved<double>&);
template void swiglu_mlp_backward(const SwigluMlpParameters<const float>&, View<const float, 2>,
                                  const SwigluMlpSaved<float>&, View<const float, 2>,
                                  View<float, 2>, const SwigluMlpParameters<float>&, Arena&);
template void swiglu_mlp_backward(const SwigluMlpParameters<const double>&, View<const double, 2>,
                                  const SwigluMlpSaved<double>&, View<const double, 2>,
                                  View<double, 2>, const SwigluMlpParameters<double>&, Arena&);
template std::unique_ptr<Layer<float>> swiglu_mlp_layer(const ModelConfig&, const std::string&,
                                                        Layout&);
template std::unique_ptr<Layer<double>> swiglu_mlp_layer(const ModelConfig&, const std::string&,
                                                         Layout&);

}  // namespace lior::nn
