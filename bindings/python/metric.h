// SPDX-License-Identifier: Apache-2.0
#pragma once
// A metric as Python holds it.

#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>

#include "arrays.h"
#include "lior/core/text.h"
#include "lior/geometry/metrics.h"
#include "operations.h"

namespace lior::python {

/// A metric for points of either precision.
struct Metric {
  std::string text;  // "" where it has none
  geometry::AnyMetric<float> single;
  geometry::AnyMetric<double> precise;

  explicit Metric(const std::string& name)
      : text(no_file(name)),
        single(geometry::metric_from_text<float>(name)),
        precise(geometry::metric_from_text<double>(name)) {}
  Metric(geometry::AnyMetric<float> f, geometry::AnyMetric<double> d)
      : single(std::move(f)), precise(std::move(d)) {}

  static const std::string& no_file(const std::string& name) {
    LIOR_CHECK(
        !name.ends_with(".safetensors"),
        "'{}' is a file, and no metric's name; LearnedMetric.from_file reads a learned metric",
        shown(name));
    return name;
  }

  Index dimension() const { return precise.dimension(); }
  template <class T>
  const geometry::AnyMetric<T>& of() const {
    if constexpr (std::is_same_v<T, float>) {
      return single;
    } else {
      return precise;
    }
  }
};

/// Points x [d, N] and a metric there.
template <class T>
struct Points {
  const geometry::AnyMetric<T>& metric;
  View<const T, 2> x;
  Index d;
};

/// body(call, points) for a function of points of a metric.
template <class Body>
auto at_points(const Metric& metric, const Argument& x, const Outputs& out, Body&& body) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    return body(call, Points<T>{metric.of<T>(), call.in<T>("x", x, {d, 'N'}), d});
  });
}

/// The learned metric of an operation: options resilience and spd_floor, and its parameters,
/// in[first] and behind it.
std::shared_ptr<const Metric> learned_metric(const Options& options, Arguments in,
                                             std::size_t first);

/// `function` of a metric, which may also be given as the text that names it. An implicit
/// conversion would turn the error that says what is wrong with the text into a TypeError.
template <class Result, class... Arguments>
auto with_metric(Result (*function)(const Metric&, Arguments...)) {
  return [function](const std::variant<const Metric*, std::string>& metric,
                    Arguments... arguments) -> Result {
    if (const auto* text = std::get_if<std::string>(&metric)) {
      return function(Metric(*text), arguments...);
    }
    return function(*std::get<const Metric*>(metric), arguments...);
  };
}

}  // namespace lior::python
