// SPDX-License-Identifier: Apache-2.0
// The memory of a sequence, beside the FFT and beside itself; the field's memory, beside a stored
// history.
#include <algorithm>
#include <cmath>
#include <utility>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/memory/causal_convolution.h"
#include "lior/memory/fractional.h"

namespace lior::check {
namespace {

using memory::CausalConvolution;
using memory::MemoryPlan;

constexpr double kRuleTolerance = 1e-4;

const char* name(MemoryPlan plan) {
  switch (plan) {
    case MemoryPlan::automatic: break;
    case MemoryPlan::direct: return "direct";
    case MemoryPlan::fft: return "fft";
    case MemoryPlan::recurrence: return "recurrence";
  }
  return "automatic";
}

/// Another plan beside the automatic one.
Bench convolution_bench(Index batch, Index length, Index channels, MemoryPlan other) {
  const Shape<4> shape{batch, length, 1, channels};
  const auto rule = std::make_shared<memory::PowerLawRule>(kRuleTolerance, 65536);
  const double outputs = static_cast<double>(element_count(shape));
  // Per output: a row of the chunk's product on average (16 / 2 inputs and every pole's state), and
  // every pole's update; or the direct sum.
  const double multiply_adds =
      std::min(8 + 2.0 * (rule->poles() + 3), 0.5 * static_cast<double>(length + 1));
  return {
      .name = "causal_convolution.automatic",
      .shape = to_string(shape) + ", " + name(other),
      .dtype = "f32",
      .flops = 2 * multiply_adds * outputs,
      .bytes = 8 * outputs,
      .arithmetic = Arithmetic::fma_f32,
      .traffic = Traffic::triad,
      .prepare = [=] {
        struct Data {
          CausalConvolution<float> memory;
          Array<float, 4> x, plain, fast;
          Arena workspace;
        };
        Arena planner = Arena::planner();
        auto data = std::make_shared<Data>(Data{CausalConvolution<float>(1, *rule),
                                                Array<float, 4>(shape), Array<float, 4>(shape),
                                                Array<float, 4>(shape), Arena::planner()});
        data->memory.forward(data->x.view(), data->plain.view(), planner, other);
        data->workspace = Arena(planner.peak() + kAlignment);
        Random(31).fill_normal(data->x.span());
        return BenchRun{
            .before =
                [=] {
                  data->memory.forward(data->x.view(), data->plain.view(), data->workspace, other);
                },
            .after =
                [=] { data->memory.forward(data->x.view(), data->fast.view(), data->workspace); },
            .error = [=] { return relative_difference(data->fast.span(), data->plain.span()); },
            .tolerance = 2 * kRuleTolerance};  // the rule's share of the
                                               // kernel's absolute sum
      }};
}

/// 200 single steps from a state that saw 1,000 inputs, and from one that saw 1,000,000.
Bench streaming_bench() {
  constexpr Index kChannels = 16, kSteps = 200, kEarly = 1000, kBlock = 100000, kBlocks = 10;
  return {.name = "causal_convolution.step",
          .shape = "200 steps of [1, 1, 1, 16], after 1,000,000 beside after 1,000",
          .dtype = "f32",
          .threads = 1,
          .prepare = [] {
            struct Data {
              CausalConvolution<float> memory;
              Array<float, 4> x, y[2];
              Array<double, 4> state[2];
            };
            const memory::PowerLawRule rule(kRuleTolerance, 1e6);
            auto data =
                std::make_shared<Data>(Data{.memory = CausalConvolution<float>(1, rule),
                                            .x = Array<float, 4>({1, kBlock, 1, kChannels}),
                                            .y = {Array<float, 4>({1, kBlock, 1, kChannels}),
                                                  Array<float, 4>({1, kBlock, 1, kChannels})},
                                            .state = {}});
            for (float& value : data->x.span()) value = 1;  // a limit that both are close to
            for (auto& state : data->state) {
              state = Array<double, 4>({1, 1, data->memory.state_rows(), kChannels});
            }
            const auto advance = [data](int run, Index first, Index steps) {
              const Shape<4> part{1, steps, 1, kChannels};
              data->memory.advance(View<const float, 4>(&data->x(0, first, 0, 0), part),
                                   View<float, 4>(&data->y[run](0, first, 0, 0), part),
                                   data->state[run].view());
            };
            advance(0, 0, kEarly);
            for (Index block = 0; block < kBlocks; ++block) advance(1, 0, kBlock);
            const auto steps = [advance](int run) {
              return [=] {
                for (Index n = 0; n < kSteps; ++n) advance(run, n, 1);
              };
            };
            return BenchRun{.before = steps(0),
                            .after = steps(1),
                            .error =
                                [data] {
                                  const auto last = [&](int run) {
                                    return static_cast<double>(data->y[run](0, kSteps - 1, 0, 0));
                                  };
                                  return std::abs(last(0) - last(1));
                                },
                            .tolerance = 1e-3};
          }};
}

constexpr double kAlpha = 0.5;

memory::PowerLawRule fractional_rule(double tolerance, Index past) {
  return {tolerance, static_cast<double>(past + 64), 1 - kAlpha, 1 - kAlpha};
}

/// The fractional integral of 64 x 64 cells of D^2 complex numbers after `past` steps: the sum over
/// all of them, beside the poles.
Bench fractional_bench(Index d, Index past, double tolerance) {
  constexpr double kDt = 0.01;
  const Index functions = 2 * 64 * 64 * d * d;
  const auto rule = std::make_shared<memory::PowerLawRule>(fractional_rule(tolerance, past));
  const double states = static_cast<double>(rule->poles() * functions);
  return {
      .name = "fractional.step",
      .shape = fmt::format("[64, 64, {}, {}], {} past steps, {} poles", d, d, past, rule->poles()),
      .dtype = "f64",
      .flops = 8 * states,
      .bytes = 16 * states + 40.0 * static_cast<double>(functions),
      .arithmetic = Arithmetic::fma_f64,
      .traffic = Traffic::triad,
      .prepare = [=] {
        struct Data {
          memory::FractionalIntegral<double> fast, moving;
          Array<double, 2> history;
          Buffer<double> weights, by_sum, by_poles;
        };
        auto data = std::make_shared<Data>(Data{.fast = {kAlpha, kDt, *rule, functions},
                                                .moving = {kAlpha, kDt, *rule, functions},
                                                .history = Array<double, 2>({past + 1, functions}),
                                                .weights = Buffer<double>(past + 1),
                                                .by_sum = Buffer<double>(functions),
                                                .by_poles = Buffer<double>(functions)});
        // Different in every function and step, and cheap: 4,096 fields of D = 4 are 4 GB.
        for (Index n = 0; n <= past; ++n) {
          for (Index i = 0; i < functions; ++i) {
            data->history(n, i) = static_cast<double>((n * 7919 + i * 104729) % 65537) / 65537;
          }
        }
        data->fast.start(data->history.view()[0].span());
        for (Index n = 1; n < past; ++n) data->fast.accept(data->history.view()[n].span());
        // The steps are taken here as well, so that the poles stay where the history ends.
        data->moving.start(data->history.view()[0].span());
        // The integral of an impulse at each sample is that sample's weight.
        Buffer<double> impulse(past + 1), response(past + 1);
        impulse[1] = 1;
        memory::product_trapezoid(kAlpha, kDt, impulse.span(), response.span());
        for (Index n = 1; n <= past; ++n) data->weights[n] = response[past + 1 - n];
        impulse[1] = 0, impulse[0] = 1;
        memory::product_trapezoid(kAlpha, kDt, impulse.span(), response.span());
        data->weights[0] = response[past];
        return BenchRun{
            .before =
                [=] {
                  parallel_for(functions, 4096, [&](Index begin, Index end, int) {
                    std::fill(&data->by_sum[begin], &data->by_sum[begin] + (end - begin), 0.0);
                    for (Index n = 0; n <= past; ++n) {
                      const double w = data->weights[n];
                      const double* f = &data->history(n, 0);
                      for (Index i = begin; i < end; ++i) data->by_sum[i] += w * f[i];
                    }
                  });
                },
            .after =
                [=] {
                  const auto now = data->history.view()[past].span();
                  const auto tail = data->fast.tail();
                  parallel_for(functions, 4096, [&](Index begin, Index end, int) {
                    for (Index i = begin; i < end; ++i) {
                      const auto at = static_cast<std::size_t>(i);
                      data->by_poles[i] = tail[at] + data->fast.weight() * now[at];
                    }
                  });
                  data->moving.accept(now);
                },
            .error =
                [=] { return relative_difference(data->by_poles.span(), data->by_sum.span()); },
            .tolerance = tolerance};
      }};
}

}  // namespace

void add_memory_benches(Registry& registry) {
  const auto add = [&](Bench row) { registry.benches.push_back(std::move(row)); };
  for (const Index length : {4096, 65536}) add(convolution_bench(8, length, 256, MemoryPlan::fft));
  // Around the length where the direct sum gives way to the recurrence.
  for (const Index length : {4, 32, 96, 160, 256}) {
    for (const MemoryPlan other : {MemoryPlan::direct, MemoryPlan::recurrence}) {
      add(convolution_bench(8, length, 256, other));
    }
  }
  for (const Index length : {1024, 4096, 16384, 65536}) {  // growth with the length
    Bench row = convolution_bench(1, length, 64, MemoryPlan::fft);
    row.variable = "N";
    row.size = static_cast<double>(length);
    row.memory = row.bytes;  // x and y: the recurrence has no workspace that grows
    add(std::move(row));
  }
  add(streaming_bench());
  add(fractional_bench(4, 4096, kRuleTolerance));
  const auto grow = [&](Bench row, const char* variable, Index size, Index poles) {
    row.variable = variable;
    row.size = static_cast<double>(size);
    row.memory = 8.0 * 2 * 64 * 64 * static_cast<double>(poles + 2);  // and f_{n-1}, the tail
    add(std::move(row));
  };
  for (const Index past : {256, 1024, 4096, 16384}) {
    grow(fractional_bench(1, past, kRuleTolerance), "steps", past,
         fractional_rule(kRuleTolerance, past).poles());
  }
  for (const double tolerance : {1e-2, 1e-4, 1e-6, 1e-8}) {
    const Index poles = fractional_rule(tolerance, 1024).poles();
    Bench row = fractional_bench(1, 1024, tolerance);
    row.name = "fractional.poles";
    grow(std::move(row), "poles", poles, poles);
  }
}

}  // namespace lior::check
