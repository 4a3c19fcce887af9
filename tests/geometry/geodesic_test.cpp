// SPDX-License-Identifier: Apache-2.0
// Edges of geodesics, logarithms and distances; their values are checks (lior verify).
#include "lior/geometry/geodesic.h"

#include <gtest/gtest.h>

#include <numbers>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/stop.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"

namespace lior::geometry {
namespace {

/// The one pair of points that a test speaks of.
template <class T>
struct Pair {
  AnyMetric<T> metric;
  std::vector<T> x, y;

  View<const T, 2> view(const std::vector<T>& point) const { return {point.data(), {size(), 1}}; }
  Index size() const { return static_cast<Index>(x.size()); }
  struct Answer {
    T length, error;
    bool shortest;
  };
  Answer distance() const {
    Answer out{};
    geometry::distance<T>(metric, view(x), view(y), {},
                          {{&out.length, {1}}, {&out.error, {1}}, {&out.shortest, {1}}});
    return out;
  }
};

// Coordinates of any size: steps of differences are relative to them.
TEST(Distance, SmallCoordinatesAreNoObstacle) {
  const auto found = Pair<double>{HalfPlane{}, {0, 1e-4}, {1e-4, 1e-4}}.distance();
  EXPECT_NEAR(found.length, 2 * std::asinh(0.5), 1e-14);  // .9624
  EXPECT_TRUE(found.shortest);
}

TEST(Distance, EndsFarOutAndNextToTheEdge) {
  const auto ball = [](double room) {
    return Pair<double>{PoincareBall{}, {0, 0}, {1 - room, 0}}.distance().length;
  };
  EXPECT_NEAR(ball(1e-8), std::log((2 - 1e-8) / 1e-8), 1e-7);  // 19.11
  EXPECT_NEAR(ball(1e-12), 28.3241904, 1e-4);                  // 1 - 1e-12 is rounded
  EXPECT_NEAR((Pair<double>{HalfPlane{}, {0, 1}, {1e15, 1}}.distance().length), 30 * std::log(10.0),
              1e-12);
  EXPECT_NEAR((Pair<double>{HalfPlane{}, {0, 1}, {0, 1e-320}}.distance().length), 736.827240890973,
              1e-9);
}

TEST(Distance, AnglesLeadTheShorterWayRound) {
  EXPECT_NEAR((Pair<double>{Sphere{}, {1, -3}, {1, 3}}.distance().length),
              2 * std::asin(std::sin(1.0) * std::sin(std::acos(-1.0) - 3)), 1e-14);
  const auto torus = Pair<double>{Torus{}, {0, 0}, {0, 6.5}}.distance();
  EXPECT_NEAR(torus.length, 0.650444, 1e-6);
  EXPECT_FALSE(torus.shortest);  // found by shooting: a shorter one is not excluded
}

/// The shortest of the arcs theta = straight + height sin(pi t) between two points of a torus, phi
/// the shorter way round or the longer.
double shortest_arc(const Torus& torus, const std::vector<double>& x,
                    const std::vector<double>& y) {
  constexpr Index kSamples = 400;
  const double pi = std::numbers::pi;
  double shortest = std::numeric_limits<double>::infinity();
  for (const double turn : {-2 * pi, 0.0, 2 * pi}) {
    for (int step = -8; step <= 8; ++step) {
      Array<double, 3> path({kSamples, 2, 1});
      for (Index k = 0; k < kSamples; ++k) {
        const double t = static_cast<double>(k) / (kSamples - 1);
        path(k, 0, 0) = x[0] + t * (y[0] - x[0]) + step * pi / 8 * std::sin(pi * t);
        path(k, 1, 0) = x[1] + t * (y[1] + turn - x[1]);
      }
      double length = 0;
      curve_length<double>(torus, path.view(), {&length, {1}});
      shortest = std::min(shortest, length);
    }
  }
  return shortest;
}

// One after the other these were 5.29 and 8.94, and other pairs differed from their other end.
TEST(Distance, OnATorusIsAsShortAsAnyArcAndTheSameFromEitherEnd) {
  std::vector<std::array<double, 4>> pairs{{1, 0, 1, 2.7}, {1, 0, 1, 2.8}, {0, 0, 0, 3}};
  for (Index n = 0; n < 60; ++n) {
    std::array<double, 4> pair;
    Random(91, static_cast<std::uint64_t>(n)).fill_uniform<double>(pair, -3, 3);
    pairs.push_back(pair);
  }
  for (const auto& [a, b, c, d] : pairs) {
    const std::vector<double> x{a, b}, y{c, d};
    const auto there = Pair<double>{Torus{}, x, y}.distance();
    const auto back = Pair<double>{Torus{}, y, x}.distance();
    EXPECT_EQ(there.length, back.length) << a << " " << b << " " << c << " " << d;
    // Lengths of polygons are off by 1e-5.
    EXPECT_LE(there.length, shortest_arc(Torus{}, x, y) * (1 + 1e-4))
        << a << " " << b << " " << c << " " << d;
  }
}

// The vertex of a steep paraboloid: straight over it is a geodesic, and longer than around it.
TEST(Distance, GoesAroundWhatTheStraightLineCrosses) {
  const AnyMetric<double> hill = PullBack<Paraboloid>{{4}};
  const auto found = Pair<double>{hill, {-1, 0}, {1, 0}}.distance();
  const double over = std::sqrt(65.0) + std::asinh(8.0) / 8;
  EXPECT_NEAR(over, 8.41, 0.01);
  EXPECT_LT(found.length, std::numbers::pi);  // half of the circle around it, which is no geodesic
}

TEST(Distance, RoundingOfLargeAnglesIsPartOfTheErrorOrRefused) {
  const double turns = 2 * std::numbers::pi * 1e9;
  const auto far = Pair<double>{Torus{}, {0.3, 0.2}, {0.3 + turns, 0.9}}.distance();
  const auto near = Pair<double>{Torus{}, {0.3, 0.2}, {0.3, 0.9}}.distance();
  EXPECT_GT(far.error, 1e-7);
  EXPECT_LT(std::abs(far.length - near.length), far.error);
  for (const AnyMetric<double>& metric :
       {AnyMetric<double>(Torus{}), AnyMetric<double>(Sphere{})}) {
    const std::string message = error_of([&] {
      Pair<double>{metric, {1, 0}, {1, 1e18}}.distance();
    });
    EXPECT_NE(message.find("point 0: phi is 1e+18, where numbers"), std::string::npos) << message;
  }
}

TEST(Geodesics, RefuseAStartWhereTheMetricIsNotFinite) {
  Array<double, 2> x({2, 1}), v({2, 1}), y({2, 1});
  Array<PathStatus, 1> status({1});
  x(0, 0) = 1, v(1, 0) = 1;
  const std::string message = error_of([&] {
    exp_map<double>(Sphere{2, 1e300}, x.view(), v.view(), {}, y.view(), status.view());
  });
  EXPECT_NE(message.find("the metric at point 0 = (1, 0) exceeds"), std::string::npos) << message;
}

/// Yes from the third question on.
bool third(void* count) { return ++*static_cast<int*>(count) >= 3; }

TEST(Geodesics, EndBetweenStepsWhereTheyAreStopped) {
  Array<double, 2> x({2, 1}), v({2, 1}), y({2, 1});
  Array<PathStatus, 1> status({1});
  x(0, 0) = 1, v(1, 0) = 1e5;
  for (const Method method : {Method::dopri5, Method::rk4}) {
    int asked = 0;
    const StopScope scope(&third, &asked);
    EXPECT_THROW(exp_map<double>(Torus{}, x.view(), v.view(), {.method = method, .step = 1e-6},
                                 y.view(), status.view()),
                 Stopped);
    EXPECT_EQ(asked, 3);
  }
}

// The first of three falls through the horizon; the others go on as each would alone.
TEST(Geodesics, DoNotChangeWhenAnotherEnds) {
  const AnyMetric<double> metric = metric_from_text<double>("schwarzschild");
  const double times[] = {2, 4, 6};
  const double starts[3][8] = {{0, 2.5, 1.5, 0, 5, -0.5, 0, 0},
                               {0, 9, 1.5, 0, 1.2, 0, 0, 0.04},
                               {0, 7, 1.2, 1, 1.3, 0.1, 0, 0.03}};
  struct Followed {
    explicit Followed(Index count)
        : x({3, 4, count}), v(x.shape()), status({count}), reached({count}) {}
    Array<double, 3> x, v;
    Array<PathStatus, 1> status;
    Array<double, 1> reached;
  };
  const auto follow = [&](Index first, Index count, Method method) {
    Array<double, 2> x({4, count}), v({4, count});
    for (Index n = 0; n < count; ++n) {
      for (Index m = 0; m < 4; ++m) {
        x(m, n) = starts[first + n][m];
        v(m, n) = starts[first + n][4 + m];
      }
    }
    Followed paths(count);
    geodesics<double>(metric, x.view(), v.view(), times, {.method = method},
                      {paths.x.view(), paths.v.view(), paths.status.view(), paths.reached.view()});
    return paths;
  };
  for (const Method method : {Method::dopri5, Method::dop853, Method::rk4, Method::midpoint}) {
    const Followed together = follow(0, 3, method);
    EXPECT_EQ(together.status(0), PathStatus::horizon);
    EXPECT_LT(together.reached(0), 6);
    for (Index n = 0; n < 3; ++n) {
      const Followed alone = follow(n, 1, method);
      EXPECT_EQ(together.status(n), alone.status(0));
      for (Index k = 0; k < 3; ++k) {
        for (Index m = 0; m < 4; ++m) {
          EXPECT_EQ(together.x(k, m, n), alone.x(k, m, 0)) << name(method) << " path " << n;
          EXPECT_EQ(together.v(k, m, n), alone.v(k, m, 0)) << name(method) << " path " << n;
        }
      }
    }
  }
}

TEST(Distance, OfAPointToItselfIsZero) {
  const auto torus = Pair<double>{Torus{}, {1, 2}, {1, 2}}.distance();
  const auto sphere = Pair<float>{Sphere{}, {1, 2}, {1, 2}}.distance();
  EXPECT_EQ(torus.length, 0);
  EXPECT_EQ(torus.error, 0);
  EXPECT_TRUE(torus.shortest);
  EXPECT_EQ(sphere.length, 0);
}

TEST(Distance, OppositePointsHaveADistanceThoughManyWays) {
  const double pi = std::acos(-1.0);
  const auto found = Pair<double>{Sphere{2, 2}, {1, 0}, {pi - 1, pi}}.distance();
  EXPECT_NEAR(found.length, 2 * pi, 1e-14);
  EXPECT_LT(found.error, 1e-12);
}

TEST(ExpMap, SaysThatItSaturatesAtTheRim) {
  const auto status = [](double length) {
    Array<double, 2> x({2, 1}), v({2, 1}), y({2, 1});
    v(0, 0) = length / 2;
    Array<PathStatus, 1> out({1});
    exp_map<double>(PoincareBall{}, x.view(), v.view(), {}, y.view(), out.view());
    return out(0);
  };
  EXPECT_EQ(status(30), PathStatus::ok);
  EXPECT_EQ(status(40), PathStatus::saturated);
  EXPECT_EQ(status(60), PathStatus::saturated);
  EXPECT_EQ(name(PathStatus::saturated), "saturated");
}

/// The half-plane without its closed forms.
struct FollowedHalfPlane {
  Index dimension() const { return 2; }
  template <class S>
  void operator()(const S* x, S* g) const {
    HalfPlane{}(x, g);
  }
  template <class T>
  Domain domain(const T* x) const {
    return HalfPlane{}.domain(x);
  }
};

/// The end of the way straight up from (0, 1), y = e^length, and how the path ended.
template <class T>
std::pair<double, PathStatus> straight_up(T length, const GeodesicOptions& options,
                                          const AnyMetric<T>& metric = FollowedHalfPlane{}) {
  const T x[] = {0, 1}, v[] = {0, length};
  Array<T, 2> y({2, 1});
  Array<PathStatus, 1> status({1});
  exp_map<T>(metric, {x, {2, 1}}, {v, {2, 1}}, options, y.view(), status.view());
  return {std::log(static_cast<double>(y(1, 0))), status(0)};
}

TEST(ExpMap, InClosedFormNeedsNoSlopesOfTheMetric) {
  for (const double length : {-700.0, -20.0, 200.0, 240.0, 400.0, 700.0}) {
    const auto [height, status] = straight_up<double>(length, {}, HalfPlane{});
    EXPECT_EQ(status, PathStatus::ok) << length;
    EXPECT_NEAR(height, length, 1e-12 * std::abs(length));
  }
  EXPECT_NE(straight_up<double>(800, {}, HalfPlane{}).second, PathStatus::ok);
}

TEST(ExpMap, SaysWhereNumbersDoNotHoldTheSlopesOfTheMetric) {
  constexpr double kOfLogarithm = 1e-6;  // 1e-8 a step relative to y, a hundred steps
  const auto near = straight_up<double>(200, {});
  EXPECT_EQ(near.second, PathStatus::ok);
  EXPECT_NEAR(near.first, 200, kOfLogarithm);
  // 2 / y^3 is below the smallest double from e^237 on.
  for (const double length : {240.0, 400.0, 800.0}) {
    EXPECT_EQ(straight_up<double>(length, {}).second, PathStatus::saturated) << length;
  }
  EXPECT_EQ(straight_up<float>(25, {}).second, PathStatus::ok);
  EXPECT_NE(straight_up<float>(40, {}).second, PathStatus::ok);  // the same from e^29 on
}

TEST(Geodesic, AlongAnAxisNeedsNoAbsoluteTolerance) {
  for (const Method method : {Method::dopri5, Method::dop853}) {
    const auto end = straight_up<double>(1, {.method = method, .rtol = 1e-10, .atol = 0});
    EXPECT_EQ(end.second, PathStatus::ok);
    EXPECT_NEAR(end.first, 1, 1e-9);
  }
}

TEST(Geodesic, TolerancesAreFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THROW(straight_up<double>(1, {.rtol = infinity}), Error);
  EXPECT_THROW(straight_up<double>(1, {.atol = infinity}), Error);
}

/// One step of h along a great circle: an error of h^9.
TEST(Geodesic, Dop853IsOfOrderEight) {
  const AnyMetric<double> sphere = metric_from_text<double>("sphere");
  const double x[] = {1.0, 0.2};
  const auto error = [&](double h) {
    const double times[] = {h};
    const double v[] = {0.3, 1.0};
    Array<double, 3> got({1, 2, 1}), want(got.shape()), speed(got.shape());
    Array<PathStatus, 1> status({1});
    Array<double, 1> reached({1});
    const auto follow = [&](const GeodesicOptions& options, Array<double, 3>& out) {
      geodesics<double>(sphere, {x, {2, 1}}, {v, {2, 1}}, times, options,
                        {out.view(), speed.view(), status.view(), reached.view()});
    };
    // Any step will do, so the first one is all.
    follow({.method = Method::dop853, .rtol = 1e6, .atol = 1e6, .step = h}, got);
    follow({.method = Method::dopri5, .rtol = 1e-14, .atol = 1e-15}, want);
    return std::hypot(got(0, 0, 0) - want(0, 0, 0), got(0, 1, 0) - want(0, 1, 0));
  };
  EXPECT_LT(error(0.4), 1e-6);
  EXPECT_NEAR(std::log2(error(0.8) / error(0.4)), 9, 0.7);
}

}  // namespace
}  // namespace lior::geometry
