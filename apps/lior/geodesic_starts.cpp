// SPDX-License-Identifier: Apache-2.0
#include "geodesic_starts.h"

#include <algorithm>
#include <iterator>

#include "lior/core/text.h"
#include "lior/geometry/events.h"
#include "lior/geometry/velocity.h"
#include "lior/io/csv.h"
#include "output.h"

namespace lior::app {
namespace {

using namespace geometry;

constexpr Index kMostRows = 5'000'000;  // about a gigabyte of text

std::vector<std::string> columns_of(const AnyMetric<double>& metric) {
  std::vector<std::string> columns;
  for (const char* prefix : {"", "d"}) {
    for (const Coordinate& x : metric.chart().coordinates) columns.push_back(prefix + x.name);
  }
  return columns;
}

/// Coordinates and velocities, planes [2 d, N].
Array<double, 2> read_starts(const AnyMetric<double>& metric, const ManyPaths& paths) {
  const io::Csv table = io::read_csv(paths.starts);
  const std::vector<std::string> wanted = columns_of(metric);
  const Index d = metric.dimension(), count = table.rows();
  std::string all;
  for (const std::string& name : wanted) all += (all.empty() ? "" : ", ") + name;
  for (const std::string& name : table.columns) {
    LIOR_CHECK(std::find(wanted.begin(), wanted.end(), name) != wanted.end(),
               "{}: column '{}' is none of the metric's; expected {}", shown_path(paths.starts),
               shown(name), all);
  }
  Array<double, 2> starts({2 * d, count});
  for (Index m = 0; m < 2 * d; ++m) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), wanted[m]);
    const bool computed = m == d && paths.square;
    if (found == table.columns.end() && computed) continue;
    LIOR_CHECK(found != table.columns.end(), "{}: lacks column '{}'; expected {}",
               shown_path(paths.starts), wanted[m], all);
    const auto column = static_cast<std::size_t>(found - table.columns.begin());
    for (Index n = 0; n < count; ++n) {
      starts(m, n) = table.numbers[static_cast<std::size_t>(n) * table.columns.size() + column];
    }
  }
  return starts;
}

}  // namespace

void follow_many(const AnyMetric<double>& metric, const ManyPaths& paths) {
  std::optional<OutputFile> file;
  if (paths.out) file.emplace(*paths.out);
  Array<double, 2> starts = read_starts(metric, paths);
  const Index d = metric.dimension(), count = starts.shape()[1], samples = paths.samples;
  LIOR_CHECK(count * samples <= kMostRows,
             "{} paths of {} samples are more than {} rows; give fewer --samples", count, samples,
             kMostRows);
  const View<const double, 2> x(starts.data(), {d, count});
  const View<double, 2> v(starts.data() + d * count, {d, count});
  if (paths.square) complete_velocities<double>(metric, x, *paths.square, v);

  std::vector<double> times;
  for (Index k = 0; k < samples; ++k) {
    times.push_back(paths.length * static_cast<double>(k) / static_cast<double>(samples - 1));
  }
  Array<double, 3> along_x({samples, d, count}), along_v({samples, d, count});
  Array<PathStatus, 1> status({count});
  Array<double, 1> reached({count});
  geodesics<double>(metric, x, v, times, paths.options,
                    {along_x.view(), along_v.view(), status.view(), reached.view()});

  std::string text = "path,parameter";
  for (const std::string& name : columns_of(metric)) text += "," + name;
  text += ",status\n";
  const auto add_row = [&](Index path, double parameter, const double* x_there,
                           const double* v_there, Index stride) {
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{},{}", path, parameter);
    for (Index m = 0; m < d; ++m) fmt::format_to(out, ",{}", x_there[m * stride]);
    for (Index m = 0; m < d; ++m) fmt::format_to(out, ",{}", v_there[m * stride]);
    fmt::format_to(out, ",{}\n", name(status(path)));
  };
  if (paths.event) {
    for (const PathEvent& event : find_events(metric, *paths.event, along_x.view(), along_v.view(),
                                              times, reached.view(), paths.options)) {
      add_row(event.path, event.parameter, event.x.data(), event.v.data(), 1);
    }
  }
  for (Index n = 0; !paths.event && n < count; ++n) {
    for (Index k = 0; k < samples && (k == 0 || times[k] <= reached(n)); ++k) {
      add_row(n, times[k], &along_x(k, 0, n), &along_v(k, 0, n), count);
    }
  }
  if (file) {
    file->write(text);
  } else {
    fmt::print("{}", text);
  }
  std::string ends;
  for (const std::string_view word : enum_names(PathStatus{})) {
    const auto many = std::count_if(status.span().begin(), status.span().end(),
                                    [&](PathStatus each) { return name(each) == word; });
    if (many > 0) ends += fmt::format("{}{} {}", ends.empty() ? "" : ", ", many, word);
  }
  fmt::print(stderr, "{} paths: {}\n", count, ends.empty() ? "none" : ends);
}

}  // namespace lior::app
