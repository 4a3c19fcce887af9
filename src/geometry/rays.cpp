// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/rays.h"

#include <atomic>
#include <vector>

#include "geometry/adaptive_stepper.h"
#include "geometry/geodesic_equation.h"
#include "geometry/space_chart.h"
#include "lior/core/parallel.h"
#include "lior/core/stop.h"

namespace lior::geometry {
namespace {

constexpr Index kDimension = 4, kState = 2 * kDimension;
constexpr Index kLanes = 64;
// Lanes are filled again once a quarter of them is free: the new ones' slopes then come from one
// call.
constexpr Index kFewLanes = 48;
constexpr double kMet = 1e-9;        // an angle, or a part of the sky's radius
constexpr double kFrozen = 1e6;      // the growth of v^t that ends a ray
constexpr double kShortest = 1e-14;  // of the sky's radius: a step that goes nowhere

/// Where in (0, 1] a cubic is 0 that goes from f0 to f1 of another sign (or 0) with these rates.
double cubic_root(double f0, double f1, double rate0, double rate1) {
  const auto value = [&](double s) {
    const double u = 1 - s;
    return f0 * u * u * (1 + 2 * s) + f1 * s * s * (3 - 2 * s) + s * u * (u * rate0 - s * rate1);
  };
  double low = 0, high = 1;
  for (int k = 0; k < 44; ++k) {  // to a few roundings
    const double middle = (low + high) / 2;
    const double f = value(middle);
    if (std::signbit(f) == std::signbit(f0) && f != 0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high;
}

/// Rays that are still to be traced, handed to the threads one by one.
struct RayQueue {
  View<const double, 2> x, v;
  std::atomic<Index> next = 0;
  std::atomic<Index> steps = 0;
};

/// One thread's lanes.
class RayLanes {
 public:
  RayLanes(const AnyMetric<double>& metric, const RayScene& scene, const RayOptions& options,
           const RayEnds& ends, RayQueue& queue)
      : chart_(metric),
        scene_(scene),
        options_(options),
        ends_(ends),
        queue_(queue),
        equation_(geodesic_equation(metric)),
        stepper_(kDormandPrince, kState, kLanes, options.rtol, options.atol, equation_),
        lanes_(kLanes) {}

  void run() {
    while (true) {
      check_stop();
      if (count_ < kFewLanes) fill();
      if (count_ == 0) break;
      for (Index i = 0; i < count_; ++i) stepper_.set_step(i, lanes_[i].step);
      stepper_.step(count_, true);
      steps_ += count_;
      // From the back: the last lane moves to the place of one that ends.
      for (Index i = count_ - 1; i >= 0; --i) judge(i);
    }
    queue_.steps += steps_;
  }

 private:
  struct Lane {
    Index ray, steps = 0;
    double step, proposed;                // this one, and the longest one that its error allows
    double side;                          // of the equator's plane: +-1
    double frozen;                        // |v^t| at which it is taken to end at a horizon
    PathStatus trouble = PathStatus::ok;  // since the last step that was accepted
  };
  /// Coordinates and velocity of a lane.
  struct Ray {
    double x[kDimension], v[kDimension];
  };

  static Ray ray_at(const double* planes, Index lane) {
    Ray ray;
    for (Index m = 0; m < kDimension; ++m) {
      ray.x[m] = planes[m * kLanes + lane];
      ray.v[m] = planes[(kDimension + m) * kLanes + lane];
    }
    return ray;
  }

  void fill() {
    const Index first = count_;
    while (count_ < kLanes && !queue_empty_) {
      const Index ray = queue_.next++;
      queue_empty_ = ray >= queue_.x.extent(1);
      if (!queue_empty_) start(ray);
    }
    stepper_.find_slopes(first, count_);
  }
  void start(Index n) {
    const Index i = count_++;
    for (Index m = 0; m < kDimension; ++m) {
      stepper_.state()[m * kLanes + i] = queue_.x(m, n);
      stepper_.state()[(kDimension + m) * kLanes + i] = queue_.v(m, n);
    }
    const Ray ray = ray_at(stepper_.state(), i);
    const double height = chart_.height(ray.x);
    const double ahead = std::abs(height) > kMet ? height : chart_.height_rate(ray.v);
    const double step = first_step(ray);
    lanes_[i] = {.ray = n,
                 .step = step,
                 .proposed = step,
                 .side = ahead < 0 ? -1.0 : 1.0,
                 .frozen = kFrozen * std::abs(ray.v[0])};
  }
  /// A hundredth of the way to the centre.
  double first_step(const Ray& ray) const {
    const double rate = std::abs(chart_.radius_rate(ray.x, ray.v));
    return 0.01 * (std::abs(chart_.radius(ray.x)) + kShortest) / std::max(rate, 0.01);
  }

  /// Accepts the step of lane i, shortens it, or ends the lane.
  void judge(Index i) {
    Lane& lane = lanes_[i];
    const PathStatus trouble = stepper_.trouble(i);
    const double error = stepper_.error_of(i);
    const bool inside = trouble == PathStatus::ok && std::isfinite(error);
    if (trouble != PathStatus::ok) lane.trouble = trouble;
    if (++lane.steps >= options_.most_steps || lane.step < kShortest * scene_.sky) {
      return end_lane(i, stepper_.state(), end_of(lane.trouble));
    }
    if (!inside || error > 1) {
      lane.step *= inside ? std::max(0.2, stepper_.room_of(error)) : 0.25;
      lane.proposed = lane.step;
      return;
    }
    if (meets(i)) return;
    const bool cut = lane.step < lane.proposed;  // a short step says nothing against a long one
    lane.proposed = std::max(cut ? lane.proposed : 0, lane.step * stepper_.growth_of(error));
    lane.step = lane.proposed;
    lane.trouble = PathStatus::ok;
    stepper_.accept(i);
    if (!(std::abs(stepper_.state()[kDimension * kLanes + i]) < lane.frozen)) {
      end_lane(i, stepper_.state(), RayEnd::horizon);
    }
  }

  /// Looks at what lies between the ends of an accepted step: ends the lane there, or shortens the
  /// step to end there, and is true; false where the step may be taken as it is.
  bool meets(Index i) {
    Lane& lane = lanes_[i];
    const Ray from = ray_at(stepper_.state(), i), to = ray_at(stepper_.trial(), i);
    double share = 1;
    if (scene_.disk) {
      const double height = chart_.height(to.x);
      if (std::abs(height) <= height_met(to)) {
        const double radius = std::abs(chart_.radius(to.x));
        if (radius >= scene_.disk->inner && radius <= scene_.disk->outer) {
          end_lane(i, stepper_.trial(), RayEnd::disk);
          return true;
        }
        if (height * lane.side <= 0 || chart_.height_rate(to.v) * lane.side < 0) {
          lane.side = -lane.side;  // through the plane, beside the ring
        }
      } else if (height * lane.side < 0) {
        share = cubic_root(chart_.height(from.x), height, lane.step * chart_.height_rate(from.v),
                           lane.step * chart_.height_rate(to.v));
      }
    }
    const double radius = std::abs(chart_.radius(to.x)), sky = scene_.sky;
    if (share == 1 && std::abs(radius - sky) <= kMet * sky) {
      end_lane(i, stepper_.trial(), RayEnd::sky);
      return true;
    }
    if (radius > sky) {
      const double sign = chart_.radius(to.x) < 0 ? -1 : 1;
      share = std::min(share, cubic_root(std::abs(chart_.radius(from.x)) - sky, radius - sky,
                                         sign * lane.step * chart_.radius_rate(from.x, from.v),
                                         sign * lane.step * chart_.radius_rate(to.x, to.v)));
    }
    if (share == 1) return false;
    lane.step *= share;
    return true;
  }
  /// How near the plane is at it.
  double height_met(const Ray& ray) const {
    return kMet * (chart_.spherical() ? 1 : std::max(1.0, std::abs(chart_.radius(ray.x))));
  }

  static RayEnd end_of(PathStatus trouble) {
    switch (trouble) {
      case PathStatus::horizon: return RayEnd::horizon;
      case PathStatus::edge: return RayEnd::edge;
      default: return RayEnd::lost;
    }
  }
  void end_lane(Index i, const double* planes, RayEnd end) {
    const Index n = lanes_[i].ray;
    const Ray ray = ray_at(planes, i);
    for (Index m = 0; m < kDimension; ++m) ends_.x(m, n) = ray.x[m], ends_.v(m, n) = ray.v[m];
    ends_.end(n) = end;
    stepper_.copy_lane(--count_, i);
    lanes_[i] = lanes_[count_];
  }

  SpaceChart chart_;
  const RayScene& scene_;
  const RayOptions& options_;
  const RayEnds& ends_;
  RayQueue& queue_;
  decltype(geodesic_equation(std::declval<const AnyMetric<double>&>())) equation_;
  AdaptiveStepper<double, decltype(equation_)> stepper_;
  std::vector<Lane> lanes_;
  Index count_ = 0, steps_ = 0;
  bool queue_empty_ = false;
};

void check_rays(const AnyMetric<double>& metric, View<const double, 2> x, View<const double, 2> v,
                const RayScene& scene, const RayOptions& options, const RayEnds& ends) {
  check_scene_metric(metric);
  check_points(metric, x);
  check_shape(v, x.shape(), "v");
  check_shape(ends.x, x.shape(), "ends.x");
  check_shape(ends.v, x.shape(), "ends.v");
  check_shape(ends.end, {x.extent(1)}, "ends.end");
  check_options({.rtol = options.rtol, .atol = options.atol});
  LIOR_CHECK(scene.sky > 0 && std::isfinite(scene.sky),
             "the sky's radius is {}; expected a number > 0", scene.sky);
  if (scene.disk) {
    LIOR_CHECK(scene.disk->inner > 0 && scene.disk->inner < scene.disk->outer,
               "the disk is from {} to {}; expected radii > 0, the smaller one first",
               scene.disk->inner, scene.disk->outer);
  }
  const SpaceChart chart(metric);
  for_each_point(metric, x, 0, [&](const double* point, Index n, double*) {
    LIOR_CHECK(std::abs(chart.radius(point)) < scene.sky,
               "ray {} starts at radius {}, outside the sky, whose radius is {}; expected a "
               "larger sky",
               n, chart.radius(point), scene.sky);
    for (Index m = 0; m < kDimension; ++m) {
      LIOR_CHECK(std::isfinite(v(m, n)), "ray {} has velocity {} = {}; expected a number", n, m,
                 v(m, n));
    }
  });
}

}  // namespace

Index trace_rays(const AnyMetric<double>& metric, View<const double, 2> x, View<const double, 2> v,
                 const RayScene& scene, const RayOptions& options, const RayEnds& ends) {
  check_rays(metric, x, v, scene, options, ends);
  RayQueue queue{.x = x, .v = v};
  parallel_for(std::min<Index>(threads(), (x.extent(1) + kLanes - 1) / kLanes), 1,
               [&](Index first, Index last, int) {
                 for (Index worker = first; worker < last; ++worker) {
                   RayLanes(metric, scene, options, ends, queue).run();
                 }
               });
  return queue.steps;
}

}  // namespace lior::geometry
