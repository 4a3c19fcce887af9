#include "lior/geometry/metrics.h"

#include <charconv>
#include <vector>

namespace lior::geometry {
namespace {

struct Setting {
  std::string_view key;
  double value;
};

/// The parts of "name:key=value,key=value".
struct ParsedMetric {
  std::string_view text, name;
  std::vector<Setting> settings;

  explicit ParsedMetric(std::string_view whole)
      : text(whole), name(whole.substr(0, whole.find(':'))) {
    if (name.size() == whole.size()) return;
    std::string_view rest = whole.substr(name.size() + 1);
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(item.size() + 1, rest.size()));
      const std::size_t equals = item.find('=');
      LIOR_CHECK(equals != item.npos, "metric '{}': '{}' is not key=value", text, item);
      const std::string_view number = item.substr(equals + 1);
      double value = 0;
      const auto [end, fault] =
          std::from_chars(number.data(), number.data() + number.size(), value);
      LIOR_CHECK(
          fault == std::errc{} && end == number.data() + number.size() && std::isfinite(value),
          "metric '{}': '{}' is not a finite number", text, number);
      settings.push_back({item.substr(0, equals), value});
    }
  }
  void check_keys(std::string_view keys) const {
    for (const Setting& setting : settings) {
      const auto known = fmt::format(" {} ", keys).find(fmt::format(" {} ", setting.key));
      LIOR_CHECK(known != std::string::npos, "metric '{}' has no key '{}'; expected of: {}", name,
                 setting.key, keys);
    }
  }
  double get(std::string_view key, double otherwise, double above) const {
    double value = otherwise;
    for (const Setting& setting : settings) {
      if (setting.key == key) value = setting.value;
    }
    LIOR_CHECK(value > above, "metric '{}': {} is {}; expected a number > {}", text, key, value,
               above);
    return value;
  }
  Index dimension() const {
    const double n = get("n", 2, 0);
    LIOR_CHECK(n == std::floor(n) && n <= kMostDimensions,
               "metric '{}': n is {}; expected an integer from 1 to {}", text, n, kMostDimensions);
    return static_cast<Index>(n);
  }
};

}  // namespace

template <class T>
AnyMetric<T> metric_from_text(std::string_view text) {
  constexpr double kAny = -std::numeric_limits<double>::infinity();
  const ParsedMetric metric(text);
  const auto is = [&](std::string_view name, std::string_view keys) {
    if (metric.name != name) return false;
    metric.check_keys(keys);
    return true;
  };
  if (is("euclidean", "n")) return Euclidean{metric.dimension()};
  if (is("sphere", "n r")) return Sphere{metric.dimension(), metric.get("r", 1, 0)};
  if (is("half_plane", "n")) return HalfPlane{metric.dimension()};
  if (is("ball", "n")) return PoincareBall{metric.dimension()};
  if (is("torus", "minor major")) {
    const Torus torus{metric.get("minor", 1, 0), metric.get("major", 2, 0)};
    LIOR_CHECK(torus.minor < torus.major, "metric '{}': expected minor < major, not {} and {}",
               text, torus.minor, torus.major);
    return torus;
  }
  if (is("schwarzschild", "mass")) return Schwarzschild{metric.get("mass", 1, 0)};
  if (is("conformal", "n a")) {
    const Index n = metric.dimension();
    return Conformal<QuadraticExponent>{n, {n, metric.get("a", 0.05, kAny)}};
  }
  if (is("paraboloid", "a")) return PullBack<Paraboloid>{{metric.get("a", 0.5, kAny)}};
  throw Error(fmt::format(
      "metric '{}' is unknown; expected euclidean, sphere, half_plane, ball, torus, schwarzschild, "
      "conformal, paraboloid (such as sphere:n=3,r=2), or a file NAME.safetensors",
      metric.name));
}

template AnyMetric<float> metric_from_text(std::string_view);
template AnyMetric<double> metric_from_text(std::string_view);

}  // namespace lior::geometry
