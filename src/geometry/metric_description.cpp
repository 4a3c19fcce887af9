// SPDX-License-Identifier: Apache-2.0
// Metrics in files and on lines: which keys there are, and what they mean.
#include <algorithm>
#include <array>

#include "core/trimmed.h"
#include "geometry/metric_statements.h"
#include "lior/core/text.h"
#include "lior/expr/constant.h"
#include "lior/expr/parse.h"
#include "lior/geometry/expression_metric.h"

namespace lior::geometry {
namespace {

using settings::Setting;

constexpr std::string_view kExpected =
    "summary, coordinates, signature, expected, line_element, parameters.NAME, definitions.NAME, "
    "metric.ROW.COLUMN, periods.COORDINATE, ranges.COORDINATE, domain.edge, domain.horizon, "
    "plane.x, plane.y, plane.equal_scales, plane.circle";

std::string place(const Setting& setting) {
  return fmt::format("{}: {}", setting.where, shown(setting.key));
}

/// A text, or a number as one.
std::string text_of(const Setting& setting) {
  if (const auto* text = std::get_if<std::string>(&setting.value)) return *text;
  if (const auto* number = std::get_if<double>(&setting.value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<Index>(&setting.value)) return fmt::format("{}", *number);
  throw Error(fmt::format("{}: expected a text, or a number", place(setting)));
}

expr::NamedFormula formula_of(const Setting& setting, std::string_view name) {
  expr::NamedFormula formula{std::string(name), text_of(setting), place(setting)};
  LIOR_CHECK(!trimmed(formula.text).empty(), "{}: is empty; expected a formula", formula.where);
  return formula;
}

double number_of(const Setting& setting) {
  if (const auto* number = std::get_if<double>(&setting.value)) return *number;
  if (const auto* number = std::get_if<Index>(&setting.value)) {
    return static_cast<double>(*number);
  }
  if (const auto* text = std::get_if<std::string>(&setting.value)) {
    if (const auto number = expr::constant_of(*text)) return *number;
  }
  throw Error(
      fmt::format("{}: expected a number, the parameter's default, or in quotes a formula "
                  "of numbers (\"pi/2\")",
                  place(setting)));
}

/// "- + + +", with or without blanks and commas: the number of minus signs, of `dimension`.
Index signature_of(const Setting& setting, std::size_t dimension) {
  const std::string text = text_of(setting);
  const auto minus = std::count(text.begin(), text.end(), '-');
  const auto plus = std::count(text.begin(), text.end(), '+');
  LIOR_CHECK(text.find_first_not_of("-+ ,") == text.npos &&
                 static_cast<std::size_t>(minus + plus) == dimension,
             "{}: '{}'; expected {} signs, one for each coordinate, such as \"- + + +\"",
             place(setting), shown(text), dimension);
  return minus;
}

std::vector<Coordinate> coordinates_of(const Setting& setting) {
  const std::string text = text_of(setting), where = place(setting);
  std::vector<Coordinate> coordinates;
  std::string_view rest = text;
  while (true) {
    const std::string name(trimmed(rest.substr(0, rest.find(','))));
    expr::check_name(name, where);
    for (const Coordinate& other : coordinates) {
      LIOR_CHECK(other.name != name, "{}: names '{}' twice", where, shown(name));
    }
    coordinates.push_back({name});
    LIOR_CHECK(static_cast<Index>(coordinates.size()) <= kMostDimensions,
               "{}: more than {} coordinates", where, kMostDimensions);
    if (rest.find(',') == rest.npos) return coordinates;
    rest.remove_prefix(rest.find(',') + 1);
  }
}

/// Fills a description setting by setting.
class Reader {
 public:
  Reader(const std::vector<Setting>& settings, std::string_view source) {
    const Setting* coordinates = settings::last_of(settings, "coordinates");
    LIOR_CHECK(coordinates != nullptr,
               "{}: lacks coordinates; expected their names, such as \"t, r, theta, phi\"", source);
    out.coordinates = coordinates_of(*coordinates);
    for (const Setting& setting : settings) {
      if (setting.key != "coordinates") read(setting);
    }
    LIOR_CHECK(out.components.empty() != out.line_element.text.empty(),
               "{}: {}; expected components, such as metric.{}.{}, or a line_element", source,
               out.components.empty() ? "lacks the metric" : "gives the metric twice",
               out.coordinates[0].name, out.coordinates[0].name);
    LIOR_CHECK(out.plane_x.text.empty() == out.plane_y.text.empty(),
               "{}: gives one axis of the plane; expected plane.x and plane.y", source);
  }

  MetricDescription out;

 private:
  void read(const Setting& setting) {
    const std::string_view key = setting.key;
    const std::size_t dot = key.find('.');
    if (dot == key.npos) return read_single(setting, key);
    const std::string_view table = key.substr(0, dot), name = key.substr(dot + 1);
    if (table == "parameters") {
      check_new(name, place(setting));
      out.parameters.push_back({std::string(name), number_of(setting)});
    } else if (table == "definitions") {
      check_new(name, place(setting));
      out.definitions.push_back(formula_of(setting, name));
    } else if (table == "metric") {
      read_component(setting, name);
    } else if (table == "periods") {
      coordinate(setting, name);
      out.periods.push_back(formula_of(setting, name));
    } else if (table == "ranges") {
      coordinate(setting, name).range = shown(text_of(setting));
    } else {
      read_in_table(setting, key);
    }
  }

  void read_single(const Setting& setting, std::string_view key) {
    if (key == "summary") {
      out.summary = shown(text_of(setting));
    } else if (key == "signature") {
      out.negative_directions = signature_of(setting, out.coordinates.size());
    } else if (key == "expected") {
      out.expected = formula_of(setting, key);
    } else if (key == "line_element") {
      out.line_element = formula_of(setting, key);
    } else {
      fail_unknown(setting);
    }
  }

  void read_in_table(const Setting& setting, std::string_view key) {
    const std::pair<std::string_view, expr::NamedFormula*> formulas[] = {
        {"domain.edge", &out.edge},
        {"domain.horizon", &out.horizon},
        {"plane.x", &out.plane_x},
        {"plane.y", &out.plane_y},
        {"plane.circle", &out.circle}};
    for (const auto& [name, formula] : formulas) {
      if (key == name) return static_cast<void>(*formula = formula_of(setting, name));
    }
    if (key != "plane.equal_scales") fail_unknown(setting);
    const auto* value = std::get_if<bool>(&setting.value);
    LIOR_CHECK(value != nullptr, "{}: expected true or false", place(setting));
    out.equal_scales = *value;
  }

  void read_component(const Setting& setting, std::string_view name) {
    const std::size_t dot = name.find('.');
    LIOR_CHECK(dot != name.npos, "{}: expected two coordinates, such as metric.{}.{}",
               place(setting), out.coordinates[0].name, out.coordinates[0].name);
    const std::string_view row = name.substr(0, dot), column = name.substr(dot + 1);
    coordinate(setting, row);
    coordinate(setting, column);
    out.components.push_back({std::string(row), std::string(column), formula_of(setting, name)});
  }

  Coordinate& coordinate(const Setting& setting, std::string_view name) {
    for (Coordinate& x : out.coordinates) {
      if (x.name == name) return x;
    }
    std::string names;
    for (const Coordinate& x : out.coordinates) names += (names.empty() ? "" : ", ") + x.name;
    throw Error(fmt::format("{}: '{}' is no coordinate; expected one of {}", place(setting),
                            shown(name), shown(names)));
  }

  void check_new(std::string_view name, const std::string& where) const {
    expr::check_name(name, where);
    const auto taken = [&](const auto& items) {
      return std::any_of(items.begin(), items.end(),
                         [&](const auto& item) { return item.name == name; });
    };
    LIOR_CHECK(!taken(out.coordinates) && !taken(out.parameters) && !taken(out.definitions),
               "{}: '{}' is there already; choose another name", where, shown(name));
  }

  [[noreturn]] static void fail_unknown(const Setting& setting) {
    throw Error(fmt::format("{}: is unknown; expected of: {}", place(setting), kExpected));
  }
};

/// Keys that may stand on a line; any other name is a definition.
std::string full_key(std::string_view key) {
  constexpr std::array kSingle{"summary", "signature", "expected", "line_element", "coordinates"};
  const bool known =
      key.find('.') != key.npos || std::find(kSingle.begin(), kSingle.end(), key) != kSingle.end();
  return known ? std::string(key) : "definitions." + std::string(key);
}

}  // namespace

MetricDescription describe_metric(const std::vector<Setting>& settings, std::string_view source) {
  return Reader(settings, source).out;
}

MetricDescription read_metric_file(const std::filesystem::path& path) {
  std::error_code error;
  LIOR_CHECK(std::filesystem::is_regular_file(path, error),
             "{}: no such file; expected a metric's, in TOML", shown_path(path.string()));
  MetricDescription out = Reader(settings::read_file(path), shown_path(path.string())).out;
  out.name = path.string();
  return out;
}

MetricDescription read_metric_text(const std::string& text, const std::string& name) {
  MetricDescription out = Reader(settings::parse_toml(text, name), name).out;
  out.name = name;
  return out;
}

void add_statements(std::string_view statements, std::string_view where,
                    std::vector<Setting>& settings) {
  for (Index number = 1;; ++number) {
    const std::size_t end = statements.find(';');
    const std::string_view statement = trimmed(statements.substr(0, end));
    const std::size_t equals = expr::find_equals(statement);
    LIOR_CHECK(!statement.empty(),
               "{}: statement {} is empty; expected key = value, or the line element", where,
               number);
    Setting setting{.key = settings.empty() ? "coordinates" : "line_element",
                    .value = std::string(statement),
                    .where = std::string(where)};
    if (equals != statement.npos) {
      const std::string_view value = trimmed(statement.substr(equals + 1));
      setting.key = full_key(trimmed(statement.substr(0, equals)));
      setting.value = std::string(value);
      if (value == "true" || value == "false") setting.value = value == "true";
    }
    settings.push_back(std::move(setting));
    if (end == statements.npos) return;
    statements.remove_prefix(end + 1);
  }
}

MetricDescription read_metric_statements(std::string_view statements) {
  std::vector<Setting> settings;
  add_statements(statements, "expr", settings);
  MetricDescription out = describe_metric(settings, "expr");
  out.name = "expr:" + std::string(statements);
  return out;
}

}  // namespace lior::geometry
