// SPDX-License-Identifier: Apache-2.0
#include "geometry/metric_formulas.h"

#include <algorithm>
#include <numeric>

#include "lior/core/text.h"
#include "lior/expr/evaluate.h"
#include "lior/expr/fault.h"

namespace lior::geometry {

using expr::Id;

MetricFormulas::MetricFormulas(const MetricDescription& description, std::span<const double> values)
    : description_(description),
      values_(values.begin(), values.end()),
      d_(static_cast<Index>(description.coordinates.size())),
      g_(static_cast<std::size_t>(d_ * d_), graph_.constant(0)),
      definitions_(description.definitions, [this](const expr::NamedFormula& formula) {
        // Those of a line element may be forms of differentials, such as a frame's.
        const bool in_line_element = !description_.line_element.text.empty();
        return in_line_element ? read_form(formula) : read(formula);
      }) {
  if (values.empty()) {
    for (const expr::Parameter& parameter : description.parameters) {
      values_.push_back(parameter.value);
    }
  }
  LIOR_CHECK(values_.size() == description.parameters.size(),
             "metric '{}' has {} parameters, not {}", shown(description.name),
             description.parameters.size(), values_.size());
  check_expected();
  for (std::size_t k = 0; k < definitions_.size(); ++k) static_cast<void>(definitions_[k]);
  if (description.line_element.text.empty()) {
    read_components();
  } else {
    read_line_element();
  }
  check_constants();
  const Id always = graph_.constant(1);
  edge_ = description.edge.text.empty() ? always : read(description.edge);
  horizon_ = description.horizon.text.empty() ? always : read(description.horizon);
  read_chart();
}

std::vector<std::string> MetricFormulas::names() const {
  std::vector<std::string> all;
  for (const Coordinate& x : description_.coordinates) all.push_back(x.name);
  for (const expr::Parameter& parameter : description_.parameters) all.push_back(parameter.name);
  for (const expr::NamedFormula& formula : description_.definitions) all.push_back(formula.name);
  return all;
}

std::optional<Id> MetricFormulas::find(std::string_view name, bool differentials) {
  for (Index m = 0; m < d_; ++m) {
    const std::string& x = description_.coordinates[m].name;
    if (name == x) return coordinate(m);
    if (differentials && name.substr(0, 1) == "d" && name.substr(1) == x) return velocity(m);
  }
  for (std::size_t k = 0; k < values_.size(); ++k) {
    if (name == description_.parameters[k].name) return graph_.constant(values_[k]);
  }
  return definitions_.find(name);
}

Id MetricFormulas::read(const expr::NamedFormula& formula) {
  const expr::Scope scope{.find = [this](std::string_view name) { return find(name, false); },
                          .names = names()};
  const Id id = expr::parse(graph_, formula.text, scope, formula.where);
  LIOR_CHECK(!has_differentials(id),
             "{}: a definition in it has differentials, which only the line element may have",
             formula.where);
  return id;
}

bool MetricFormulas::has_differentials(Id id) const {
  for (Index m = 0; m < d_; ++m) {
    if (graph_.contains(id, d_ + m)) return true;
  }
  return false;
}

Id MetricFormulas::read_form(const expr::NamedFormula& formula) {
  std::vector<std::string> known = names();
  for (const Coordinate& x : description_.coordinates) known.push_back("d" + x.name);
  const auto differential = [&](Id a) {
    LIOR_CHECK(!has_differentials(a),
               "{}: d(..) of what has differentials in it; expected a formula of coordinates",
               formula.where);
    Id sum = graph_.constant(0);
    for (Index m = 0; m < d_; ++m) {
      sum = graph_.add(sum, graph_.multiply(graph_.derivative(a, m), velocity(m)));
    }
    return sum;
  };
  const expr::Scope scope{.find = [this](std::string_view name) { return find(name, true); },
                          .names = known,
                          .differential = differential};
  return expr::parse(graph_, formula.text, scope, formula.where);
}

/// The value of a formula of the parameters alone.
double MetricFormulas::constant(const expr::NamedFormula& formula) {
  std::vector<std::string> parameters;
  for (const expr::Parameter& parameter : description_.parameters) {
    parameters.push_back(parameter.name);
  }
  const expr::Scope scope{.find = [this](std::string_view name) -> std::optional<Id> {
                            for (std::size_t k = 0; k < values_.size(); ++k) {
                              if (name == description_.parameters[k].name) {
                                return graph_.constant(values_[k]);
                              }
                            }
                            return {};
                          },
                          .names = parameters};
  return *graph_.value(expr::parse(graph_, formula.text, scope, formula.where));
}

void MetricFormulas::check_expected() {
  if (description_.expected.text.empty() || constant(description_.expected) != 0) return;
  std::string given;
  for (std::size_t k = 0; k < values_.size(); ++k) {
    given +=
        fmt::format("{}{}={}", k == 0 ? "" : ", ", description_.parameters[k].name, values_[k]);
  }
  throw Error(fmt::format("metric '{}': expected {}, not {}", shown(description_.name),
                          shown(description_.expected.text), shown(given)));
}

void MetricFormulas::read_components() {
  std::vector<bool> given(g_.size());
  for (const MetricComponent& component : description_.components) {
    const auto index = [&](const std::string& name) {
      Index m = 0;
      while (description_.coordinates[m].name != name) ++m;
      return m;
    };
    const Index m = index(component.row), n = index(component.column);
    const Id id = read(component.formula);
    LIOR_CHECK(!given[n * d_ + m] || g_[n * d_ + m] == id,
               "{}: is another formula than metric.{}.{}, and a metric is symmetric; give one of "
               "them",
               component.formula.where, component.column, component.row);
    given[m * d_ + n] = true;
    g_[m * d_ + n] = g_[n * d_ + m] = id;
  }
}

void MetricFormulas::read_line_element() {
  const Id form = read_form(description_.line_element);
  form_ = form;
  for (Index m = 0; m < d_; ++m) {
    const Id slope = graph_.derivative(form, d_ + m);
    for (Index n = 0; n < d_; ++n) {
      g_[m * d_ + n] = graph_.multiply(graph_.constant(0.5), graph_.derivative(slope, d_ + n));
    }
  }
  for (Index m = 0; m < d_; ++m) {
    for (Index n = 0; n < m; ++n) g_[m * d_ + n] = g_[n * d_ + m];
  }
  check_quadratic(form);
}

void MetricFormulas::check_constants() const {
  for (Index m = 0; m < d_; ++m) {
    for (Index n = m; n < d_; ++n) {
      const auto value = graph_.value(entry(m, n));
      LIOR_CHECK(!value || std::isfinite(*value),
                 "{}: makes metric.{}.{} {} everywhere; expected finite numbers",
                 formula_of(m, n).where, description_.coordinates[m].name,
                 description_.coordinates[n].name, std::isnan(*value) ? "nan" : "infinite");
    }
  }
}

void MetricFormulas::check_quadratic(Id form) {
  const auto fail = [&] {
    throw Error(
        fmt::format("{}: is not quadratic in the differentials; expected a sum of terms "
                    "such as {}*d{}^2",
                    description_.line_element.where, description_.coordinates[0].name,
                    description_.coordinates[0].name));
  };
  std::vector<Id> nodes{form};
  for (Index m = 0; m < d_; ++m) nodes.push_back(graph_.derivative(form, d_ + m));
  if (std::ranges::any_of(g_, [this](Id id) { return has_differentials(id); })) fail();
  // With constant second derivatives, nothing is left but terms without and with one differential,
  // which would show where all of these are 0.
  std::vector<double> point(static_cast<std::size_t>(2 * d_), 0.0);
  for (Index m = 0; m < d_; ++m) point[m] = 0.71 + 0.13 * static_cast<double>(m);
  for (const double value : expr::reference::evaluate<double>(graph_, nodes, point)) {
    if (std::isfinite(value) && value != 0) fail();
  }
}

void MetricFormulas::read_chart() {
  chart_.coordinates = description_.coordinates;
  for (const expr::NamedFormula& period : description_.periods) {
    for (Coordinate& x : chart_.coordinates) {
      if (x.name != period.name) continue;
      x.period = constant(period);
      LIOR_CHECK(x.period > 0 && std::isfinite(x.period), "{}: is {}; expected a number > 0",
                 period.where, x.period);
      if (x.range.empty()) x.range = "of period " + shown(period.text);
    }
  }
  PlaneView& plane = chart_.plane;
  plane.equal_scales = description_.equal_scales;
  if (!description_.circle.text.empty()) plane.circle = constant(description_.circle);
  if (description_.plane_x.text.empty()) {
    for (Index m = 0; m < std::min<Index>(2, d_); ++m) {
      plane.labels[m] = description_.coordinates[m].name;
    }
    return;
  }
  const auto label = [](std::string text) {
    std::replace(text.begin(), text.end(), '*', ' ');
    return shown(text);
  };
  plane.labels = {label(description_.plane_x.text), label(description_.plane_y.text)};
  plane_ = {read(description_.plane_x), read(description_.plane_y)};
}

std::string MetricFormulas::fault(std::span<const double> x, Index m, Index n,
                                  std::span<const Index> axes) {
  constexpr std::size_t kShown = 60;
  // g_mm is also the line element itself where dx^m is 1 and the others are 0, without the factors
  // that two derivatives bring in.
  const bool is_form = form_ && m == n;
  std::vector<Id> point;
  for (Index k = 0; k < d_; ++k) point.push_back(coordinate(k));
  for (Index k = 0; k < d_; ++k) point.push_back(graph_.constant(k == m ? 1 : 0));
  const auto part = [&](Id id) {
    if (is_form) id = graph_.replace_inputs(id, point);
    for (const Index k : axes) id = graph_.derivative(id, k);
    return id;
  };
  const Id whole = part(is_form ? *form_ : entry(m, n));
  std::vector<Id> parts;
  for (std::size_t k = 0; k < definitions_.size(); ++k) parts.push_back(part(definitions_[k]));
  std::vector<double> inputs(x.begin(), x.end());
  inputs.resize(static_cast<std::size_t>(2 * d_));
  const auto fault = expr::find_fault(graph_, whole, inputs);
  if (!fault) return {};
  const expr::NamedFormula* formula = &formula_of(m, n);
  // The innermost definition that the fault is in: its node was made first.
  const std::vector<bool> above = expr::nodes_above(graph_, fault->at);
  Id innermost = graph_.size();
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (!above[parts[k]] || parts[k] >= innermost) continue;
    innermost = parts[k];
    formula = &description_.definitions[k];
  }
  return fmt::format("{} in {} = {}", fault->operation, formula->where,
                     shown(formula->text, kShown));
}

const expr::NamedFormula& MetricFormulas::formula_of(Index m, Index n) const {
  const std::string &row = description_.coordinates[m].name,
                    &column = description_.coordinates[n].name;
  for (const MetricComponent& component : description_.components) {
    if ((component.row == row && component.column == column) ||
        (component.row == column && component.column == row)) {
      return component.formula;
    }
  }
  return description_.line_element;
}

std::vector<std::vector<Index>> MetricFormulas::blocks() const {
  std::vector<Index> of(static_cast<std::size_t>(d_));
  std::iota(of.begin(), of.end(), Index{0});
  for (Index m = 0; m < d_; ++m) {
    for (Index n = 0; n < m; ++n) {
      if (graph_.value(entry(m, n)) == 0.0 || of[m] == of[n]) continue;
      const Index from = of[m], to = of[n];
      std::replace(of.begin(), of.end(), from, to);
    }
  }
  std::vector<std::vector<Index>> blocks;
  for (Index first = 0; first < d_; ++first) {
    std::vector<Index> block;
    for (Index m = 0; m < d_; ++m) {
      if (of[m] == first) block.push_back(m);
    }
    if (!block.empty()) blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace lior::geometry
