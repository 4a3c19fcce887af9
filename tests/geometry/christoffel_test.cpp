// Bad input of metrics, Christoffel symbols and curvature; their values are checks (lior verify).
#include "lior/geometry/christoffel.h"

#include <gtest/gtest.h>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/metrics.h"

namespace lior::geometry {
namespace {

/// The message of the lior::Error that `action` throws.
template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Positive definite only where x > 0.
struct HalfDefinite {
  Index dimension() const { return 2; }
  template <class S>
  void operator()(const S* x, S* g) const {
    g[0] = S(1.0), g[1] = g[2] = S(0.0), g[3] = x[0];
  }
};

TEST(Christoffel, MetricThatIsNotPositiveDefiniteNamesPointAndPivot) {
  Array<double, 2> x({2, 3});
  x(0, 0) = 1, x(0, 1) = -0.5, x(0, 2) = 2;
  Array<double, 4> gamma({2, 2, 2, 3});
  EXPECT_EQ(error_of([&] { christoffel<double>(HalfDefinite{}, x.view(), gamma.view()); }),
            "the metric is not positive definite at point 1: pivot 1 is -0.5; a learned metric is "
            "always positive definite with spd_floor");
}

TEST(Christoffel, PointsOutsideTheDomainAreNamed) {
  const auto message = [](const AnyMetric<double>& metric, std::initializer_list<double> point) {
    Array<double, 2> x({metric.dimension(), 1});
    std::copy(point.begin(), point.end(), x.data());
    Array<double, 1> scalar({1});
    return error_of([&] { curvature<double>(metric, x.view(), {.scalar = scalar.view()}); });
  };
  EXPECT_EQ(message(PoincareBall{2}, {0.6, 0.8}),
            "point 0 = (0.6, 0.8) is outside the metric's domain; expected finite coordinates "
            "inside the chart");
  EXPECT_EQ(message(Schwarzschild{1}, {0, 2, 1, 0}),
            "point 0 = (0, 2, 1, 0) is on or inside the horizon; expected finite coordinates "
            "inside the chart");
  EXPECT_NE(message(Euclidean{2}, {0, NAN}).find("(0, nan) is outside"), std::string::npos);
  EXPECT_NE(message(Sphere{2}, {0, 1}).find("(0, 1) is outside"), std::string::npos);
  EXPECT_NE(message(HalfPlane{2}, {1, 0}).find("(1, 0) is outside"), std::string::npos);
}

TEST(Christoffel, WrongShapesAreNamed) {
  Array<float, 2> x({3, 4});
  Array<float, 4> gamma({2, 2, 2, 4});
  EXPECT_EQ(error_of([&] { christoffel<float>(Euclidean{2}, x.view(), gamma.view()); }),
            "x has shape [3, 4]; expected [2, N]");
  EXPECT_EQ(error_of([&] { christoffel<float>(Euclidean{3}, x.view(), gamma.view()); }),
            "gamma has shape [2, 2, 2, 4]; expected [3, 3, 3, 4]");
}

TEST(Christoffel, BitEqualAcrossThreadCounts) {
  Array<double, 2> x({3, 501});
  Random(1).fill_uniform(x.span(), 0.3, 2.5);
  Array<double, 4> one({3, 3, 3, 501}), many(one.shape());
  const int before = threads();
  set_threads(1);
  christoffel<double>(Sphere{3}, x.view(), one.view());
  set_threads(3);
  christoffel<double>(Sphere{3}, x.view(), many.view());
  set_threads(before);
  EXPECT_TRUE(std::equal(one.span().begin(), one.span().end(), many.span().begin()));
}

TEST(Metrics, TextsNameThem) {
  EXPECT_EQ(metric_from_text<double>("sphere:n=3,r=2").dimension(), 3);
  EXPECT_EQ(metric_from_text<double>("schwarzschild:mass=2").negative_directions(), 1);
  double x[] = {1, 1}, g[4];
  metric_from_text<double>("torus:minor=0.5,major=3").value(x, g);
  EXPECT_DOUBLE_EQ(g[0], 0.25);
}

TEST(Metrics, WrongTextsSayWhatWouldBeRight) {
  const auto message = [](const char* text) {
    return error_of([&] { metric_from_text<double>(text); });
  };
  EXPECT_EQ(message("sphere:radius=2"), "metric 'sphere' has no key 'radius'; expected of: n r");
  EXPECT_EQ(message("sphere:r=two"), "metric 'sphere:r=two': 'two' is not a finite number");
  EXPECT_EQ(message("sphere:r"), "metric 'sphere:r': 'r' is not key=value");
  EXPECT_EQ(message("sphere:n=2.5"),
            "metric 'sphere:n=2.5': n is 2.5; expected an integer from 1 to 16");
  EXPECT_EQ(message("torus:minor=2"),
            "metric 'torus:minor=2': expected minor < major, not 2 and 2");
  EXPECT_EQ(message("sphere:r=0"), "metric 'sphere:r=0': r is 0; expected a number > 0");
  EXPECT_NE(message("globe").find("expected euclidean, sphere"), std::string::npos);
}

}  // namespace
}  // namespace lior::geometry
