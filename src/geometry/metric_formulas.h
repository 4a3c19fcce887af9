// SPDX-License-Identifier: Apache-2.0
#pragma once
// The formulas of a metric as nodes of one graph.

#include <functional>
#include <map>

#include "lior/expr/parse.h"
#include "lior/geometry/expression_metric.h"

namespace lior::geometry {

/// Inputs 0 to d - 1 are the coordinates, d to 2 d - 1 velocities: the differentials of a line
/// element, and what accelerations depend on.
class MetricFormulas {
 public:
  /// Reads them all. Throws as metric_from_expression does.
  MetricFormulas(const MetricDescription& description, std::span<const double> values);

  Index dimension() const { return d_; }
  expr::Graph& graph() { return graph_; }
  /// Entry m, n of g.
  expr::Id entry(Index m, Index n) const { return g_[m * d_ + n]; }
  expr::Id coordinate(Index m) { return graph_.input(m); }
  expr::Id velocity(Index m) { return graph_.input(d_ + m); }
  /// 1 where they hold; the constant 1 where nothing is said.
  expr::Id edge() const { return edge_; }
  expr::Id horizon() const { return horizon_; }
  Chart chart() const { return chart_; }
  /// The plane that a picture shows, if the description says so: two nodes.
  const std::vector<expr::Id>& plane() const { return plane_; }

  /// AnyMetric::fault at the coordinates x.
  std::string fault(std::span<const double> x, Index m, Index n, std::span<const Index> axes);

  /// Coordinates that g ties together: each block of g that is not zero.
  std::vector<std::vector<Index>> blocks() const;

 private:
  std::optional<expr::Id> find(std::string_view name, bool differentials);
  /// The node of a formula, which may have differentials, and of one that may not.
  expr::Id read_form(const expr::NamedFormula& formula);
  expr::Id read(const expr::NamedFormula& formula);
  bool has_differentials(expr::Id id) const;
  double constant(const expr::NamedFormula& formula);
  std::vector<std::string> names() const;
  /// The formula that g_mn is in.
  const expr::NamedFormula& formula_of(Index m, Index n) const;
  void read_components();
  void read_line_element();
  void check_constants() const;
  void check_quadratic(expr::Id form);
  void check_expected();
  void read_chart();

  const MetricDescription& description_;
  std::vector<double> values_;
  Index d_;
  expr::Graph graph_;
  std::vector<expr::Id> g_, plane_;
  std::optional<expr::Id> form_;  // the line element
  expr::Id edge_, horizon_;
  Chart chart_;
  expr::Definitions definitions_;
};

}  // namespace lior::geometry
