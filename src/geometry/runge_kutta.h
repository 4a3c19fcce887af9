#pragma once
// Explicit Runge-Kutta methods on many lanes, each with its own parameter and step.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "lior/geometry/geodesic.h"

namespace lior::geometry {

/// y' = y + h sum b_i k_i, k_i = f(y + h sum_j a_ij k_j); error h sum e_i k_i where it adapts.
struct Tableau {
  int stages;
  bool adaptive;
  double a[7][6];
  double b[7];
  double e[7];
};

/// The fewest equal steps, at least one, of at most `step` each up to rounding.
inline double equal_steps(double time, double step) {
  return std::max(1.0, std::ceil(time / step - 1e-9));
}

inline constexpr Tableau kMidpoint = {2, false, {{}, {0.5}}, {0, 1}, {}};
inline constexpr Tableau kRungeKutta4 = {
    4, false, {{}, {0.5}, {0, 0.5}, {0, 0, 1}}, {1. / 6, 1. / 3, 1. / 3, 1. / 6}, {}};
// Dormand and Prince, J. Comp. Appl. Math. 6, 1980. The last stage is the first of the next step.
inline constexpr Tableau kDormandPrince = {
    7,
    true,
    {{},
     {1. / 5},
     {3. / 40, 9. / 40},
     {44. / 45, -56. / 15, 32. / 9},
     {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
     {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
     {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
    {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}};

inline const Tableau& tableau(Method method) {
  switch (method) {
    case Method::midpoint: return kMidpoint;
    case Method::rk4: return kRungeKutta4;
    case Method::dopri5: break;
  }
  return kDormandPrince;
}

/// Below this a step no longer moves the parameter, or not to any purpose.
template <class T>
double least_step(std::span<const double> times) {
  const double span = times.empty() ? 0 : times.back();
  return 16 * std::numeric_limits<T>::epsilon() * (span > 0 ? span : 1);
}

/// What stops a lane at y, with that slope, whose steps have become too small or too many: that
/// which lies just ahead, if anything. Planes [size, .] with rows `stride` apart.
template <class T, class F>
PathStatus status_ahead(F& f, Index size, const T* y, const T* slope, Index stride, double least) {
  std::vector<T> probe(static_cast<std::size_t>(size)), probe_slope(probe);
  const auto far = static_cast<T>(1e4 * least);
  for (Index c = 0; c < size; ++c) probe[c] = y[c * stride] + far * slope[c * stride];
  PathStatus why = PathStatus::ok;
  f(probe.data(), probe_slope.data(), 1, 1, &why);
  return why == PathStatus::ok ? PathStatus::stalled : why;
}

/// Integrates y' = f(y) by a method that adapts, on `lanes` lanes, state planes [size, lanes], from
/// parameter 0 through `times`. f(state, slope, stride, count, status) fills the slopes of `count`
/// lanes and their status. sample(lane, count, k, state, stride) is called with the states of
/// `count` lanes from `lane` on at times[k], and finished(lane, status, parameter) once a lane.
template <class T, class F, class Sample, class Finished>
void integrate(Index size, Index lanes, const T* start, std::span<const double> times,
               const GeodesicOptions& options, F f, const Sample& sample,
               const Finished& finished) {
  const Tableau& method = tableau(options.method);
  const Index samples = static_cast<Index>(times.size()), stride = lanes;
  const double least = least_step<T>(times);

  struct Lane {
    Index index, next_sample = 0, steps = 0;
    double parameter = 0, step = 0, proposed;
    bool has_slope = false;
    PathStatus trouble = PathStatus::ok;       // in this step
    PathStatus last_trouble = PathStatus::ok;  // since the last step that was accepted
  };
  std::vector<Lane> active(static_cast<std::size_t>(lanes));
  const auto numbers = static_cast<std::size_t>(size * stride);
  std::vector<T> y(start, start + numbers), trial(numbers), steps(static_cast<std::size_t>(lanes));
  std::vector<T> slopes(static_cast<std::size_t>(method.stages) * numbers);
  std::vector<T> deviation(numbers);
  std::vector<PathStatus> status(static_cast<std::size_t>(lanes));
  const auto k = [&](int stage) {
    return slopes.data() + static_cast<std::size_t>(stage) * numbers;
  };
  for (Index i = 0; i < lanes; ++i) active[i] = {.index = i, .proposed = options.step};

  // out = sum_j weights_j k_j, on the active lanes.
  const auto combine = [&](const double* weights, int terms, std::vector<T>& out) {
    const auto count = static_cast<Index>(active.size());
    for (Index c = 0; c < size; ++c) {
      T* row = out.data() + c * stride;
      std::fill_n(row, count, T(0));
      for (int j = 0; j < terms; ++j) {
        const T weight = static_cast<T>(weights[j]);
        const T* slope = k(j) + c * stride;
        for (Index i = 0; i < count; ++i) row[i] += weight * slope[i];
      }
    }
  };
  // trial = y + step sum_j weights_j k_j.
  const auto advance = [&](const double* weights, int terms) {
    combine(weights, terms, trial);
    const auto count = static_cast<Index>(active.size());
    for (Index c = 0; c < size; ++c) {
      T* row = trial.data() + c * stride;
      const T* from = y.data() + c * stride;
      for (Index i = 0; i < count; ++i) row[i] = from[i] + steps[i] * row[i];
    }
  };

  // Moves the last active lane into place i.
  const auto remove = [&](Index i) {
    const auto last = static_cast<Index>(active.size()) - 1;
    for (Index c = 0; c < size; ++c) {
      y[c * stride + i] = y[c * stride + last];
      k(0)[c * stride + i] = k(0)[c * stride + last];
    }
    active[i] = active[last];
    active.pop_back();
  };
  // Samples that lie at the lane's parameter; whether any is left.
  const auto take_samples = [&](Index i) {
    Lane& lane = active[i];
    while (lane.next_sample < samples && times[lane.next_sample] <= lane.parameter) {
      sample(lane.index, 1, lane.next_sample++, y.data() + i, stride);
    }
    return lane.next_sample < samples;
  };
  const auto end_lane = [&](Index i, PathStatus why) {
    const Lane& lane = active[i];
    for (Index later = lane.next_sample; later < samples; ++later) {
      sample(lane.index, 1, later, y.data() + i, stride);
    }
    finished(lane.index, why, lane.parameter);
    remove(i);
  };
  for (Index i = lanes - 1; i >= 0; --i) {
    if (!take_samples(i)) end_lane(i, PathStatus::ok);
  }

  while (!active.empty()) {
    const auto count = static_cast<Index>(active.size());
    bool all_have_slopes = true;
    for (Index i = 0; i < count; ++i) {
      Lane& lane = active[i];
      const double left = times[lane.next_sample] - lane.parameter;
      lane.step = std::min(lane.proposed, left);
      lane.trouble = PathStatus::ok;
      steps[i] = static_cast<T>(lane.step);
      all_have_slopes = all_have_slopes && lane.has_slope;
    }
    for (int stage = all_have_slopes ? 1 : 0; stage < method.stages; ++stage) {
      advance(method.a[stage], stage);
      std::fill(status.begin(), status.end(), PathStatus::ok);
      f(trial.data(), k(stage), stride, count, status.data());
      for (Index i = 0; i < count; ++i) {
        if (active[i].trouble == PathStatus::ok) active[i].trouble = status[i];
      }
    }

    advance(method.b, method.stages);
    combine(method.e, method.stages, deviation);
    for (Index i = count - 1; i >= 0; --i) {  // from the back: `remove` moves the last lane here
      Lane& lane = active[i];
      lane.has_slope = true;
      double error = 0;
      for (Index c = 0; c < size; ++c) {
        const T before = y[c * stride + i], after = trial[c * stride + i];
        const double allowed =
            options.atol + options.rtol * std::max(std::abs(before), std::abs(after));
        const double ratio = lane.step * static_cast<double>(deviation[c * stride + i]) / allowed;
        error += ratio * ratio;
      }
      error = std::sqrt(error / static_cast<double>(size));
      const bool inside = lane.trouble == PathStatus::ok && std::isfinite(error);
      if (lane.trouble != PathStatus::ok) lane.last_trouble = lane.trouble;
      const bool accepted = inside && error <= 1;
      if (accepted) {
        const bool at_sample = lane.step >= times[lane.next_sample] - lane.parameter;
        lane.last_trouble = PathStatus::ok;
        lane.parameter = at_sample ? times[lane.next_sample] : lane.parameter + lane.step;
        for (Index c = 0; c < size; ++c) {
          y[c * stride + i] = trial[c * stride + i];
          k(0)[c * stride + i] = k(6)[c * stride + i];
        }
        const double room = error > 0 ? 0.9 * std::pow(error, -0.2) : 5;
        // A step that was cut to meet a sample says nothing against the longer one proposed.
        lane.proposed =
            std::max(at_sample ? lane.proposed : 0, lane.step * std::min(5.0, std::max(0.2, room)));
        if (!take_samples(i)) {
          end_lane(i, PathStatus::ok);
          continue;
        }
      } else {
        lane.proposed = lane.step * (inside ? std::max(0.2, 0.9 * std::pow(error, -0.2)) : 0.25);
      }
      if (++lane.steps >= options.most_steps || lane.proposed < least) {
        const auto why = [&] {
          return status_ahead(f, size, y.data() + i, k(0) + i, stride, least);
        };
        end_lane(i, lane.last_trouble != PathStatus::ok ? lane.last_trouble : why());
      }
    }
  }
}

}  // namespace lior::geometry
