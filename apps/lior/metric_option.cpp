// SPDX-License-Identifier: Apache-2.0
#include "metric_option.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lior/core/text.h"
#include "lior/expr/constant.h"
#include "lior/geometry/learned_metric.h"
#include "lior/geometry/metrics.h"
#include "lior/io/csv.h"
#include "lior/io/hdf5.h"

namespace lior::app {

using namespace geometry;

namespace {

/// Of CSV, whose cells may be formulas of numbers and angles in degrees, or of HDF5.
io::Table read_table(const std::string& path) {
  if (is_hdf5(path)) return io::read_hdf5_table(path);
  return io::read_csv(path, {expr::constant_of, std::string(expr::kConstants)});
}

}  // namespace

void add_metric_option(Options& options, std::string& metric) {
  options.require("--metric", metric, "NAME[:k=v,...]|FILE|expr:...",
                  "a metric of the list, by formulas in FILE.toml or behind expr:, or a learned "
                  "one in FILE.safetensors");
}

AnyMetric<double> open_metric(const std::string& text, bool spd_floor) {
  if (std::filesystem::path(text).extension() != ".safetensors") {
    return metric_from_text<double>(text);
  }
  const auto file = io::SafeTensors::open(text);
  return LearnedMetric<double>(LearnedMetricParameters<double>::read(file), Resilience::on,
                               spd_floor);
}

std::string title_of(const std::string& metric) {
  constexpr std::array kFiles{".toml", ".json", ".safetensors"};
  const auto ending = std::filesystem::path(metric.substr(0, metric.find(':'))).extension();
  const bool is_file = std::find(kFiles.begin(), kFiles.end(), ending) != kFiles.end();
  return is_file ? std::filesystem::path(metric).filename().string() : metric;
}

bool is_formulas(const std::string& metric) {
  constexpr std::array kKinds{"expr:", "graph:", "revolution:", "embedding:"};
  return std::any_of(kKinds.begin(), kKinds.end(),
                     [&](const char* kind) { return metric.starts_with(kind); });
}

Array<double, 2> numbers(const char* flag, const std::string& text, Index count, const char* kind) {
  std::vector<double> values;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const auto value = expr::constant_of(std::string_view(text).substr(at, end - at));
    LIOR_CHECK(value, "{} '{}' is not a list of finite numbers; give {} of them, such as 0.5,pi/2",
               flag, shown(text), count);
    values.push_back(*value);
    at = end + 1;
  }
  LIOR_CHECK(static_cast<Index>(values.size()) == count, "{} '{}' has {} numbers; expected {} {}",
             flag, shown(text), values.size(), count, kind);
  Array<double, 2> point({count, 1});
  std::copy(values.begin(), values.end(), point.data());
  return point;
}

bool is_hdf5(const std::string& path) { return path.ends_with(".h5") || path.ends_with(".hdf5"); }

Array<double, 2> read_columns(const std::string& path, const std::vector<std::string>& names,
                              const std::vector<std::string>& optional, std::vector<bool>* given) {
  const io::Table table = read_table(path);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const auto place = [](const std::vector<std::string>& list, const std::string& name) {
    return static_cast<std::size_t>(std::find(list.begin(), list.end(), name) - list.begin());
  };
  for (const std::string& name : table.columns) {
    LIOR_CHECK(place(names, name) < names.size(),
               "{}: column '{}' is none of those that are read; expected {}", shown_path(path),
               shown(name), all);
  }
  const Index count = table.rows();
  LIOR_CHECK(count > 0, "{}: has names and no rows; expected a row for each point",
             shown_path(path));
  Array<double, 2> out({static_cast<Index>(names.size()), count});
  if (given) given->assign(names.size(), true);
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::size_t column = place(table.columns, names[k]);
    if (column == table.columns.size()) {
      LIOR_CHECK(place(optional, names[k]) < optional.size(), "{}: lacks column '{}'; expected {}",
                 shown_path(path), names[k], all);
      if (given) (*given)[k] = false;
      continue;
    }
    for (Index n = 0; n < count; ++n) {
      out(static_cast<Index>(k), n) =
          table.numbers[static_cast<std::size_t>(n) * table.columns.size() + column];
    }
  }
  return out;
}

std::vector<std::string> coordinate_names(const AnyMetric<double>& metric, const char* prefix) {
  std::vector<std::string> names;
  for (const Coordinate& x : metric.chart().coordinates) names.push_back(prefix + x.name);
  return names;
}

std::string shown_point(const AnyMetric<double>& metric, const double* x, Index stride,
                        const char* format) {
  std::string text;
  for (Index m = 0; m < metric.dimension(); ++m) {
    text += fmt::format("{}{} = {}", m == 0 ? "" : ", ", metric.chart().coordinates[m].name,
                        fmt::format(fmt::runtime(format), x[m * stride]));
  }
  return text;
}

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

std::string list(const double* values, Index count, Index stride) {
  std::string text;
  for (Index m = 0; m < count; ++m) {
    text += fmt::format("{}{}", m == 0 ? "" : ", ", values[m * stride]);
  }
  return text;
}

std::string json_coordinates(const AnyMetric<double>& metric) {
  return nlohmann::json(coordinate_names(metric)).dump();
}

}  // namespace lior::app
