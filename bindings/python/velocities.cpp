// SPDX-License-Identifier: Apache-2.0
// Velocities of particles and of light.
#include <nanobind/stl/optional.h>

#include "bindings.h"
#include "lior/geometry/velocity.h"
#include "metric.h"

namespace lior::python {
namespace {

NumPy complete_velocities(const Metric& metric, const Argument& x, const Argument& v, double square,
                          const std::string& toward, const Outputs& out) {
  const auto side = parse_name<geometry::Toward>(toward, "toward");
  return at_points(metric, x, out, [&]<class T>(Call& call, const Points<T>& at) {
    const auto given = call.in<T>("v", v, {at.d, 'N'});
    const auto completed = call.out<T>({at.d, 'N'});
    return call.run_watched([&] {
      std::copy(given.begin(), given.end(), completed.begin());
      geometry::complete_velocities<T>(at.metric, at.x, square, completed, side);
    });
  });
}

NumPy orbit_velocities(const Metric& metric, const Argument& x, double energy,
                       double angular_momentum, std::optional<double> carter, double square,
                       bool outwards, const Outputs& out) {
  Call call(out);
  const auto points = call.in<double>("x", x, {metric.dimension(), 'N'});
  const auto v = call.out<double>({metric.dimension(), 'N'});
  const geometry::OrbitConstants constants{
      .energy = energy,
      .angular_momentum = angular_momentum,
      .carter = carter,
      .spin = metric.text.empty() ? 0 : geometry::spin_of(metric.text),
      .square = square,
      .outwards = outwards};
  return call.run([&] { geometry::orbit_velocities(metric.precise, points, constants, v); });
}

NumPy observed_velocities(const Metric& metric, const Argument& x, const Argument& angles,
                          double speed, const std::string& observer, const std::string& toward,
                          const Outputs& out) {
  Call call(out);
  const auto points = call.in<double>("x", x, {metric.dimension(), 'N'});
  const auto directions = call.in<double>("angles", angles, {2, 'N'});
  const auto v = call.out<double>({metric.dimension(), 'N'});
  const auto who = parse_name<geometry::Observer>(observer, "observer");
  const auto side = parse_name<geometry::Toward>(toward, "toward");
  return call.run([&] {
    geometry::observed_velocities(metric.precise, points, directions, speed, who, v, side);
  });
}

}  // namespace

void bind_velocities(nb::module_& m) {
  m.def(
      "complete_velocities", with_metric(&complete_velocities), "metric"_a, "x"_a, "v"_a,
      "square"_a, nb::kw_only(), "toward"_a = "future", "out"_a = nb::none(),
      R"(v: (d, N) at x: (d, N) with the first component set so that g(v, v) = square: -1 for particles whose
parameter is their proper time, 0 for light; the root that leads to the future, also inside of
ergospheres, or with toward='past' the other one, minus the future's of the other components' opposites. Error for a metric without a minus sign, and where no first component does.)");
  m.def(
      "orbit_velocities", with_metric(&orbit_velocities), "metric"_a, "x"_a, "energy"_a,
      "angular_momentum"_a, "carter"_a = nb::none(), nb::kw_only(), "square"_a = -1.0,
      "outwards"_a = false, "out"_a = nb::none(),
      R"(v: (4, N) at x: (4, N) of geodesics with E = -p_t, L = p_phi and Carter's constant Q (p_theta = 0 without it,
else it is >= 0), in float64. square = g(v, v): -1 for particles of mass 1, 0 for light. The chart is (t, r, theta, phi),
whatever the names, without t and phi in its formulas; Q takes the metric's key spin, 0 where it has none. Error that
names the first point to which no such geodesic comes.)");
  m.def(
      "observed_velocities", with_metric(&observed_velocities), "metric"_a, "x"_a, "angles"_a,
      "speed"_a = 1.0, "observer"_a = "static", nb::kw_only(), "toward"_a = "future",
      "out"_a = nb::none(),
      R"(v: (4, N) at x: (4, N) of light (speed 1, energy 1) or particles (speed < 1) in the frame of an observer, 'static'
or 'zamo', in float64. angles (a, b): (2, N): the direction cos(a) outwards + sin(a) (cos(b) north + sin(b) east).
toward='past': what arrives from that direction, followed backwards.)");
}

}  // namespace lior::python
