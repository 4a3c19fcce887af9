// SPDX-License-Identifier: Apache-2.0
#include "geodesic_starts.h"

#include <algorithm>
#include <iterator>

#include "lior/geometry/events.h"
#include "lior/geometry/velocity.h"
#include "metric_option.h"
#include "output.h"
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
  if (paths.square) complete_velocities<double>(paths.metric, x, *paths.square, v);
  // Of no times: all starts are checked here, where each has its number.
  geodesics<double>(paths.metric, x, v, {}, paths.options,
                    {{nullptr, {0, d, count}},
                     {nullptr, {0, d, count}},
                     Array<PathStatus, 1>({count}).view(),
                     Array<double, 1>({count}).view()});
  return starts;
}

/// Paths first to last of the table of starts, which one rank follows.
class Share {
 public:
  Share(const ManyPaths& paths, const Array<double, 2>& starts, Index first, Index last)
      : paths_(paths),
        first_(first),
        d_(paths.metric.dimension()),
        x_({paths.samples, d_, last - first}),
        v_(x_.shape()),
        status_({last - first}),
        reached_({last - first}) {
    for (Index k = 0; k < paths.samples; ++k) {
      times_.push_back(paths.length * static_cast<double>(k) /
                       static_cast<double>(paths.samples - 1));
    }
    const Index count = last - first;
    Array<double, 2> own({2 * d_, count});
    for (Index m = 0; m < 2 * d_; ++m) {
      std::copy_n(starts.data() + m * starts.shape()[1] + first, count, own.data() + m * count);
    }
    geodesics<double>(paths.metric, {own.data(), {d_, count}},
                      {own.data() + d_ * count, {d_, count}}, times_, paths.options,
                      {x_.view(), v_.view(), status_.view(), reached_.view()});
  }

  /// How each path ended.
  std::span<const PathStatus> endings() const { return status_.span(); }

  /// The rows of the paths' samples, or of their events.
  std::string rows() const {
    std::string text;
    if (paths_.event) {
      for (const PathEvent& event : find_events(paths_.metric, *paths_.event, x_.view(), v_.view(),
                                                times_, reached_.view(), paths_.options)) {
        add_row(text, event.path, event.parameter, event.x.data(), event.v.data(), 1);
      }
      return text;
    }
    const Index count = status_.size();
    for (Index n = 0; n < count; ++n) {
      for (Index k = 0; k < paths_.samples && (k == 0 || times_[k] <= reached_(n)); ++k) {
        add_row(text, n, times_[k], &x_(k, 0, n), &v_(k, 0, n), count);
      }
    }
    return text;
  }

 private:
  void add_row(std::string& text, Index path, double parameter, const double* x, const double* v,
               Index stride) const {
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{},{}", first_ + path, parameter);
    for (Index m = 0; m < d_; ++m) fmt::format_to(out, ",{}", x[m * stride]);
    for (Index m = 0; m < d_; ++m) fmt::format_to(out, ",{}", v[m * stride]);
    fmt::format_to(out, ",{}\n", name(status_(path)));
  }

  const ManyPaths& paths_;
  Index first_, d_;
  std::vector<double> times_;
  Array<double, 3> x_, v_;
  Array<PathStatus, 1> status_;
  Array<double, 1> reached_;
};

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
  std::optional<OutputFile> file;
  Array<double, 2> starts;
  ranks().together([&] {
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
  std::string rows;
  std::vector<PathStatus> endings(static_cast<std::size_t>(count));
  ranks().together([&] {
    const Share share(paths, starts, first, ends[rank]);
    rows = share.rows();
    std::ranges::copy(share.endings(), endings.begin() + first);
  });
  ranks().all_gather(std::span(endings), ends);
  const std::vector<std::string> all = gather_on_first(rows);
  ranks().together([&] {
    if (!ranks().is_first()) return;
    std::string text = "path,parameter";
    for (const std::string& name : columns_of(paths.metric)) text += "," + name;
    text += ",status\n";
    for (const std::string& part : all) text += part;
    if (file) {
      file->write(text);
    } else {
      fmt::print("{}", text);
    }
    fmt::print(stderr, "{} paths: {}\n", count, ends_of(endings));
  });
}

}  // namespace lior::app
