// SPDX-License-Identifier: Apache-2.0
#include "geodesic_starts.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "lior/core/parallel.h"
#include "lior/core/timer.h"
#include "lior/geometry/events.h"
#include "lior/geometry/velocity.h"
#include "lior/io/hdf5.h"
#include "metric_option.h"
#include "output.h"
#include "progress.h"
#include "ranks.h"

namespace lior::app {
namespace {

using namespace geometry;

constexpr Index kMostRows = 5'000'000;  // about a gigabyte of text

std::vector<std::string> columns_of(const AnyMetric<double>& metric) {
  std::vector<std::string> columns = coordinate_names(metric);
  for (std::string& name : coordinate_names(metric, "d")) columns.push_back(std::move(name));
  return columns;
}

/// Coordinates and velocities, planes [2 d, N].
Array<double, 2> read_starts(const ManyPaths& paths) {
  std::vector<std::string> computed;
  if (paths.square) computed.push_back(coordinate_names(paths.metric, "d").front());
  Array<double, 2> starts = read_columns(paths.starts, columns_of(paths.metric), computed);
  const Index d = paths.metric.dimension(), count = starts.shape()[1];
  const View<const double, 2> x(starts.data(), {d, count});
  const View<double, 2> v(starts.data() + d * count, {d, count});
  of_points(shown_path(paths.starts), [&] { check_regular<double>(paths.metric, x); });
  if (paths.square) complete_velocities<double>(paths.metric, x, *paths.square, v, paths.toward);
  // Of no times: all starts are checked here, where each has its number.
  geodesics<double>(paths.metric, x, v, {}, paths.options,
                    {{nullptr, {0, d, count}},
                     {nullptr, {0, d, count}},
                     Array<PathStatus, 1>({count}).view(),
                     Array<double, 1>({count}).view()});
  return starts;
}

/// The columns of the table of results: path, parameter, coordinates, velocities, and the place of
/// the status's word.
std::vector<std::string> result_columns(const AnyMetric<double>& metric) {
  std::vector<std::string> columns{"path", "parameter"};
  for (std::string& name : columns_of(metric)) columns.push_back(std::move(name));
  columns.emplace_back("status");
  return columns;
}

/// Follows paths of the table of starts, a block after another.
class Follower {
 public:
  Follower(const ManyPaths& paths, const Array<double, 2>& starts)
      : paths_(paths), starts_(starts), d_(paths.metric.dimension()) {
    for (Index k = 0; k < paths.samples; ++k) {
      times_.push_back(paths.length * static_cast<double>(k) /
                       static_cast<double>(paths.samples - 1));
    }
  }

  /// Paths first to last: how each ended, and the rows of their samples or events.
  void follow(Index first, Index last, std::span<PathStatus> endings) {
    const Index count = last - first;
    Array<double, 2> own({2 * d_, count});
    for (Index m = 0; m < 2 * d_; ++m) {
      std::copy_n(starts_.data() + m * starts_.shape()[1] + first, count, own.data() + m * count);
    }
    Array<double, 3> x({paths_.samples, d_, count}), v(x.shape());
    Array<double, 1> reached({count});
    geodesics<double>(paths_.metric, {own.data(), {d_, count}},
                      {own.data() + d_ * count, {d_, count}}, times_, paths_.options,
                      {x.view(), v.view(), {endings.data(), {count}}, reached.view()});
    const auto add = [&](Index n, double parameter, const double* at, const double* velocity,
                         Index stride) {
      rows.push_back(static_cast<double>(first + n));
      rows.push_back(parameter);
      for (Index m = 0; m < d_; ++m) rows.push_back(at[m * stride]);
      for (Index m = 0; m < d_; ++m) rows.push_back(velocity[m * stride]);
      rows.push_back(static_cast<double>(endings[static_cast<std::size_t>(n)]));
    };
    if (paths_.event) {
      for (const PathEvent& event : find_events(paths_.metric, *paths_.event, x.view(), v.view(),
                                                times_, reached.view(), paths_.options)) {
        add(event.path, event.parameter, event.x.data(), event.v.data(), 1);
      }
      return;
    }
    for (Index n = 0; n < count; ++n) {
      for (Index k = 0; k < paths_.samples && (k == 0 || times_[k] <= reached(n)); ++k) {
        add(n, times_[k], &x(k, 0, n), &v(k, 0, n), count);
      }
    }
  }

  std::vector<double> rows;

 private:
  const ManyPaths& paths_;
  const Array<double, 2>& starts_;
  Index d_;
  std::vector<double> times_;
};

/// The rows of paths first to last, with progress on the first rank, which speaks of its own share.
std::vector<double> follow_share(const ManyPaths& paths, const Array<double, 2>& starts,
                                 Index first, Index last, std::span<PathStatus> endings,
                                 ProgressDisplay& display) {
  constexpr Index kLanesOfThread = 256;  // a block is as long as a thread's paths take
  const Index block = kLanesOfThread * threads();
  Follower follower(paths, starts);
  const Timer timer;
  for (Index begin = first; begin < last; begin += block) {
    const Index end = std::min(last, begin + block);
    follower.follow(
        begin, end,
        endings.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    const double done = static_cast<double>(end - first) / static_cast<double>(last - first);
    if (display.due(done)) {
      display.draw(done, fmt::format("path {}/{}  {} left", end - first, last - first,
                                     clock_text(timer.seconds() * (1 - done) / done)));
    }
  }
  return std::move(follower.rows);
}

/// Lines of rows.
std::string csv_of(const std::vector<std::string>& columns, std::span<const double> rows) {
  const std::size_t width = columns.size();
  std::string text;
  for (const std::string& name : columns) text += (text.empty() ? "" : ",") + name;
  text += '\n';
  auto out = std::back_inserter(text);
  for (std::size_t row = 0; row < rows.size(); row += width) {
    fmt::format_to(out, "{}", static_cast<Index>(rows[row]));
    for (std::size_t k = 1; k + 1 < width; ++k) fmt::format_to(out, ",{}", rows[row + k]);
    fmt::format_to(out, ",{}\n",
                   name(static_cast<PathStatus>(static_cast<int>(rows[row + width - 1]))));
  }
  return text;
}

std::string hdf5_of(const std::vector<std::string>& names, std::span<const double> rows) {
  const std::size_t width = names.size();
  std::vector<io::Hdf5Column> columns;
  for (std::size_t k = 0; k < width; ++k) {
    std::vector<double> numbers;
    numbers.reserve(rows.size() / width);
    for (std::size_t row = 0; row < rows.size(); row += width) numbers.push_back(rows[row + k]);
    columns.push_back({names[k], std::move(numbers)});
  }
  const auto words = enum_names(PathStatus{});
  columns.back().words.assign(words.begin(), words.end());
  return io::hdf5_table(columns);
}

/// The rows of all ranks, in order, on the first.
std::vector<double> gather_rows(const std::vector<double>& mine) {
  const std::string bytes(reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(double));
  std::vector<double> all;
  for (const std::string& part : gather_on_first(bytes)) {
    const std::size_t before = all.size();
    all.resize(before + part.size() / sizeof(double));
    std::memcpy(all.data() + before, part.data(), part.size());
  }
  return all;
}

/// "3 ok, 1 edge".
std::string ends_of(std::span<const PathStatus> all) {
  std::string ends;
  for (const std::string_view word : enum_names(PathStatus{})) {
    const auto many =
        std::ranges::count_if(all, [&](PathStatus each) { return name(each) == word; });
    if (many > 0) ends += fmt::format("{}{} {}", ends.empty() ? "" : ", ", many, word);
  }
  return ends.empty() ? "none" : ends;
}

}  // namespace

void follow_many(const ManyPaths& paths) {
  constexpr double kPatience = 5;  // seconds
  std::optional<OutputFile> file;
  std::optional<ProgressDisplay> display;
  Array<double, 2> starts;
  ranks().together([&] {
    display.emplace(ranks().is_first() ? paths.progress : "none", kPatience);
    if (paths.out && ranks().is_first()) file.emplace(*paths.out);
    starts = read_starts(paths);
    LIOR_CHECK(starts.shape()[1] * paths.samples <= kMostRows,
               "{} paths of {} samples are more than {} rows; give fewer --samples",
               starts.shape()[1], paths.samples, kMostRows);
  });
  const Index count = starts.shape()[1];
  const std::vector<Index> ends = comm::even_ends(count, ranks().size());
  const auto rank = static_cast<std::size_t>(ranks().rank());
  const Index first = rank == 0 ? 0 : ends[rank - 1];
  std::vector<double> rows;
  std::vector<PathStatus> endings(static_cast<std::size_t>(count));
  ranks().together(
      [&] { rows = follow_share(paths, starts, first, ends[rank], endings, *display); });
  ranks().all_gather(std::span(endings), ends);
  const std::vector<double> all = gather_rows(rows);
  ranks().together([&] {
    if (!ranks().is_first()) return;
    const std::vector<std::string> columns = result_columns(paths.metric);
    if (file) {
      file->write(is_hdf5(*paths.out) ? hdf5_of(columns, all) : csv_of(columns, all));
    } else {
      fmt::print("{}", csv_of(columns, all));
    }
    display->say(fmt::format("{} paths: {}", count, ends_of(endings)));
  });
}

}  // namespace lior::app
