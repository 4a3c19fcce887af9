// SPDX-License-Identifier: Apache-2.0
// An optimiser's step over 10 M parameters in 60 tensors: memory is its limit.
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/train/optimizer.h"

namespace lior::check {
namespace {

using train::OptimizerKind;

constexpr Index kTensors = 60, kTensorSize = 166667;  // 10,000,020 parameters

struct Data {
  std::vector<train::Tensor> tensors;
  Buffer<float> plain, fast, gradients, first, second;
  std::optional<train::Optimizer<float>> optimizer;

  explicit Data(const train::OptimizerConfig& config)
      : plain(kTensors * kTensorSize),
        fast(plain.size()),
        gradients(plain.size()),
        first(config.kind == OptimizerKind::adamw ? plain.size() : 0),
        second(first.size()) {
    for (Index i = 0; i < kTensors; ++i) {
      tensors.push_back({.offset = i * kTensorSize, .size = kTensorSize, .decay = true});
    }
    Random(31).fill_normal(plain.span());
    Random(32).fill_normal(gradients.span());
    std::copy(plain.begin(), plain.end(), fast.begin());
    optimizer.emplace(config, tensors);
  }
};

/// before: the plain text of the formula, tensor by tensor. after: both sweeps.
Bench optimizer_bench(const std::string& name, const train::OptimizerConfig& config,
                      double bytes_a_parameter, double flops_a_parameter) {
  const double size = static_cast<double>(kTensors * kTensorSize);
  return {.name = "optimizer." + name,
          .shape = to_string(Shape<2>{kTensors, kTensorSize}),
          .dtype = "f32",
          .flops = flops_a_parameter * size,
          .bytes = bytes_a_parameter * size,
          .arithmetic = Arithmetic::fma_f32,
          .traffic = Traffic::triad,
          .prepare = [=] {
            constexpr double kRate = 1e-4;
            auto data = std::make_shared<Data>(config);
            auto plain_steps = std::make_shared<Index>(0);
            return BenchRun{
                .before =
                    [=] {
                      ++*plain_steps;
                      for (const train::Tensor& tensor : data->tensors) {
                        const auto part = [&](Buffer<float>& flat) {
                          return flat.span().subspan(tensor.offset, tensor.size);
                        };
                        if (config.kind == OptimizerKind::adamw) {
                          train::reference::adamw_step<float>(
                              config, true, kRate, *plain_steps, part(data->plain),
                              part(data->gradients), part(data->first), part(data->second));
                        } else {
                          train::reference::lior_step<float>(config, {}, kRate, part(data->plain),
                                                             part(data->gradients), {});
                        }
                      }
                    },
                .after =
                    [=] {
                      data->optimizer->measure(data->gradients.span());
                      data->optimizer->step(kRate, 1, data->fast.span(), data->gradients.span());
                    },
                .error = [=] { return relative_difference(data->fast.span(), data->plain.span()); },
                .tolerance = 1e-6};
          }};
}

}  // namespace

void add_train_benches(Registry& registry) {
  // g; g, p in and p out: 16 bytes. With two moments in and out: 32.
  registry.benches.push_back(optimizer_bench("lior_step", {.kind = OptimizerKind::lior}, 16, 4));
  registry.benches.push_back(optimizer_bench("adamw_step", {.kind = OptimizerKind::adamw}, 32, 14));
}

}  // namespace lior::check
