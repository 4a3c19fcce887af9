// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"
#include "lior/nn/activation.h"
#include "lior/nn/cross_entropy.h"
#include "lior/nn/embedding.h"
#include "lior/nn/layer_norm.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "workspace.h"

namespace lior::python {
namespace {

NumPy linear_forward(const Argument& x, const Argument& weight, const Argument& bias,
                     const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto w = call.in<T>("weight", weight, {'O', 'K'});
    const auto b = call.in_or_none<T>("bias", bias, {'O'});
    const auto y = call.out<T>({'R', 'O'});
    return call.run_watched([&] { nn::linear_forward<T>(input, w, b.span(), y); });
  });
}

Triple linear_backward(const Argument& x, const Argument& weight, const Argument& dy,
                       const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto w = call.in<T>("weight", weight, {'O', 'K'});
    const auto gradient = call.in<T>("dy", dy, {'R', 'O'});
    const auto dx = call.out<T>({'R', 'K'});
    const auto d_weight = call.out<T>({'O', 'K'}, Start::zeros);
    const auto d_bias = call.out<T>({'O'}, Start::zeros);
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::linear_backward<T>(input, w, gradient, nn::Store::write, dx, d_weight, d_bias.span(),
                               arena);
      });
    });
  });
}

NumPy embedding_forward(const Argument& table, const Argument& tokens, const Outputs& out) {
  return for_real("table", table, [&]<class T>() {
    Call call(out);
    const auto rows = call.in<T>("table", table, {'V', 'D'});
    const auto chosen = call.integers("tokens", tokens, {'R'});
    const auto result = call.out<T>({'R', 'D'});
    return call.run_watched([&] { nn::embedding_forward<T>(rows, chosen.span(), result); });
  });
}

NumPy embedding_backward(const Argument& tokens, const Argument& d_out, Index vocabulary,
                         const Outputs& out) {
  LIOR_CHECK(vocabulary >= 0, "vocabulary is {}; expected at least 0", vocabulary);
  return for_real("d_out", d_out, [&]<class T>() {
    Call call(out);
    const auto chosen = call.integers("tokens", tokens, {'R'});
    const auto gradient = call.in<T>("d_out", d_out, {'R', 'D'});
    const auto d_table = call.out<T>({vocabulary, 'D'}, Start::zeros);
    return call.run_watched([&] { nn::embedding_backward<T>(chosen.span(), gradient, d_table); });
  });
}

Pair rms_norm_forward(const Argument& x, const Argument& gain, double epsilon, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto g = call.in<T>("gain", gain, {'K'});
    const auto y = call.out<T>({'R', 'K'});
    const auto inv_rms = call.out<T>({'R'});
    return call.run_watched(
        [&] { nn::rms_norm_forward<T>(input, g.span(), epsilon, y, inv_rms.span()); });
  });
}

Pair rms_norm_backward(const Argument& x, const Argument& gain, const Argument& inv_rms,
                       const Argument& dy, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto g = call.in<T>("gain", gain, {'K'});
    const auto inverse = call.in<T>("inv_rms", inv_rms, {'R'});
    const auto gradient = call.in<T>("dy", dy, {'R', 'K'});
    const auto dx = call.out<T>({'R', 'K'});
    const auto d_gain = call.out<T>({'K'}, Start::zeros);
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::rms_norm_backward<T>(input, g.span(), inverse.span(), gradient, nn::Store::write, dx,
                                 d_gain.span(), arena);
      });
    });
  });
}

Triple layer_norm_forward(const Argument& x, const Argument& gain, const Argument& bias,
                          double epsilon, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto g = call.in<T>("gain", gain, {'K'});
    const auto b = call.in<T>("bias", bias, {'K'});
    const auto y = call.out<T>({'R', 'K'});
    const auto mean = call.out<T>({'R'});
    const auto inv_deviation = call.out<T>({'R'});
    return call.run_watched([&] {
      nn::layer_norm_forward<T>(input, g.span(), b.span(), epsilon, y, mean.span(),
                                inv_deviation.span());
    });
  });
}

Triple layer_norm_backward(const Argument& x, const Argument& gain, const Argument& mean,
                           const Argument& inv_deviation, const Argument& dy, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'R', 'K'});
    const auto g = call.in<T>("gain", gain, {'K'});
    const auto m = call.in<T>("mean", mean, {'R'});
    const auto inverse = call.in<T>("inv_deviation", inv_deviation, {'R'});
    const auto gradient = call.in<T>("dy", dy, {'R', 'K'});
    const auto dx = call.out<T>({'R', 'K'});
    const auto d_gain = call.out<T>({'K'}, Start::zeros);
    const auto d_bias = call.out<T>({'K'}, Start::zeros);
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::layer_norm_backward<T>(input, g.span(), m.span(), inverse.span(), gradient,
                                   nn::Store::write, dx, d_gain.span(), d_bias.span(), arena);
      });
    });
  });
}

NumPy gate_forward(const Argument& p, const Argument& g, const Outputs& out) {
  return for_real("p", p, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto values = call.in<T>("p", p, {'R', 'F'});
    const auto gate = call.in<T>("g", g, {'R', 'F'});
    const auto y = call.out<T>({'R', 'F'});
    return call.run_watched([&] { nn::gate_forward<T>(values, gate, y); });
  });
}

Pair gate_backward(const Argument& p, const Argument& g, const Argument& dy, const Outputs& out) {
  return for_real("p", p, [&]<class T>() {
    Call call(out);
    const auto values = call.in<T>("p", p, {'R', 'F'});
    const auto gate = call.in<T>("g", g, {'R', 'F'});
    const auto gradient = call.in<T>("dy", dy, {'R', 'F'});
    const auto dp = call.out<T>({'R', 'F'});
    const auto dg = call.out<T>({'R', 'F'});
    return call.run_watched([&] { nn::gate_backward<T>(values, gate, gradient, dp, dg); });
  });
}

NumPy gelu_forward(const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto input = call.in<T>("x", x, {'R', 'F'});
    const auto y = call.out<T>({'R', 'F'});
    return call.run_watched([&] { nn::gelu_forward<T>(input, y); });
  });
}

NumPy gelu_backward(const Argument& x, const Argument& dy, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto input = call.in<T>("x", x, {'R', 'F'});
    const auto gradient = call.in<T>("dy", dy, {'R', 'F'});
    const auto dx = call.out<T>({'R', 'F'});
    return call.run_watched([&] { nn::gelu_backward<T>(input, gradient, dx); });
  });
}

NumPy swiglu_forward(const Argument& ab, const Outputs& out) {
  return for_real("ab", ab, [&]<class T>() {
    Call call(out);
    const auto halves = call.in<T>("ab", ab, {'R', 'C'});
    LIOR_CHECK(call['C'] % 2 == 0, "ab has {} columns; expected an even number, a and b",
               call['C']);
    const auto y = call.out<T>({'R', call['C'] / 2});
    return call.run_watched([&] { nn::swiglu_forward<T>(halves, y); });
  });
}

NumPy swiglu_backward(const Argument& ab, const Argument& dy, const Outputs& out) {
  return for_real("dy", dy, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto gradient = call.in<T>("dy", dy, {'R', 'F'});
    const auto halves = call.in<T>("ab", ab, {'R', 2 * call['F']});
    const auto d_ab = call.out<T>({'R', 2 * call['F']});
    return call.run_watched([&] { nn::swiglu_backward<T>(halves, gradient, d_ab); });
  });
}

/// The arrays that both halves of the cross entropy read.
template <class T>
struct Classification {
  nn::Classifier<T> classifier;
  std::span<const std::int32_t> targets;

  Classification(Call& call, const Argument& x, const Argument& weight, const Argument& targets_,
                 const Argument& bias) {
    classifier.x = call.in<T>("x", x, {'R', 'K'});
    classifier.weight = call.in<T>("weight", weight, {'V', 'K'});
    targets = call.integers("targets", targets_, {'R'}).span();
    classifier.bias = call.in_or_none<T>("bias", bias, {'V'}).span();
  }
};

nb::typed<nb::tuple, double, NumPy> cross_entropy_forward(const Argument& x, const Argument& weight,
                                                          const Argument& targets,
                                                          const Argument& bias,
                                                          const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Classification<T> in(call, x, weight, targets, bias);
    const auto predicted = call.out<std::int32_t>({'R'});
    nn::CrossEntropy sums;
    const nb::object result = call.run_watched([&] {
      with_arena([&](Arena& arena) {
        sums = nn::cross_entropy_forward<T>(in.classifier, in.targets, predicted.span(), arena);
      });
    });
    return Result{nb::make_tuple(sums.loss_sum, result)};
  });
}

nb::typed<nb::tuple, double, NumPy, NumPy, NumPy> cross_entropy_backward(
    const Argument& x, const Argument& weight, const Argument& targets, const Argument& bias,
    double scale, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Classification<T> in(call, x, weight, targets, bias);
    const auto dx = call.out<T>({'R', 'K'});
    const auto d_weight = call.out<T>({'V', 'K'}, Start::zeros);
    const auto d_bias = call.out<T>({'V'}, Start::zeros);
    nn::CrossEntropy sums;
    const nb::tuple results = call.run_watched([&] {
      with_arena([&](Arena& arena) {
        sums = nn::cross_entropy_backward<T>(in.classifier, in.targets, {}, scale, nn::Store::write,
                                             dx, d_weight, d_bias.span(), arena);
      });
    });
    return Result{nb::make_tuple(sums.loss_sum, results[0], results[1], results[2])};
  });
}

}  // namespace

void bind_layers(nb::module_& m) {
  m.attr("RMS_NORM_EPSILON") = nn::kRmsNormEpsilon;
  m.attr("LAYER_NORM_EPSILON") = nn::kLayerNormEpsilon;
  m.def("linear_forward", &linear_forward, "x"_a, "weight"_a, "bias"_a.none() = nb::none(),
        nb::kw_only(), "out"_a = nb::none(),
        R"(y = x W^T + b: (R, O) from x (R, K), weight (O, K), bias (O,) or None.

Accuracy: K eps |x| |W|, entry by entry.)");
  m.def("linear_backward", &linear_backward, "x"_a, "weight"_a, "dy"_a, nb::kw_only(),
        "out"_a = nb::none(), "(dx (R, K), d_weight (O, K), d_bias (O,)) from dy: (R, O).");
  m.def(
      "embedding_forward", &embedding_forward, "table"_a, "tokens"_a, nb::kw_only(),
      "out"_a = nb::none(),
      R"(Row tokens[r] of table: (R, D) from table (V, D), tokens (R,) of whole numbers. Error that
names a token outside [0, V).)");
  m.def(
      "embedding_backward", &embedding_backward, "tokens"_a, "d_out"_a, "vocabulary"_a,
      nb::kw_only(), "out"_a = nb::none(),
      R"(d_table (V, D), V = vocabulary: in each row the sum of d_out (R, D) over its tokens, in order.)");
  m.def("rms_norm_forward", &rms_norm_forward, "x"_a, "gain"_a, nb::kw_only(),
        "epsilon"_a = nn::kRmsNormEpsilon, "out"_a = nb::none(),
        "(y (R, K), inv_rms (R,)): y = x gain / sqrt(mean x^2 + epsilon), row by row.");
  m.def("rms_norm_backward", &rms_norm_backward, "x"_a, "gain"_a, "inv_rms"_a, "dy"_a,
        nb::kw_only(), "out"_a = nb::none(), "(dx (R, K), d_gain (K,)).");
  m.def(
      "layer_norm_forward", &layer_norm_forward, "x"_a, "gain"_a, "bias"_a, nb::kw_only(),
      "epsilon"_a = nn::kLayerNormEpsilon, "out"_a = nb::none(),
      R"((y (R, K), mean (R,), inv_deviation (R,)): y = (x - mean) inv_deviation gain + bias, row by row,
inv_deviation = 1 / sqrt(mean (x - mean)^2 + epsilon).

Source: Ba, Kiros, Hinton, arXiv:1607.06450.)");
  m.def("layer_norm_backward", &layer_norm_backward, "x"_a, "gain"_a, "mean"_a, "inv_deviation"_a,
        "dy"_a, nb::kw_only(), "out"_a = nb::none(),
        "(dx (R, K), d_gain (K,), d_bias (K,)) from forward's numbers and dy: (R, K).");
  m.def("gate_forward", &gate_forward, "p"_a, "g"_a, nb::kw_only(), "out"_a = nb::none(),
        "p silu(g): (R, F).");
  m.def("gate_backward", &gate_backward, "p"_a, "g"_a, "dy"_a, nb::kw_only(), "out"_a = nb::none(),
        "(dp, dg): (R, F).");
  m.def("gelu_forward", &gelu_forward, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        "x (1 + erf(x / sqrt 2)) / 2: (R, F).");
  m.def("gelu_backward", &gelu_backward, "x"_a, "dy"_a, nb::kw_only(), "out"_a = nb::none(),
        "dx: (R, F).");
  m.def("swiglu_forward", &swiglu_forward, "ab"_a, nb::kw_only(), "out"_a = nb::none(),
        "silu(a) b: (R, F) of ab: (R, 2 F), a beside b. Source: Shazeer, arXiv:2002.05202.");
  m.def("swiglu_backward", &swiglu_backward, "ab"_a, "dy"_a, nb::kw_only(), "out"_a = nb::none(),
        "d_ab: (R, 2 F) from dy: (R, F).");
  m.def("cross_entropy_forward", &cross_entropy_forward, "x"_a, "weight"_a, "targets"_a,
        "bias"_a.none() = nb::none(), nb::kw_only(), "out"_a = nb::none(),
        R"((loss, predicted (R,) int32) of scores x W^T + b, which never lie in memory at once.

x: (R, K), weight: (V, K), bias: (V,) or None, targets: (R,) in [0, V), or -1 in rows that do not
count. loss: the sum of -ln softmax(scores)[target] over rows that count, nats, in double.
predicted: the class of the largest score, -1 in rows that do not count. Error that names a target
outside.)");
  m.def(
      "cross_entropy_backward", &cross_entropy_backward, "x"_a, "weight"_a, "targets"_a,
      "bias"_a.none() = nb::none(), nb::kw_only(), "scale"_a = 1.0, "out"_a = nb::none(),
      R"((loss, dx (R, K), d_weight (V, K), d_bias (V,)): forward's loss, and the gradients of scale times it.)");
}

}  // namespace lior::python
