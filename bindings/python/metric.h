#pragma once
// A metric as Python holds it.

#include "arrays.h"
#include "lior/geometry/metrics.h"

namespace lior::python {

/// A metric for points of either precision.
struct Metric {
  geometry::AnyMetric<float> single;
  geometry::AnyMetric<double> precise;

  explicit Metric(const std::string& text)
      : single(geometry::metric_from_text<float>(text)),
        precise(geometry::metric_from_text<double>(text)) {}
  Metric(geometry::AnyMetric<float> f, geometry::AnyMetric<double> d)
      : single(std::move(f)), precise(std::move(d)) {}

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

}  // namespace lior::python
