// SPDX-License-Identifier: Apache-2.0
#pragma once
// One step of y' = f(y) on many lanes by a Runge-Kutta method that adapts, each lane with a step of
// its own, and the step's error. What is done with them is the caller's.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "geometry/tableau.h"

namespace lior::geometry {

/// State planes [size, stride]; the lanes that run stand at the front of each.
/// f(state, slope, stride, count, status) fills the slopes of `count` lanes and their status.
template <class T, class F>
class AdaptiveStepper {
 public:
  AdaptiveStepper(const Tableau& method, Index size, Index stride, double rtol, double atol, F& f)
      : method_(method),
        size_(size),
        stride_(stride),
        rtol_(rtol),
        atol_(atol),
        f_(f),
        y_(static_cast<std::size_t>(size * stride)),
        trial_(y_.size()),
        deviation_(y_.size()),
        second_deviation_(method_.two_errors ? y_.size() : 0),
        steps_(static_cast<std::size_t>(stride)),
        slopes_(static_cast<std::size_t>(method_.stages) * y_.size()),
        lengths_(steps_.size()),
        status_(steps_.size()),
        trouble_(steps_.size()) {}

  Index stride() const { return stride_; }
  T* state() { return y_.data(); }
  const T* trial() const { return trial_.data(); }
  const T* slope() const { return slopes_.data(); }      // at the state
  const T* trial_slope() const { return last_slope(); }  // at the trial
  void set_step(Index lane, double step) {
    lengths_[lane] = step;
    steps_[lane] = static_cast<T>(step);
  }
  /// The first trouble of a lane in the step's stages.
  PathStatus trouble(Index lane) const { return trouble_[lane]; }

  /// The slopes of the lanes [first, last) at their states.
  void find_slopes(Index first, Index last) {
    if (first < last) {
      f_(y_.data() + first, slopes_.data() + first, stride_, last - first, &status_[first]);
    }
  }

  /// One step of the first `count` lanes, each by its own, into `trial`, and its deviation. Lanes
  /// whose slopes are not known have `all_have_slopes` false.
  void step(Index count, bool all_have_slopes) {
    std::fill(trouble_.begin(), trouble_.end(), PathStatus::ok);
    for (int stage = all_have_slopes ? 1 : 0; stage < method_.stages; ++stage) {
      advance(method_.a[stage], stage, count);
      std::fill(status_.begin(), status_.end(), PathStatus::ok);
      f_(trial_.data(), slope_of(stage), stride_, count, status_.data());
      for (Index i = 0; i < count; ++i) {
        if (trouble_[i] == PathStatus::ok) trouble_[i] = status_[i];
      }
    }
    advance(method_.b, method_.stages, count);
    combine(method_.e, method_.stages, count, deviation_);
    if (method_.two_errors) combine(method_.f, method_.stages, count, second_deviation_);
  }

  /// The step's deviation relative to what the tolerances allow, over all numbers of a lane. Of
  /// two, the first one e as a part of both: e^2 / sqrt(e^2 + (f / 10)^2).
  double error_of(Index i) const {
    double error = 0, second = 0;
    for (Index c = 0; c < size_; ++c) {
      const T before = y_[c * stride_ + i], after = trial_[c * stride_ + i];
      const double allowed = atol_ + rtol_ * std::max(std::abs(before), std::abs(after));
      const double step = lengths_[i];
      const double ratio =
          part_of(step * static_cast<double>(deviation_[c * stride_ + i]), allowed);
      error += ratio * ratio;
      if (!method_.two_errors) continue;
      const double other =
          part_of(step * static_cast<double>(second_deviation_[c * stride_ + i]), allowed);
      second += other * other;
    }
    if (!method_.two_errors || error == 0) return std::sqrt(error / static_cast<double>(size_));
    return error / std::sqrt((error + 0.01 * second) * static_cast<double>(size_));
  }
  /// The factor by which the next step may be longer.
  double room_of(double error) const { return 0.9 * std::pow(error, -method_.exponent); }
  /// The same within what one step may change.
  double growth_of(double error) const {
    return error > 0 ? std::min(5.0, std::max(0.2, room_of(error))) : 5;
  }

  /// The trial of lane i becomes its state.
  void accept(Index i) {
    T* first = slopes_.data();
    const T* last = last_slope();
    for (Index c = i; c < size_ * stride_; c += stride_) y_[c] = trial_[c], first[c] = last[c];
  }
  /// Copies state and slope of a lane.
  void copy_lane(Index from, Index to) {
    T* first = slopes_.data();
    for (Index row = 0; row < size_ * stride_; row += stride_) {
      y_[row + to] = y_[row + from];
      first[row + to] = first[row + from];
    }
  }

 private:
  /// A number that is 0 and stays 0 is right, even where atol is 0.
  static double part_of(double deviation, double allowed) {
    return deviation == 0 ? 0 : deviation / allowed;
  }
  T* slope_of(int stage) { return slopes_.data() + static_cast<std::size_t>(stage) * y_.size(); }
  const T* last_slope() const {
    return slopes_.data() + static_cast<std::size_t>(method_.stages - 1) * y_.size();
  }

  /// out = sum_j weights_j k_j.
  void combine(const double* weights, int terms, Index count, std::vector<T>& out) {
    for (Index c = 0; c < size_; ++c) {
      T* row = out.data() + c * stride_;
      std::fill_n(row, count, T(0));
      for (int j = 0; j < terms; ++j) {
        const T weight = static_cast<T>(weights[j]);
        const T* k = slope_of(j) + c * stride_;
        for (Index i = 0; i < count; ++i) row[i] += weight * k[i];
      }
    }
  }
  /// trial = y + step sum_j weights_j k_j.
  void advance(const double* weights, int terms, Index count) {
    combine(weights, terms, count, trial_);
    for (Index c = 0; c < size_; ++c) {
      T* row = trial_.data() + c * stride_;
      const T* from = y_.data() + c * stride_;
      for (Index i = 0; i < count; ++i) row[i] = from[i] + steps_[i] * row[i];
    }
  }

  const Tableau& method_;
  Index size_, stride_;
  double rtol_, atol_;
  F& f_;
  std::vector<T> y_, trial_, deviation_, second_deviation_, steps_, slopes_;
  std::vector<double> lengths_;  // steps_, before rounding
  std::vector<PathStatus> status_, trouble_;
};

}  // namespace lior::geometry
