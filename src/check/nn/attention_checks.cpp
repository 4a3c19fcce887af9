// SPDX-License-Identifier: Apache-2.0
// Attention in tiles: value, gradients and repeatability of both forms of the score, and what
// follows from the definitions.
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/core/thread_scope.h"
#include "lior/core/worst.h"
#include "lior/nn/tiled_attention.h"

namespace lior::check {
namespace {

using linalg::MatrixView;
using nn::TiledAttentionShape;

template <class T>
MatrixView<T> matrix(const Tensor<T>& tensor) {
  return View<T, 2>(tensor);
}

std::string text(const TiledAttentionShape& s) {
  return fmt::format("B={} N={} H={} E={} F={} W={}", s.batch, s.length, s.heads, s.key_width,
                     s.value_width, s.window);
}

Op dot_op(const std::string& name, const TiledAttentionShape& shape, bool sloped) {
  const Index R = shape.rows(), H = shape.heads;
  const Index E = H * shape.key_width, F = H * shape.value_width;
  Op op{.name = "dot_attention." + name, .module = "nn", .shape = text(shape)};
  op.inputs = {{"q", {R, E}}, {"k", {R, E}}, {"v", {R, F}}};
  if (sloped) op.inputs.push_back({"slopes", {H}, uniform(0.01, 0.5), false});
  op.outputs = {{"out", {R, F}}};
  op.reference = [shape]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::dot_attention_forward<T>(shape, matrix(in("q")), matrix(in("k")),
                                            matrix(in("v")), in.optional("slopes"),
                                            matrix(out("out")));
  };
  const auto forward = [shape]<class T>(Inputs<T> in, View<T, 2> out, Arena& arena) {
    const auto log_sums = arena.take<T, 3>({shape.batch, shape.heads, shape.length});
    nn::dot_attention_forward<T>(shape, matrix(in("q")), matrix(in("k")), matrix(in("v")),
                                 in.optional("slopes"), {}, out, log_sums);
    return log_sums;
  };
  op.forward = [forward]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    forward.template operator()<T>(in, out("out"), arena);
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const auto out = arena.take<T, 2>({R, F});
    const auto log_sums = forward.template operator()<T>(in, out, arena);
    nn::dot_attention_backward<T>(shape, matrix(in("q")), matrix(in("k")), matrix(in("v")),
                                  in.optional("slopes"), out, log_sums, matrix(gradient("out")),
                                  matrix(d("q")), matrix(d("k")), matrix(d("v")));
  };
  op.workspace = 1 << 20;
  return op;
}

Op spinor_op(const std::string& name, const TiledAttentionShape& shape) {
  const Index R = shape.rows(), H = shape.heads;
  const Index E = H * nn::kSpinorWidth, F = H * shape.value_width;
  Op op{.name = "spinor_attention." + name,
        .module = "nn",
        .shape = text(shape),
        .inputs = {{"z", {R, E}, normal(0.7)}, {"v", {R, F}}, {"mix", {H, 4}, normal(0.5, 0.5)}},
        .outputs = {{"out", {R, F}}}};
  op.reference = [shape]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::spinor_attention_forward<T>(shape, matrix(in("z")), matrix(in("v")), in("mix"),
                                               matrix(out("out")));
  };
  const auto forward = [shape]<class T>(Inputs<T> in, View<T, 2> out, Arena& arena) {
    const auto log_sums = arena.take<T, 3>({shape.batch, shape.heads, shape.length});
    nn::spinor_attention_forward<T>(shape, matrix(in("z")), matrix(in("v")), in("mix"), {}, out,
                                    log_sums);
    return log_sums;
  };
  op.forward = [forward]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    forward.template operator()<T>(in, out("out"), arena);
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const auto out = arena.take<T, 2>({R, F});
    const auto log_sums = forward.template operator()<T>(in, out, arena);
    nn::spinor_attention_backward<T>(shape, matrix(in("z")), matrix(in("v")), in("mix"), out,
                                     log_sums, matrix(gradient("out")), matrix(d("z")),
                                     matrix(d("v")), d("mix"), arena);
  };
  op.workspace = 1 << 20;
  op.value_roundings = 64;  // p^2 + w^2 reaches some hundreds, and its rounding is in an exponent
  op.gradient_roundings = 512;
  return op;
}

constexpr TiledAttentionShape kSpinorShape{.batch = 2,
                                           .length = 131,
                                           .heads = 3,
                                           .key_width = nn::kSpinorWidth,
                                           .value_width = 16,
                                           .window = 0};

/// Spinor attention of normal numbers, and a second call of it after some of them changed.
template <class T>
struct Spinors {
  explicit Spinors(const TiledAttentionShape& of)
      : shape(of),
        z({of.rows(), of.heads * of.key_width}),
        v({of.rows(), of.heads * of.value_width}),
        out(v.shape()),
        mix({of.heads, 4}),
        log_sums({of.batch, of.heads, of.length}) {
    Random random(11);
    random.fill_normal(z.span(), 0.7);
    random.fill_normal(v.span());
    random.fill_normal(mix.span());
  }
  void run() { run(shape, 0, {}); }
  /// Rows of one sequence from `first` on, after `state`.
  void run(const TiledAttentionShape& part, Index first, MatrixView<T> state) {
    const auto rows = [&](Array<T, 2>& all) {
      return MatrixView<T>(all.view()).block(first, 0, part.rows(), all.shape()[1]);
    };
    const View<T, 3> sums(log_sums.data(), {part.batch, part.heads, part.length});
    nn::spinor_attention_forward<T>(part, rows(z), rows(v), mix.view(), state, rows(out), sums);
  }

  TiledAttentionShape shape;
  Array<T, 2> z, v, out, mix;
  Array<T, 3> log_sums;
};

/// With v = 1 the output is the sum of a row's weights.
template <class T>
double weight_sum_error() {
  Spinors<T> trial(kSpinorShape);
  std::fill(trial.v.span().begin(), trial.v.span().end(), T(1));
  trial.run();
  double error = 0;
  for (const T sum : trial.out.span()) error = worst_of<double>({error, std::abs(sum - 1.0)});
  return error;
}

/// With z = 0 all weights are equal, and outputs are means of what came.
template <class T>
double mean_error() {
  TiledAttentionShape shape = kSpinorShape;
  shape.batch = shape.heads = 1;
  Spinors<T> trial(shape);
  std::fill(trial.z.span().begin(), trial.z.span().end(), T(0));
  trial.run();
  Array<double, 2> want(trial.out.shape());
  for (Index f = 0; f < shape.value_width; ++f) {
    double sum = 0;
    for (Index n = 0; n < shape.length; ++n) {
      sum += trial.v(n, f);
      want(n, f) = sum / static_cast<double>(n + 1);
    }
  }
  return relative_difference(trial.out.span(), want.span());
}

/// Outputs before a token that changes: entries that differ in a bit, over every token.
double changed_earlier_outputs() {
  TiledAttentionShape shape = kSpinorShape;
  shape.batch = 1;
  Spinors<float> before(shape);
  before.run();
  double changed = 0;
  for (Index n = 1; n < shape.length; ++n) {
    Spinors<float> after(shape);
    for (float& value : after.z.view()[n]) value += 1;
    for (float& value : after.v.view()[n]) value -= 2;
    after.run();
    for (Index i = 0; i < n * after.out.shape()[1]; ++i) {
      changed += std::memcmp(&after.out.data()[i], &before.out.data()[i], sizeof(float)) != 0;
    }
    changed += after.out(n, 0) == before.out(n, 0);  // and the token itself must see it
  }
  return changed;
}

/// Two tokens whose score is the wedge alone: the second one's weights of (first, itself) are
/// e^{w_10} : 1. In the other order of tokens e^{w_01} : 1; the product of both ratios is 1.
double wedge_error() {
  const TiledAttentionShape shape{.batch = 1,
                                  .length = 2,
                                  .heads = 1,
                                  .key_width = nn::kSpinorWidth,
                                  .value_width = 2,
                                  .window = 0};
  Spinors<double> trial(shape);
  const double mix[] = {0, 1, 0, 0}, one_hot[] = {1, 0, 0, 1};
  std::copy(std::begin(mix), std::end(mix), trial.mix.data());
  std::copy(std::begin(one_hot), std::end(one_hot), trial.v.data());
  const auto log_ratio = [&] {
    trial.run();
    return std::log(trial.out(1, 0) / trial.out(1, 1));
  };
  const double forth = log_ratio();
  std::swap_ranges(trial.z.data(), trial.z.data() + 16, trial.z.data() + 16);
  const double back = log_ratio();
  return std::abs(forth) < 0.01 ? NAN : std::abs(forth + back) / std::abs(forth);
}

/// One call against calls of 1, 2, 3, ... tokens with a state, in a window that is passed often.
template <class T>
double streaming_error() {
  TiledAttentionShape shape = kSpinorShape;
  shape.batch = 1;
  shape.window = 20;
  Spinors<T> whole(shape), parts(shape);
  whole.run();
  Array<T, 2> state({1, shape.state_size()});
  Index first = 0;
  for (Index size = 1; first < shape.length; first += size, ++size) {
    TiledAttentionShape part = shape;
    part.length = size = std::min(size, shape.length - first);
    parts.run(part, first, state.view());
  }
  return relative_difference(parts.out.span(), whole.out.span());
}

/// Bytes of stack that `call` touches, with what every thread needs: it runs on a painted one.
double stack_bytes_of(std::function<void()> call) {
  constexpr unsigned char kPaint = 0xA5;
  std::vector<unsigned char> stack(std::size_t{1} << 21, kPaint);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack.data(), stack.size());
  pthread_t thread{};
  const auto run = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  const int failure = pthread_create(&thread, &attributes, run, &call);
  pthread_attr_destroy(&attributes);
  LIOR_CHECK(failure == 0, "no thread on a stack of {} bytes: error {}", stack.size(), failure);
  pthread_join(thread, nullptr);
  const auto untouched =
      std::find_if(stack.begin(), stack.end(), [](unsigned char byte) { return byte != kPaint; });
  return static_cast<double>(stack.end() - untouched);
}

/// Bytes of one worker's stack, of the workspace and of what forward leaves for backward, as a part
/// of the matrix of scores. The heap is not used (tests/train/allocation_test.cpp).
double workspace_fraction(bool spinors) {
  constexpr Index kLength = 8192, kWidth = nn::kSpinorWidth;
  const TiledAttentionShape shape{.batch = 1,
                                  .length = kLength,
                                  .heads = 1,
                                  .key_width = kWidth,
                                  .value_width = kWidth,
                                  .window = 0};
  const auto rows = [] { return Array<float, 2>({kLength, kWidth}); };
  auto q = rows(), k = rows(), v = rows(), d_out = rows();
  Random random(13);
  for (Array<float, 2>* input : {&q, &k, &v, &d_out}) random.fill_normal(input->span(), 0.7);
  auto out = rows(), dq = rows(), dk = rows(), dv = rows();
  for (Array<float, 2>* output : {&out, &dq, &dk, &dv}) random.fill_normal(output->span());
  Array<float, 2> mix({1, 4}), d_mix({1, 4});
  mix(0, 0) = 1;
  const ThreadScope one(1);
  Array<float, 3> log_sums({1, 1, kLength});
  Arena arena = Arena::planner();
  const auto run = [&] {
    if (spinors) {
      nn::spinor_attention_forward<float>(shape, q.view(), v.view(), mix.view(), {}, out.view(),
                                          log_sums.view());
      nn::spinor_attention_backward<float>(shape, q.view(), v.view(), mix.view(), out.view(),
                                           log_sums.view(), d_out.view(), dq.view(), dv.view(),
                                           d_mix.view(), arena);
    } else {
      nn::dot_attention_forward<float>(shape, q.view(), k.view(), v.view(), {}, {}, out.view(),
                                       log_sums.view());
      nn::dot_attention_backward<float>(shape, q.view(), k.view(), v.view(), {}, out.view(),
                                        log_sums.view(), d_out.view(), dq.view(), dk.view(),
                                        dv.view());
    }
  };
  run();  // plans, and lets the library load what it needs once
  arena = Arena(arena.peak());
  const double stack = stack_bytes_of(run);
  const double bytes =
      stack + static_cast<double>(arena.peak()) + static_cast<double>(log_sums.span().size_bytes());
  return bytes / (double(kLength) * double(kLength) * sizeof(float));
}

}  // namespace

void add_nn_attention_checks(Registry& registry) {
  add_checks(
      registry,
      dot_op(
          "plain",
          {.batch = 2, .length = 70, .heads = 3, .key_width = 32, .value_width = 32, .window = 0},
          false));
  add_checks(
      registry,
      dot_op(
          "sloped_window",
          {.batch = 1, .length = 150, .heads = 2, .key_width = 11, .value_width = 21, .window = 40},
          true));
  // Four groups of 128 positions on the way back, whose window reaches over two.
  add_checks(
      registry,
      dot_op(
          "groups",
          {.batch = 1, .length = 400, .heads = 1, .key_width = 8, .value_width = 8, .window = 150},
          false));
  add_checks(registry, spinor_op("plain", kSpinorShape));
  TiledAttentionShape window = kSpinorShape;
  window.batch = 1;
  window.window = 7;
  add_checks(registry, spinor_op("window", window));
  TiledAttentionShape groups = kSpinorShape;
  groups.batch = groups.heads = 1;
  groups.length = 300;
  add_checks(registry, spinor_op("groups", groups));

  const auto add = [&](const char* name, const char* dtype, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = std::string("tiled_attention.") + name,
                               .module = "nn",
                               .dtype = dtype,
                               .shape = text(kSpinorShape),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // A sum of weights, divided by the same sum in another order.
  add("weights_sum_to_one", "f32", 2e-6, weight_sum_error<float>);
  add("weights_sum_to_one", "f64", 4e-15, weight_sum_error<double>);
  add("equal_scores_give_means", "f32", 2e-6, mean_error<float>);
  add("equal_scores_give_means", "f64", 4e-15, mean_error<double>);
  add("causal", "f32", 0, changed_earlier_outputs);
  add("wedge_is_antisymmetric", "f64", 1e-14, wedge_error);
  // Tiles of keys begin elsewhere, so sums run in another order.
  add("streaming_is_batch", "f32", 1e-5, streaming_error<float>);
  add("streaming_is_batch", "f64", 1e-14, streaming_error<double>);
  for (const bool spinors : {false, true}) {
    registry.checks.push_back(
        {.name = spinors ? "spinor_attention.workspace" : "dot_attention.workspace",
         .module = "nn",
         .dtype = "f32",
         .shape = "B=1 N=8192 H=1, of N x N numbers",
         .tolerance = 0.02,
         .error = [spinors] { return workspace_fraction(spinors); }});
  }
}

}  // namespace lior::check
