// SPDX-License-Identifier: Apache-2.0
#pragma once
// Explicit Runge-Kutta methods on many lanes, each with its own parameter and step.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "lior/core/stop.h"
#include "lior/geometry/geodesic.h"

namespace lior::geometry {

/// y' = y + h sum b_i k_i, k_i = f(y + h sum_j a_ij k_j). Where it adapts: the error h sum e_i k_i,
/// and perhaps a second one, of a lower order, h sum f_i k_i; a step changes by error^-exponent.
struct Tableau {
  int stages;
  bool adaptive;
  double a[13][12];
  double b[13];
  double e[13];
  double exponent = 0.2;
  bool two_errors = false;
  double f[13] = {};
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

// Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, second edition, II.5, and
// E. Hairer's program dop853.f. The last stage is the first of the next step.
inline constexpr Tableau kDormandPrince8 = {
    13,
    true,
    {{},
     {5.26001519587677318785587544488e-2},
     {1.97250569845378994544595329183e-2, 5.91751709536136983633785987549e-2},
     {2.95875854768068491816892993775e-2, 0, 8.87627564304205475450678981324e-2},
     {2.41365134159266685502369798665e-1, 0, -8.84549479328286085344864962717e-1,
      9.24834003261792003115737966543e-1},
     {3.7037037037037037037037037037e-2, 0, 0, 1.70828608729473871279604482173e-1,
      1.25467687566822425016691814123e-1},
     {3.7109375e-2, 0, 0, 1.70252211019544039314978060272e-1, 6.02165389804559606850219397283e-2,
      -1.7578125e-2},
     {3.70920001185047927108779319836e-2, 0, 0, 1.70383925712239993810214054705e-1,
      1.07262030446373284651809199168e-1, -1.53194377486244017527936158236e-2,
      8.27378916381402288758473766002e-3},
     {6.24110958716075717114429577812e-1, 0, 0, -3.36089262944694129406857109825,
      -8.68219346841726006818189891453e-1, 2.75920996994467083049415600797e1,
      2.01540675504778934086186788979e1, -4.34898841810699588477366255144e1},
     {4.77662536438264365890433908527e-1, 0, 0, -2.48811461997166764192642586468,
      -5.90290826836842996371446475743e-1, 2.12300514481811942347288949897e1,
      1.52792336328824235832596922938e1, -3.32882109689848629194453265587e1,
      -2.03312017085086261358222928593e-2},
     {-9.3714243008598732571704021658e-1, 0, 0, 5.18637242884406370830023853209,
      1.09143734899672957818500254654, -8.14978701074692612513997267357,
      -1.85200656599969598641566180701e1, 2.27394870993505042818970056734e1,
      2.49360555267965238987089396762, -3.0467644718982195003823669022},
     {2.27331014751653820792359768449, 0, 0, -1.05344954667372501984066689879e1,
      -2.00087205822486249909675718444, -1.79589318631187989172765950534e1,
      2.79488845294199600508499808837e1, -2.85899827713502369474065508674,
      -8.87285693353062954433549289258, 1.23605671757943030647266201528e1,
      6.43392746015763530355970484046e-1},
     {5.42937341165687622380535766363e-2, 0, 0, 0, 0, 4.45031289275240888144113950566,
      1.89151789931450038304281599044, -5.8012039600105847814672114227,
      3.1116436695781989440891606237e-1, -1.52160949662516078556178806805e-1,
      2.01365400804030348374776537501e-1, 4.47106157277725905176885569043e-2}},
    {5.42937341165687622380535766363e-2, 0, 0, 0, 0, 4.45031289275240888144113950566,
     1.89151789931450038304281599044, -5.8012039600105847814672114227,
     3.1116436695781989440891606237e-1, -1.52160949662516078556178806805e-1,
     2.01365400804030348374776537501e-1, 4.47106157277725905176885569043e-2},
    {0.1312004499419488073250102996e-1, 0, 0, 0, 0, -0.1225156446376204440720569753e+1,
     -0.4957589496572501915214079952, 0.1664377182454986536961530415e+1,
     -0.3503288487499736816886487290, 0.3341791187130174790297318841,
     0.8192320648511571246570742613e-1, -0.2235530786388629525884427845e-1},
    0.125,
    true,
    {5.42937341165687622380535766363e-2 - 0.244094488188976377952755905512, 0, 0, 0, 0,
     4.45031289275240888144113950566, 1.89151789931450038304281599044,
     -5.8012039600105847814672114227,
     3.1116436695781989440891606237e-1 - 0.733846688281611857341361741547,
     -1.52160949662516078556178806805e-1, 2.01365400804030348374776537501e-1,
     4.47106157277725905176885569043e-2 - 0.220588235294117647058823529412e-1}};

inline const Tableau& tableau(Method method) {
  switch (method) {
    case Method::midpoint: return kMidpoint;
    case Method::rk4: return kRungeKutta4;
    case Method::dop853: return kDormandPrince8;
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
