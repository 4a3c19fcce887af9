// SPDX-License-Identifier: Apache-2.0
#include "lior/check/bench.h"

#include <fmt/core.h>

#include <memory>

#include "command.h"
#include "output.h"

namespace lior::app {

Run bench_command(Options& options) {
  struct Flags {
    std::string filter;
    std::optional<std::string> json;
  };
  const auto flags = std::make_shared<Flags>();
  options.add("--filter", flags->filter, "REGEX", "only the rows whose name matches");
  options.add("--json", flags->json, "FILE", "write the report there too");

  return [=] {
    std::optional<OutputFile> json;
    if (flags->json) json.emplace(*flags->json);
    bool first = true;
    check::BenchSettings settings{.filter = flags->filter};
    settings.on_row = [&first](const check::BenchResult& row) {
      if (first) fmt::print("{}\n", check::bench_header());
      first = false;
      fmt::print("{}\n", to_line(row));
      std::fflush(stdout);
    };
    settings.on_growth = [](const check::GrowthResult& growth) {
      fmt::print("{}\n", to_line(growth));
    };

    const check::BenchReport report = bench(check::registry(), check::machine_limits(), settings);
    if (json) json->write(to_json(report));
    fmt::print("{} rows, {} failed\n", report.rows.size(), report.failed());
    return report.failed() == 0 ? kSuccess : kFailure;
  };
}

}  // namespace lior::app
