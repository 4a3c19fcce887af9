// SPDX-License-Identifier: Apache-2.0
// `lior doctor`: what makes the program slower on this machine than it could be, and what to do.
#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "command.h"
#include "lior/core/available_memory.h"
#include "lior/core/control_group.h"
#include "lior/core/lines.h"
#include "lior/core/parallel.h"
#include "lior/core/text.h"
#include "lior/core/version.h"
#include "lior/linalg/gemm.h"
#include "lior/simd/dispatch.h"

namespace lior::app {
namespace {

/// One look: the state of a thing, and what would make it better; empty advice where it is well.
struct Finding {
  std::string subject, state, advice;
};

std::string first_line(const std::string& file) {
  return std::string(Lines(file).next().value_or(""));
}

Finding look_at_build() {
  const std::string_view type = build_type();
  return {
      "build", fmt::format("{}, {}", type, compiler()),
      type == "Release" ? "" : "slow: this is no release build; cmake --preset release makes one"};
}

Finding look_at_levels() {
  const auto levels = simd::available_levels();
  const simd::Level best = levels.back(), now = simd::level();
  Finding finding{"vectors", fmt::format("{} in force", simd::name(now)), ""};
  if (now != best) {
    finding.advice = fmt::format("slow: LIOR_SIMD holds it below {}, which this processor has",
                                 simd::name(best));
  } else if (best == simd::Level::scalar) {
    finding.advice = "slow: this processor lacks AVX2; kernels run several times slower";
  }
  return finding;
}

Finding look_at_bf16() {
  if (linalg::bf16_is_native()) return {"bf16", "native", ""};
  Finding finding{"bf16", "not native; --dtype bfloat16 runs in float32", ""};
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    const char* isa = std::getenv(name);
    if (isa != nullptr) {
      finding.advice = fmt::format("slow: {}={} may keep oneDNN from it", name, shown(isa));
    }
  }
  return finding;
}

Finding look_at_cores() {
  const int cores = available_cores();
  const auto machine = static_cast<int>(std::thread::hardware_concurrency());
  Finding finding{"cores", fmt::format("{} of {} may be used", cores, machine), ""};
  const auto quota = cores_in_control_groups("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota && *quota < cores) {
    finding.advice = fmt::format(
        "slow: the control group grants {:.3g} cores; --threads {} keeps threads from waiting for "
        "each other",
        *quota, std::max(1, static_cast<int>(*quota)));
  }
  return finding;
}

Finding look_at_load() {
  std::ifstream file("/proc/loadavg");
  double load = 0;
  if (!(file >> load)) return {"load", "unknown", ""};
  const int cores = available_cores();
  return {"load", fmt::format("{:.3g} on {} cores", load, cores),
          load > cores ? "slow: others run here; fewer --threads than cores may be faster" : ""};
}

/// A variable of OpenMP's, and the advice, if any, where it is set; where only one value harms,
/// that value.
struct Variable {
  const char* name;
  std::string_view harmful, advice;
};

constexpr std::string_view kWaiting =
    "odd: it fixes how threads wait; without it the program chooses by the machine's load";
constexpr Variable kOpenMp[] = {
    {"OMP_WAIT_POLICY", "", kWaiting},
    {"GOMP_SPINCOUNT", "", kWaiting},
    {"OMP_NUM_THREADS", "", "odd: lior ignores OMP_NUM_THREADS; --threads says how many"},
    {"OMP_THREAD_LIMIT", "", "slow: OMP_THREAD_LIMIT may hold threads below --threads"},
    {"OMP_PROC_BIND", "", ""},
    {"OMP_PLACES", "", ""},
    {"GOMP_CPU_AFFINITY", "", ""},
    {"OMP_DYNAMIC", "true", "slow: OMP_DYNAMIC=true lets OpenMP start fewer threads than asked"},
};

Finding look_at_openmp() {
  Finding finding{"OpenMP", "", ""};
  for (const Variable& variable : kOpenMp) {
    const char* value = std::getenv(variable.name);
    if (value == nullptr) continue;
    finding.state +=
        fmt::format("{}{}={}", finding.state.empty() ? "" : ", ", variable.name, shown(value));
    const bool harmless = !variable.harmful.empty() && variable.harmful != value;
    if (harmless || finding.advice.find(variable.advice) != std::string::npos) continue;
    finding.advice += fmt::format("{}{}", finding.advice.empty() ? "" : "; ", variable.advice);
  }
  if (finding.state.empty()) finding.state = "no settings of its own";
  return finding;
}

Finding look_at_pages() {
  const std::string modes = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t begin = modes.find('['), end = modes.find(']');
  if (begin == std::string::npos || end == std::string::npos) {
    return {"large pages", "unknown", ""};
  }
  const std::string mode = modes.substr(begin + 1, end - begin - 1);
  return {"large pages", mode,
          mode == "never" ? "slow: large buffers take more misses of the TLB; echo madvise > "
                            "/sys/kernel/mm/transparent_hugepage/enabled, as root, grants them"
                          : ""};
}

Finding look_at_clock() {
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (governor.empty()) return {"clock", "not visible (a virtual machine)", ""};
  return {"clock", governor,
          governor == "powersave"
              ? "odd: the governor powersave may hold the clock low; performance "
                "is for benches"
              : ""};
}

Finding look_at_memory() {
  const auto bytes = static_cast<double>(available_memory());
  constexpr double kLittle = 1e9;
  return {"memory", fmt::format("{} available", bytes_text(bytes)),
          bytes < kLittle ? "odd: too little for the larger presets; lior train --memory-budget "
                            "keeps a run within it"
                          : ""};
}

int run() {
  constexpr Finding (*kLooks[])() = {look_at_build, look_at_levels, look_at_bf16,
                                     look_at_cores, look_at_load,   look_at_openmp,
                                     look_at_pages, look_at_clock,  look_at_memory};
  int advice = 0;
  for (const auto& look : kLooks) {
    const Finding finding = look();
    fmt::print("{:<12} {}\n", finding.subject, finding.state);
    if (finding.advice.empty()) continue;
    fmt::print("{:<12} -> {}\n", "", finding.advice);
    ++advice;
  }
  fmt::print("{}\n", advice == 0
                         ? "nothing slow or odd was found"
                         : fmt::format("{} found; lior bench measures what they cost",
                                       advice == 1 ? "one thing was"
                                                   : fmt::format("{} things were", advice)));
  return kSuccess;
}

}  // namespace

Run doctor_command(Options&) { return run; }

}  // namespace lior::app
