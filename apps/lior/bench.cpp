// SPDX-License-Identifier: Apache-2.0
#include "lior/check/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "command.h"
#include "lior/check/link.h"
#include "lior/check/verify.h"
#include "output.h"
#include "program.h"
#include "ranks.h"

namespace lior::app {
namespace {

struct Flags {
  std::string filter;
  std::optional<std::string> json;
};

constexpr const char* kLink = "comm.all_to_all";

/// Where the filter names the row and there are ranks: measures what lies between them, and says so
/// once. Collective.
bool measures_link(const std::string& filter) {
  if (ranks().size() == 1) return false;
  bool is_named = false;
  alike([&] { is_named = check::name_filter(filter)(kLink); });
  if (!is_named) return false;
  const check::LinkSpeed link = check::measure_link(ranks());
  if (ranks().is_first()) {
    fmt::print("{}: {} ranks; L + 2 o = {:.3g} us, B = {:.3g} GB/s (docs/scaling.md)\n", kLink,
               ranks().size(), 1e6 * link.latency, 1e-9 * link.bandwidth);
    std::fflush(stdout);
  }
  return true;
}

bool names_a_row(const std::string& filter) {
  const auto matches = check::name_filter(filter);
  const auto& rows = check::registry().benches;
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return matches(row.name); });
}

int run_rows(const Flags& flags) {
  std::optional<OutputFile> json;
  if (flags.json) json.emplace(*flags.json);
  bool first = true;
  check::BenchSettings settings{.filter = flags.filter};
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
}

}  // namespace

Run bench_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add("--filter", flags->filter, "REGEX",
              "only the rows whose name matches; comm.all_to_all, of two ranks and more, is what "
              "lies between them");
  options.add("--json", flags->json, "FILE", "write the report there too");

  return [=] {
    if (measures_link(flags->filter) && !names_a_row(flags->filter)) return int{kSuccess};
    return run_on_first([=] { return run_rows(*flags); });
  };
}

}  // namespace lior::app
