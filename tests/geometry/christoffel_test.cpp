// Bad input of metrics, Christoffel symbols and curvature; their values are checks (lior verify).
#include "lior/geometry/christoffel.h"

#include <gtest/gtest.h>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/learned_metric.h"
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

/// A learned metric with L = the unit matrix and random networks.
LearnedMetricParameters<float> random_parameters(Index d) {
  LearnedMetricParameters<float> p(d, 2 * d, d);
  std::uint64_t stream = 0;
  for (auto* array : {&p.metric_in, &p.metric_out, &p.resilience_in}) {
    Random(2, stream++).fill_uniform(array->span(), -0.5, 0.5);
  }
  for (Index m = 0; m < d; ++m) p.basis(m, m) = 1;
  return p;
}

// Symbols leave the kernel a block of points at a time, past the caches when they are many.
TEST(Christoffel, LearnedSymbolsOfAPointDoNotDependOnItsNeighbours) {
  const Index d = 8;
  const LearnedMetric<float> metric(random_parameters(d));
  for (const Index count : {2304, 2301, 65}) {  // rows on the boundary of a line, off it, and few
    Array<float, 2> x({d, count}), point({d, 1});
    Random(3).fill_uniform(x.span(), -1, 1);
    Array<float, 4> all({d, d, d, count}), one({d, d, d, 1});
    metric.christoffel(x.view(), all.view());
    for (const Index n : {Index(0), Index(15), Index(63), Index(64), count / 2, count - 1}) {
      for (Index m = 0; m < d; ++m) point(m, 0) = x(m, n);
      metric.christoffel(point.view(), one.view());
      for (Index k = 0; k < d * d * d; ++k) {
        ASSERT_EQ(all.data()[k * count + n], one.data()[k]) << n << " of " << count << ", " << k;
      }
    }
  }
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
