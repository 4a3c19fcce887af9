// SPDX-License-Identifier: Apache-2.0
// LIoR memory: the kernel and its gradients, sums of exponentials, and closed forms.
#include <cmath>

#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/memory/causal_convolution.h"

namespace lior::check {
namespace {

void add_kernel_checks(Registry& registry) {
  constexpr Index kLags = 40;
  add_checks(registry, {.name = "lior_kernel",
                        .module = "memory",
                        .shape = "12 parameters, 40 lags",
                        .inputs = {{"raw", {memory::kKernelParameters}, normal(0.5)},
                                   {"lag", {kLags}, uniform(0.05, 30), false}},
                        .outputs = {{"kernel", {kLags}}},
                        .reference =
                            []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                              std::array<double, memory::kKernelParameters> raw;
                              for (int p = 0; p < memory::kKernelParameters; ++p)
                                raw[p] = in("raw")[p];
                              const auto k = memory::values(memory::KernelParameters::from(raw));
                              for (Index i = 0; i < kLags; ++i) {
                                out("kernel")[i] = static_cast<T>(memory::kernel(k, in("lag")[i]));
                              }
                            },
                        .forward =
                            []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                              memory::kernel_forward<T>(in("raw"), in("lag"), out("kernel"));
                            },
                        .backward =
                            []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                              memory::kernel_backward<T>(in("raw"), in("lag"), gradient("kernel"),
                                                         d("raw"));
                            }});
}

void add_exponential_sum_checks(Registry& registry) {
  const auto add = [&](std::string name, std::string shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = "exponential_sum." + name,
                               .module = "memory",
                               .dtype = "f64",
                               .shape = std::move(shape),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // On grids that the fit has not seen, with a factor e^{-xi t}.
  for (const auto& [tolerance, horizon] : {std::pair{1e-4, 65536.0}, std::pair{1e-6, 1e6}}) {
    add("power_law", fmt::format("delta=.5 T={}", horizon), tolerance,
        [tolerance = tolerance, horizon = horizon] {
          const auto sum = memory::PowerLawRule(tolerance, horizon, 0.5, 0.5).sum(0.5);
          return memory::largest_relative_error(sum, 0.5, 1, horizon, 10007);
        });
  }
  // The integral of t^-.5 e^-t over [0, 1]; below dt = 1e-8 of it lies 2e-4, exactly 2 sqrt(dt).
  add("integral", "t^-.5 e^-t over [0, 1]", 1e-8, [] {
    constexpr double kStep = 1e-8, kXi = 1, kExact = 1.493648265625;
    const auto sum = memory::PowerLawRule(1e-9, 1 / kStep, 0.5, 0.5).sum(0.5);
    double integral = 2 * std::sqrt(kStep);
    for (int j = 0; j < sum.poles; ++j) {
      const double rate = sum.rate[j] / kStep + kXi;
      const double weight = sum.weight[j] / std::sqrt(kStep);  // (t / dt)^-.5 = t^-.5 sqrt(dt)
      integral += weight * (std::exp(-rate * kStep) - std::exp(-rate)) / rate;
    }
    return std::abs(integral - kExact);
  });
}

/// The sum with kappa from the poles: what the recurrence and its gradients hold exactly.
template <class T>
void sum_of_poles(View<const T, 2> raw, const memory::PowerLawRule& rule, View<const T, 4> x,
                  View<T, 4> y) {
  const auto [batch, length, heads, channels] = x.shape();
  std::vector<double> kappa(static_cast<std::size_t>(length));
  for (Index h = 0; h < heads; ++h) {
    std::array<double, memory::kKernelParameters> parameters;
    std::copy_n(raw[h].begin(), memory::kKernelParameters, parameters.begin());
    const memory::PoleForm form(memory::KernelParameters::from(parameters), rule);
    for (Index k = 0; k < length; ++k) {
      kappa[k] = k == 0 ? form.w0() : 0;
      for (int j = 0; j < form.poles(); ++j) {
        kappa[k] += (form.b(j) * std::exp(-form.s(j) * static_cast<double>(k))).real();
      }
    }
    for (Index b = 0; b < batch; ++b) {
      for (Index n = 0; n < length; ++n) {
        for (Index c = 0; c < channels; ++c) {
          double sum = 0;
          for (Index k = 0; k <= n; ++k) sum += kappa[k] * x(b, n - k, h, c);
          y(b, n, h, c) = static_cast<T>(sum);
        }
      }
    }
  }
}

void add_convolution_checks(Registry& registry, memory::MemoryPlan plan, const char* name) {
  static constexpr Index B = 2, N = 37, H = 2;
  // Channels below, at and across the lanes of every level.
  for (const Index C : {1, 16, 35}) {
    const auto rule = std::make_shared<memory::PowerLawRule>(1e-6, 1000);
    add_checks(
        registry,
        {.name = name,
         .module = "memory",
         .shape = fmt::format("B={} N={} H={} C={}", B, N, H, C),
         .inputs = {{"raw", {H, memory::kKernelParameters}, normal(0.5)}, {"x", {B, N, H, C}}},
         .outputs = {{"y", {B, N, H, C}}},
         .reference = [rule]<class T>(
                          Inputs<T> in, Outputs<T> out,
                          Arena&) { sum_of_poles<T>(in("raw"), *rule, in("x"), out("y")); },
         .forward =
             [rule, plan]<class T>(Inputs<T> in, Outputs<T> out, Arena& workspace) {
               memory::CausalConvolution<T> memory(H, *rule);
               memory.set(in("raw"));
               memory.forward(in("x"), out("y"), workspace, plan);
             },
         .backward =
             [rule, plan]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d,
                                   Arena& workspace) {
               memory::CausalConvolution<T> memory(H, *rule);
               memory.set(in("raw"));
               memory.backward(in("x"), gradient("y"), d("x"), d("raw"), workspace, plan);
             },
         .value_roundings = 64,      // sums over poles of both signs
         .gradient_roundings = 512,  // and over all steps and channels
         .workspace = 1 << 18});
  }
}

}  // namespace

void add_memory_checks(Registry& registry) {
  add_kernel_checks(registry);
  add_exponential_sum_checks(registry);
  // At this length automatic is the direct sum.
  add_convolution_checks(registry, memory::MemoryPlan::automatic, "causal_convolution");
  add_convolution_checks(registry, memory::MemoryPlan::recurrence, "causal_convolution.recurrence");
}

}  // namespace lior::check
