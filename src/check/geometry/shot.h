// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lior/geometry/metrics.h"

namespace lior::check {

/// A metric without its closed forms: distances are found by shooting, ends by following paths, and
/// everything else by the derivatives of its formula.
template <class M>
struct Shot {
  M metric;
  Index dimension() const { return metric.dimension(); }
  geometry::Chart chart() const { return metric.chart(); }
  template <class S>
  void operator()(const S* x, S* g) const {
    metric(x, g);
  }
  template <class T>
  geometry::Domain domain(const T* x) const requires requires(const M& m) {
    m.domain(x);
  }
  { return metric.domain(x); }
};
template <class M>
Shot(M) -> Shot<M>;

}  // namespace lior::check
