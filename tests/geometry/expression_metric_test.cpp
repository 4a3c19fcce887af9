// SPDX-License-Identifier: Apache-2.0
// Metrics by formulas: what descriptions may say and what is refused; values are checks.
#include "lior/geometry/expression_metric.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metrics.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::geometry {
namespace {

AnyMetric<double> metric_of(const std::string& statements) {
  return metric_from_text<double>("expr:" + statements);
}
std::string error(const std::string& statements) {
  return error_of([&] { metric_of(statements); });
}
std::string file_error(const std::string& text) {
  return error_of([&] { metric_from_expression<double>(read_metric_text(text, "hole.toml")); });
}

std::vector<double> value(const AnyMetric<double>& metric, std::vector<double> x) {
  std::vector<double> g(x.size() * x.size());
  metric.value(x.data(), g.data());
  return g;
}

TEST(ExpressionMetric, LineElementsAndComponentsAreOneMetric) {
  const std::vector<double> want{2, 3, 3, 0.25};
  const std::vector<double> x{0.5, 2};
  EXPECT_EQ(value(metric_of("x, y; y*dx^2 + 6*dx*dy + x^2*dy^2"), x), want);
  EXPECT_EQ(value(metric_of("x, y; metric.x.x = y; metric.y.x = 3; metric.y.y = x^2"), x), want);
  EXPECT_EQ(value(metric_of("x, y; metric.x.x = y; metric.y.x = 3; metric.x.y = 6/2; "
                            "metric.y.y = x^2"),
                  x),
            want);
  EXPECT_EQ(value(metric_of("x, y; d(x*y)^2 + (dx - dy)^2"), x),
            (std::vector<double>{5, 0, 0, 1.25}));
}

TEST(ExpressionMetric, DefinitionsMayStandInAnyOrder) {
  EXPECT_EQ(value(metric_of("x; b = 2*c; c = x + 1; b*dx^2"), {2}), std::vector<double>{6});
}

TEST(ExpressionMetric, DefinitionsMayBeFormsOfDifferentials) {
  EXPECT_EQ(value(metric_of("x, y; s = y*dx + d(x*y); f = 2*s; dy^2 + f*s"), {2, 3}),
            (std::vector<double>{72, 24, 24, 9}));
  // Bianchi's type IX: s1, s2 and s3 are kept by left translations of the three-sphere, and
  // s1^2 + s2^2 is dtheta^2 + sin(theta)^2 dphi^2.
  const std::vector<double> x{0.7, 1.1, 0.3};
  const auto frame = metric_of(
      "psi, theta, phi; s1 = cos(psi)*dtheta + sin(psi)*sin(theta)*dphi; "
      "s2 = cos(psi)*sin(theta)*dphi - sin(psi)*dtheta; s3 = dpsi + cos(theta)*dphi; "
      "(s1^2 + s2^2 + s3^2/4)/4");
  const double s = std::sin(1.1), c = std::cos(1.1);
  const std::vector<double> want{
      1.0 / 16, 0, c / 16, 0, 0.25, 0, c / 16, 0, s * s / 4 + c * c / 16};
  const std::vector<double> got = value(frame, x);
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-16) << k;
  double scalar = 0;
  curvature<double>(frame, {x.data(), {3, 1}}, {.scalar = View<double, 1>(&scalar, {1})});
  EXPECT_NEAR(scalar, 8 - 2 * 0.25, 1e-13);  // 8 - 2 b^2 of Berger's sphere, whose fibre is b long
}

TEST(ExpressionMetric, FormsBelongToTheLineElementAlone) {
  EXPECT_EQ(error("x, y; s = y*dx; s^2 + dy^2; domain.edge = s > 0"),
            "expr: domain.edge: a definition in it has differentials, which only the line element "
            "may have");
  EXPECT_EQ(error("x, y; s = d(dx); s^2 + dy^2"),
            "expr: definitions.s: d(..) of what has differentials in it; expected a formula of "
            "coordinates");
  EXPECT_NE(error("x, y; s = y*dx; s + dy^2").find("not quadratic"), std::string::npos);
  EXPECT_NE(error("x, y; s = y*dx; metric.x.x = s; metric.y.y = 1").find("unknown name 'dx'"),
            std::string::npos);
}

TEST(ExpressionMetric, ChartHasNamesPeriodsAndPlane) {
  const auto metric = metric_from_expression<double>(read_metric_text(R"toml(coordinates = "r, phi"
line_element = "dr^2 + a^2*sinh(r/a)^2*dphi^2"
parameters.a = 2
periods.phi = "2*pi"
ranges.r = "> 0"
[plane]
x = "r*cos(phi)"
y = "r*sin(phi)"
equal_scales = true
circle = "3*a"
)toml",
                                                                      "plane"));
  const Chart& chart = metric.chart();
  EXPECT_EQ(chart.coordinates[0].name, "r");
  EXPECT_EQ(chart.coordinates[0].range, "> 0");
  EXPECT_EQ(chart.coordinates[1].period, 2 * M_PI);
  EXPECT_EQ(chart.plane.labels[0], "r cos(phi)");
  EXPECT_TRUE(chart.plane.equal_scales);
  EXPECT_EQ(chart.plane.circle, 6);
  const double x[] = {2, 0};
  EXPECT_NEAR(chart.plane.project(x)[0], 2, 1e-15);
  EXPECT_TRUE(metric.ignorable(1, x));
  EXPECT_FALSE(metric.ignorable(0, x));
  EXPECT_TRUE(metric.unbounded());
}

TEST(ExpressionMetric, DomainsEndPaths) {
  const auto metric = metric_of("x, y; dx^2 + dy^2; domain.horizon = x > 1; domain.edge = y < 2");
  const double inside[] = {2, 0}, horizon[] = {1, 0}, edge[] = {2, 2}, nowhere[] = {NAN, 0};
  EXPECT_EQ(metric.domain(inside), Domain::inside);
  EXPECT_EQ(metric.domain(horizon), Domain::horizon);
  EXPECT_EQ(metric.domain(edge), Domain::edge);
  EXPECT_EQ(metric.domain(nowhere), Domain::edge);
  const double v[] = {-2, 0, 0, 0, 3, 0};  // two lanes leave, one stays
  const double x[] = {2, 2, 2, 0, 0, 0};
  double y[6];
  PathStatus status[3];
  exp_map<double>(metric, {x, {2, 3}}, {v, {2, 3}}, {}, {y, {2, 3}}, {status, {3}});
  EXPECT_EQ(status[0], PathStatus::horizon);
  EXPECT_EQ(status[1], PathStatus::edge);
  EXPECT_EQ(status[2], PathStatus::ok);
}

TEST(ExpressionMetric, SingularAndIndefinitePointsAreNamed) {
  const auto message = [](const std::string& statements, std::vector<double> x) {
    const auto metric = metric_of(statements);
    const Index d = metric.dimension();
    std::vector<double> gamma(static_cast<std::size_t>(d * d * d));
    return error_of([&] {
      christoffel<double>(metric, {x.data(), {d, 1}}, {gamma.data(), {d, d, d, 1}});
    });
  };
  EXPECT_EQ(message("r, phi; dr^2 + r^2*dphi^2", {0, 1}),
            "the metric is not positive definite at point 0 = (0, 1): pivot 1 is 0; expected a "
            "metric that "
            "can be inverted there; one with minus signs says so by its signature, such as "
            "\"- + + +\"");
  EXPECT_NE(message("t, x; -dt^2 + dx^2", {0, 1}).find("is not positive definite at point 0"),
            std::string::npos);
  EXPECT_EQ(
      message("t, x; signature = - +; -x*dt^2 + dx^2", {1, 0}),
      "the metric is singular at point 0 = (1, 0): pivot 0 is -0; beside entries of 1 that is "
      "rounding; other coordinates may do");
  EXPECT_EQ(message("x; dx^2; domain.edge = x > 0", {-1}),
            "point 0 = (-1) is outside the metric's domain; expected finite coordinates inside "
            "the chart");
}

/// What is said of the metric at x, by all that look at points; the same by each.
std::string fault(const AnyMetric<double>& metric, std::vector<double> x) {
  const Index d = metric.dimension();
  const View<const double, 2> points(x.data(), {d, 1});
  std::vector<double> gamma(static_cast<std::size_t>(d * d * d)), v(x.size(), 0.1), y(x);
  double scalar = 0;
  const std::string said = error_of([&] { check_regular<double>(metric, points); });
  const View<const double, 2> velocity(v.data(), {d, 1});
  const View<double, 2> end(y.data(), {d, 1});
  PathStatus status{};
  EXPECT_EQ(error_of([&] {
              christoffel<double>(metric, points, {gamma.data(), {d, d, d, 1}});
            }),
            said);
  EXPECT_EQ(error_of([&] { curvature<double>(metric, points, {.scalar = {&scalar, {1}}}); }), said);
  EXPECT_EQ(error_of([&] {
              exp_map<double>(metric, points, velocity, {}, end, {&status, {1}});
            }),
            said);
  EXPECT_EQ(error_of([&] {
              transport<double>(metric, points, velocity, velocity, {}, end, {&status, {1}});
            }),
            said);
  std::vector<double> near = x;
  for (double& coordinate : near) coordinate += 0.5;
  const View<const double, 2> other(near.data(), {d, 1});
  bool converged = false;
  for (const auto& [from, to] : {std::pair{points, other}, std::pair{other, points}}) {
    EXPECT_EQ(error_of([&] {
                log_map<double>(metric, from, to, {}, {end, {&converged, {1}}, {&scalar, {1}}});
              }),
              said);
  }
  return said;
}

TEST(ExpressionMetric, SaysWhereAndWhyItIsNoNumber) {
  const std::string singular = "the metric is singular at point 0 = ";
  // 2/x is what the second derivative by dx makes of dx^2/x.
  EXPECT_EQ(fault(metric_of("x, y; dx^2/x + dy^2"), {0, 1}),
            singular + "(0, 1): metric.x.x is inf, by 1/0 in expr: line_element = dx^2/x + dy^2");
  EXPECT_EQ(
      fault(metric_of("x, y; (dx^2 + 3*dy^2)/x^2"), {0, 1}),
      singular + "(0, 1): metric.x.x is inf, by 1/0 in expr: line_element = (dx^2 + 3*dy^2)/x^2");
  EXPECT_EQ(fault(metric_of("x, y; 4*dx^2 + 2*dx*dy/x + 9*dy^2"), {0, 1}),
            singular +
                "(0, 1): metric.x.y is inf, by 2/0 in expr: line_element = 4*dx^2 + 2*dx*dy/x + "
                "9*dy^2");
  EXPECT_EQ(fault(metric_of("x, y; log(x)*dy^2 + dx^2/x + dy^2"), {0, 1}),
            singular +
                "(0, 1): metric.x.x is inf, by 1/0 in expr: line_element = "
                "log(x)*dy^2 + dx^2/x + dy^2");
  EXPECT_EQ(fault(metric_of("x, y; s = dx/x; s^2 + dy^2"), {0, 1}),
            singular + "(0, 1): metric.x.x is inf, by 1/0 in expr: definitions.s = dx/x");
  // The innermost definition, where one is at fault.
  const auto metric = metric_of("x, y; f = 2*g; g = log(x); dx^2 + f^2*dy^2 + dx*dy/(1 - y)");
  EXPECT_EQ(fault(metric, {0, 3}), singular +
                                       "(0, 3): metric.y.y is inf, by log(0) in expr: "
                                       "definitions.g = log(x)");
  EXPECT_EQ(fault(metric, {0, 1}), singular +
                                       "(0, 1): metric.x.y is inf, by 1/0 in expr: line_element = "
                                       "dx^2 + f^2*dy^2 + dx*dy/(1 - y)");
  EXPECT_EQ(fault(metric_of("x, y; f = sqrt(x)*y; dx^2 + f*dy^2"), {-0.25, 1}),
            singular +
                "(-0.25, 1): metric.y.y is nan, by sqrt(-0.25) in expr: definitions.f = "
                "sqrt(x)*y");
  // g can be inverted, and its slope is infinite.
  EXPECT_EQ(fault(metric_of("x, y; h = sqrt(x); dx^2 + (1 + h)*dy^2"), {0, 1}),
            singular + "(0, 1): d metric.y.y / dx is inf, by 1/0 in expr: definitions.h = sqrt(x)");
  const auto hole = metric_from_expression<double>(read_metric_text(
      "coordinates = \"t, r\"\nsignature = \"- +\"\nmetric.t.t = \"-f\"\nmetric.r.r = "
      "\"1/f\"\n[definitions]\nf = \"1 - 2/r\"\n",
      "hole.toml"));
  EXPECT_EQ(fault(hole, {0, 0}), singular +
                                     "(0, 0): metric.t.t is inf, by 2/0 in hole.toml:6: "
                                     "definitions.f = 1 - 2/r");
  EXPECT_EQ(fault(hole, {0, 2}), singular +
                                     "(0, 2): metric.r.r is inf, by 1/0 in hole.toml:4: "
                                     "metric.r.r = 1/f");
}

TEST(ExpressionMetric, SaysWhereItsCurvatureIsNoNumber) {
  const auto metric = metric_of("x, y; dx^2 + (1 + abs(x)^1.25)*dy^2");
  const std::vector<double> x{0, 1};
  double scalar = 0;
  const std::string said = error_of([&] {
    curvature<double>(metric, {x.data(), {2, 1}}, {.scalar = {&scalar, {1}}});
  });
  EXPECT_EQ(said.substr(0, 76),
            "the metric is singular at point 0 = (0, 1): d2 metric.y.y / dx dx is inf, by")
      << said;
  EXPECT_EQ(error_of([&] { check_regular<double>(metric, {x.data(), {2, 1}}); }), "no error");
}

TEST(ExpressionMetric, NumbersTooLargeForFloatAreNotCalledSingular) {
  const auto metric = metric_from_text<float>("expr:x; exp(x)*dx^2");
  const float x = 100;
  EXPECT_EQ(error_of([&] {
              check_regular<float>(metric, {&x, {1, 1}});
            }),
            "the metric at point 0 = (100) exceeds what its numbers hold: metric.x.x is inf; "
            "expected smaller coordinates, a smaller scale or a wider type");
}

TEST(ExpressionMetric, APathThatComesToASingularPlaceEndsThere) {
  const auto metric = metric_of("x, y; dx^2 + dy^2/x");
  const double x[] = {1, 0}, v[] = {-2, 0};
  double y[2];
  PathStatus status{};
  exp_map<double>(metric, {x, {2, 1}}, {v, {2, 1}}, {}, {y, {2, 1}}, {&status, {1}});
  EXPECT_EQ(status, PathStatus::singular);
}

TEST(ExpressionMetric, WrongDescriptionsAreRefusedWithTheirPlace) {
  EXPECT_EQ(error("r, phi; dr^2 + R^2*dphi^2"),
            "expr: line_element: unknown name 'R'; expected one of r, phi, dr, dphi at column 8: "
            "dr^2 + ▶R^2*dphi^2");
  EXPECT_EQ(error("r, phi; dr^2 + dphi"),
            "expr: line_element: is not quadratic in the differentials; expected a sum of terms "
            "such as r*dr^2");
  EXPECT_NE(error("r; dr^2 + 1").find("not quadratic"), std::string::npos);
  EXPECT_NE(error("r; dr^3").find("not quadratic"), std::string::npos);
  EXPECT_NE(error("r; sqrt(1 + dr^2)").find("not quadratic"), std::string::npos);
  EXPECT_EQ(error("x, y; metric.x.y = x; metric.y.x = y; metric.x.x = 1"),
            "expr: metric.y.x: is another formula than metric.x.y, and a metric is symmetric; give "
            "one of them");
  EXPECT_EQ(error("x; a = b + 1; b = 2*a; dx^2"),
            "expr: definitions.a: refers to itself: a -> b -> a");
  EXPECT_EQ(error("x; a = a; dx^2"), "expr: definitions.a: refers to itself: a -> a");
  EXPECT_EQ(error("x; x = 2; dx^2"),
            "expr: definitions.x: 'x' is there already; choose another name");
  EXPECT_EQ(error("x, y; signature = - + +; dx^2 + dy^2"),
            "expr: signature: '- + +'; expected 2 signs, one for each coordinate, such as "
            "\"- + + +\"");
  EXPECT_EQ(error("x, y; periods.z = 1; dx^2 + dy^2"),
            "expr: periods.z: 'z' is no coordinate; expected one of x, y");
  EXPECT_EQ(error("x; periods.x = -1; dx^2"), "expr: periods.x: is -1; expected a number > 0");
  EXPECT_EQ(error("x"),
            "expr: lacks the metric; expected components, such as metric.x.x, or a "
            "line_element");
  EXPECT_EQ(error("x;; dx^2"),
            "expr: statement 2 is empty; expected key = value, or the line element");
  EXPECT_EQ(error("a = 1; dx^2"),
            "expr: lacks coordinates; expected their names, such as "
            "\"t, r, theta, phi\"");
  EXPECT_EQ(error("x, x; dx^2"), "expr: coordinates: names 'x' twice");
  EXPECT_EQ(error("x, y; dx^2/0 + dy^2"),
            "expr: line_element: makes metric.x.x infinite everywhere; expected finite numbers");
  EXPECT_EQ(error("x; metric.x.x = sqrt(-1)"),
            "expr: metric.x.x: makes metric.x.x nan everywhere; expected finite numbers");
  EXPECT_EQ(error("sin; 1"),
            "expr: coordinates: 'sin' has a meaning in formulas; choose another name");
  EXPECT_EQ(error("x; plane.x = x; dx^2"),
            "expr: gives one axis of the plane; expected plane.x "
            "and plane.y");
}

TEST(ExpressionMetric, FilesAreRefusedWithTheirLine) {
  EXPECT_EQ(file_error("coordinates = \"x\"\nmetric.x.x = \"1 +\"\n"),
            "hole.toml:2: metric.x.x: expected a number, a name or '(' at column 4: 1 +▶");
  EXPECT_NE(file_error("coordinates = \"x\"\nmetrik.x.x = 1\n")
                .find("hole.toml:2: metrik.x.x: is unknown; expected of: summary, coordinates"),
            std::string::npos);
  EXPECT_EQ(file_error("coordinates = \"x\"\nmetric.x.x = [1]\n"),
            "hole.toml:2: metric.x.x: expected a text, or a number");
  EXPECT_EQ(file_error("coordinates = \"x\"\nmetric.x = 1\n"),
            "hole.toml:2: metric.x: expected two coordinates, such as metric.x.x");
  EXPECT_EQ(file_error("coordinates = \"x\"\nparameters.m = \"x\"\nmetric.x.x = 1\n"),
            "hole.toml:2: parameters.m: expected a number, the parameter's default, or in quotes a "
            "formula of numbers (\"pi/2\")");
  EXPECT_EQ(file_error("coordinates = \"x\"\nexpected = \"m > 0\"\nparameters.m = -1\n"
                       "metric.x.x = 1\n"),
            "metric 'hole.toml': expected m > 0, not m=-1");
  std::string chain = "coordinates = \"x\"\nmetric.x.x = \"a0\"\n[definitions]\n";
  for (int k = 0; k < 300; ++k) chain += fmt::format("a{} = \"a{} + 1\"\n", k, k + 1);
  EXPECT_NE(file_error(chain + "a300 = 1\n").find("lead through more than 100 others"),
            std::string::npos);
}

TEST(ExpressionMetric, ParametersOfFilesAreKeys) {
  const TemporaryFolder folder;
  const std::string path = folder.file("scaled.toml");
  write_plain(path,
              "coordinates = \"x\"\nexpected = \"a > 0\"\nparameters.a = 2\n"
              "metric.x.x = \"a^2\"\n");
  EXPECT_EQ(value(metric_from_text<double>(path), {1}), std::vector<double>{4});
  EXPECT_EQ(value(metric_from_text<double>(path + ":a=3"), {1}), std::vector<double>{9});
  EXPECT_NE(error_of([&] { metric_from_text<double>(path + ":b=3"); }).find("has no key 'b'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { metric_from_text<double>(path + ":a=-1"); }).find("expected a > 0"),
            std::string::npos);
  EXPECT_NE(error_of([&] { metric_from_text<double>(path + "x"); }).find("is unknown"),
            std::string::npos);
}

TEST(ExpressionMetric, BlocksOfMoreThanFourAreSolvedAtEachPoint) {
  // A flat metric in crooked coordinates of five dimensions: one block.
  const auto metric = metric_of(
      "a, b, c, f, g; d(a)^2 + d(b + a^2)^2 + d(c + b*a)^2 + d(f + c^2)^2 + d(g + f*a)^2; "
      "domain.edge = a > -5");
  const double x[] = {0.3, -0.2, 0.5, 0.1, 0.7};
  double gamma[5 * 15], v[] = {0.1, 0.2, -0.1, 0.3, 0.2}, a[5];
  ASSERT_TRUE(metric.symbols(x, 1, gamma, 1, 1));
  ASSERT_TRUE(metric.accelerations(x, v, a, 1, 1));
  for (Index l = 0; l < 5; ++l) {
    double want = 0;
    Index pair = l * 15;
    for (Index m = 0; m < 5; ++m) {
      for (Index n = m; n < 5; ++n) want -= (m == n ? 1 : 2) * gamma[pair++] * v[m] * v[n];
    }
    EXPECT_NEAR(a[l], want, 1e-15);
  }
  // A geodesic is a straight line in the flat coordinates.
  double y[5];
  PathStatus status[1];
  exp_map<double>(metric, {x, {5, 1}}, {v, {5, 1}}, {.rtol = 1e-12, .atol = 1e-14}, {y, {5, 1}},
                  {status, {1}});
  ASSERT_EQ(status[0], PathStatus::ok);
  EXPECT_NEAR(y[0], x[0] + v[0], 1e-11);
  EXPECT_NEAR(y[1] + y[0] * y[0], x[1] + x[0] * x[0] + v[1] + 2 * x[0] * v[0], 1e-11);
}

TEST(Surfaces, HaveTheMetricOfTheirPlaces) {
  // A torus whose circles lie in two planes is flat.
  const auto torus = metric_from_text<double>(
      "embedding:(a, b) -> (r*cos(a), r*sin(a), cos(b), sin(b)); r = 2; periods.a = 2*pi");
  const double x[] = {0.3, 1.1};
  double g[4];
  torus.value(x, g);
  EXPECT_NEAR(g[0], 4, 1e-15);
  EXPECT_NEAR(g[1], 0, 1e-15);
  EXPECT_NEAR(g[3], 1, 1e-15);
  EXPECT_EQ(torus.chart().coordinates[0].period, 2 * std::numbers::pi);
  // The same paraboloid three times.
  const double at[] = {0.6, 0.8};
  double graph[4], embedded[4], closed[4];
  metric_from_text<double>("graph:z=a*(x^2 + y^2); a = 0.7").value(at, graph);
  metric_from_text<double>("embedding:(u,v)->(u, v, .7*(u^2+v^2))").value(at, embedded);
  metric_from_text<double>("paraboloid:a=.7").value(at, closed);
  for (Index i = 0; i < 4; ++i) {
    EXPECT_NEAR(graph[i], closed[i], 4e-16);
    EXPECT_NEAR(embedded[i], closed[i], 4e-16);
  }
  const double outside[] = {-1, 0};
  EXPECT_EQ(metric_from_text<double>("revolution:z=r^2").domain(outside), Domain::edge);
}

}  // namespace
}  // namespace lior::geometry
