// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "command.h"
#include "libraries.h"
#include "lior/core/parallel.h"
#include "lior/core/version.h"
#include "lior/linalg/gemm.h"
#include "lior/simd/dispatch.h"
#include "ranks.h"

namespace lior::app {

Run info_command(Options&) {
  return [] {
    std::string levels;
    for (const simd::Level level : simd::available_levels()) {
      levels += (levels.empty() ? "" : ", ") + std::string(name(level));
    }
    const std::string_view in_force = name(simd::level());  // throws when LIOR_SIMD is wrong
    const auto line = [](std::string_view key, std::string_view value) {
      fmt::print("{:<12} {}\n", key, value);
    };
    line("version", version());
    line("build", fmt::format("{}, {}", build_type(), compiler()));
    line("licence", LIOR_LICENCE);
    line("processor", processor_name());
    line("simd", fmt::format("{} in force; this processor runs {}", in_force, levels));
    line("bf16", linalg::bf16_is_native() ? "native" : "not native; float is used");
    line("threads", fmt::format("{} of {} available", threads(), available_cores()));
    line("ranks", ranks_text());
    line("libraries", libraries());
    return kSuccess;
  };
}

}  // namespace lior::app
