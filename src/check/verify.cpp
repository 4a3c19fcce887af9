// SPDX-License-Identifier: Apache-2.0
#include "lior/check/verify.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lior::check {
namespace {

CheckResult run(const Check& check) {
  CheckResult row{.name = check.name,
                  .module = check.module,
                  .dtype = check.dtype,
                  .level = std::string(simd::name(simd::level())),
                  .shape = check.shape,
                  .error = NAN,
                  .tolerance = check.tolerance};
  try {
    row.error = check.error();
  } catch (const std::exception& exception) {
    row.message = exception.what();
  }
  row.pass = row.error <= row.tolerance;
  return row;
}

/// Restores the SIMD level at its end.
class LevelScope {
 public:
  LevelScope() : before_(simd::level()) {}
  ~LevelScope() { simd::set_level(before_); }
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  simd::Level before_;
};

}  // namespace

int VerifyReport::failed() const {
  return static_cast<int>(
      std::count_if(rows.begin(), rows.end(), [](const CheckResult& row) { return !row.pass; }));
}

VerifyReport verify(const Registry& registry, const VerifySettings& settings) {
  const auto matches = name_filter(settings.filter);
  std::vector<const Check*> chosen;
  for (const auto* checks : {&registry.checks, &settings.further}) {
    for (const Check& check : *checks) {
      if (matches(check.name) || matches(check.module)) chosen.push_back(&check);
    }
  }
  LIOR_CHECK(!chosen.empty(), "filter '{}' matches no check; without a filter all {} run",
             settings.filter, registry.checks.size() + settings.further.size());

  const auto available = simd::available_levels();
  const std::vector<simd::Level> levels =
      settings.levels.empty() ? std::vector(available.begin(), available.end()) : settings.levels;
  const LevelScope restore;
  VerifyReport report;
  for (const simd::Level level : levels) {
    simd::set_level(level);
    for (const Check* check : chosen) {
      report.rows.push_back(run(*check));
      if (settings.on_row) settings.on_row(report.rows.back());
    }
  }
  return report;
}

std::string to_line(const CheckResult& row) {
  std::string line =
      fmt::format("{:<6}  {:<40} {:<4} {:<24} {:>8.1e} <= {:.1e}  {}", row.level, row.name,
                  row.dtype, row.shape, row.error, row.tolerance, row.pass ? "ok" : "FAILED");
  if (!row.message.empty()) line += ": " + row.message;
  return line;
}

std::string to_json(const VerifyReport& report) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const CheckResult& row : report.rows) {
    nlohmann::ordered_json entry = {{"name", row.name},           {"module", row.module},
                                    {"dtype", row.dtype},         {"level", row.level},
                                    {"shape", row.shape},         {"error", row.error},
                                    {"tolerance", row.tolerance}, {"pass", row.pass}};
    if (!row.message.empty()) entry["message"] = row.message;
    rows.push_back(std::move(entry));
  }
  const nlohmann::ordered_json json = {{"checks", report.rows.size()},
                                       {"failed", report.failed()},
                                       {"not_covered", report.not_covered},
                                       {"rows", std::move(rows)}};
  return json.dump(2) + "\n";
}

}  // namespace lior::check
