// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Metrics by formulas that are read when the program runs.
///
/// A metric in a file is TOML (or JSON with the same keys):
///
///     summary = "a black hole"
///     coordinates = "t, r, theta, phi"
///     signature = "- + + +"                      # all + without it
///     expected = "mass > 0"                      # of the parameters
///     [parameters]
///     mass = 1                                   # its default; "1/3" is a number too
///     [periods]
///     phi = "2*pi"
///     [ranges]
///     r = "> 2 mass"                             # for people
///     [definitions]
///     f = "1 - 2*mass/r"
///     [metric]                                   # zero where nothing is given; t.r is r.t
///     t.t = "-f"
///     r.r = "1/f"
///     theta.theta = "r^2"
///     phi.phi = "r^2*sin(theta)^2"
///     [domain]                                   # what holds inside
///     horizon = "r > 2*mass"                     # where not: on or inside a horizon
///     edge = "0 < theta < pi"                    # where not: off the chart
///     [plane]                                    # how pictures show points
///     x = "r*cos(phi)"
///     y = "r*sin(phi)"
///     equal_scales = true
///     circle = "2*mass"
///
/// In place of the table `metric`, line_element = "-f*dt^2 + dr^2/f + r^2*dtheta^2 + .." is a
/// quadratic form of the differentials dt, dr, .. of the coordinates, and d(a) = d_m a dx^m that of
/// any formula: with X, Y, Z the place in space, "d(X)^2 + d(Y)^2 + d(Z)^2" is the metric of a
/// surface there. Formulas: lior/expr/parse.h; they may name coordinates, parameters and
/// definitions, in any order; definitions of a line element may be forms, "s = r*dphi".
///
/// On a line, a metric is "expr:" and statements between semicolons: the coordinates, definitions,
/// and the line element last, "expr:r, phi; a = 2; dr^2 + a^2*sinh(r/a)^2*dphi^2". A key of the
/// file is a statement too: "signature = - +", "periods.phi = 2*pi", "metric.r.r = 1".
///
/// Derivatives are symbolic, so exact. Symbols and accelerations of many points run as vector
/// operations (lior/expr/tape.h); the inverse of each block of g that is not zero is Cramer's up to
/// four dimensions, Cholesky's or LDL^T beyond.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/expr/definitions.h"
#include "lior/geometry/metric.h"

namespace lior::geometry {

struct MetricComponent {
  std::string row, column;
  expr::NamedFormula formula;
};

/// The entries of a metric's file. A formula whose text is empty is absent.
struct MetricDescription {
  std::string name, summary;
  std::vector<Coordinate> coordinates;
  std::vector<expr::Parameter> parameters;  ///< with their defaults
  std::vector<expr::NamedFormula> periods, definitions;
  std::vector<MetricComponent> components;
  expr::NamedFormula line_element, edge, horizon, expected, plane_x, plane_y, circle;
  bool equal_scales = false;
  Index negative_directions = 0;
};

/// Reads the description in a file, in the text of one, or behind "expr:". Throws lior::Error that
/// names file, line and key; formulas are only read by metric_from_expression.
MetricDescription read_metric_file(const std::filesystem::path& path);
MetricDescription read_metric_text(const std::string& text, const std::string& name);
MetricDescription read_metric_statements(std::string_view statements);

/// The metric of a description with these values of its parameters, one each (empty: defaults).
/// Throws lior::Error that names the formula and its place where one cannot be read, refers to
/// itself, or is not quadratic in the differentials, where components differ that must be equal,
/// and where the values are not as `expected`.
template <class T>
AnyMetric<T> metric_from_expression(const MetricDescription& description,
                                    std::span<const double> values = {});

}  // namespace lior::geometry
