// SPDX-License-Identifier: Apache-2.0
#pragma once
// Explicit Runge-Kutta methods with equal steps: all lanes are at one parameter.

#include <memory>

#include "geometry/planes.h"
#include "geometry/runge_kutta.h"

namespace lior::geometry {

/// `integrate` for methods that do not adapt.
template <class T, class F, class Sample, class Finished>
void integrate_equal_steps(Index size, Index lanes, const T* start, std::span<const double> times,
                           const GeodesicOptions& options, F f, const Sample& sample,
                           const Finished& finished) {
  const Tableau& method = tableau(options.method);
  const Index numbers = size * lanes, samples = static_cast<Index>(times.size());
  const double least = least_step<T>(times);
  const auto memory =
      std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>((2 + method.stages) * numbers));
  T *y = memory.get(), *trial = y + numbers, *const slopes = trial + numbers;
  std::copy_n(start, numbers, y);
  std::vector<PathStatus> status(static_cast<std::size_t>(lanes)), trouble(status);
  std::vector<char> running(static_cast<std::size_t>(lanes), true);
  Index next_sample = 0, running_count = lanes, steps = 0;
  double parameter = 0;

  const auto advance_to_stage = [&](const double* weights, int terms, double step) {
    SlopeSum<T> sum;
    for (int j = 0; j < terms; ++j) sum.add(weights[j], slopes + j * numbers);
    advance(y, static_cast<T>(step), sum, trial, numbers);
  };
  // The lane's later samples repeat its last state.
  const auto end_lane = [&](Index i, PathStatus why) {
    for (Index later = next_sample; later < samples; ++later) sample(i, 1, later, y + i, lanes);
    finished(i, why, parameter);
    running[i] = false;
    --running_count;
  };
  // A lane that cannot go on stays where it is.
  const auto end_lanes_in_trouble = [&] {
    for (Index i = 0; i < lanes; ++i) {
      const bool finite = all_finite(trial + i, size, lanes, 1);
      if (running[i] && trouble[i] == PathStatus::ok && finite) continue;
      if (running[i]) {
        end_lane(i, trouble[i] == PathStatus::ok ? PathStatus::singular : trouble[i]);
      }
      for (Index c = i; c < numbers; c += lanes) trial[c] = y[c];
    }
  };
  const auto take_samples = [&] {
    for (; next_sample < samples && times[next_sample] <= parameter; ++next_sample) {
      if (running_count == lanes) {
        sample(0, lanes, next_sample, y, lanes);
        continue;
      }
      for (Index i = 0; i < lanes; ++i) {
        if (running[i]) sample(i, 1, next_sample, y + i, lanes);
      }
    }
  };

  for (take_samples(); next_sample < samples && running_count > 0; take_samples()) {
    check_stop();
    const double left = times[next_sample] - parameter;
    const double step = left / equal_steps(left, options.step);
    std::fill(trouble.begin(), trouble.end(), PathStatus::ok);
    bool any_trouble = false;
    for (int stage = 0; stage < method.stages; ++stage) {
      advance_to_stage(method.a[stage], stage, step);
      f(trial, slopes + stage * numbers, lanes, lanes, status.data());
      for (Index i = 0; i < lanes; ++i) {
        if (trouble[i] == PathStatus::ok) trouble[i] = status[i];
        any_trouble |= trouble[i] != PathStatus::ok;
      }
    }
    advance_to_stage(method.b, method.stages, step);
    if (any_trouble || !all_finite(trial, 1, numbers, numbers)) end_lanes_in_trouble();
    std::swap(y, trial);
    parameter = step >= left ? times[next_sample] : parameter + step;
    if (++steps < options.most_steps || times.back() <= parameter) continue;
    take_samples();
    for (Index i = 0; i < lanes; ++i) {
      if (running[i]) end_lane(i, status_ahead(f, size, y + i, slopes + i, lanes, least));
    }
  }
  for (Index i = 0; i < lanes; ++i) {
    if (running[i]) finished(i, PathStatus::ok, parameter);
  }
}

}  // namespace lior::geometry
