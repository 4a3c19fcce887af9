// SPDX-License-Identifier: Apache-2.0
#pragma once
// Boundary values by shooting: which velocity leads from x to y.

#include "geometry/geodesic_equation.h"
#include "geometry/point.h"
#include "geometry/relaxed_path.h"
#include "geometry/runge_kutta.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {

/// Multiple shooting between one pair of points, by Newton's method.
///
/// The path is cut into K segments; unknown are the velocity at x and, for each later segment,
/// where and how fast it starts: z = (v_0, x_1, v_1, ..). The equations say that each segment ends
/// where the next begins, and the last one at y. One segment is plain shooting; more of them go
/// where the end of one path answers too wildly to its start.
///
/// Coordinates are counted from x, so that near points lose no digits, and scaled by the metric at
/// x, so that y is about 1 away. Then one tolerance and one step of differences serves all of them.
/// Along a way that is known, each segment counts from its own start, by the metric there: along a
/// way of length L in hyperbolic space, scales change by e^L.
template <class T>
class Shooter {
 public:
  using Vector = std::array<T, kMostDimensions>;
  struct Result {
    Vector v{};
    Vector arrival{};  ///< the velocity at y
    bool converged = false;
    T error = std::numeric_limits<T>::infinity();  ///< of v, in the norm of g(x)
  };

  Shooter(const AnyMetric<T>& metric, const GeodesicOptions& options)
      : metric_(metric), options_(options), d_(metric.dimension()) {
    options_.method = Method::dop853;
    options_.most_steps = std::min(options.most_steps, kMostSteps);
  }

  /// The v that leads from x to x + displacement, which begins as the straight line.
  Result shoot(const Vector& x, const Vector& displacement) {
    if (!set_frame(x, displacement)) return {};
    set_work(1);
    more_segments_ = false;
    for (const Index segments : {Index{1}, Index{4}, Index{12}}) {
      if (!has_room_for(segments)) break;
      set_straight(segments, 1);
      const Result found = converge(1);
      if (found.converged) return found;
    }
    return by_nearer_targets();
  }

  /// The same along `way`, which is nearly a geodesic, by at most that share of the work that is
  /// allowed; not converged where Newton's method leads to another geodesic, a longer one. Segments
  /// start along refine(way), a better one.
  template <class Refine>
  Result shoot_along(Polygon<T> way, double share, const Refine& refine) {
    metric_.value(way.corners[0].base.data(), g_.data());
    set_work(share);
    for (std::size_t i = 0; i < kCounts.size() && has_room_for(kCounts[i]); ++i) {
      if (i == 1) way = refine(way);
      size_ = way.length;
      set_way(kCounts[i], way);
      more_segments_ = i + 1 < kCounts.size() && has_room_for(kCounts[i + 1]);
      const Result found = converge(1);
      if (found.converged && length(found.v) < (1 + kSameWay) * way.length) return found;
    }
    return {};
  }

  /// In the metric at the point where the last search began.
  T length(const Vector& v) const {
    return in_units(v, [&](T unit) {
      T square = 0;
      for (Index k = 0; k < d_ * d_; ++k) square += g_[k] * (v[k / d_] / unit) * (v[k % d_] / unit);
      return std::sqrt(square);
    });
  }

  /// Whether squares of the straight way lose digits, since they are too small for numbers.
  bool is_tiny(const Vector& x, const Vector& displacement) {
    return set_frame(x, displacement) && size_ < kTiny;
  }

 private:
  /// Coordinates are place + unit * state.
  struct Frame {
    Place<T> place;
    Vector unit;
  };

  static constexpr std::array<Index, 4> kCounts{1, 4, 12, 24};  // divisors of a polygon's sides
  // Where a segment's end answers by more to its start, or its start by more to its end, so that a
  // step is much longer than the way, Newton's method hardly comes near, and more segments do.
  static constexpr T kMostGrowth = T(30), kMostStep = T(3);
  static constexpr T kServes =
      T(0.03);  // of steps by one matrix: so much shorter, one after another
  static constexpr T kSameWay = T(0.05);  // a polygon's length is off by 1 % where a way bends much
  static constexpr Index kMostSteps = 2000, kMostUnknowns = 400, kContinuationSegments = 4;
  static constexpr int kMostIterations = 25;
  static constexpr double kLeastPart = 1.0 / 256;  // of a Newton step, and of the way to y
  // Of accelerations at d (d^2 + 60) operations each: enough for what can be found, and over within
  // a second where nothing can.
  static constexpr double kMostWork = 1e8;

  static constexpr T kTiny = sizeof(T) == 8 ? 1e-138 : 1e-12, kHuge = sizeof(T) == 8 ? 1e150 : 1e18;

  /// How long v is, size(unit) being how long v / unit is: by units of 1, or of v's largest number
  /// where squares leave T's range.
  template <class Size>
  T in_units(const Vector& v, const Size& size) const {
    const T plain = size(1);
    if (plain > kTiny && plain < kHuge) return plain;
    T most = 0;
    for (Index m = 0; m < d_; ++m) most = std::max(most, std::abs(v[m]));
    return most > 0 ? most * size(most) : plain;
  }

  void set_work(double share) {
    work_left_ = static_cast<Index>(share * kMostWork / static_cast<double>(d_ * (d_ * d_ + 60)));
  }

  /// Whether there is a way to go.
  bool set_frame(const Vector& x, const Vector& displacement) {
    origin_ = x;
    metric_.value(x.data(), g_.data());
    for (Index m = 0; m < d_; ++m) {
      unit_[m] = 1 / std::sqrt(std::abs(g_[m * d_ + m]));
      target_[m] = displacement[m] / unit_[m];
    }
    const T far = in_units(target_, [&](T unit) {
      T square = 0;
      for (Index m = 0; m < d_; ++m) square += (target_[m] / unit) * (target_[m] / unit);
      return std::sqrt(square);
    });
    for (Index m = 0; m < d_; ++m) unit_[m] *= far, target_[m] /= far;
    size_ = far;
    return size_ > 0 && std::isfinite(size_);
  }

  bool has_room_for(Index segments) const {
    return segments == 1 || 2 * d_ * segments <= kMostUnknowns;
  }

  void set_segments(Index segments) {
    segments_ = segments;
    unknowns_.assign(static_cast<std::size_t>((2 * segments - 1) * d_), T(0));
  }

  /// Segments along the straight line to that part of the way, all in the frame of x.
  void set_straight(Index segments, T part) {
    set_segments(segments);
    frames_.assign(static_cast<std::size_t>(segments + 1), {{origin_, {}}, unit_});
    end_ = target_;
    for (Index k = 0; k < segments; ++k) {
      for (Index m = 0; m < d_; ++m) {
        if (k > 0) point(k)[m] = part * target_[m] * static_cast<T>(k) / static_cast<T>(segments);
        velocity(k)[m] = part * target_[m];
      }
    }
  }
  /// Segments along a polygon, each in the frame of the corner where it starts.
  void set_way(Index segments, const Polygon<T>& way) {
    set_segments(segments);
    frames_.clear();
    end_.fill(0);
    for (Index k = 0; k <= segments; ++k) {
      const Index at = k * way.sides() / segments;
      frames_.push_back(frame_at(way.corners[at]));
      if (k < segments) set_velocity(k, way, at);
    }
  }

  /// Along the polygon at one of its corners, as fast as the way is long: differences of corners
  /// are too long where scales change along a side, and at the first corner may point backwards.
  void set_velocity(Index k, const Polygon<T>& way, Index at) {
    const Frame& frame = frames_[k];
    std::array<T, kMostDimensions * kMostDimensions> g;
    Vector x{};
    for (Index m = 0; m < d_; ++m) x[m] = frame.place.at(m);
    metric_.value(x.data(), g.data());
    const auto set = [&](const auto& difference) {
      T square = 0;
      for (Index m = 0; m < d_; ++m) {
        velocity(k)[m] = difference(m) * static_cast<T>(way.sides()) / size_;
      }
      for (Index i = 0; i < d_ * d_; ++i) {
        square += g[i] * velocity(k)[i / d_] * velocity(k)[i % d_];
      }
      return std::sqrt(square);
    };
    const auto step = [&](Index from, Index to, Index m) {
      return way.corners[to].from(way.corners[from], m);
    };
    T speed = set([&](Index m) {
      return (k > 0 ? step(at - 1, at + 1, m) : 4 * step(0, 1, m) - step(0, 2, m)) / 2;
    });
    constexpr T kLeast = T(0.7), kMost = T(1.4);
    if (k == 0 && !(speed > kLeast && speed < kMost)) {
      speed = set([&](Index m) { return step(0, 1, m); });
    }
    for (Index m = 0; m < d_; ++m) velocity(k)[m] *= size_ / speed / frame.unit[m];
  }

  /// At a place; the way is about 1 long in its units.
  Frame frame_at(const Place<T>& place) const {
    Frame frame{place, {}};
    std::array<T, kMostDimensions * kMostDimensions> g;
    Vector x{};
    for (Index m = 0; m < d_; ++m) x[m] = place.at(m);
    metric_.value(x.data(), g.data());
    for (Index m = 0; m < d_; ++m) frame.unit[m] = size_ / std::sqrt(std::abs(g[m * d_ + m]));
    return frame;
  }
  T* point(Index k) { return unknowns_.data() + (2 * k - 1) * d_; }  // k >= 1
  T* velocity(Index k) { return unknowns_.data() + 2 * k * d_; }

  /// Each target from the solution for the one before, stretched.
  Result by_nearer_targets() {
    T reached = 0, step = T(0.25);
    set_straight(kContinuationSegments, step);
    std::vector<T> last;
    while (reached < 1 && step >= kLeastPart && work_left_ > 0) {
      const T next = std::min(T(1), reached + step);
      if (reached > 0) {
        unknowns_ = last;
        for (T& z : unknowns_) z *= next / reached;
      } else {
        set_straight(kContinuationSegments, next);
      }
      const Result found = converge(next);
      if (found.converged && next == 1) return found;
      if (found.converged) {
        last = unknowns_, reached = next, step *= T(1.5);
      } else {
        step /= 2;
      }
    }
    return {};
  }

  /// Newton's method to that part of the way, as exact as the options ask for.
  Result converge(T part) {
    const T goal = static_cast<T>(std::max(10 * options_.rtol, 64.0 * epsilon()));
    Result result;
    for (double tolerance = std::max(options_.rtol / 100, 8 * epsilon());; tolerance /= 100) {
      tolerance_ = std::max(tolerance, 8 * epsilon());
      first_step_ = 1;
      if (!newton(part, goal)) return {};
      result = polished(part);
      result.converged =
          result.error <= goal * norm(velocity(0), d_) * size_ && keeps_speed(result, part);
      if (result.converged || tolerance_ <= 8 * epsilon() || !std::isfinite(result.error)) {
        return result;
      }
    }
  }

  bool newton(T part, T goal) {
    std::vector<T> residual, step, ahead, start;
    if (!start_inside(residual, part)) return false;
    bool matrix_serves = false;
    for (int iteration = 0; iteration < kMostIterations; ++iteration) {
      if (!matrix_serves && !set_jacobian()) return false;
      step = residual;
      solve(step);
      const T length = norm(step.data(), size());
      if (!std::isfinite(length) || (more_segments_ && length > kMostStep)) return false;
      if (length <= goal / 10 * norm(velocity(0), d_)) {
        for (Index i = 0; i < size(); ++i) unknowns_[i] -= step[i];
        return true;
      }
      // The longest part of the step after which the next one, by the same matrix, is shorter.
      start = unknowns_;
      T fraction = 1;
      for (;; fraction /= 2) {
        if (fraction < kLeastPart) {  // no step is better: rounding, if it is small enough
          unknowns_ = start;
          return length <= goal * norm(velocity(0), d_);
        }
        for (Index i = 0; i < size(); ++i) unknowns_[i] = start[i] - fraction * step[i];
        if (!evaluate(residual, part)) continue;
        ahead = residual;
        solve(ahead);
        const T next = norm(ahead.data(), size());
        matrix_serves = next <= kServes * length;
        if (next <= (1 - fraction / 4) * length) break;
      }
    }
    return false;
  }

  /// Where the first segment leaves the domain at once: aim shorter.
  bool start_inside(std::vector<T>& residual, T part) {
    for (T shorter = 1; shorter >= kLeastPart; shorter /= 2) {
      if (evaluate(residual, part)) return true;
      if (segments_ > 1) return false;
      for (Index m = 0; m < d_; ++m) velocity(0)[m] /= 2;
    }
    return false;
  }

  /// One more step, with a residual that is much more exact than those before: what it moves is
  /// what the tolerance left open.
  Result polished(T part) {
    std::vector<T> step, noise;
    tolerance_ = std::max(tolerance_ / 32, 4 * epsilon());
    first_step_ = 1.0 / 3;  // where one step is good enough for both, it is not the same one
    if (!evaluate(step, part)) return {};
    solve(step);
    noise.assign(step.size(), static_cast<T>(4 * epsilon()));
    solve(noise);
    Result out;
    std::array<T, kMostDimensions> moved{};
    for (Index i = 0; i < size(); ++i) unknowns_[i] -= step[i];
    for (Index m = 0; m < d_; ++m) {
      out.v[m] = velocity(0)[m] * frames_[0].unit[m];
      moved[m] = std::abs(step[m]) + std::abs(noise[m]);
      const Index last = segments_ - 1;
      out.arrival[m] = ends_[(d_ + m) * segments_ + last] * frames_[last].unit[m];
    }
    // Paths of few steps are as far off at both tolerances: of pairs with closed forms, by 5 of
    // this one at most.
    const T steps = segments_ > 1 ? static_cast<T>(8 * tolerance_) : T(0);
    out.error = 2 * size_ * (norm(moved.data(), d_) + steps);
    return out;
  }

  /// Whether g(v, v) is at the end what it is at x, as along every geodesic: a path that leapt over
  /// a place where g is singular, or lost its digits next to one, has another.
  bool keeps_speed(const Result& result, T part) const {
    constexpr T kApart = T(0.01);
    Vector y{};
    for (Index m = 0; m < d_; ++m) {
      y[m] = frames_.back().place.at(m) + frames_.back().unit[m] * part * end_[m];
    }
    std::array<T, kMostDimensions * kMostDimensions> g;
    metric_.value(y.data(), g.data());
    T apart = 0, size = 0;
    for (Index k = 0; k < d_ * d_; ++k) {
      const Index m = k / d_, n = k % d_;
      const T before = g_[k] * (result.v[m] / size_) * (result.v[n] / size_);
      const T after = g[k] * (result.arrival[m] / size_) * (result.arrival[n] / size_);
      apart += after - before, size += std::abs(after) + std::abs(before);
    }
    return std::abs(apart) <= kApart * size;
  }

  Index size() const { return (2 * segments_ - 1) * d_; }
  static double epsilon() { return std::numeric_limits<T>::epsilon(); }
  static T norm(const T* a, Index count) {
    T square = 0;
    for (Index i = 0; i < count; ++i) square += a[i] * a[i];
    return std::sqrt(square);
  }

  /// Where all segments end beside where they should; false where one does not get there.
  bool evaluate(std::vector<T>& residual, T part) {
    starts_.resize(static_cast<std::size_t>(planes() * segments_));
    for (Index k = 0; k < segments_; ++k) put_start(k, k, segments_);
    if (!integrate_lanes(segments_)) return false;
    residual.resize(static_cast<std::size_t>(size()));
    for (Index k = 0; k < segments_; ++k) {
      const Frame &here = frames_[k], &next = frames_[k + 1];
      for (Index c = 0; c < 2 * d_; ++c) {
        const Index row = 2 * d_ * k + c, m = c % d_;
        if (row >= size()) continue;  // the velocity at y is free
        const T shift = c < d_ ? here.place.from(next.place, m) / next.unit[m] : T(0);
        const T end = shift + rescaled(k, m) * ends_[c * segments_ + k];
        residual[row] = end - (k + 1 < segments_ ? point(k + 1)[c] : part * end_[c]);
      }
    }
    return true;
  }

  /// Numbers of a lane: a point, a velocity, and the number of the frame that they are in.
  Index planes() const { return 2 * d_ + 1; }
  /// The unit of segment k in those of the next one.
  T rescaled(Index k, Index m) const { return frames_[k].unit[m] / frames_[k + 1].unit[m]; }

  /// The state at the start of segment k, in that lane.
  void put_start(Index k, Index lane, Index lanes) {
    for (Index m = 0; m < d_; ++m) {
      starts_[m * lanes + lane] = k > 0 ? point(k)[m] : T(0);
      starts_[(d_ + m) * lanes + lane] = velocity(k)[m];
    }
    starts_[2 * d_ * lanes + lane] = static_cast<T>(k);
  }

  /// d residual / d unknowns by one-sided differences, all paths in one batch: of segment k the
  /// path itself, which `evaluate` has followed too, and one for each unknown.
  bool set_jacobian() {
    const Index lanes = segments_ + size(), n = size();
    const T step = static_cast<T>(std::sqrt(tolerance_));
    starts_.resize(static_cast<std::size_t>(planes() * lanes));
    for (Index k = 0; k < segments_; ++k) put_start(k, k, lanes);
    const auto segment_of = [&](Index unknown) { return (unknown + d_) / (2 * d_); };
    for (Index unknown = 0; unknown < n; ++unknown) {
      const Index k = segment_of(unknown), lane = segments_ + unknown;
      put_start(k, lane, lanes);
      const Index component = unknown - (2 * k - 1) * d_;  // of (x_k, v_k)
      starts_[component * lanes + lane] += step;
    }
    if (!integrate_lanes(lanes)) return false;
    jacobian_.assign(static_cast<std::size_t>(n * n), T(0));
    T growth = 0;
    for (Index unknown = 0; unknown < n; ++unknown) {
      const Index k = segment_of(unknown);
      for (Index c = 0; c < 2 * d_; ++c) {
        const Index row = 2 * d_ * k + c;
        if (row >= n) continue;
        const T* ends = ends_.data() + c * lanes;
        const T slope = rescaled(k, c % d_) * (ends[segments_ + unknown] - ends[k]) / step;
        jacobian_[row * n + unknown] = slope;
        if (c < d_) growth = std::max(growth, std::abs(slope));
      }
      if (unknown >= d_) jacobian_[(unknown - d_) * n + unknown] -= 1;  // where the one before ends
    }
    return (!more_segments_ || growth < kMostGrowth) && factor();
  }

  /// Follows `lanes` paths from starts_ for the time of one segment.
  bool integrate_lanes(Index lanes) {
    if (work_left_ <= 0) return false;
    ends_.resize(starts_.size());
    const double time[] = {1.0 / static_cast<double>(segments_)};
    GeodesicOptions options = options_;
    options.rtol = options.atol = tolerance_;
    options.step = first_step_ * time[0];
    bool all = true;
    integrate(
        planes(), lanes, starts_.data(), std::span<const double>(time), options,
        [&](const T* state, T* slope, Index stride, Index count, PathStatus* status) {
          follow(state, slope, stride, count, status);
        },
        [&](Index lane, Index count, Index, const T* state, Index stride) {
          for (Index c = 0; c < 2 * d_; ++c) {
            std::copy_n(state + c * stride, count, ends_.data() + c * lanes + lane);
          }
        },
        [&](Index, PathStatus why, double) { all = all && why == PathStatus::ok; });
    return all;
  }

  /// The geodesic equation, each lane in its frame.
  void follow(const T* state, T* slope, Index stride, Index count, PathStatus* status) {
    work_left_ -= count;
    if (work_left_ <= 0) {
      std::fill_n(status, count, PathStatus::stalled);
      return;
    }
    const auto numbers = static_cast<std::size_t>(d_ * stride);
    points_.resize(numbers), velocities_.resize(numbers);
    const T* frame_number = state + 2 * d_ * stride;
    const auto frame = [&](Index lane) -> const Frame& {
      return frames_[static_cast<std::size_t>(frame_number[lane])];
    };
    for (Index m = 0; m < d_; ++m) {
      for (Index lane = 0; lane < count; ++lane) {
        const Index n = m * stride + lane;
        const T unit = frame(lane).unit[m];
        const Place<T>& place = frame(lane).place;
        points_[n] = place.base[m] + (place.rest[m] + unit * state[n]);
        slope[n] = state[d_ * stride + n];
        velocities_[n] = unit * slope[n];
      }
    }
    T* a = slope + d_ * stride;
    accelerate(metric_, points_.data(), velocities_.data(), a, stride, count, status);
    for (Index m = 0; m < d_; ++m) {
      for (Index lane = 0; lane < count; ++lane) a[m * stride + lane] /= frame(lane).unit[m];
    }
    std::fill_n(slope + 2 * d_ * stride, count, T(0));
  }

  bool factor() {
    order_.resize(static_cast<std::size_t>(size()));
    return linalg::lu<T>({jacobian_.data(), {size(), size()}}, order_);
  }
  void solve(std::vector<T>& b) const {
    linalg::lu_solve<T>({jacobian_.data(), {size(), size()}}, order_, b);
  }

  const AnyMetric<T>& metric_;
  GeodesicOptions options_;
  Index d_, segments_ = 1, work_left_ = 0;
  double tolerance_ = 0, first_step_ = 1;                 // the latter as a part of a segment
  Vector origin_{}, unit_{}, target_{};                   // y = origin + unit * target
  std::array<T, kMostDimensions * kMostDimensions> g_{};  // at the origin
  T size_ = 0;                  // the length of the straight line in the metric at x, or of the way
  std::vector<Frame> frames_;   // where each segment starts, and of y
  Vector end_{};                // y in the last of them, at the whole way
  bool more_segments_ = false;  // can be tried where these do not serve
  std::vector<T> unknowns_, starts_, ends_, points_, velocities_, jacobian_;
  std::vector<int> order_;
};

}  // namespace lior::geometry
