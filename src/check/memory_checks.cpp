// LIoR memory: the kernel and its gradients, sums of exponentials, and closed forms.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/memory/exponential_sum.h"
#include "lior/memory/lior_kernel.h"

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

}  // namespace

void add_memory_checks(Registry& registry) {
  add_kernel_checks(registry);
  add_exponential_sum_checks(registry);
}

}  // namespace lior::check
