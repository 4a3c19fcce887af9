// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "lior/check/bench.h"
#include "lior/core/version.h"
#include "lior/simd/dispatch.h"

namespace lior::check {
namespace {

using Json = nlohmann::ordered_json;

/// "1.23 ms"
std::string duration(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} us", seconds * 1e6);
}

Json to_json(const Probe& probe) {
  Json bandwidth = Json::array();
  for (const Probe::Row& row : probe.bandwidth) {
    bandwidth.push_back({{"footprint", row.footprint},
                         {"read", row.read},
                         {"write", row.write},
                         {"triad", row.triad}});
  }
  return {{"threads", probe.threads},
          {"fma_f32", probe.fma_f32},
          {"fma_f64", probe.fma_f64},
          {"fma_bf16", probe.fma_bf16 ? Json(*probe.fma_bf16) : Json()},
          {"bandwidth", std::move(bandwidth)}};
}

Json to_json(const BenchResult& row) {
  const auto timed = [&](double value) { return row.pass ? Json(value) : Json(); };
  const auto limited = [&](double value) { return row.floor_s > 0 ? timed(value) : Json(); };
  Json json = {{"name", row.name},
               {"shape", row.shape},
               {"dtype", row.dtype},
               {"threads", row.threads},
               {"before_s", timed(row.before_s)},
               {"after_s", timed(row.after_s)},
               {"before_spread", timed(row.before_spread)},
               {"after_spread", timed(row.after_spread)},
               {"ratio", timed(row.ratio())},
               {"flops", row.flops},
               {"bytes", row.bytes},
               {"floor_s", limited(row.floor_s)},
               {"limit_fraction", limited(row.limit_fraction())}};
  if (row.pass && row.samples < BenchSettings().samples) json["samples"] = row.samples;
  if (row.pass && row.probe_moved > kSteadyProbe) json["probe_moved"] = row.probe_moved;
  if (!row.pass) {
    json["message"] = row.message.empty() ? fmt::format("error {:.2e} exceeds the tolerance {:.2e}",
                                                        row.error, row.tolerance)
                                          : row.message;
  }
  return json;
}

Json to_json(const GrowthResult& growth) {
  const auto said = [&](const auto& value) {
    return growth.memory_exponent ? Json(value) : Json();
  };
  return {{"name", growth.name},
          {"dtype", growth.dtype},
          {"variable", growth.variable},
          {"sizes", growth.sizes},
          {"seconds", growth.seconds},
          {"time_exponent", growth.time_exponent},
          {"memory", said(growth.memory)},
          {"memory_exponent", said(growth.memory_exponent.value_or(0))}};
}

}  // namespace

std::string bench_header() {
  constexpr const char* kColumns =
      "before: a call of the plain form; after: of ours; ratio: before / after; limit: the time "
      "that the machine's measured bandwidth and arithmetic allow / after\n";
  return kColumns +
         fmt::format("{:<36} {:<4} {:<28} {:>2}  {:>10} {:>6}  {:>10} {:>6}  {:>7}  {:>5}", "row",
                     "type", "shape", "th", "before", "spread", "after", "spread", "ratio",
                     "limit");
}

std::string to_line(const BenchResult& row) {
  std::string line =
      fmt::format("{:<36} {:<4} {:<28} {:>2}  ", row.name, row.dtype, row.shape, row.threads);
  if (!row.pass) {
    return line + (row.message.empty()
                       ? fmt::format("FAILED: error {:.1e} > {:.1e}", row.error, row.tolerance)
                       : "FAILED: " + row.message);
  }
  line +=
      fmt::format("{:>10} {:>5.0f}%  {:>10} {:>5.0f}%  {:>6.2f}x  {:>5}", duration(row.before_s),
                  100 * row.before_spread, duration(row.after_s), 100 * row.after_spread,
                  row.ratio(), row.floor_s > 0 ? fmt::format("{:.2f}", row.limit_fraction()) : "-");
  if (row.samples < BenchSettings().samples) line += fmt::format("  {} samples", row.samples);
  if (row.probe_moved > kSteadyProbe) {
    line += fmt::format("  the machine's limits moved by {:.0f}%", 100 * row.probe_moved);
  }
  return line;
}

std::string to_line(const GrowthResult& growth) {
  const std::string& size = growth.variable;
  std::string line = fmt::format("{:<36} {:<4} time ~ {}^{:.2f}", growth.name, growth.dtype, size,
                                 growth.time_exponent);
  if (growth.memory_exponent) {
    line += fmt::format(", memory ~ {}^{:.2f}", size, *growth.memory_exponent);
  }
  return line + fmt::format(" over {} = {} to {}", size, growth.sizes.front(), growth.sizes.back());
}

std::string to_json(const BenchReport& report) {
  Json levels = Json::array(), rows = Json::array(), growth = Json::array();
  for (const simd::Level level : simd::available_levels()) levels.push_back(simd::name(level));
  for (const BenchResult& row : report.rows) rows.push_back(to_json(row));
  for (const GrowthResult& family : report.growth) growth.push_back(to_json(family));
  const Json json = {
      {"version", version()},
      {"machine",
       {{"cpu", processor_name()}, {"threads", report.before.threads}, {"levels", levels}}},
      {"probe", {{"before", to_json(report.before)}, {"after", to_json(report.after)}}},
      {"rows", std::move(rows)},
      {"growth", std::move(growth)}};
  return json.dump(2) + "\n";
}

}  // namespace lior::check
