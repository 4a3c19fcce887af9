// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/curvature.h"

#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "command.h"
#include "lior/core/names.h"
#include "lior/core/text.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature_parts.h"
#include "lior/geometry/metrics.h"
#include "metric_option.h"

namespace lior::app {
namespace {

using namespace geometry;

enum class Tensor { metric, christoffel, riemann, ricci, einstein, schouten, weyl };
constexpr auto enum_names(Tensor) {
  return enum_words("metric", "christoffel", "riemann", "ricci", "einstein", "schouten", "weyl");
}

struct Flags {
  std::string metric;
  std::optional<std::string> at, points, tensor, plane;
  bool json = false;
};

/// A tensor at all points, [d, .., d, N].
struct Entries {
  Index d, rank;
  Array<double, 2> numbers;  // [d^rank, N]

  Entries(Index dimension, Index ranks, Index count)
      : d(dimension), rank(ranks), numbers({power(dimension, ranks), count}) {}

  static Index power(Index base, Index exponent) {
    return exponent == 0 ? 1 : base * power(base, exponent - 1);
  }
  View<double, 3> matrix() { return {numbers.data(), {d, d, numbers.shape()[1]}}; }
  View<double, 4> cube() { return {numbers.data(), {d, d, d, numbers.shape()[1]}}; }
  View<double, 5> all_four() { return {numbers.data(), {d, d, d, d, numbers.shape()[1]}}; }
};

Entries tensor_at(const AnyMetric<double>& metric, View<const double, 2> x, Tensor which) {
  const Index rank = which == Tensor::christoffel                        ? 3
                     : which == Tensor::riemann || which == Tensor::weyl ? 4
                                                                         : 2;
  Entries out(metric.dimension(), rank, x.extent(1));
  switch (which) {
    case Tensor::metric: metric_values<double>(metric, x, out.matrix()); break;
    case Tensor::christoffel: christoffel<double>(metric, x, out.cube()); break;
    case Tensor::riemann: curvature<double>(metric, x, {.riemann = out.all_four()}); break;
    case Tensor::ricci: curvature<double>(metric, x, {.ricci = out.matrix()}); break;
    case Tensor::einstein: curvature_parts<double>(metric, x, {.einstein = out.matrix()}); break;
    case Tensor::schouten: curvature_parts<double>(metric, x, {.schouten = out.matrix()}); break;
    case Tensor::weyl: curvature_parts<double>(metric, x, {.weyl = out.all_four()}); break;
  }
  return out;
}

/// What is printed of each point.
struct Results {
  Array<double, 2> x;
  Array<double, 1> scalar, kretschmann, scalar_error, kretschmann_error, sectional;
  std::optional<Entries> tensor;

  explicit Results(Array<double, 2> points)
      : x(std::move(points)),
        scalar({x.shape()[1]}),
        kretschmann({x.shape()[1]}),
        scalar_error({x.shape()[1]}),
        kretschmann_error({x.shape()[1]}),
        sectional({x.shape()[1]}) {}
};

/// K of the plane of "A,B,..:C,D,..", the same two vectors at every point.
void find_sectional(const AnyMetric<double>& metric, const std::string& plane, Results& out) {
  const std::size_t colon = plane.find(':');
  LIOR_CHECK(colon != plane.npos,
             "--plane '{}' is not two vectors; give their components with a colon between, such as "
             "1,0:0,1",
             shown(plane));
  const Index d = metric.dimension(), count = out.x.shape()[1];
  Array<double, 2> u({d, count}), w({d, count});
  const Array<double, 2> first = numbers("--plane", plane.substr(0, colon), d),
                         second = numbers("--plane", plane.substr(colon + 1), d);
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < count; ++n) u(m, n) = first(m, 0), w(m, n) = second(m, 0);
  }
  sectional_curvature<double>(metric, out.x.view(), u.view(), w.view(), out.sectional.view());
}

/// The place of an entry among its tensor's.
std::vector<Index> indices_of(const Entries& tensor, Index entry) {
  std::vector<Index> all(static_cast<std::size_t>(tensor.rank));
  for (auto index = all.rbegin(); index != all.rend(); ++index) {
    *index = entry % tensor.d;
    entry /= tensor.d;
  }
  return all;
}

/// Sizes of a tensor's entries in units that make those of different coordinates comparable.
class EntrySizes {
 public:
  EntrySizes(const AnyMetric<double>& metric, const Results& results, Tensor which, Index n)
      : tensor_(*results.tensor),
        raised_(which == Tensor::christoffel || which == Tensor::riemann) {
    const Index d = tensor_.d;
    std::vector<double> x(static_cast<std::size_t>(d)), g(static_cast<std::size_t>(d * d));
    for (Index m = 0; m < d; ++m) x[static_cast<std::size_t>(m)] = results.x(m, n);
    metric.value(x.data(), g.data());
    for (Index m = 0; m < d; ++m) {
      double sum = 0;
      for (Index r = 0; r < d; ++r) sum += std::abs(g[static_cast<std::size_t>(m * d + r)]);
      units_.push_back(std::sqrt(sum));
    }
    for (Index i = 0; i < tensor_.numbers.shape()[0]; ++i) {
      largest_ = std::max(largest_, (*this)(i, n));
    }
  }

  /// Each lower index m in units of sqrt(sum_r |g_mr|), which is |d_m| where g is diagonal.
  double operator()(Index entry, Index n) const {
    double size = std::abs(tensor_.numbers(entry, n));
    const std::vector<Index> indices = indices_of(tensor_, entry);
    for (std::size_t k = 0; k < indices.size(); ++k) {
      const double unit = units_[static_cast<std::size_t>(indices[k])];
      size = k == 0 && raised_ ? size * unit : size / unit;
    }
    return size;
  }
  double largest() const { return largest_; }

 private:
  const Entries& tensor_;
  bool raised_;  // the first index
  std::vector<double> units_;
  double largest_ = 0;
};

/// What rounding may make of an entry that is 0, in those units: of curvature as much as of its
/// scalar, of symbols a part of the largest; metrics are as their formulas are.
double rounding_of(const Results& results, Tensor which, const EntrySizes& sizes, Index n) {
  constexpr double kRounding = 64 * std::numeric_limits<double>::epsilon();
  switch (which) {
    case Tensor::metric: return 0;
    case Tensor::christoffel: return kRounding * sizes.largest();
    case Tensor::riemann:
    case Tensor::ricci:
    case Tensor::einstein:
    case Tensor::schouten:
    case Tensor::weyl: break;
  }
  return results.scalar_error(n);
}

/// The entries that are not 0 by more than rounding, a line each.
void print_tensor(const AnyMetric<double>& metric, const Results& results, Tensor which, Index n) {
  const Entries& tensor = *results.tensor;
  const EntrySizes sizes(metric, results, which, n);
  const double rounding = rounding_of(results, which, sizes, n);
  Index zeros = 0, lost = 0;
  for (Index i = 0; i < tensor.numbers.shape()[0]; ++i) {
    const double value = tensor.numbers(i, n);
    if (value == 0 || sizes(i, n) <= rounding) {
      (value == 0 ? zeros : lost) += 1;
      continue;
    }
    std::string place;
    for (const Index m : indices_of(tensor, i)) {
      place += (place.empty() ? "" : " ") + metric.chart().coordinates[m].name;
    }
    fmt::print("  {} {:<24} {:>20.12g}\n", name(which), place, value);
  }
  fmt::print("  {} of {} entries are 0{}\n", zeros, tensor.numbers.shape()[0],
             lost > 0 ? fmt::format(", {} no more than rounding", lost) : "");
}

void print_text(const AnyMetric<double>& metric, const Flags& flags, const Results& results,
                Tensor which) {
  for (Index n = 0; n < results.x.shape()[1]; ++n) {
    // All digits: next to a horizon the last ones say how near.
    fmt::print("at {}\n", shown_point(metric, results.x.data() + n, results.x.shape()[1], "{}"));
    fmt::print("  scalar       {:.12g}, error below {:.2g}\n", results.scalar(n),
               results.scalar_error(n));
    fmt::print("  Kretschmann  {:.12g}, error below {:.2g}\n", results.kretschmann(n),
               results.kretschmann_error(n));
    if (flags.plane) fmt::print("  sectional    {:.12g}\n", results.sectional(n));
    if (flags.tensor) print_tensor(metric, results, which, n);
  }
}

/// Entries from `entry` on as lists in lists.
std::string json_tensor(const Entries& tensor, Index n, Index rank, Index entry) {
  if (rank == 0) return json_number(tensor.numbers(entry, n));
  std::string text;
  for (Index m = 0; m < tensor.d; ++m) {
    text += (m == 0 ? "" : ", ") +
            json_tensor(tensor, n, rank - 1, entry + m * Entries::power(tensor.d, rank - 1));
  }
  return "[" + text + "]";
}

void print_json(const AnyMetric<double>& metric, const Flags& flags, const Results& results) {
  const Index d = metric.dimension(), count = results.x.shape()[1];
  fmt::print("{{\"metric\": {}, \"coordinates\": {}, \"points\": [",
             nlohmann::json(title_of(flags.metric)).dump(), json_coordinates(metric));
  for (Index n = 0; n < count; ++n) {
    fmt::print(
        "{}\n {{\"x\": [{}], \"scalar\": {}, \"scalar_error\": {}, \"kretschmann\": {}, "
        "\"kretschmann_error\": {}",
        n == 0 ? "" : ",", list(results.x.data() + n, d, count), json_number(results.scalar(n)),
        json_number(results.scalar_error(n)), json_number(results.kretschmann(n)),
        json_number(results.kretschmann_error(n)));
    if (flags.plane) fmt::print(", \"sectional\": {}", json_number(results.sectional(n)));
    if (flags.tensor) {
      fmt::print(", \"{}\": {}", *flags.tensor,
                 json_tensor(*results.tensor, n, results.tensor->rank, 0));
    }
    fmt::print("}}");
  }
  fmt::print("]}}\n");
}

int run(const Flags& flags) {
  LIOR_CHECK(flags.at.has_value() != flags.points.has_value(),
             "give either --at (a point) or --points (a table of them)");
  const auto which = flags.tensor ? parse_name<Tensor>(*flags.tensor, "--tensor") : Tensor::metric;
  const AnyMetric<double> metric = open_metric(flags.metric);
  Results results(flags.at ? numbers("--at", *flags.at, metric.dimension())
                           : read_columns(*flags.points, coordinate_names(metric)));
  const View<const double, 2> x = results.x.view();
  of_points(flags.at ? "--at" : shown_path(*flags.points), [&] {
    curvature<double>(metric, x,
                      {.scalar = results.scalar.view(),
                       .kretschmann = results.kretschmann.view(),
                       .scalar_error = results.scalar_error.view(),
                       .kretschmann_error = results.kretschmann_error.view()});
    if (flags.tensor) results.tensor = tensor_at(metric, x, which);
  });
  if (flags.plane) find_sectional(metric, *flags.plane, results);
  if (flags.json) {
    print_json(metric, flags, results);
  } else {
    print_text(metric, flags, results, which);
  }
  return kSuccess;
}

}  // namespace

Run curvature_command(Options& options) {
  const auto flags = std::make_shared<Flags>();
  options.add_note("Metrics, their keys with defaults, and their coordinates:\n" +
                   describe_metric_kinds() +
                   "R^r_smn = d_m Gamma^r_ns - ..., positive on spheres; metric, ricci, einstein, "
                   "schouten and weyl have all\nindices lowered, the first one of christoffel and "
                   "riemann is raised. In vacuum einstein is 0. Entries that are no\nlarger than "
                   "what rounding makes of 0 are counted, not printed: in units of lengths, below "
                   "the error of\nthe scalar, or 1e-14 of the largest symbol. --json has them "
                   "all.\n");
  add_metric_option(options, flags->metric);
  options.add("--at", flags->at, "A,B,...", "the point");
  options.add("--points", flags->points, "FILE.csv", "or many, a column for each coordinate");
  options.add("--tensor", flags->tensor, "NAME", "its entries too: " + name_list<Tensor>());
  options.suggest("--tensor", name_list<Tensor>());
  options.add("--plane", flags->plane, "U:W",
              "sectional curvature of the plane of two vectors, such as 1,0:0,1");
  options.add_switch("--json", flags->json, "one JSON object");
  return [=] { return run(*flags); };
}

}  // namespace lior::app
