// The memory of a sequence, beside the FFT and beside itself; the field's memory, beside a stored
// history.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/memory/causal_convolution.h"
#include "lior/memory/fractional.h"

namespace lior::check {
namespace {

using memory::CausalConvolution;
using memory::MemoryPlan;

constexpr double kRuleTolerance = 1e-4;

/// The plan by FFT beside the automatic one.
Bench convolution_bench(Index batch, Index length, Index channels) {
  const Shape<4> shape{batch, length, 1, channels};
  const auto rule = std::make_shared<memory::PowerLawRule>(kRuleTolerance, 65536);
  const double outputs = static_cast<double>(element_count(shape));
  // Per output: a row of the chunk's product on average (16 / 2 inputs and every pole's state), and
  // every pole's update.
  const double multiply_adds = 8 + 2.0 * (rule->poles() + 3);
  return {
      .name = "causal_convolution.automatic",
      .shape = to_string(shape),
      .dtype = "f32",
      .flops = 2 * multiply_adds * outputs,
      .bytes = 8 * outputs,
      .arithmetic = Arithmetic::fma_f32,
      .traffic = Traffic::triad,
      .prepare = [=] {
        struct Data {
          CausalConvolution<float> memory;
          Array<float, 4> x, by_fft, fast;
          Arena workspace;
        };
        Arena planner = Arena::planner();
        auto data = std::make_shared<Data>(CausalConvolution<float>(1, *rule),
                                           Array<float, 4>(shape), Array<float, 4>(shape),
                                           Array<float, 4>(shape), Arena::planner());
        data->memory.forward(data->x.view(), data->by_fft.view(), planner, MemoryPlan::fft);
        data->workspace = Arena(planner.peak() + kAlignment);
        Random(31).fill_normal(data->x.span());
        return BenchRun{
            .before =
                [=] {
                  data->memory.forward(data->x.view(), data->by_fft.view(), data->workspace,
                                       MemoryPlan::fft);
                },
            .after =
                [=] { data->memory.forward(data->x.view(), data->fast.view(), data->workspace); },
            .error = [=] { return relative_difference(data->fast.span(), data->by_fft.span()); },
            .tolerance = 2 * kRuleTolerance};  // the rule's share of the kernel's absolute sum
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

/// The fractional integral of 64 x 64 complex numbers after 4,096 steps: the sum over all of them,
/// beside the poles.
Bench fractional_bench() {
  constexpr Index kFunctions = 2 * 64 * 64, kPast = 4096;
  constexpr double kAlpha = 0.5, kDt = 0.01;
  const auto rule =
      std::make_shared<memory::PowerLawRule>(kRuleTolerance, kPast + 64, 1 - kAlpha, 1 - kAlpha);
  const double states = static_cast<double>(rule->poles()) * kFunctions;
  return {.name = "fractional.step",
          .shape = fmt::format("[64, 64] complex, 4,096 past steps, {} poles", rule->poles()),
          .dtype = "f64",
          .threads = 1,
          .flops = 8 * states,
          .bytes = 16 * states + 40.0 * kFunctions,
          .arithmetic = Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = [=] {
            struct Data {
              memory::FractionalIntegral<double> fast;
              Array<double, 2> history;
              Buffer<double> weights, by_sum, by_poles;
            };
            auto data =
                std::make_shared<Data>(Data{.fast = {kAlpha, kDt, *rule, kFunctions},
                                            .history = Array<double, 2>({kPast + 1, kFunctions}),
                                            .weights = Buffer<double>(kPast + 1),
                                            .by_sum = Buffer<double>(kFunctions),
                                            .by_poles = Buffer<double>(kFunctions)});
            Random(32).fill_uniform(data->history.span(), 0, 1);
            data->fast.start(data->history.view()[0].span());
            for (Index n = 1; n < kPast; ++n) data->fast.accept(data->history.view()[n].span());
            // The integral of an impulse at each sample is that sample's weight.
            Buffer<double> impulse(kPast + 1), response(kPast + 1);
            impulse[1] = 1;
            memory::product_trapezoid(kAlpha, kDt, impulse.span(), response.span());
            for (Index n = 1; n <= kPast; ++n) data->weights[n] = response[kPast + 1 - n];
            impulse[1] = 0, impulse[0] = 1;
            memory::product_trapezoid(kAlpha, kDt, impulse.span(), response.span());
            data->weights[0] = response[kPast];
            // What a step does, without letting the poles run away from the history.
            auto scratch = std::make_shared<memory::FractionalIntegral<double>>(kAlpha, kDt, *rule,
                                                                                kFunctions);
            scratch->start(data->history.view()[0].span());
            return BenchRun{
                .before =
                    [=] {
                      std::fill(data->by_sum.begin(), data->by_sum.end(), 0.0);
                      for (Index n = 0; n <= kPast; ++n) {
                        const double w = data->weights[n];
                        const double* f = &data->history(n, 0);
                        for (Index i = 0; i < kFunctions; ++i) data->by_sum[i] += w * f[i];
                      }
                    },
                .after =
                    [=] {
                      const auto now = data->history.view()[kPast].span();
                      const auto tail = data->fast.tail();
                      for (Index i = 0; i < kFunctions; ++i) {
                        data->by_poles[i] = tail[static_cast<std::size_t>(i)] +
                                            data->fast.weight() * now[static_cast<std::size_t>(i)];
                      }
                      scratch->accept(now);
                    },
                .error =
                    [=] { return relative_difference(data->by_poles.span(), data->by_sum.span()); },
                .tolerance = kRuleTolerance};
          }};
}

}  // namespace

void add_memory_benches(Registry& registry) {
  registry.benches.push_back(convolution_bench(8, 4096, 256));
  registry.benches.push_back(convolution_bench(1, 65536, 256));
  // Growth with the length, four sizes.
  for (const Index length : {1024, 4096, 16384, 65536}) {
    registry.benches.push_back(convolution_bench(1, length, 64));
  }
  registry.benches.push_back(streaming_bench());
  registry.benches.push_back(fractional_bench());
}

}  // namespace lior::check
