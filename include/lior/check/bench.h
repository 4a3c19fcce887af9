// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs the registry's bench rows: what `lior bench` does, without its output.
///
/// A row is checked, then timed: `before` and `after` take turns (A B A B ...). The machine's
/// limits are probed just before and just after, at the row's own threads and footprint. If they
/// moved by more than 10 %, everything is measured again.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lior/check/probe.h"
#include "lior/check/registry.h"

namespace lior::check {

/// A row of the report. Times are medians, of one call each; spreads are (max - min) / median.
struct BenchResult {
  std::string name, shape, dtype;
  int threads = 0;
  double flops = 0, bytes = 0;
  double error = 0, tolerance = 0;
  bool pass = false;      ///< error <= tolerance; a row that fails is not timed
  std::string message{};  ///< of the exception, if the row threw
  double before_s = 0, after_s = 0, before_spread = 0, after_spread = 0;
  double floor_s = 0;      ///< max(bytes / bandwidth, flops / rate) at the faster probe; 0: none
  double probe_moved = 0;  ///< the limits' largest relative change around the last measurement
  int samples = 0;         ///< behind each median

  double ratio() const { return before_s / after_s; }
  double limit_fraction() const { return floor_s / after_s; }
};

/// A family of rows: fitted exponents p of time ~ size^p and memory ~ size^p.
struct GrowthResult {
  std::string name, dtype, variable;
  std::vector<double> sizes{}, seconds{}, memory{};
  double time_exponent = 0;
  std::optional<double> memory_exponent{};  ///< empty where a row does not say its memory
};

struct BenchReport {
  Probe before, after;  ///< of the whole run
  std::vector<BenchResult> rows{};
  std::vector<GrowthResult> growth{};  ///< of families of at least two rows that passed

  int failed() const;
};

struct BenchSettings {
  std::string filter{};               ///< runs the rows whose name matches; empty: all
  int samples = 7;                    ///< a side; fewer in a row that would pass row_seconds
  double row_seconds = 15;            ///< of timing: at least kFewestSamples are taken all the same
  double sample_seconds = 0.02;       ///< calls are repeated until a sample lasts this long
  int attempts = 3;                   ///< measurements of a row whose limits move
  std::function<double()> seconds{};  ///< the clock; empty: wall time
  std::function<void(const BenchResult&)> on_row{};      ///< called as each row ends
  std::function<void(const GrowthResult&)> on_growth{};  ///< called after all rows
};

/// A limit that moved by more than this between its two probes asks for another measurement.
inline constexpr double kSteadyProbe = 0.10;

/// Fewest samples of a median. A row with fewer than BenchSettings::samples says so.
inline constexpr int kFewestSamples = 3;

/// Runs the rows at the level in force, each at its own threads, at most threads(). Throws
/// lior::Error when the filter is no regular expression or matches nothing.
BenchReport bench(const Registry& registry, const Limits& limits, const BenchSettings& settings);

/// The table's heading (a line that explains the columns and a line of their names), and one line
/// of the table; both without the last line break.
std::string bench_header();
std::string to_line(const BenchResult& row);
std::string to_line(const GrowthResult& growth);
/// {version, machine, probe, rows, growth}; null where a row has no floor, or failed and has no
/// times, and where a family does not say its memory.
std::string to_json(const BenchReport& report);

}  // namespace lior::check
