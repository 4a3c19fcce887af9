// SPDX-License-Identifier: Apache-2.0
#include "lior/check/profile_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lior/core/parallel.h"
#include "lior/core/version.h"

namespace lior::check {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kLargeFootprint = 256 << 20;

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

ProfileReport report(const Profile& profile, const Limits& limits) {
  ProfileReport report{.steps = profile.steps(),
                       .threads = threads(),
                       .fma_f32 = limits.rate(Arithmetic::fma_f32),
                       .triad = limits.bandwidth(Traffic::triad, kLargeFootprint)};
  if (report.steps == 0) return report;
  const auto steps = static_cast<double>(report.steps);
  report.step_seconds = profile.seconds() / steps;
  ProfiledCost other{.op = "other", .seconds = report.step_seconds};
  for (const ProfileRow& row : profile.rows()) {
    const double bytes_a_call = row.bytes / static_cast<double>(row.calls);
    const double bandwidth = row.bytes > 0 ? limits.bandwidth(Traffic::triad, bytes_a_call) : 0;
    report.costs.push_back(
        {.op = row.op,
         .calls = static_cast<double>(row.calls) / steps,
         .seconds = row.seconds / steps,
         .flops = row.flops / steps,
         .bytes = row.bytes / steps,
         .floor_s =
             std::max(ratio(row.bytes, bandwidth), ratio(row.flops, report.fma_f32)) / steps});
    other.seconds -= row.seconds / steps;
  }
  std::stable_sort(report.costs.begin(), report.costs.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  report.costs.push_back(other);
  return report;
}

std::string to_table(const ProfileReport& report) {
  std::string text = fmt::format(
      "{} steps of {:.3f} ms; this machine, {} threads: {:.1f} GFLOP/s, {:.1f} GB/s\n"
      "{:<14} {:>10} {:>11} {:>7} {:>9} {:>8} {:>7}\n",
      report.steps, 1e3 * report.step_seconds, report.threads, 1e-9 * report.fma_f32,
      1e-9 * report.triad, "op", "calls/step", "ms/step", "share", "GFLOP/s", "GB/s", "limit");
  for (const ProfiledCost& cost : report.costs) {
    const auto per_second = [&](double count) {
      return count > 0 ? fmt::format("{:.1f}", 1e-9 * ratio(count, cost.seconds)) : "-";
    };
    text +=
        fmt::format("{:<14} {:>10.1f} {:>11.3f} {:>6.1f}% {:>9} {:>8} {:>7}\n", cost.op, cost.calls,
                    1e3 * cost.seconds, 100 * ratio(cost.seconds, report.step_seconds),
                    per_second(cost.flops), per_second(cost.bytes),
                    cost.floor_s > 0 ? fmt::format("{:.2f}", cost.limit_fraction()) : "-");
  }
  return text +
         "limit: the least time that this machine needs for the operations or the bytes, "
         "over the time taken\n";
}

std::string to_json(const ProfileReport& report) {
  Json ops = Json::array();
  for (const ProfiledCost& cost : report.costs) {
    const auto counted = [](double value) { return value > 0 ? Json(value) : Json(); };
    ops.push_back({{"op", cost.op},
                   {"calls", cost.calls},
                   {"seconds", cost.seconds},
                   {"flops", counted(cost.flops)},
                   {"bytes", counted(cost.bytes)},
                   {"floor_s", counted(cost.floor_s)},
                   {"limit_fraction", counted(cost.limit_fraction())}});
  }
  const Json json = {{"version", version()},
                     {"cpu", processor_name()},
                     {"threads", report.threads},
                     {"steps", report.steps},
                     {"step_seconds", report.step_seconds},
                     {"limits", {{"fma_f32", report.fma_f32}, {"triad", report.triad}}},
                     {"ops", std::move(ops)}};
  return json.dump(2) + "\n";
}

}  // namespace lior::check
