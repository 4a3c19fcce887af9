// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "lior/core/text.h"
#include "lior/geometry/frechet_mean.h"
#include "metric_option.h"

namespace lior::app {
namespace {

using namespace geometry;

struct Flags {
  std::string metric, points;
  double rtol = 1e-8;
  bool json = false;
};

void print_json(const AnyMetric<double>& metric, const Flags& flags, Index count,
                const FrechetMean& mean, const Array<double, 1>& x) {
  fmt::print(
      "{{\"metric\": {}, \"coordinates\": {}, \"points\": {}, \"mean\": [{}], \"variance\": {}, "
      "\"error\": {}, \"iterations\": {}, \"converged\": {}}}\n",
      nlohmann::json(title_of(flags.metric)).dump(), json_coordinates(metric), count,
      list(x.data(), metric.dimension()), json_number(mean.variance), json_number(mean.error),
      mean.iterations, mean.converged);
}

int run(const Flags& flags) {
  const AnyMetric<double> metric = open_metric(flags.metric);
  const Index d = metric.dimension();
  std::vector<std::string> columns = coordinate_names(metric);
  columns.emplace_back("weight");
  std::vector<bool> given;
  const Array<double, 2> table = read_columns(flags.points, columns, {"weight"}, &given);
  const Index count = table.shape()[1];
  View<const double, 1> weights;
  if (given.back()) weights = {table.data() + d * count, {count}};
  Array<double, 1> x({d});
  const FrechetMean mean = of_points(shown_path(flags.points), [&] {
    return frechet_mean(metric, {table.data(), {d, count}}, weights,
                        {.rtol = flags.rtol, .atol = flags.rtol / 100}, x.view());
  });
  if (flags.json) {
    print_json(metric, flags, count, mean, x);
  } else {
    fmt::print("mean      {}\nvariance  {:.10g}\nerror     {:.2g}, after {} iterations\n",
               shown_point(metric, x.data(), 1), mean.variance, mean.error, mean.iterations);
  }
  if (!mean.converged) {
    throw RunError(fmt::format("the mean of {} was not reached: its gradient is {:.2g} long",
                               shown_path(flags.points), mean.error));
  }
  return kSuccess;
}

}  // namespace

Run mean_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add_note(
      "The point whose sum of weight * distance^2 is least nearby (Frechet, Karcher). "
      "`lior help metrics` lists the metrics;\nit must have no minus sign.\n");
  add_metric_option(options, flags->metric);
  options.require("--points", flags->points, "FILE.csv",
                  "a column for each coordinate, and one named weight where weights differ");
  options.add("--rtol", flags->rtol, "R", "the error of the mean, as a part of the spread (1e-8)");
  options.add_switch("--json", flags->json, "one JSON object");
  return [=] { return run(*flags); };
}

}  // namespace lior::app
