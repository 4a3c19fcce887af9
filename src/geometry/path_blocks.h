// SPDX-License-Identifier: Apache-2.0
#pragma once
// Paths of many lanes in blocks, dealt to threads.

#include "geometry/equal_steps.h"
#include "geometry/geodesic_equation.h"
#include "geometry/point.h"

namespace lior::geometry {

inline constexpr Index kLanes = 64;  // that one call of `integrate` holds

/// Throws unless paths can start at x with v, planes [d, N].
template <class T>
void check_start(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
                 const GeodesicOptions& options) {
  const Index d = metric.dimension(), count = x.extent(1);
  LIOR_CHECK(x.extent(0) == d, "x has shape {}; expected [{}, N]", to_string(x.shape()), d);
  check_shape(v, {d, count}, "v");
  check_options(options);
  parallel_for(count, kLanes, [&](Index begin, Index end, int) {
    // A metric point by point costs a learned one six times the step in lanes that follows; where
    // it has no domain to leave, what is not finite shows in the path's status.
    if (metric.unbounded() && all_finite(x.data() + begin, d, count, end - begin) &&
        all_finite(v.data() + begin, d, count, end - begin)) {
      return;
    }
    std::array<T, kMostDimensions> point;
    std::array<T, kMostDimensions * kMostDimensions> g;
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, point.data());
      check_domain(metric, point.data(), n);
      metric.value(point.data(), g.data());
      if (!all_finite(g.data(), 1, d * d, d * d)) fail_at_point(metric, point.data(), n);
      for (Index m = 0; m < d; ++m) {
        LIOR_CHECK(std::isfinite(v(m, n)), "velocity {} has component {} = {}; expected a number",
                   n, m, v(m, n));
      }
    }
  });
}

/// Integrates on blocks of lanes whose state is the planes of `parts`, one after another; the first
/// are points of the metric. Throws for a lane that goes nowhere because it starts where the metric
/// is singular.
template <class T, class Equation, class Sample, class Finished>
void integrate_blocks(const AnyMetric<T>& metric, std::initializer_list<View<const T, 2>> parts,
                      std::span<const double> times, const GeodesicOptions& options,
                      const Equation& equation, const Sample& sample, const Finished& finished) {
  const Index d = parts.begin()->extent(0), count = parts.begin()->extent(1);
  const Index size = d * static_cast<Index>(parts.size());
  const Index blocks = (count + kLanes - 1) / kLanes;
  parallel_for(blocks, 1, [&](Index first, Index last, int) {
    std::vector<T> start(static_cast<std::size_t>(size * kLanes));
    for (Index block = first; block < last; ++block) {
      const Index begin = block * kLanes, lanes = std::min(kLanes, count - begin);
      T* row = start.data();
      for (const View<const T, 2>& part : parts) {
        for (Index m = 0; m < d; ++m, row += lanes) std::copy_n(&part(m, begin), lanes, row);
      }
      const auto sample_block = [&](Index lane, Index lanes_there, Index k, const T* state,
                                    Index stride) {
        sample(begin + lane, lanes_there, k, state, stride);
      };
      const auto finished_block = [&](Index lane, PathStatus status, double reached) {
        if (status != PathStatus::ok && reached == 0) {
          std::array<T, kMostDimensions> point;
          gather_point(*parts.begin(), begin + lane, point.data());
          check_point(metric, point.data(), begin + lane);
        }
        finished(begin + lane, status, reached);
      };
      if (tableau(options.method).adaptive) {
        integrate(size, lanes, start.data(), times, options, equation(), sample_block,
                  finished_block);
      } else {
        integrate_equal_steps(size, lanes, start.data(), times, options, equation(), sample_block,
                              finished_block);
      }
    }
  });
}

/// Throws unless the parameters increase from 0 or more.
inline void check_times(std::span<const double> times) {
  for (std::size_t k = 0; k < times.size(); ++k) {
    LIOR_CHECK(times[k] >= (k == 0 ? 0 : times[k - 1]) && std::isfinite(times[k]),
               "time {} is {}; expected finite numbers >= 0 that do not decrease", k, times[k]);
  }
}

}  // namespace lior::geometry
