// SPDX-License-Identifier: Apache-2.0
#include "geometry/surfaces.h"

#include <algorithm>

#include "core/trimmed.h"
#include "geometry/metric_statements.h"
#include "lior/core/text.h"

namespace lior::geometry {
namespace {

using settings::Setting;

/// What a family adds to the user's formula: the keys of a metric's file.
struct Family {
  SurfaceKind kind;
  std::vector<std::pair<const char*, const char*>> keys;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {{"revolution", "a surface of revolution, such as revolution:z=r^2/2", "revolution:z=r^2/2"},
       {{"coordinates", "r, phi"},
        {"line_element", "dr^2 + d(z)^2 + r^2*dphi^2"},
        {"ranges.r", "> 0"},
        {"periods.phi", "2*pi"},
        {"domain.edge", "r > 0"},
        {"plane.x", "r*cos(phi)"},
        {"plane.y", "r*sin(phi)"}}},
      {{"graph", "the graph of a formula, such as graph:z=x^2-y^2", "graph:z=x^2-y^2"},
       {{"coordinates", "x, y"},
        {"line_element", "dx^2 + dy^2 + d(z)^2"},
        {"plane.x", "x"},
        {"plane.y", "y"}}},
      {{"embedding", "by places in space, such as embedding:(u,v)->(u*cos(v),u*sin(v),v)",
        "embedding:(u,v)->(u*cos(v),u*sin(v),v)"},
       {}},
  };
  return all;
}

Setting setting(std::string key, std::string value, std::string_view where) {
  return {.key = std::move(key), .value = std::move(value), .where = std::string(where)};
}

/// "(a, b)" without its brackets.
std::string_view inside_of(std::string_view text, const SurfaceKind& kind) {
  LIOR_CHECK(text.size() > 2 && text.front() == '(' && text.back() == ')',
             "{}: '{}' does not stand in brackets; expected (COORDINATES)->(FORMULAS), such as {}",
             kind.name, shown(text), kind.example);
  return text.substr(1, text.size() - 2);
}

/// The formulas between commas that stand in no brackets.
std::vector<std::string> formulas_of(std::string_view text) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

/// Coordinates and line element of "(u, v)->(X, Y, Z)".
std::vector<Setting> embedding(std::string_view text, const SurfaceKind& kind) {
  constexpr std::string_view kArrow = "->";
  const std::size_t arrow = text.find(kArrow);
  LIOR_CHECK(arrow != text.npos, "{}: lacks '->'; expected (COORDINATES)->(FORMULAS), such as {}",
             kind.name, kind.example);
  std::string lengths;
  const std::string_view places = trimmed(text.substr(arrow + kArrow.size()));
  for (const std::string& formula : formulas_of(inside_of(places, kind))) {
    lengths += fmt::format("{}d({})^2", lengths.empty() ? "" : " + ", formula);
  }
  const std::string_view coordinates = inside_of(trimmed(text.substr(0, arrow)), kind);
  return {setting("coordinates", std::string(coordinates), kind.name),
          setting("line_element", lengths, kind.name)};
}

/// Those of a family with one formula, "z=FORMULA".
std::vector<Setting> height(std::string_view text, const Family& family) {
  const std::size_t equals = text.find('=');
  LIOR_CHECK(equals != text.npos && trimmed(text.substr(0, equals)) == "z",
             "{}: '{}' is not z=FORMULA; expected such as {}", family.kind.name, shown(text),
             family.kind.example);
  std::vector<Setting> out{setting("plane.equal_scales", "", family.kind.name)};
  out.front().value = true;
  for (const auto& [key, value] : family.keys) {
    out.push_back(setting(key, value, family.kind.name));
  }
  const std::string_view formula = trimmed(text.substr(equals + 1));
  out.push_back(setting("definitions.z", std::string(formula), family.kind.name));
  return out;
}

}  // namespace

std::span<const SurfaceKind> surface_kinds() {
  static const std::vector<SurfaceKind> kinds = [] {
    std::vector<SurfaceKind> all;
    for (const Family& family : families()) all.push_back(family.kind);
    return all;
  }();
  return kinds;
}

bool is_surface(std::string_view name) {
  const auto kinds = surface_kinds();
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](const SurfaceKind& kind) { return kind.name == name; });
}

MetricDescription read_surface(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(':'));
  const auto family = std::find_if(families().begin(), families().end(),
                                   [&](const Family& each) { return each.kind.name == name; });
  LIOR_CHECK(family != families().end(), "surface '{}' is unknown", shown(name));
  if (name.size() == text.size()) text = family->kind.example;
  std::string_view body = text.substr(name.size() + 1);
  const std::size_t end = std::min(body.find(';'), body.size());
  const std::string_view formula = trimmed(body.substr(0, end));
  std::vector<Setting> settings =
      family->keys.empty() ? embedding(formula, family->kind) : height(formula, *family);
  if (end < body.size()) add_statements(body.substr(end + 1), family->kind.name, settings);
  MetricDescription out = describe_metric(settings, family->kind.name);
  out.name = std::string(text);
  out.summary = std::string(family->kind.summary);
  return out;
}

}  // namespace lior::geometry
