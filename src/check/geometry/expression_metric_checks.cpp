// SPDX-License-Identifier: Apache-2.0
// Metrics by formulas: those that are also compiled, against them; the files that ship, against
// closed forms of their curvature, and against each other.
#include <cmath>
#include <limits>

#include "check/geometry/parts.h"
#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metrics.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 70;  // a whole block of lanes, and a part of one

/// Where a metric is looked at: a range for each coordinate.
using Ranges = std::vector<std::pair<double, double>>;

template <class T>
Array<T, 2> points(const Ranges& ranges) {
  Array<T, 2> x({static_cast<Index>(ranges.size()), kPoints});
  for (Index m = 0; m < x.shape()[0]; ++m) {
    Random(61, static_cast<std::uint64_t>(m))
        .fill_uniform(x.view()[m].span(), ranges[m].first, ranges[m].second);
  }
  return x;
}

const Ranges kHole{{-1, 1}, {3, 12}, {0.5, 2.5}, {-3, 3}};
const Ranges kSpace{{-1, 1}, {2, 5}, {-4, -2}, {1.5, 4}};

/// A metric that is compiled, and its formulas.
struct Twin {
  const char *name, *compiled, *formulas;
  Ranges ranges;
};

const std::vector<Twin>& twins() {
  static const std::vector<Twin> all{
      {"sphere",
       "sphere:n=2,r=1.5",
       "expr:theta, phi; r = 1.5; r^2*(dtheta^2 + sin(theta)^2*dphi^2); domain.edge = 0 < theta < "
       "pi; periods.phi = 2*pi",
       {{0.5, 2.5}, {-3, 3}}},
      {"torus",
       "torus:minor=1,major=2",
       "expr:theta, phi; ring = 2 + cos(theta); d(ring*cos(phi))^2 + d(ring*sin(phi))^2 + "
       "d(sin(theta))^2",
       {{-3, 3}, {-3, 3}}},
      {"ball",
       "ball:n=5",
       "expr:a, b, c, f, g; signature = +++++; room = 1 - a^2 - b^2 - c^2 - f^2 - g^2; "
       "4*(da^2 + db^2 + dc^2 + df^2 + dg^2)/room^2; domain.edge = room > 0",
       {{-.3, .3}, {-.3, .3}, {-.3, .3}, {-.3, .3}, {-.3, .3}}},
      {"schwarzschild", "schwarzschild:mass=1.2",
       "expr:t, r, theta, phi; signature = - + + +; lapse = (r - 2.4)/r; metric.t.t = -lapse; "
       "metric.r.r = 1/lapse; metric.theta.theta = r^2; metric.phi.phi = r^2*sin(theta)^2; "
       "domain.horizon = r > 2.4; domain.edge = 0 < theta < pi",
       kHole},
      {"kerr", "kerr:mass=1.2,spin=0.9",
       "expr:t, r, theta, phi; signature = - + + +; a = .9; m = 1.2; root = sqrt(m^2 - a^2); "
       "s = r^2 + a^2*cos(theta)^2; -dt^2 + s/((r - m - root)*(r - m + root))*dr^2 + s*dtheta^2 + "
       "(r^2 + a^2)*sin(theta)^2*dphi^2 + 2*m*r/s*(dt - a*sin(theta)^2*dphi)^2; domain.horizon = "
       "r > m + root; domain.edge = 0 < theta < pi",
       kHole},
  };
  return all;
}

/// Largest difference of both, as a part of the largest of the point: near a hole entries differ
/// by orders of magnitude.
template <class T>
double symbols_error(const Twin& twin) {
  const auto compiled = metric_from_text<T>(twin.compiled);
  const auto formulas = metric_from_text<T>(twin.formulas);
  const auto x = points<T>(twin.ranges);
  const Index d = compiled.dimension();
  Array<T, 4> want({d, d, d, kPoints}), got(want.shape());
  Array<T, 3> packed({d, d * (d + 1) / 2, kPoints});
  christoffel<T>(compiled, x.view(), want.view());
  christoffel<T>(formulas, x.view(), got.view());
  christoffel_packed<T>(formulas, x.view(), packed.view());
  for (Index l = 0; l < d; ++l) {
    Index pair = 0;
    for (Index m = 0; m < d; ++m) {
      for (Index n = m; n < d; ++n, ++pair) {
        for (Index p = 0; p < kPoints; ++p) {
          if (packed(l, pair, p) != got(l, m, n, p)) return NAN;
        }
      }
    }
  }
  return relative_difference(got.span(), want.span());
}

template <class T>
double curvature_error(const Twin& twin) {
  const auto x = points<T>(twin.ranges);
  const Index d = x.shape()[0];
  Array<T, 5> want({d, d, d, d, kPoints}), got(want.shape());
  curvature<T>(metric_from_text<T>(twin.compiled), x.view(), {.riemann = want.view()});
  curvature<T>(metric_from_text<T>(twin.formulas), x.view(), {.riemann = got.view()});
  return relative_difference(got.span(), want.span());
}

/// Fixed steps, so that both make the same ones.
template <class T>
double geodesic_error(const Twin& twin) {
  constexpr double kTimes[] = {0.5, 1};
  const auto x = points<T>(twin.ranges);
  const Index d = x.shape()[0];
  Array<T, 2> v(x.shape());
  Random(62).fill_uniform(v.span(), -0.05, 0.05);
  Array<T, 3> x_want({2, d, kPoints}), x_got(x_want.shape()), v_want(x_want.shape());
  Array<T, 3> v_got(x_want.shape());
  Array<PathStatus, 1> status({kPoints});
  Array<T, 1> reached({kPoints});
  const GeodesicOptions options{.method = Method::rk4, .step = 0.1};
  geodesics<T>(metric_from_text<T>(twin.compiled), x.view(), v.view(), kTimes, options,
               {x_want.view(), v_want.view(), status.view(), reached.view()});
  geodesics<T>(metric_from_text<T>(twin.formulas), x.view(), v.view(), kTimes, options,
               {x_got.view(), v_got.view(), status.view(), reached.view()});
  for (const PathStatus each : status.span()) {
    if (each != PathStatus::ok) return NAN;
  }
  return worst_of({relative_difference(x_got.span(), x_want.span()),
                   relative_difference(v_got.span(), v_want.span())});
}

/// A preset's curvature at a point, from the literature; NaN: not asked.
struct Invariants {
  double scalar, kretschmann;
};
struct Preset {
  const char* text;
  Ranges ranges;
  Invariants (*closed)(const double* x);
};

double square(double x) { return x * x; }

/// Of a surface, by its curvature of Gauss.
Invariants of_gauss(double k) { return {2 * k, 4 * k * k}; }

/// Of Kerr and Newman, with c = a cos theta.
Invariants charged_hole(double mass, double charge, double r, double c) {
  const double r2 = r * r, c2 = c * c, q2 = charge * charge;
  const double terms = 6 * mass * mass * (r2 - c2) * (square(r2 + c2) - 16 * r2 * c2) -
                       12 * mass * q2 * r * (r2 * r2 - 10 * r2 * c2 + 5 * c2 * c2) +
                       q2 * q2 * (7 * r2 * r2 - 34 * r2 * c2 + 7 * c2 * c2);
  return {0, 8 * terms / std::pow(r2 + c2, 6)};
}

double norm(const double* x) { return std::sqrt(square(x[1]) + square(x[2]) + square(x[3])); }

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all{
      {"minkowski", kSpace,
       [](const double*) {
         return Invariants{0, 0};
       }},
      {"reissner_nordstroem:mass=1.2,charge=.7", kHole,
       [](const double* x) { return charged_hole(1.2, 0.7, x[1], 0); }},
      {"kerr_newman:mass=1.2,spin=.8,charge=.7", kHole,
       [](const double* x) { return charged_hole(1.2, 0.7, x[1], 0.8 * std::cos(x[2])); }},
      {"kerr_schild:mass=1.2,spin=.8", kSpace,
       [](const double* x) {
         const double half = (square(norm(x)) - 0.64) / 2;
         const double r = std::sqrt(half + std::sqrt(half * half + 0.64 * x[3] * x[3]));
         return charged_hole(1.2, 0, r, 0.8 * x[3] / r);
       }},
      {"schwarzschild_isotropic:mass=1.2", kSpace,
       [](const double* x) {
         const double r = norm(x);
         return charged_hole(1.2, 0, r * square(1 + 0.6 / r), 0);
       }},
      {"eddington_finkelstein:mass=1.2",
       {{-1, 1}, {1, 6}, {0.5, 2.5}, {-3, 3}},  // on both sides of the horizon
       [](const double* x) { return charged_hole(1.2, 0, x[1], 0); }},
      {"de_sitter:a=3",
       {{-1, 1}, {0.5, 2.5}, {0.5, 2.5}, {-3, 3}},
       [](const double*) {
         return Invariants{12.0 / 9, 24.0 / 81};
       }},
      {"anti_de_sitter:a=3",
       {{-1, 1}, {0.5, 6}, {0.5, 2.5}, {-3, 3}},
       [](const double*) {
         return Invariants{-12.0 / 9, 24.0 / 81};
       }},
      // With s = t^p: 6 (s''/s + (s'^2 + k)/s^2) and 12 ((s''/s)^2 + ((s'^2 + k)/s^2)^2).
      {"flrw:power=.7,k=-.3",
       {{0.6, 2}, {0.5, 2.5}, {0.5, 2.5}, {-3, 3}},
       [](const double* x) {
         const double force = 0.7 * (0.7 - 1) / square(x[0]);
         const double rest = square(0.7 / x[0]) - 0.3 * std::pow(x[0], -1.4);
         return Invariants{6 * (force + rest), 12 * (square(force) + square(rest))};
       }},
      {"goedel:a=1.5",
       {{-1, 1}, {-1, 1}, {-1, 1}, {-1, 1}},
       [](const double*) {
         return Invariants{-1 / square(1.5), 3 / std::pow(1.5, 4)};
       }},
      {"morris_thorne:throat=1.3",
       {{-1, 1}, {-2, 2}, {0.5, 2.5}, {-3, 3}},
       [](const double* x) {
         const double part = square(1.3 / (square(x[1]) + square(1.3)));
         return Invariants{-2 * part, 12 * square(part)};
       }},
      {"hyperboloid:a=1.5",
       {{0.3, 3}, {-3, 3}},
       [](const double*) {
         return Invariants{-2 / 2.25, 4 / square(2.25)};
       }},
      // Curvature of Gauss: z' z'' / (r (1 + z'^2)^2), (z_xx z_yy - z_xy^2) / (1 + z_x^2 +
      // z_y^2)^2, and -1 / (1 + u^2)^2 of the helicoid.
      {"revolution:z=a*r^2/2; a = 1.2",
       {{0.2, 2}, {-3, 3}},
       [](const double* x) { return of_gauss(square(1.2 / (1 + square(1.2 * x[0])))); }},
      {"graph:z=x^2-y^2",
       {{-2, 2}, {-2, 2}},
       [](const double* x) {
         return of_gauss(-square(2 / (1 + 4 * square(x[0]) + 4 * square(x[1]))));
       }},
      {"embedding:(u,v)->(u*cos(v),u*sin(v),v)",
       {{-2, 2}, {-3, 3}},
       [](const double* x) { return of_gauss(-1 / square(1 + square(x[0]))); }},
      {"catenoid:waist=1.3",
       {{-2, 2}, {-3, 3}},
       [](const double* x) {
         const double gauss = -1 / (square(1.3) * std::pow(std::cosh(x[0] / 1.3), 4));
         return Invariants{2 * gauss, 4 * gauss * gauss};
       }},
  };
  return all;
}

/// The larger of both invariants' errors, as parts of Riemann's terms: of rounding_factor times
/// what curvature itself says that rounding may make.
template <class T>
double invariants_error(const Preset& preset) {
  const auto x = points<T>(preset.ranges);
  Array<T, 1> scalar({kPoints}), kretschmann({kPoints}), s_error({kPoints}), k_error({kPoints});
  curvature<T>(metric_from_text<T>(preset.text), x.view(),
               {.scalar = scalar.view(),
                .kretschmann = kretschmann.view(),
                .scalar_error = s_error.view(),
                .kretschmann_error = k_error.view()});
  Worst<double> worst;
  std::array<double, kMostDimensions> point{};
  for (Index n = 0; n < kPoints; ++n) {
    for (Index m = 0; m < x.shape()[0]; ++m) point[m] = x(m, n);
    const Invariants want = preset.closed(point.data());
    const double least = std::numeric_limits<T>::min();
    worst.add(std::abs(scalar(n) - want.scalar) / std::max<double>(s_error(n), least));
    worst.add(std::abs(kretschmann(n) - want.kretschmann) / std::max<double>(k_error(n), least));
  }
  return worst.value();
}

/// -(v^2 (y^2 + z^2) / (4 r^2)) f'(r)^2 = G_mn n^m n^n, n = (1, v f, 0, 0): 8 pi times the energy
/// density that Alcubierre's bubble needs.
double bubble_energy() {
  const double v = 0.5, sharp = 3;
  const auto x = points<double>({{-0.2, 0.2}, {-0.9, 0.9}, {0.3, 0.8}, {-0.8, -0.3}});
  Array<double, 3> ricci({4, 4, kPoints});
  Array<double, 1> scalar({kPoints});
  curvature<double>(metric_from_text<double>("alcubierre:speed=.5,radius=1,sharpness=3"), x.view(),
                    {.ricci = ricci.view(), .scalar = scalar.view()});
  Worst<double> worst;
  for (Index n = 0; n < kPoints; ++n) {
    const double rho2 = square(x(2, n)) + square(x(3, n));
    const double r = std::sqrt(square(x(1, n) - v * x(0, n)) + rho2);
    const double near = std::tanh(sharp * (r + 1)), far = std::tanh(sharp * (r - 1));
    const double size = 2 * std::tanh(sharp), f = (near - far) / size;
    const double slope = sharp * (far * far - near * near) / size;
    const double normal[2] = {1, v * f};
    double got = scalar(n) / 2;
    for (Index i = 0; i < 4; ++i) got += ricci(i / 2, i % 2, n) * normal[i / 2] * normal[i % 2];
    worst.add(std::abs(got + v * v * rho2 / (4 * r * r) * slope * slope));
  }
  return worst.value();
}

/// Symbols of a preset in a limit, beside those of the metric that it becomes.
struct Limit {
  const char *name, *from, *to;
};
constexpr Limit kLimits[] = {
    {"without_charge", "kerr_newman:mass=1.2,spin=.8,charge=0", "kerr:mass=1.2,spin=.8"},
    {"without_spin", "kerr_newman:mass=1.2,spin=0,charge=.7",
     "reissner_nordstroem:mass=1.2,charge=.7"},
    {"without_both", "reissner_nordstroem:mass=1.2,charge=0", "schwarzschild:mass=1.2"},
};

template <class T>
double limit_error(const Limit& limit) {
  const auto x = points<T>(kHole);
  Array<T, 4> from({4, 4, 4, kPoints}), to(from.shape());
  christoffel<T>(metric_from_text<T>(limit.from), x.view(), from.view());
  christoffel<T>(metric_from_text<T>(limit.to), x.view(), to.view());
  return relative_difference(from.span(), to.span());
}

/// How g(v, v), and g(v, k) for the ignorable coordinates, change along a path.
double conserved(const char* text, const std::vector<double>& from,
                 const std::vector<double>& velocity) {
  const auto metric = metric_from_text<double>(text);
  const Index d = metric.dimension();
  constexpr double kTimes[] = {0, 5, 20, 40};
  Array<double, 3> x({4, d, 1}), v(x.shape());
  Array<PathStatus, 1> status({1});
  Array<double, 1> reached({1});
  geodesics<double>(metric, {from.data(), {d, 1}}, {velocity.data(), {d, 1}}, kTimes,
                    {.rtol = 1e-10, .atol = 1e-12},
                    {x.view(), v.view(), status.view(), reached.view()});
  if (status(0) != PathStatus::ok) return NAN;
  std::vector<double> g(static_cast<std::size_t>(d * d)), first;
  Worst<double> worst;
  for (Index k = 0; k < 4; ++k) {
    metric.value(&x(k, 0, 0), g.data());
    std::vector<double> kept(1, 0.0);
    for (Index m = 0; m < d; ++m) {
      double momentum = 0;
      for (Index n = 0; n < d; ++n) momentum += g[m * d + n] * v(k, n, 0);
      kept[0] += v(k, m, 0) * momentum;
      if (metric.ignorable(m, from.data())) kept.push_back(momentum);
    }
    if (k == 0) first = kept;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      worst.add(std::abs(kept[i] - first[i]) / std::max(1.0, std::abs(first[i])));
    }
  }
  return worst.value();
}

template <class T>
void add_rows(Registry& registry) {
  const auto add = [&](std::string name, double tolerance, std::function<double()> error) {
    registry.checks.push_back({.name = "expression." + std::move(name),
                               .module = "geometry",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("N={}", kPoints),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // Two orders of the same operations, whose terms cancel to a tenth of their size at most.
  const double rounding = 64 * std::numeric_limits<T>::epsilon();
  for (const Twin& twin : twins()) {
    add(fmt::format("{}.symbols", twin.name), rounding, [&] { return symbols_error<T>(twin); });
    add(fmt::format("{}.curvature", twin.name), rounding, [&] { return curvature_error<T>(twin); });
    add(fmt::format("{}.geodesics", twin.name), rounding, [&] { return geodesic_error<T>(twin); });
  }
  for (const Preset& preset : presets()) {
    // Of the bound that `curvature` states: of its own roundings, not of those in the formulas.
    add(fmt::format("{}.invariants",
                    std::string(preset.text).substr(0, std::string(preset.text).find(':'))),
        2, [&] { return invariants_error<T>(preset); });
  }
  for (const Limit& limit : kLimits) {
    add(limit.name, rounding, [&] { return limit_error<T>(limit); });
  }
  if constexpr (std::is_same_v<T, double>) {
    add("alcubierre.energy", 1e-13, bubble_energy);  // of second derivatives of about 10
    const double path = 1e-8;                        // a hundred times rtol
    add("kerr_newman.conserved", path, [] {
      return conserved("kerr_newman", {0, 12, 1.2, 0}, {1.3, 0.03, 0.02, 0.032});
    });
    add("kerr_schild.conserved", path, [] {
      return conserved("kerr_schild", {0, 10, 0, 2}, {1.2, 0, 0.3, 0});
    });
    add("goedel.conserved", path, [] {
      return conserved("goedel", {0, 0.3, 0, 0}, {1.2, 0.1, 0.2, 0.05});
    });
    add("morris_thorne.conserved", path, [] {
      return conserved("morris_thorne", {0, -3, 1.2, 0}, {1, 0.4, 0.01, 0.02});
    });
    add("eddington_finkelstein.through_the_horizon", path, [] {
      return conserved("eddington_finkelstein:mass=.1", {0, 20, 1.5, 0}, {1.2, -0.3, 0, 0.001});
    });
  }
}

}  // namespace

void add_expression_metric_checks(Registry& registry) {
  add_rows<float>(registry);
  add_rows<double>(registry);
}

}  // namespace lior::check
