// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "lior/core/text.h"
#include "lior/geometry/geodesic_regression.h"
#include "metric_option.h"
#include "output.h"

namespace lior::app {
namespace {

using namespace geometry;

struct Flags {
  std::string metric, points, variables = "t";
  std::optional<std::string> at, out;
  double rtol = 1e-8;
  bool json = false;
};

/// The names of "t, dose", none of them a coordinate's.
std::vector<std::string> variables_of(const AnyMetric<double>& metric, const std::string& text) {
  std::vector<std::string> names;
  std::string_view rest = text;
  while (true) {
    const std::string name(rest.substr(0, rest.find(',')));
    LIOR_CHECK(!name.empty(),
               "--variables '{}': a name is empty; expected names of columns, such "
               "as t or t,dose",
               shown(text));
    const std::vector<std::string> coordinates = coordinate_names(metric);
    LIOR_CHECK(std::ranges::find(coordinates, name) == coordinates.end() && name != "weight",
               "variable '{}' is also the name of {}; rename its column, and name it in "
               "--variables",
               shown(name), name == "weight" ? "the weights" : "a coordinate");
    LIOR_CHECK(std::ranges::find(names, name) == names.end(), "--variables '{}' names '{}' twice",
               shown(text), shown(name));
    names.push_back(name);
    if (rest.find(',') == rest.npos) return names;
    rest.remove_prefix(rest.find(',') + 1);
  }
}

/// What was asked, and what was found.
struct Result {
  std::vector<std::string> variables;
  Array<double, 2> origin, table;  // [K, 1]; a row for each coordinate, variable, and the weight
  Array<double, 1> x, residuals;
  Array<double, 2> v, fitted;
  GeodesicRegression summary{};

  Result(const AnyMetric<double>& metric, const Flags& flags)
      : variables(variables_of(metric, flags.variables)), x({metric.dimension()}) {
    const Index d = metric.dimension(), k = std::ssize(variables);
    origin =
        flags.at ? numbers("--at", *flags.at, k, "values of variables") : Array<double, 2>({k, 1});
    std::vector<std::string> columns = coordinate_names(metric);
    columns.insert(columns.end(), variables.begin(), variables.end());
    columns.emplace_back("weight");
    std::vector<bool> given;
    table = read_columns(flags.points, columns, {"weight"}, &given);
    const Index count = table.shape()[1];
    residuals = Array<double, 1>({count});
    v = Array<double, 2>({d, k}), fitted = Array<double, 2>({d, count});
    View<const double, 1> weights;
    if (given.back()) weights = {table.data() + (d + k) * count, {count}};
    summary = of_points(shown_path(flags.points), [&] {
      return geodesic_regression(metric, {table.data() + d * count, {k, count}},
                                 {table.data(), {d, count}}, weights, {origin.data(), {k}},
                                 {.rtol = flags.rtol, .atol = flags.rtol / 100},
                                 {x.view(), v.view(), fitted.view(), residuals.view()});
    });
  }
};

void print_text(const AnyMetric<double>& metric, const Result& result) {
  std::string at;
  for (std::size_t k = 0; k < result.variables.size(); ++k) {
    at += fmt::format("{}{} = {:.10g}", k == 0 ? "" : ", ", result.variables[k],
                      result.origin.data()[k]);
  }
  fmt::print("at {}\n  point      {}\n", at, shown_point(metric, result.x.data(), 1));
  const auto names = coordinate_names(metric, "d");
  for (std::size_t k = 0; k < result.variables.size(); ++k) {
    std::string velocity;
    for (Index m = 0; m < metric.dimension(); ++m) {
      velocity += fmt::format("{}{}/d{} = {:.10g}", m == 0 ? "" : ", ", names[m],
                              result.variables[k], result.v(m, static_cast<Index>(k)));
    }
    fmt::print("  velocity   {}\n", velocity);
  }
  const auto worst = std::ranges::max_element(result.residuals.span());
  fmt::print("R^2        {:.10g}\nresiduals  {:.6g} root mean square, {:.6g} at most, in row {}\n",
             result.summary.r_squared, std::sqrt(result.summary.variance), *worst,
             worst - result.residuals.span().begin() + 1);
  fmt::print("error      {:.2g}, after {} iterations\n", result.summary.error,
             result.summary.iterations);
}

void print_json(const AnyMetric<double>& metric, const Flags& flags, const Result& result) {
  const Index d = metric.dimension(), k = std::ssize(result.variables);
  std::string velocities;
  for (Index i = 0; i < k; ++i) {
    velocities += fmt::format("{}[{}]", i == 0 ? "" : ", ", list(&result.v(0, i), d, k));
  }
  fmt::print(
      "{{\"metric\": {}, \"coordinates\": {}, \"variables\": {}, \"points\": {}, \"origin\": [{}], "
      "\"x\": [{}], \"v\": [{}], \"r_squared\": {}, \"variance\": {}, \"error\": {}, "
      "\"iterations\": {}, \"converged\": {}, \"residuals\": [{}]}}\n",
      nlohmann::json(title_of(flags.metric)).dump(), json_coordinates(metric),
      nlohmann::json(result.variables).dump(), result.residuals.size(),
      list(result.origin.data(), k), list(result.x.data(), d), velocities,
      json_number(result.summary.r_squared), json_number(result.summary.variance),
      json_number(result.summary.error), result.summary.iterations, result.summary.converged,
      list(result.residuals.data(), result.residuals.size()));
}

/// Variables, fitted coordinates and residual of each point.
std::string table_of(const AnyMetric<double>& metric, const Result& result) {
  const Index d = metric.dimension(), k = std::ssize(result.variables);
  std::string text;
  for (const std::string& name : result.variables) text += name + ",";
  for (const std::string& name : coordinate_names(metric)) text += name + ",";
  text += "residual\n";
  for (Index n = 0; n < result.residuals.size(); ++n) {
    for (Index i = 0; i < k; ++i) text += fmt::format("{},", result.table(d + i, n));
    for (Index m = 0; m < d; ++m) text += fmt::format("{},", result.fitted(m, n));
    text += fmt::format("{}\n", result.residuals(n));
  }
  return text;
}

int run(const Flags& flags) {
  const AnyMetric<double> metric = open_metric(flags.metric);
  std::optional<OutputFile> file;
  if (flags.out) file.emplace(*flags.out);
  const Result result(metric, flags);
  if (file) file->write(table_of(metric, result));
  if (flags.json) {
    print_json(metric, flags, result);
  } else {
    print_text(metric, result);
  }
  if (!result.summary.converged) {
    throw RunError(
        fmt::format("the fit of {} was not reached: the next step would move it by {:.2g}",
                    shown_path(flags.points), result.summary.error));
  }
  return kSuccess;
}

}  // namespace

Run regression_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add_note(
      "The geodesic exp_p(t v) whose sum of weight * distance^2 to the points is least nearby "
      "(Fletcher), and with several\nvariables exp_p(t_1 v_1 + t_2 v_2 + ...) (Kim). R^2 is beside "
      "the points' mean. `lior help metrics` lists the metrics;\nit must have no minus sign.\n");
  add_metric_option(options, flags->metric);
  options.require("--points", flags->points, "FILE.csv",
                  "a column for each coordinate and variable, and one named weight where weights "
                  "differ");
  options.add("--variables", flags->variables, "NAME,...", "columns that points are fitted by (t)");
  options.add("--at", flags->at, "T,...",
              "values of the variables where p and v are given (0); p must lie in the chart");
  options.add("--out", flags->out, "FILE.csv", "write fitted points and residuals");
  options.add("--rtol", flags->rtol, "R", "the error of the fit, as a part of the spread (1e-8)");
  options.add_switch("--json", flags->json, "one JSON object");
  return [=] { return run(*flags); };
}

}  // namespace lior::app
