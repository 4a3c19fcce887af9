// SPDX-License-Identifier: Apache-2.0
// The table of metrics, and texts that name them.
#include "lior/geometry/metrics.h"

#include "geometry/metric_parameter.h"
#include "geometry/metric_presets.h"
#include "geometry/surfaces.h"
#include "lior/core/text.h"
#include "lior/expr/constant.h"
#include "lior/geometry/expression_metric.h"
#include "lior/geometry/hyperbolic.h"
#include "lior/geometry/kerr.h"
#include "lior/geometry/spd.h"

namespace lior::geometry {
namespace {

constexpr MetricKey kDimensions{"n", 2, 0, kMostDimensions, true};

using Values = const MetricValues&;

/// A row of the table; make(values) is the metric.
template <class Make>
MetricKind kind(std::string_view name, std::vector<MetricKey> keys, std::string_view summary, Make,
                std::function<std::string(Values)> by_formulas = {}) {
  return {name,
          summary,
          std::move(keys),
          [](Values values) { return AnyMetric<float>(Make{}(values)); },
          [](Values values) { return AnyMetric<double>(Make{}(values)); },
          std::move(by_formulas)};
}

Index dimension(Values values) { return static_cast<Index>(values["n"]); }

std::vector<MetricKind> kinds_in_closed_form() {
  return {
      kind("euclidean", {kDimensions}, "flat space",
           [](Values values) { return Euclidean{dimension(values)}; }),
      kind("sphere", {kDimensions, {"r", 1, 0}}, "a sphere of radius r",
           [](Values values) {
             return Sphere{dimension(values), values["r"]};
           }),
      kind("half_plane", {kDimensions}, "hyperbolic space",
           [](Values values) { return HalfPlane{dimension(values)}; }),
      kind("ball", {kDimensions}, "hyperbolic space, Poincare's ball",
           [](Values values) { return PoincareBall{dimension(values)}; }),
      kind("hyperbolic", {kDimensions}, "hyperbolic space on the hyperboloid |x|^2 - X0^2 = -1",
           [](Values values) { return Hyperbolic{dimension(values)}; }),
      kind("spd", {{"n", 2, 0, Spd::kMostRows, true}},
           "positive definite n x n matrices, affine-invariant",
           [](Values values) { return Spd{dimension(values)}; }),
      kind("torus", {{"minor", 1, 0}, {"major", 2, 0}}, "a torus in space, theta around its tube",
           [](Values values) {
             const Torus torus{values["minor"], values["major"]};
             LIOR_CHECK(torus.minor < torus.major,
                        "metric '{}': expected minor < major, not {} and {}", shown(values.text),
                        torus.minor, torus.major);
             return torus;
           }),
      kind(
          "schwarzschild", {{"mass", 1, 0}}, "a black hole",
          [](Values values) { return Schwarzschild{values["mass"]}; },
          [](Values values) {
            return fmt::format("reissner_nordstroem:charge=0,mass={}", values["mass"]);
          }),
      kind(
          "kerr", {{"mass", 1, 0}, {"spin", 0.9}}, "a black hole that rotates",
          [](Values values) {
            const Kerr hole{values["mass"], values["spin"]};
            LIOR_CHECK(std::abs(hole.spin) <= hole.mass,
                       "metric '{}': expected |spin| <= mass, not {} and {}", shown(values.text),
                       hole.spin, hole.mass);
            return hole;
          },
          [](Values values) {
            return fmt::format("kerr_newman:charge=0,mass={},spin={}", values["mass"],
                               values["spin"]);
          }),
      kind("conformal", {kDimensions, {"a", 0.05}}, "exp(2 a |x|^2) times the flat metric",
           [](Values values) {
             const Index n = dimension(values);
             return Conformal<QuadraticExponent>{n, {n, values["a"]}};
           }),
      kind("paraboloid", {{"a", 0.5}}, "the surface z = a (x^2 + y^2)",
           [](Values values) { return PullBack<Paraboloid>{{values["a"]}}; }),
  };
}

/// `name` of each item, joined.
template <class Items>
std::string names(const Items& items, const char* separator) {
  std::string text;
  for (const auto& item : items)
    text += fmt::format("{}{}", text.empty() ? "" : separator, item.name);
  return text;
}

std::string expected(const MetricKey& key) {
  if (key.whole) return fmt::format("an integer from {} to {}", key.above + 1, key.most);
  return std::isfinite(key.above) ? fmt::format("a number > {}", key.above) : "a number";
}

/// The value of "key=value", which may be a formula of numbers.
double value_of(std::string_view text, const MetricKey& key, std::string_view number) {
  const std::optional<double> found = expr::constant_of(number);
  LIOR_CHECK(found, "metric '{}': '{}' is not a finite number", shown(text), shown(number));
  const double value = *found;
  LIOR_CHECK(value > key.above && value <= key.most && (!key.whole || value == std::floor(value)),
             "metric '{}': {} is {}; expected {}", shown(text), key.name, value, expected(key));
  return value;
}

/// The kind that a description is, whose keys are its parameters. The row names parts of it.
MetricKind kind_of(std::shared_ptr<const MetricDescription> description) {
  MetricKind out{description->name, description->summary, {}, {}, {}, {}};
  for (const expr::Parameter& parameter : description->parameters) {
    out.keys.push_back({parameter.name, parameter.value});
  }
  out.make_float = [description](const MetricValues& values) {
    return metric_from_expression<float>(*description, values.values);
  };
  out.make_double = [description](const MetricValues& values) {
    return metric_from_expression<double>(*description, values.values);
  };
  return out;
}

MetricKind kind_of(const SurfaceKind& surface) {
  MetricKind out{surface.name, surface.summary, {}, {}, {}, {}};
  out.make_float = [](const MetricValues& values) {
    return metric_from_expression<float>(read_surface(values.text));
  };
  out.make_double = [](const MetricValues& values) {
    return metric_from_expression<double>(read_surface(values.text));
  };
  return out;
}

std::vector<MetricKind> make_kinds() {
  std::vector<MetricKind> kinds = kinds_in_closed_form();
  for (const MetricPreset& preset : metric_presets()) {
    kinds.push_back(kind_of(
        std::make_shared<const MetricDescription>(read_metric_text(preset.text, preset.name))));
  }
  for (const SurfaceKind& surface : surface_kinds()) kinds.push_back(kind_of(surface));
  return kinds;
}

/// Where the name of a metric ends in a text: before the colon and its keys.
std::string_view name_of(std::string_view text) {
  for (const std::string_view ending : {".toml", ".json"}) {
    for (std::size_t at = text.find(ending); at != text.npos; at = text.find(ending, at + 1)) {
      const std::size_t end = at + ending.size();
      if (end == text.size() || text[end] == ':') return text.substr(0, end);
    }
  }
  return text.substr(0, text.find(':'));
}

bool is_file(std::string_view name) { return name.ends_with(".toml") || name.ends_with(".json"); }

MetricValues parse(std::string_view text, const MetricKind& kind) {
  MetricValues out{text, kind.keys, {}};
  if (is_surface(kind.name)) return out;  // formulas in place of keys
  for (const MetricKey& key : kind.keys) out.values.push_back(key.value);
  std::vector<bool> given(kind.keys.size());
  std::string_view rest = text.substr(std::min(text.size(), kind.name.size() + 1));
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    const std::size_t equals = item.find('=');
    LIOR_CHECK(equals != item.npos, "metric '{}': '{}' is not key=value", shown(text), shown(item));
    const std::string_view name = item.substr(0, equals);
    const auto key = std::find_if(kind.keys.begin(), kind.keys.end(),
                                  [&](const MetricKey& k) { return k.name == name; });
    LIOR_CHECK(key != kind.keys.end(), "metric '{}' has no key '{}'; expected of: {}", kind.name,
               shown(name), names(kind.keys, " "));
    const auto place = static_cast<std::size_t>(key - kind.keys.begin());
    LIOR_CHECK(!given[place], "metric '{}' gives {} twice; expected one value", shown(text), name);
    given[place] = true;
    out.values[place] = value_of(text, *key, item.substr(equals + 1));
  }
  return out;
}

template <class T>
AnyMetric<T> make(const MetricKind& kind, std::string_view text) {
  const MetricValues values = parse(text, kind);
  if constexpr (std::is_same_v<T, float>) {
    return kind.make_float(values);
  } else {
    return kind.make_double(values);
  }
}

constexpr std::string_view kStatements = "expr:";

/// The kind of a text that is none of statements.
MetricKind kind_of_text(std::string_view text) {
  const std::string_view name = name_of(text);
  if (is_file(name)) {
    const MetricDescription description = read_metric_file(std::filesystem::path(name));
    return kind_of(std::make_shared<const MetricDescription>(description));
  }
  for (const MetricKind& kind : metric_kinds()) {
    if (kind.name == name) return kind;
  }
  throw Error(
      fmt::format("metric '{}' is unknown; expected {} (such as sphere:n=3,r=2), "
                  "FILE.toml, or expr: and formulas",
                  shown(name), names(metric_kinds(), ", ")));
}

}  // namespace

double MetricValues::operator[](std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].name == key) return values[i];
  }
  throw Error(fmt::format("the row of metric '{}' has no key '{}'", shown(text), key));
}

std::string MetricKind::text() const {
  std::string out(name);
  for (const MetricKey& key : keys) {
    out += fmt::format("{}{}={}", &key == keys.data() ? ':' : ',', key.name, key.value);
  }
  return out;
}

std::span<const MetricKind> metric_kinds() {
  static const std::vector<MetricKind> kinds = make_kinds();
  return kinds;
}

std::string describe_metric_kinds() {
  std::string lines;
  for (const MetricKind& kind : metric_kinds()) {
    const std::string text = kind.text();
    const AnyMetric<double> metric = make<double>(kind, text);
    std::string coordinates;
    for (const Coordinate& x : metric.chart().coordinates) {
      coordinates += fmt::format("{}{}{}{}", coordinates.empty() ? "" : ", ", x.name,
                                 x.range.empty() ? "" : " ", x.range);
    }
    lines += fmt::format("  {:<25} {}; {}\n", text, kind.summary, coordinates);
  }
  return lines;
}

template <class T>
AnyMetric<T> metric_from_text(std::string_view text) {
  if (text.starts_with(kStatements)) {
    return metric_from_expression<T>(read_metric_statements(text.substr(kStatements.size())));
  }
  return make<T>(kind_of_text(text), text);
}

std::optional<double> find_parameter(std::string_view text, std::string_view key) {
  if (text.starts_with(kStatements)) return {};
  const MetricKind kind = kind_of_text(text);
  const MetricValues values = parse(text, kind);
  for (std::size_t i = 0; i < kind.keys.size(); ++i) {
    if (kind.keys[i].name == key) return values.values[i];
  }
  return {};
}

AnyMetric<double> metric_in_lanes(std::string_view text) {
  for (const MetricKind& kind : metric_kinds()) {
    if (kind.name != name_of(text) || !kind.by_formulas) continue;
    make<double>(kind, text);  // whose errors speak of the keys that were given
    return metric_from_text<double>(kind.by_formulas(parse(text, kind)));
  }
  return metric_from_text<double>(text);
}

template AnyMetric<float> metric_from_text(std::string_view);
template AnyMetric<double> metric_from_text(std::string_view);

}  // namespace lior::geometry
