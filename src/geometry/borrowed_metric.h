// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lior/geometry/learned_metric.h"

namespace lior::geometry {

/// A metric that somebody else owns, with its own accelerations.
template <class T>
struct Borrowed {
  const LearnedMetric<T>* metric;
  Index dimension() const { return metric->dimension(); }
  const char* remedy() const { return metric->remedy(); }
  template <class S>
  void operator()(const S* x, S* g) const {
    (*metric)(x, g);
  }
  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
    metric->accelerations(x, v, a, stride, count);
  }
};

}  // namespace lior::geometry
