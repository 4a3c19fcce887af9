// SPDX-License-Identifier: Apache-2.0
#include "lior/check/verify.h"

#include <fmt/core.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "command.h"
#include "output.h"

namespace lior::app {

Run verify_command(Options& options) {
  struct Flags {
    std::string filter;
    std::optional<std::string> level, cases, json;
  };
  const auto flags = std::make_shared<Flags>();
  options.add("--filter", flags->filter, "REGEX", "only the checks whose name or module matches");
  options.add(
      "--level", flags->level, "LEVEL",
      "scalar, avx2 or avx512, on 64-bit ARM scalar or neon (LIOR_SIMD if set, else each that "
      "this processor runs)");
  options.add("--cases", flags->cases, "DIR",
              "recorded cases to check too: NAME.safetensors files");
  options.add("--json", flags->json, "FILE", "write the report there too");

  return [=] {
    check::VerifySettings settings{.filter = flags->filter};
    if (flags->level) {
      settings.levels = {simd::level_from_name(*flags->level)};
    } else if (std::getenv("LIOR_SIMD") != nullptr) {
      settings.levels = {simd::level()};
    }
    check::LoadedCases cases;
    if (flags->cases) cases = load_cases(check::registry(), *flags->cases);
    settings.further = std::move(cases.checks);
    settings.on_row = [](const check::CheckResult& row) { fmt::print("{}\n", to_line(row)); };
    std::optional<OutputFile> json;
    if (flags->json) json.emplace(*flags->json);

    check::VerifyReport report = verify(check::registry(), settings);
    report.not_covered = std::move(cases.not_covered);
    for (const std::string& file : report.not_covered) fmt::print("not covered: {}\n", file);
    if (json) json->write(to_json(report));
    fmt::print("{} checks, {} failed\n", report.rows.size(), report.failed());
    return report.failed() == 0 ? kSuccess : kFailure;
  };
}

}  // namespace lior::app
