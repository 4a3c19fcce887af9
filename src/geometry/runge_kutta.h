// SPDX-License-Identifier: Apache-2.0
#pragma once
// Explicit Runge-Kutta methods on many lanes, each with its own parameter and step.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "geometry/adaptive_stepper.h"
#include "lior/core/stop.h"

namespace lior::geometry {

/// The fewest equal steps, at least one, of at most `step` each up to rounding.
inline double equal_steps(double time, double step) {
  return std::max(1.0, std::ceil(time / step - 1e-9));
}

/// Below this a step no longer moves the parameter, or not to any purpose.
template <class T>
double least_step(std::span<const double> times) {
  const double span = times.empty() ? 0 : times.back();
  return 16 * std::numeric_limits<T>::epsilon() * (span > 0 ? span : 1);
}

/// The reason why a lane at y, with that slope, cannot go on when its steps have become too small
/// or too many: the first trouble that lies just ahead, if any. Planes [size, .] with rows `stride`
/// apart.
template <class T, class F>
PathStatus status_ahead(F& f, Index size, const T* y, const T* slope, Index stride, double least) {
  // From steps that still count to those that rounding leaves uncertain, for tight tolerances end
  // a lane long before what makes them so.
  const double uncertain = least / std::sqrt(std::numeric_limits<T>::epsilon());
  std::vector<T> probe(static_cast<std::size_t>(size)), probe_slope(probe);
  for (double far = 1e4 * least;; far = std::min(8 * far, uncertain)) {
    for (Index c = 0; c < size; ++c) {
      probe[c] = y[c * stride] + static_cast<T>(far) * slope[c * stride];
    }
    PathStatus why = PathStatus::ok;
    f(probe.data(), probe_slope.data(), 1, 1, &why);
    if (why != PathStatus::ok) return why;
    if (far >= uncertain) return PathStatus::stalled;
  }
}

/// An integration of y' = f(y) on many lanes by a method that adapts: state planes [size, lanes],
/// each lane at its own parameter, from 0 through `times`. The lanes that still run stand at the
/// front of all planes.
template <class T, class F, class Sample, class Finished>
class AdaptiveIntegration {
 public:
  AdaptiveIntegration(Index size, Index lanes, const T* start, std::span<const double> times,
                      const GeodesicOptions& options, F& f, const Sample& sample,
                      const Finished& finished)
      : stepper_(tableau(options.method), size, lanes, options.rtol, options.atol, f),
        size_(size),
        times_(times),
        most_steps_(options.most_steps),
        least_(least_step<T>(times)),
        f_(f),
        sample_(sample),
        finished_(finished),
        active_(static_cast<std::size_t>(lanes)) {
    std::copy_n(start, size * lanes, stepper_.state());
    for (Index i = 0; i < lanes; ++i) active_[i] = {.index = i, .proposed = options.step};
  }

  void run() {
    for (Index i = count() - 1; i >= 0; --i) {
      if (!take_samples(i)) end_lane(i, PathStatus::ok);
    }
    while (!active_.empty()) {
      check_stop();
      step();
      // From the back: `remove` moves the last lane to the place of one that ends.
      for (Index i = count() - 1; i >= 0; --i) judge(i);
    }
  }

 private:
  struct Lane {
    Index index, next_sample = 0, steps = 0;
    double parameter = 0, step = 0, proposed;
    bool has_slope = false;
    PathStatus trouble = PathStatus::ok;       // in this step
    PathStatus last_trouble = PathStatus::ok;  // since the last step that was accepted
  };

  Index count() const { return static_cast<Index>(active_.size()); }
  Index samples() const { return static_cast<Index>(times_.size()); }

  /// One step of all active lanes.
  void step() {
    bool all_have_slopes = true;
    for (Index i = 0; i < count(); ++i) {
      Lane& lane = active_[i];
      const double left = times_[lane.next_sample] - lane.parameter;
      lane.step = std::min(lane.proposed, left);
      stepper_.set_step(i, lane.step);
      all_have_slopes = all_have_slopes && lane.has_slope;
    }
    stepper_.step(count(), all_have_slopes);
    for (Index i = 0; i < count(); ++i) active_[i].trouble = stepper_.trouble(i);
  }

  /// Accepts or rejects the step of lane i, and ends the lane where it cannot go on.
  void judge(Index i) {
    Lane& lane = active_[i];
    lane.has_slope = true;
    const double error = stepper_.error_of(i);
    const bool inside = lane.trouble == PathStatus::ok && std::isfinite(error);
    if (lane.trouble != PathStatus::ok) lane.last_trouble = lane.trouble;
    if (inside && error <= 1) {
      accept(i, error);
      if (!take_samples(i)) return end_lane(i, PathStatus::ok);
    } else {
      lane.proposed = lane.step * (inside ? std::max(0.2, stepper_.room_of(error)) : 0.25);
    }
    if (++lane.steps < most_steps_ && lane.proposed >= least_) return;
    PathStatus why = lane.last_trouble;
    if (why == PathStatus::ok) {
      why = status_ahead(f_, size_, stepper_.state() + i, stepper_.slope() + i, stepper_.stride(),
                         least_);
    }
    end_lane(i, why);
  }

  void accept(Index i, double error) {
    Lane& lane = active_[i];
    const bool at_sample = lane.step >= times_[lane.next_sample] - lane.parameter;
    lane.last_trouble = PathStatus::ok;
    lane.parameter = at_sample ? times_[lane.next_sample] : lane.parameter + lane.step;
    stepper_.accept(i);
    // A step that was cut to meet a sample says nothing against the longer one proposed.
    lane.proposed = std::max(at_sample ? lane.proposed : 0, lane.step * stepper_.growth_of(error));
  }

  /// Samples that lie at the lane's parameter; whether any is left.
  bool take_samples(Index i) {
    Lane& lane = active_[i];
    while (lane.next_sample < samples() && times_[lane.next_sample] <= lane.parameter) {
      sample_(lane.index, 1, lane.next_sample++, stepper_.state() + i, stepper_.stride());
    }
    return lane.next_sample < samples();
  }
  void end_lane(Index i, PathStatus why) {
    const Lane& lane = active_[i];
    for (Index later = lane.next_sample; later < samples(); ++later) {
      sample_(lane.index, 1, later, stepper_.state() + i, stepper_.stride());
    }
    finished_(lane.index, why, lane.parameter);
    remove(i);
  }
  /// Moves the last active lane into place i.
  void remove(Index i) {
    stepper_.copy_lane(count() - 1, i);
    active_[i] = active_.back();
    active_.pop_back();
  }

  AdaptiveStepper<T, F> stepper_;
  Index size_;
  std::span<const double> times_;
  Index most_steps_;
  double least_;
  F& f_;
  const Sample& sample_;
  const Finished& finished_;
  std::vector<Lane> active_;
};

/// Integrates y' = f(y) by a method that adapts, on `lanes` lanes, state planes [size, lanes], from
/// parameter 0 through `times`. f(state, slope, stride, count, status) fills the slopes of `count`
/// lanes and their status. sample(lane, count, k, state, stride) is called with the states of
/// `count` lanes from `lane` on at times[k], and finished(lane, status, parameter) once a lane.
template <class T, class F, class Sample, class Finished>
void integrate(Index size, Index lanes, const T* start, std::span<const double> times,
               const GeodesicOptions& options, F f, const Sample& sample,
               const Finished& finished) {
  AdaptiveIntegration<T, F, Sample, Finished>(size, lanes, start, times, options, f, sample,
                                              finished)
      .run();
}

}  // namespace lior::geometry
