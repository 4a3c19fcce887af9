// SPDX-License-Identifier: Apache-2.0
// Edges of geodesics, logarithms and distances; their values are checks (lior verify).
#include "lior/geometry/geodesic.h"

#include <gtest/gtest.h>

#include "lior/core/buffer.h"
#include "lior/geometry/metrics.h"

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

}  // namespace
}  // namespace lior::geometry
