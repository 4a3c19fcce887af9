// SPDX-License-Identifier: Apache-2.0
// Whole models: a training step, a step that computes blocks again, a generated token.
#include <cmath>
#include <vector>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/ci8_scan.h"
#include "lior/train/checkpoint.h"

namespace lior::check {
namespace {

using linalg::MatrixView;
using linalg::Transpose;
using nn::Keep;
using nn::Model;

nn::ModelConfig model_config(const char* preset) {
  nn::ModelConfig config = train::preset_config(preset).model;
  config.vocabulary = config.classes = 256;
  return config;
}

/// Start values, and away from them: a read-out of zeros would hide what stands before it.
template <class T>
void fill_values(Model<T>& model) {
  model.initialize(1);
  Random random(2);
  for (T& value : model.values()) value += static_cast<T>(0.01 * random.normal());
}

Array<std::int32_t, 2> random_tokens(Index batch, Index length, std::uint64_t seed) {
  Array<std::int32_t, 2> tokens({batch, length});
  Random random(seed);
  for (std::int32_t& token : tokens.span()) token = static_cast<std::int32_t>(random.below(256));
  return tokens;
}

/// A weight W [out, in] that rows are multiplied by.
struct Weight {
  Index offset, out, in;
};

std::vector<Weight> weights_of(const Model<float>& model) {
  std::vector<Weight> weights;
  for (const nn::Parameter& p : model.parameters()) {
    if (!p.decay || p.name == "embedding.weight") continue;
    weights.push_back({p.offset, p.shape[0], p.shape[1]});
  }
  return weights;
}

/// Operations of y = x W^T for so many rows.
double product_flops(const Model<float>& model, Index rows) {
  double sum = 0;
  for (const Weight& w : weights_of(model)) sum += 2.0 * rows * w.out * w.in;
  return sum;
}

/// The matrix products of a model with R rows: for each weight y = x W^T and, for a training step,
/// dW = dy^T x and dx = dy W. The weights are the model's, so that the caches hold one copy of them
/// for both sides of a row.
class Products {
 public:
  Products(Model<float>& model, Index rows)
      : rows_(rows),
        weights_(weights_of(model)),
        values_(model.values()),
        gradients_(static_cast<Index>(values_.size())) {
    Index widest = 1;
    for (const Weight& w : weights_) widest = std::max({widest, w.out, w.in});
    x_ = Buffer<float>(rows * widest);
    y_ = Buffer<float>(rows * widest);
    dx_ = Buffer<float>(rows * widest);
    Random(4).fill_normal(x_.span());
  }

  void run(bool backward) {
    for (const Weight& w : weights_) {
      const MatrixView<float> x(x_.data(), rows_, w.in), y(y_.data(), rows_, w.out);
      const MatrixView<float> weight(values_.data() + w.offset, w.out, w.in);
      linalg::gemm<float>(Transpose::no, Transpose::yes, 1, x, weight, 0, y);
      if (!backward) continue;
      const MatrixView<float> d_weight(gradients_.data() + w.offset, w.out, w.in);
      const MatrixView<float> dx(dx_.data(), rows_, w.in);
      linalg::gemm<float>(Transpose::yes, Transpose::no, 1, y, x, 0, d_weight);
      linalg::gemm<float>(Transpose::no, Transpose::no, 1, y, weight, 0, dx);
    }
  }

 private:
  Index rows_;
  std::vector<Weight> weights_;
  std::span<float> values_;
  Buffer<float> gradients_, x_, y_, dx_;
};

/// Forward, backward, norm, clip and update of a model on one batch.
struct Training {
  Training(const nn::ModelConfig& config, Index batch, Index length)
      : model(config),
        optimizer({}, train::tensors_of(model.parameters())),
        tokens(random_tokens(batch, length, 6)),
        targets(random_tokens(batch, length, 7)),
        arena(model.training_bytes(batch, length)) {
    fill_values(model);
  }

  void gradients() {
    arena.reset();
    model.loss_and_gradients(tokens.view(), targets.view(), arena);
  }
  void step() {
    gradients();
    const double norm = optimizer.measure(model.gradients());
    optimizer.step(1e-4, 1 / std::max(norm, 1.0), model.values(), model.gradients());
  }

  Model<float> model;
  train::Optimizer<float> optimizer;
  Array<std::int32_t, 2> tokens, targets;
  Arena arena;
};

/// Gradients in float against those in double, whose every op `lior verify` proves, on a piece.
double gradient_rounding(const nn::ModelConfig& config) {
  const Shape<2> piece{2, 24};
  const auto tokens = random_tokens(piece[0], piece[1], 8);
  const auto targets = random_tokens(piece[0], piece[1], 9);
  Model<float> single(config);
  Model<double> exact(config);
  fill_values(single);
  std::copy(single.values().begin(), single.values().end(), exact.values().begin());
  Arena single_arena(single.training_bytes(piece[0], piece[1]));
  Arena exact_arena(exact.training_bytes(piece[0], piece[1]));
  single.loss_and_gradients(tokens.view(), targets.view(), single_arena);
  exact.loss_and_gradients(tokens.view(), targets.view(), exact_arena);
  return relative_difference(single.gradients(), exact.gradients());
}

// Sums of some hundred products, ten in a row, relative to the largest gradient.
constexpr double kModelTolerance = 1e-4;

/// before: the step's matrix products alone. after: the step.
Bench step_bench(const char* preset, Index batch, Index length) {
  const nn::ModelConfig config = model_config(preset);
  const double flops = product_flops(Model<float>::planner(config), batch * length);
  const nn::ScanShape scan{batch, length, config.mixer};
  return {.name = fmt::format("training_step.{}", preset),
          .shape = fmt::format("B={} N={} D={} L={}", batch, length, config.d_model, config.layers),
          .dtype = "f32",
          .flops = 3 * flops + 5 * static_cast<double>(config.layers) * scan.turn_flops(),
          .prepare = [=] {
            const auto training = std::make_shared<Training>(config, batch, length);
            const auto products = std::make_shared<Products>(training->model, batch * length);
            return BenchRun{.before = [=] { products->run(true); },
                            .after = [=] { training->step(); },
                            .error = [=] { return gradient_rounding(config); },
                            .tolerance = kModelTolerance};
          }};
}

/// |g_bf16 - g| / |g| of the gradients on a piece. It grows with the length: a state carries what
/// every step rounds alike (docs/decisions/043-bf16.md).
double bfloat16_rounding(const nn::ModelConfig& config) {
  Training whole(config, 2, 24), rounded(config, 2, 24);
  rounded.model.set_precision(linalg::Precision::bfloat16);
  whole.gradients();
  rounded.gradients();
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < whole.model.gradients().size(); ++i) {
    const double g = whole.model.gradients()[i];
    error += std::pow(rounded.model.gradients()[i] - g, 2);
    norm += g * g;
  }
  return std::sqrt(error / norm);
}

/// before: the step in float. after: with the layers' products in bf16, where that is native.
Bench bfloat16_bench(const char* preset, Index batch, Index length) {
  constexpr double kTolerance = 0.1;  // 2^-9 a factor, some twenty products one after the other
  const nn::ModelConfig config = model_config(preset);
  return {.name = fmt::format("training_step.{}.bf16_beside_f32", preset),
          .shape = fmt::format("B={} N={} D={} L={}", batch, length, config.d_model, config.layers),
          .dtype = "bf16",
          .flops = 3 * product_flops(Model<float>::planner(config), batch * length),
          .arithmetic = Arithmetic::fma_bf16,
          .prepare = [=] {
            const auto whole = std::make_shared<Training>(config, batch, length);
            const auto rounded = std::make_shared<Training>(config, batch, length);
            rounded->model.set_precision(linalg::Precision::bfloat16);
            return BenchRun{.before = [=] { whole->step(); },
                            .after = [=] { rounded->step(); },
                            .error = [=] { return bfloat16_rounding(config); },
                            .tolerance = kTolerance};
          }};
}

/// before: everything kept. after: every block keeps less. Gradients must be equal in every bit.
Bench checkpointing_bench(const char* name, Keep keep) {
  constexpr Index kBatch = 4, kLength = 256;
  nn::ModelConfig config = model_config("small");
  config.layers = 16;
  const std::vector<Keep> kept(static_cast<std::size_t>(config.layers), keep);
  auto planner = Model<float>::planner(config);
  const auto whole = static_cast<double>(planner.training_bytes(kBatch, kLength));
  planner.set_kept(kept);
  const auto less = static_cast<double>(planner.training_bytes(kBatch, kLength));
  return {
      .name = fmt::format("checkpointing.{}", name),
      .shape =
          fmt::format("B={} N={} L={} mem {:.3f}", kBatch, kLength, config.layers, less / whole),
      .dtype = "f32",
      .flops = 3 * product_flops(planner, kBatch * kLength),
      .prepare = [=] {
        const auto before = std::make_shared<Training>(config, kBatch, kLength);
        const auto after = std::make_shared<Training>(config, kBatch, kLength);
        after->model.set_kept(kept);
        return BenchRun{
            .before = [=] { before->gradients(); },
            .after = [=] { after->gradients(); },
            .error =
                [=] { return max_difference(after->model.gradients(), before->model.gradients()); },
            .tolerance = 0};
      }};
}

/// One sequence that goes on, token by token.
struct Streaming {
  explicit Streaming(const nn::ModelConfig& config)
      : model(config),
        tokens(random_tokens(1, 32, 6)),
        state({1, model.state_size()}),
        scores({1, config.classes}),
        arena(model.inference_bytes(1, tokens.size())) {
    fill_values(model);
    model.initial_state(state.view());
  }

  void read(View<const std::int32_t, 2> part) {
    arena.reset();
    model.logits(part, state.view(), scores.view(), arena);
  }
  void next() {
    const Index n = position++ % tokens.size();
    read({tokens.data() + n, {1, 1}});
  }
  /// Scores after all tokens one by one, and at once.
  double error() {
    model.initial_state(state.view());
    for (position = 0; position < tokens.size();) next();
    Array<float, 2> one_by_one(scores.shape());
    std::copy(scores.span().begin(), scores.span().end(), one_by_one.data());
    model.initial_state(state.view());
    read(tokens.view());
    return relative_difference(one_by_one.span(), scores.span());
  }

  Model<float> model;
  Array<std::int32_t, 2> tokens;
  Array<float, 2> state, scores;
  Arena arena;
  Index position = 0;
};

/// before: the token's matrix products alone. after: the token. Weights must be read once.
Bench generation_bench(const char* preset) {
  const nn::ModelConfig config = model_config(preset);
  const double flops = product_flops(Model<float>::planner(config), 1);
  return {.name = fmt::format("generation.{}", preset),
          .shape = fmt::format("B=1 N=1 D={} L={}", config.d_model, config.layers),
          .dtype = "f32",
          .flops = flops,
          .bytes = flops / 2 * sizeof(float),
          .traffic = Traffic::read,
          .prepare = [=] {
            const auto stream = std::make_shared<Streaming>(config);
            const auto products = std::make_shared<Products>(stream->model, 1);
            return BenchRun{.before = [=] { products->run(false); },
                            .after = [=] { stream->next(); },
                            .error = [=] { return stream->error(); },
                            .tolerance = kModelTolerance};
          }};
}

/// A sequence of a model without gates that goes on for very long, in calls of `window` tokens.
struct LongRun {
  static constexpr Index kTokens = 4096;

  explicit LongRun(const nn::ModelConfig& config)
      : model(config),
        tokens(random_tokens(1, kTokens, 7)),
        state({1, model.state_size()}),
        scores({1, config.classes}),
        arena(model.inference_bytes(1, kTokens)) {
    model.initialize(1);
    model.initial_state(state.view());
  }

  void read(Index window) {
    for (Index begin = 0; begin < kTokens; begin += window) {
      arena.reset();
      model.logits({tokens.data() + begin, {1, window}}, state.view(), scores.view(), arena);
    }
  }
  /// How far the square of the state's length is from that of a unit state a head, after 2^18
  /// tokens.
  double drift() {
    for (int i = 0; i < 64; ++i) read(kTokens);
    double square = 0;
    for (const float x : state.span()) square += static_cast<double>(x) * x;
    return std::abs(square / static_cast<double>(model.config().mixer.heads) - 1);
  }

  Model<float> model;
  Array<std::int32_t, 2> tokens;
  Array<float, 2> state, scores;
  Arena arena;
};

/// before: 4,096 tokens in one call. after: in sixteen, each of which gives its states the length
/// again that they had.
Bench long_run_bench() {
  constexpr double kDrift = 1e-4;  // without that 1e-3 or more
  return {.name = "long_run.tracking",
          .shape = fmt::format("B=1 N={}", LongRun::kTokens),
          .dtype = "f32",
          .prepare = [=] {
            const auto run = std::make_shared<LongRun>(model_config("tracking"));
            return BenchRun{.before = [=] { run->read(LongRun::kTokens); },
                            .after = [=] { run->read(LongRun::kTokens / 16); },
                            .error = [=] { return run->drift(); },
                            .tolerance = kDrift};
          }};
}

}  // namespace

void add_model_benches(Registry& registry) {
  registry.benches.push_back(step_bench("small", 16, 256));
  registry.benches.push_back(step_bench("tiny", 24, 64));
  if (linalg::bf16_is_native()) registry.benches.push_back(bfloat16_bench("small", 16, 256));
  registry.benches.push_back(checkpointing_bench("products", Keep::products));
  registry.benches.push_back(checkpointing_bench("input", Keep::input));
  registry.benches.push_back(generation_bench("tiny"));
  registry.benches.push_back(generation_bench("small"));
  registry.benches.push_back(long_run_bench());
}

}  // namespace lior::check
