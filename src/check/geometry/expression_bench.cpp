// SPDX-License-Identifier: Apache-2.0
// Metrics by formulas beside the same ones compiled: Schwarzschild's symbols, and a step along
// Kerr's geodesics.
#include <limits>

#include "check/geometry/parts.h"
#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metrics.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 4096;
constexpr double kRounding = 64 * std::numeric_limits<double>::epsilon();

constexpr const char* kSchwarzschild =
    "expr:t, r, theta, phi; signature = - + + +; lapse = (r - 2)/r; -lapse*dt^2 + dr^2/lapse + "
    "r^2*(dtheta^2 + sin(theta)^2*dphi^2); domain.horizon = r > 2; domain.edge = 0 < theta < pi";

Array<double, 2> outside() {
  Array<double, 2> x({4, kPoints});
  const double ranges[4][2] = {{-1, 1}, {3, 12}, {0.5, 2.5}, {-3, 3}};
  for (Index m = 0; m < 4; ++m) {
    Random(63, static_cast<std::uint64_t>(m))
        .fill_uniform(x.view()[m].span(), ranges[m][0], ranges[m][1]);
  }
  return x;
}

Bench symbols_bench() {
  return {
      .name = "expression.schwarzschild_symbols",
      .shape = fmt::format("N={}", kPoints),
      .dtype = "f64",
      .bytes = sizeof(double) * kPoints * (4.0 + 40.0),
      .arithmetic = Arithmetic::fma_f64,
      .traffic = Traffic::write,
      .prepare = [] {
        struct Data {
          AnyMetric<double> compiled = metric_from_text<double>("schwarzschild");
          AnyMetric<double> formulas = metric_from_text<double>(kSchwarzschild);
          Array<double, 2> x = outside();
          Array<double, 3> want{{4, 10, kPoints}}, got{{4, 10, kPoints}};
        };
        auto data = std::make_shared<Data>();
        return BenchRun{
            .before =
                [data] {
                  christoffel_packed<double>(data->compiled, data->x.view(), data->want.view());
                },
            .after =
                [data] {
                  christoffel_packed<double>(data->formulas, data->x.view(), data->got.view());
                },
            .error = [data] { return relative_difference(data->got.span(), data->want.span()); },
            .tolerance = kRounding};
      }};
}

/// One step of RK4.
Bench step_bench() {
  return {
      .name = "expression.kerr_geodesic_step",
      .shape = fmt::format("N={}", kPoints),
      .dtype = "f64",
      .bytes = sizeof(double) * kPoints * 16.0,
      .arithmetic = Arithmetic::fma_f64,
      .prepare = [] {
        struct Data {
          AnyMetric<double> compiled = metric_from_text<double>("kerr:mass=1,spin=.8");
          AnyMetric<double> formulas =
              metric_from_text<double>("kerr_newman:mass=1,spin=.8,charge=0");
          Array<double, 2> x = outside(), v{{4, kPoints}};
          Array<double, 3> want_x{{1, 4, kPoints}}, want_v{{1, 4, kPoints}};
          Array<double, 3> got_x{{1, 4, kPoints}}, got_v{{1, 4, kPoints}};
          Array<PathStatus, 1> status{{kPoints}};
          Array<double, 1> reached{{kPoints}};

          Data() { Random(64).fill_uniform(v.span(), -0.05, 0.05); }
          void step(const AnyMetric<double>& by, Array<double, 3>& to_x, Array<double, 3>& to_v) {
            constexpr double kStep[] = {0.1};
            geodesics<double>(by, x.view(), v.view(), kStep, {.method = Method::rk4, .step = 0.1},
                              {to_x.view(), to_v.view(), status.view(), reached.view()});
          }
        };
        auto data = std::make_shared<Data>();
        return BenchRun{
            .before = [data] { data->step(data->compiled, data->want_x, data->want_v); },
            .after = [data] { data->step(data->formulas, data->got_x, data->got_v); },
            .error =
                [data] {
                  return worst_of({relative_difference(data->got_x.span(), data->want_x.span()),
                                   relative_difference(data->got_v.span(), data->want_v.span())});
                },
            .tolerance = kRounding};
      }};
}

}  // namespace

void add_expression_metric_benches(Registry& registry) {
  registry.benches.push_back(symbols_bench());
  registry.benches.push_back(step_bench());
}

}  // namespace lior::check
