// SPDX-License-Identifier: Apache-2.0
#pragma once
// Explicit Runge-Kutta methods on many lanes, each with its own parameter and step.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "geometry/tableau.h"
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
      : method_(tableau(options.method)),
        size_(size),
        stride_(lanes),
        times_(times),
        options_(options),
        least_(least_step<T>(times)),
        f_(f),
        sample_(sample),
        finished_(finished),
        active_(static_cast<std::size_t>(lanes)),
        y_(start, start + size * lanes),
        trial_(y_.size()),
        deviation_(y_.size()),
        second_deviation_(method_.two_errors ? y_.size() : 0),
        steps_(active_.size()),
        slopes_(static_cast<std::size_t>(method_.stages) * y_.size()),
        status_(active_.size()) {
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
  T* slope(int stage) { return slopes_.data() + static_cast<std::size_t>(stage) * y_.size(); }

  /// out = sum_j weights_j k_j, on the active lanes.
  void combine(const double* weights, int terms, std::vector<T>& out) {
    for (Index c = 0; c < size_; ++c) {
      T* row = out.data() + c * stride_;
      std::fill_n(row, count(), T(0));
      for (int j = 0; j < terms; ++j) {
        const T weight = static_cast<T>(weights[j]);
        const T* k = slope(j) + c * stride_;
        for (Index i = 0; i < count(); ++i) row[i] += weight * k[i];
      }
    }
  }
  /// trial = y + step sum_j weights_j k_j.
  void advance(const double* weights, int terms) {
    combine(weights, terms, trial_);
    for (Index c = 0; c < size_; ++c) {
      T* row = trial_.data() + c * stride_;
      const T* from = y_.data() + c * stride_;
      for (Index i = 0; i < count(); ++i) row[i] = from[i] + steps_[i] * row[i];
    }
  }

  /// One step of all active lanes into `trial_`, and its estimated deviation.
  void step() {
    bool all_have_slopes = true;
    for (Index i = 0; i < count(); ++i) {
      Lane& lane = active_[i];
      const double left = times_[lane.next_sample] - lane.parameter;
      lane.step = std::min(lane.proposed, left);
      lane.trouble = PathStatus::ok;
      steps_[i] = static_cast<T>(lane.step);
      all_have_slopes = all_have_slopes && lane.has_slope;
    }
    for (int stage = all_have_slopes ? 1 : 0; stage < method_.stages; ++stage) {
      advance(method_.a[stage], stage);
      std::fill(status_.begin(), status_.end(), PathStatus::ok);
      f_(trial_.data(), slope(stage), stride_, count(), status_.data());
      for (Index i = 0; i < count(); ++i) {
        if (active_[i].trouble == PathStatus::ok) active_[i].trouble = status_[i];
      }
    }
    advance(method_.b, method_.stages);
    combine(method_.e, method_.stages, deviation_);
    if (method_.two_errors) combine(method_.f, method_.stages, second_deviation_);
  }

  /// The step's deviation relative to what the options allow, over all numbers of a lane. Of two,
  /// the first one e as a part of both: e^2 / sqrt(e^2 + (f / 10)^2).
  double error_of(Index i) const {
    double error = 0, second = 0;
    for (Index c = 0; c < size_; ++c) {
      const T before = y_[c * stride_ + i], after = trial_[c * stride_ + i];
      const double allowed =
          options_.atol + options_.rtol * std::max(std::abs(before), std::abs(after));
      const double ratio =
          active_[i].step * static_cast<double>(deviation_[c * stride_ + i]) / allowed;
      error += ratio * ratio;
      if (!method_.two_errors) continue;
      const double other =
          active_[i].step * static_cast<double>(second_deviation_[c * stride_ + i]) / allowed;
      second += other * other;
    }
    if (!method_.two_errors || error == 0) return std::sqrt(error / static_cast<double>(size_));
    return error / std::sqrt((error + 0.01 * second) * static_cast<double>(size_));
  }

  /// Accepts or rejects the step of lane i, and ends the lane where it cannot go on.
  void judge(Index i) {
    Lane& lane = active_[i];
    lane.has_slope = true;
    const double error = error_of(i);
    const bool inside = lane.trouble == PathStatus::ok && std::isfinite(error);
    if (lane.trouble != PathStatus::ok) lane.last_trouble = lane.trouble;
    if (inside && error <= 1) {
      accept(i, error);
      if (!take_samples(i)) return end_lane(i, PathStatus::ok);
    } else {
      lane.proposed = lane.step * (inside ? std::max(0.2, room_of(error)) : 0.25);
    }
    if (++lane.steps < options_.most_steps && lane.proposed >= least_) return;
    PathStatus why = lane.last_trouble;
    if (why == PathStatus::ok) {
      why = status_ahead(f_, size_, y_.data() + i, slope(0) + i, stride_, least_);
    }
    end_lane(i, why);
  }

  /// The factor by which the next step may be longer.
  double room_of(double error) const { return 0.9 * std::pow(error, -method_.exponent); }

  void accept(Index i, double error) {
    Lane& lane = active_[i];
    const bool at_sample = lane.step >= times_[lane.next_sample] - lane.parameter;
    lane.last_trouble = PathStatus::ok;
    lane.parameter = at_sample ? times_[lane.next_sample] : lane.parameter + lane.step;
    T *first = slope(0), *last = slope(method_.stages - 1);
    for (Index c = i; c < size_ * stride_; c += stride_) y_[c] = trial_[c], first[c] = last[c];
    const double room = error > 0 ? room_of(error) : 5;
    // A step that was cut to meet a sample says nothing against the longer one proposed.
    lane.proposed =
        std::max(at_sample ? lane.proposed : 0, lane.step * std::min(5.0, std::max(0.2, room)));
  }

  /// Samples that lie at the lane's parameter; whether any is left.
  bool take_samples(Index i) {
    Lane& lane = active_[i];
    while (lane.next_sample < samples() && times_[lane.next_sample] <= lane.parameter) {
      sample_(lane.index, 1, lane.next_sample++, y_.data() + i, stride_);
    }
    return lane.next_sample < samples();
  }
  void end_lane(Index i, PathStatus why) {
    const Lane& lane = active_[i];
    for (Index later = lane.next_sample; later < samples(); ++later) {
      sample_(lane.index, 1, later, y_.data() + i, stride_);
    }
    finished_(lane.index, why, lane.parameter);
    remove(i);
  }
  /// Moves the last active lane into place i.
  void remove(Index i) {
    const Index last = count() - 1;
    T* first = slope(0);
    for (Index row = 0; row < size_ * stride_; row += stride_) {
      y_[row + i] = y_[row + last];
      first[row + i] = first[row + last];
    }
    active_[i] = active_[last];
    active_.pop_back();
  }

  const Tableau& method_;
  Index size_, stride_;
  std::span<const double> times_;
  const GeodesicOptions& options_;
  double least_;
  F& f_;
  const Sample& sample_;
  const Finished& finished_;
  std::vector<Lane> active_;
  std::vector<T> y_, trial_, deviation_, second_deviation_, steps_, slopes_;
  std::vector<PathStatus> status_;
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
