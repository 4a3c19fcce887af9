// SPDX-License-Identifier: Apache-2.0
// Bad input of metrics, Christoffel symbols and curvature; their values are checks (lior verify).
#include "lior/geometry/christoffel.h"

#include <gtest/gtest.h>

#include <numbers>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/geometry/complex_metric.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/learned_metric.h"
#include "lior/geometry/metrics.h"
#include "support/equal.h"
#include "support/error_of.h"
#include "support/on_thread_counts.h"

namespace lior::geometry {
namespace {

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
            "the metric is not positive definite at point 1 = (-0.5, 0): pivot 1 is -0.5; expected "
            "a metric that "
            "can be inverted there");
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
  EXPECT_EQ(
      message(Schwarzschild{1}, {0, 2, 1, 0}),
      "point 0 = (0, 2, 1, 0) is on or inside the horizon, which ends at r = 2; expected finite "
      "coordinates inside the chart");
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
  on_thread_counts([&](int count) {
    christoffel<double>(Sphere{3}, x.view(), (count == 1 ? one : many).view());
  });
  EXPECT_TRUE(equal(one.span(), many.span()));
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

TEST(Christoffel, AdviceIsThatOfTheMetric) {
  LearnedMetricParameters<double> flat(2, 1, 1);  // L = 0: g = 1e-4 without the networks
  flat.metric_out_bias(0) = -1;
  Array<double, 2> x({2, 1});
  Array<double, 4> gamma({2, 2, 2, 1});
  EXPECT_NE(error_of([&] {
              christoffel<double>(LearnedMetric<double>(flat), x.view(), gamma.view());
            }).find("it always is with spd_floor"),
            std::string::npos);
  Array<float, 2> far({2, 1});
  std::fill(far.span().begin(), far.span().end(), 5e4F);
  Array<float, 4> symbols({2, 2, 2, 1});
  const std::string rounded =
      error_of([&] { christoffel<float>(PullBack<Paraboloid>{}, far.view(), symbols.view()); });
  EXPECT_NE(rounded.find("that is rounding; double precision may do"), std::string::npos)
      << rounded;
}

// A NaN among residuals stays, whatever comes before it or after, and wherever it stands.
TEST(Residuals, KeepNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (Index place = 0; place < 8; ++place) {
    Array<double, 4> gamma({2, 2, 2, 1});
    gamma(0, 0, 1, 0) = 10, gamma.data()[place] = nan;
    EXPECT_TRUE(std::isnan(torsion_residual<double>(gamma.view()))) << place;
    Array<double, 2> x({2, 1});
    x(0, 0) = 1;
    EXPECT_TRUE(std::isnan(compatibility_residual<double>(Sphere{}, x.view(), gamma.view())))
        << place;
    Array<double, 3> a({2, 2, 2});
    a.data()[(place + 3) % 8] = 10, a.data()[place] = nan;
    EXPECT_TRUE(std::isnan(symmetry_residual<double>(a.view()))) << place;
    EXPECT_TRUE(std::isnan(antisymmetry_residual<double>(a.view()))) << place;
    const Array<double, 3> b({2, 2, 2});
    EXPECT_TRUE(std::isnan(eigenvalue_residual<double>(a.view(), b.view()))) << place;
    EXPECT_TRUE(std::isnan(eigenvalue_residual<double>(b.view(), a.view()))) << place;
    Array<double, 3> positive({2, 2, 2});
    for (Index p = 0; p < 2; ++p) positive(0, 0, p) = positive(1, 1, p) = 1;
    EXPECT_TRUE(positive_definite<double>(positive.view()));
    positive.data()[place] = nan;
    EXPECT_FALSE(positive_definite<double>(positive.view())) << place;
  }
  for (Index place = 0; place < 16; ++place) {
    Array<double, 5> riemann({2, 2, 2, 2, 1});
    riemann.data()[place] = nan;
    EXPECT_TRUE(std::isnan(first_bianchi_residual<double>(riemann.view()))) << place;
  }
}

TEST(Metrics, EveryRowOfTheTableMakesItsMetric) {
  for (const MetricKind& kind : metric_kinds()) {
    const AnyMetric<double> short_form = metric_from_text<double>(kind.name);
    const AnyMetric<double> metric = metric_from_text<double>(kind.text());
    const AnyMetric<float> single = metric_from_text<float>(kind.text());
    const Index d = metric.dimension();
    EXPECT_EQ(single.dimension(), d) << kind.name;
    EXPECT_EQ(static_cast<Index>(metric.chart().coordinates.size()), d) << kind.name;
    std::vector<double> x, g(static_cast<std::size_t>(d * d)), other(g);
    for (Index m = 0; m < d; ++m) x.push_back(0.5 / static_cast<double>(m + 1));
    if (!metric.riemannian()) x[1] = 8;  // outside of holes
    ASSERT_EQ(metric.domain(x.data()), Domain::inside) << kind.name;
    metric.value(x.data(), g.data());
    short_form.value(x.data(), other.data());
    EXPECT_EQ(g, other) << kind.name;
    for (const double value : metric.chart().plane.project(x.data())) {
      EXPECT_TRUE(std::isfinite(value)) << kind.name;
    }
    EXPECT_NE(describe_metric_kinds().find(kind.text()), std::string::npos);
    // A coordinate has a period where g is the same one period on, and only angles do.
    for (Index m = 0; m < d; ++m) {
      const double period = metric.chart().coordinates[m].period;
      if (period == 0) continue;
      std::vector<double> next = x;
      next[m] += period;
      metric.value(next.data(), other.data());
      const double size = *std::max_element(g.begin(), g.end());
      for (std::size_t i = 0; i < g.size(); ++i) EXPECT_NEAR(g[i], other[i], 1e-12 * size);
    }
  }
}

// Conserved are momenta of coordinates that the formula lacks, not of those whose slopes vanish
// here.
TEST(Metrics, IgnorableCoordinatesAreThoseThatTheFormulaLacks) {
  const auto ignorable = [](const char* text, std::vector<double> x) {
    const AnyMetric<double> metric = metric_from_text<double>(text);
    std::string found;
    for (Index m = 0; m < metric.dimension(); ++m)
      found += metric.ignorable(m, x.data()) ? '1' : '0';
    return found;
  };
  EXPECT_EQ(ignorable("euclidean", {0, 0}), "11");
  EXPECT_EQ(ignorable("sphere", {std::numbers::pi / 2, 0}), "01");
  EXPECT_EQ(ignorable("half_plane:n=3", {0, 0, 1}), "110");
  EXPECT_EQ(ignorable("ball", {0.5, 0}), "00");  // on the axis d_1 g = 0
  EXPECT_EQ(ignorable("torus", {0, 0}), "01");
  EXPECT_EQ(ignorable("schwarzschild", {0, 8, 1, 0}), "1001");
  EXPECT_EQ(ignorable("kerr", {0, 8, 1, 0}), "1001");
  EXPECT_EQ(ignorable("paraboloid", {0, 0}), "00");
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
  EXPECT_EQ(message("kerr:spin=2"), "metric 'kerr:spin=2': expected |spin| <= mass, not 2 and 1");
  EXPECT_EQ(message("sphere:r=0"), "metric 'sphere:r=0': r is 0; expected a number > 0");
  EXPECT_EQ(message("sphere:r=2,r=3"), "metric 'sphere:r=2,r=3' gives r twice; expected one value");
  EXPECT_NE(message("globe").find("expected euclidean, sphere"), std::string::npos);
  EXPECT_EQ(message("globe").find(".safetensors"), std::string::npos);
  EXPECT_EQ(message("gl\x1bobe").substr(0, 16), "metric 'gl\\x1bob");
}

}  // namespace
}  // namespace lior::geometry
