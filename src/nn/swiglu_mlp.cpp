#include "lior/nn/swiglu_mlp.h"

#include "lior/linalg/gemm.h"
#include "lior/nn/activation.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"

namespace lior::nn {

using linalg::MatrixView;
using linalg::Transpose;

template <class T>
SwigluMlpSaved<T> take_saved(Index rows, Index d_model, Index hidden, Arena& arena) {
  return {.inv_rms = arena.take<T, 1>({rows}).span(),
          .v = arena.take<T, 2>({rows, d_model}),
          .ab = arena.take<T, 2>({rows, 2 * hidden}),
          .hidden = arena.take<T, 2>({rows, hidden})};
}

template <class T>
void swiglu_mlp_forward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                        const SwigluMlpSaved<T>& saved, View<T, 2> out) {
  rms_norm_forward<T>(x, parameters.norm_gain, kRmsNormEpsilon, saved.v, saved.inv_rms);
  linear_forward<T>(saved.v, parameters.in_weight, {}, saved.ab);
  swiglu_forward<T>(saved.ab, saved.hidden);
  std::copy(x.begin(), x.end(), out.begin());
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, saved.hidden, parameters.out_weight, 1,
                  MatrixView<T>(out));
}

template <class T>
void swiglu_mlp_backward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                         const SwigluMlpSaved<T>& saved, View<const T, 2> d_out, View<T, 2> dx,
                         const SwigluMlpParameters<T>& d_parameters, Arena& arena) {
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

template SwigluMlpSaved<float> take_saved(Index, Index, Index, Arena&);
template SwigluMlpSaved<double> take_saved(Index, Index, Index, Arena&);
template void swiglu_mlp_forward(const SwigluMlpParameters<const float>&, View<const float, 2>,
                                 const SwigluMlpSaved<float>&, View<float, 2>);
template void swiglu_mlp_forward(const SwigluMlpParameters<const double>&, View<const double, 2>,
                                 const SwigluMlpSaved<double>&, View<double, 2>);
template void swiglu_mlp_backward(const SwigluMlpParameters<const float>&, View<const float, 2>,
                                  const SwigluMlpSaved<float>&, View<const float, 2>,
                                  View<float, 2>, const SwigluMlpParameters<float>&, Arena&);
template void swiglu_mlp_backward(const SwigluMlpParameters<const double>&, View<const double, 2>,
                                  const SwigluMlpSaved<double>&, View<const double, 2>,
                                  View<double, 2>, const SwigluMlpParameters<double>&, Arena&);

}  // namespace lior::nn
