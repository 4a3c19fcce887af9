// SPDX-License-Identifier: Apache-2.0
#include "lior/check/bench.h"

#include <algorithm>
#include <cmath>

#include "lior/check/verify.h"
#include "lior/core/parallel.h"
#include "lior/core/thread_scope.h"
#include "lior/core/timer.h"

namespace lior::check {
namespace {

/// The limits of one row; 0 where it counts no bytes or no operations.
struct RowLimits {
  double bandwidth = 0, rate = 0;
};

RowLimits probe(const Limits& limits, const Bench& row) {
  return {.bandwidth = row.bytes > 0 ? limits.bandwidth(row.traffic, row.bytes) : 0,
          .rate = row.flops > 0 ? limits.rate(row.arithmetic) : 0};
}

double relative_change(double a, double b) {
  return a > 0 && b > 0 ? std::abs(a - b) / std::min(a, b) : 0;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return (*most - *least) / median(values);
}

/// Seconds a call of `function`, over `repeats` calls.
double time_calls(const BenchSettings& settings, const std::function<void()>& function,
                  Index repeats) {
  const double start = settings.seconds();
  for (Index i = 0; i < repeats; ++i) function();
  return (settings.seconds() - start) / static_cast<double>(repeats);
}

/// How many calls of so many seconds make a sample.
Index calls_per_sample(const BenchSettings& settings, double once) {
  return std::clamp<Index>(static_cast<Index>(std::ceil(settings.sample_seconds / once)), 1,
                           1'000'000);
}

/// Before and after in turn, so that a drift of the machine meets both.
void measure(const BenchSettings& settings, const BenchRun& run, BenchResult& row) {
  const double before_once = time_calls(settings, run.before, 1);
  const double after_once = time_calls(settings, run.after, 1);
  const Index before_calls = calls_per_sample(settings, before_once);
  const Index after_calls = calls_per_sample(settings, after_once);
  const double pair = before_calls * before_once + after_calls * after_once;
  row.samples =
      static_cast<int>(std::clamp(settings.row_seconds / pair, static_cast<double>(kFewestSamples),
                                  static_cast<double>(settings.samples)));
  std::vector<double> before, after;
  if (before_calls == 1 && after_calls == 1) before = {before_once}, after = {after_once};
  while (static_cast<int>(before.size()) < row.samples) {
    before.push_back(time_calls(settings, run.before, before_calls));
    after.push_back(time_calls(settings, run.after, after_calls));
  }
  row.before_s = median(before), row.before_spread = spread(before);
  row.after_s = median(after), row.after_spread = spread(after);
}

/// Measures until the limits hold still around it, at most `attempts` times, and a row that is too
/// slow for all its samples once.
void measure_beside_limits(const Limits& limits, const BenchSettings& settings, const Bench& bench,
                           const BenchRun& run, BenchResult& row) {
  RowLimits earlier = probe(limits, bench);
  for (int attempt = 0; attempt < settings.attempts; ++attempt) {
    measure(settings, run, row);
    const RowLimits later = probe(limits, bench);
    row.probe_moved = std::max(relative_change(earlier.bandwidth, later.bandwidth),
                               relative_change(earlier.rate, later.rate));
    const double bandwidth = std::max(earlier.bandwidth, later.bandwidth);
    const double rate = std::max(earlier.rate, later.rate);
    row.floor_s =
        std::max(bandwidth > 0 ? bench.bytes / bandwidth : 0, rate > 0 ? bench.flops / rate : 0);
    if (row.probe_moved <= kSteadyProbe || row.samples < settings.samples) return;
    earlier = later;
  }
}

BenchResult run_row(const Limits& limits, const BenchSettings& settings, const Bench& bench) {
  BenchResult row{.name = bench.name,
                  .shape = bench.shape,
                  .dtype = bench.dtype,
                  .threads = bench.threads == 0 ? threads() : std::min(bench.threads, threads()),
                  .flops = bench.flops,
                  .bytes = bench.bytes,
                  .error = NAN};
  const ThreadScope scope(row.threads);
  try {
    const BenchRun run = bench.prepare();
    row.tolerance = run.tolerance;
    run.before();
    run.after();
    row.error = run.error();
    row.pass = row.error <= row.tolerance;
    if (row.pass) measure_beside_limits(limits, settings, bench, run, row);
  } catch (const std::exception& exception) {
    row.pass = false;
    row.message = exception.what();
  }
  return row;
}

/// The slope of log y over log x by least squares.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y) {
  const auto count = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double log_x = std::log(x[i]), log_y = std::log(y[i]);
    sum_x += log_x, sum_y += log_y, sum_xx += log_x * log_x, sum_xy += log_x * log_y;
  }
  return (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x * sum_x);
}

/// The families among the rows that were run, in the order of their first rows.
std::vector<GrowthResult> fit_families(const std::vector<const Bench*>& benches,
                                       const std::vector<BenchResult>& rows) {
  std::vector<GrowthResult> families;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Bench& bench = *benches[i];
    if (bench.variable.empty() || !rows[i].pass) continue;
    auto family = std::find_if(families.begin(), families.end(), [&](const GrowthResult& growth) {
      return growth.name == bench.name && growth.dtype == bench.dtype;
    });
    if (family == families.end()) {
      family = families.insert(
          family, {.name = bench.name, .dtype = bench.dtype, .variable = bench.variable});
    }
    family->sizes.push_back(bench.size);
    family->seconds.push_back(rows[i].after_s);
    family->memory.push_back(bench.memory);
  }
  std::erase_if(families, [](const GrowthResult& growth) { return growth.sizes.size() < 2; });
  for (GrowthResult& growth : families) {
    growth.time_exponent = fitted_exponent(growth.sizes, growth.seconds);
    const bool said = *std::min_element(growth.memory.begin(), growth.memory.end()) > 0;
    if (said) growth.memory_exponent = fitted_exponent(growth.sizes, growth.memory);
  }
  return families;
}

}  // namespace

int BenchReport::failed() const {
  return static_cast<int>(
      std::count_if(rows.begin(), rows.end(), [](const BenchResult& row) { return !row.pass; }));
}

BenchReport bench(const Registry& registry, const Limits& limits, const BenchSettings& given) {
  BenchSettings settings = given;
  if (!settings.seconds) settings.seconds = [timer = Timer()] { return timer.seconds(); };
  const auto matches = name_filter(settings.filter);
  std::vector<const Bench*> chosen;
  for (const Bench& row : registry.benches) {
    if (matches(row.name)) chosen.push_back(&row);
  }
  LIOR_CHECK(!chosen.empty(), "filter '{}' matches no bench row; without a filter all {} run",
             settings.filter, registry.benches.size());

  BenchReport report;
  report.before = take_probe(limits);
  for (const Bench* row : chosen) {
    report.rows.push_back(run_row(limits, settings, *row));
    if (settings.on_row) settings.on_row(report.rows.back());
  }
  report.growth = fit_families(chosen, report.rows);
  if (settings.on_growth) {
    for (const GrowthResult& growth : report.growth) settings.on_growth(growth);
  }
  report.after = take_probe(limits);
  return report;
}

}  // namespace lior::check
