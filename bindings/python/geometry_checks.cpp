// SPDX-License-Identifier: Apache-2.0
#include "bindings.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/complex_metric.h"
#include "lior/geometry/curvature.h"
#include "metric.h"

namespace lior::python {
namespace {

/// The number that `measure` makes of one array of the shape `dims`.
template <std::size_t Rank, class Measure>
auto measured(const char* name, const Argument& array, const Dim (&dims)[Rank], Measure measure) {
  return for_real(name, array, [&]<class T>() {
    Call call;
    const View<const T, Rank> in = call.in<T>(name, array, dims);
    decltype(measure(in)) result{};
    call.run_watched([&] { result = measure(in); });
    return result;
  });
}

double torsion_residual(const Argument& gamma) {
  return measured("gamma", gamma, {'d', 'd', 'd', 'N'}, []<class T>(View<const T, 4> symbols) {
    return geometry::torsion_residual<T>(symbols);
  });
}

double compatibility_residual(const Metric& metric, const Argument& x, const Argument& gamma) {
  return for_real("x", x, [&]<class T>() {
    Call call;
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto symbols = call.in<T>("gamma", gamma, {d, d, d, 'N'});
    double result = 0;
    call.run_watched(
        [&] { result = geometry::compatibility_residual<T>(metric.of<T>(), points, symbols); });
    return result;
  });
}

NumPy christoffel_differences(const Metric& metric, const Argument& x, double step,
                              const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const Index d = metric.dimension();
    const auto points = call.in<T>("x", x, {d, 'N'});
    const auto gamma = call.out<T>({d, d, d, 'N'});
    return call.run_watched([&] {
      geometry::christoffel_differences<T>(metric.of<T>(), points, static_cast<T>(step), gamma);
    });
  });
}

double first_bianchi_residual(const Argument& riemann) {
  return measured("riemann", riemann, {'d', 'd', 'd', 'd', 'N'}, []<class T>(View<const T, 5> r) {
    return geometry::first_bianchi_residual<T>(r);
  });
}

double second_bianchi_residual(const Metric& metric, const Argument& x, double step) {
  return measured("x", x, {metric.dimension(), 'N'}, [&]<class T>(View<const T, 2> points) {
    return geometry::second_bianchi_residual<T>(metric.of<T>(), points, static_cast<T>(step));
  });
}

double symmetry_residual(const Argument& a) {
  return measured("a", a, {'d', 'd', 'N'}, []<class T>(View<const T, 3> real) {
    return geometry::symmetry_residual<T>(real);
  });
}

double antisymmetry_residual(const Argument& b) {
  return measured("b", b, {'d', 'd', 'N'}, []<class T>(View<const T, 3> imaginary) {
    return geometry::antisymmetry_residual<T>(imaginary);
  });
}

bool positive_definite(const Argument& a) {
  return measured("a", a, {'d', 'd', 'N'}, []<class T>(View<const T, 3> real) {
    return geometry::positive_definite<T>(real);
  });
}

double eigenvalue_residual(const Argument& a, const Argument& b) {
  return for_real("a", a, [&]<class T>() {
    Call call;
    const auto real = call.in<T>("a", a, {'d', 'd', 'N'});
    const auto imaginary = call.in<T>("b", b, {'d', 'd', 'N'});
    double result = 0;
    call.run_watched([&] { result = geometry::eigenvalue_residual<T>(real, imaginary); });
    return result;
  });
}

}  // namespace

void bind_geometry_checks(nb::module_& m) {
  m.def(
      "christoffel_differences", with_metric(&christoffel_differences), "metric"_a, "x"_a, "step"_a,
      nb::kw_only(), "out"_a = nb::none(),
      R"(christoffel from central differences of g with that step, to compare with it: (d, d, d, N) at
x: (d, N), error O(step^2) + eps / step. Errors as christoffel.)");
  m.def(
      "torsion_residual", &torsion_residual, "gamma"_a,
      R"(Largest |Gamma^l_mn - Gamma^l_nm| of gamma: (d, d, d, N), relative to the largest |Gamma|: 0 for
a connection without torsion.)");
  m.def(
      "compatibility_residual", with_metric(&compatibility_residual), "metric"_a, "x"_a, "gamma"_a,
      R"(Largest |d_m g_nr - Gamma^s_mn g_sr - Gamma^s_mr g_ns| at x: (d, N) for gamma: (d, d, d, N),
relative to the largest |d g|: 0 where transport keeps lengths.)");
  m.def(
      "first_bianchi_residual", &first_bianchi_residual, "riemann"_a,
      R"(Largest |R^r_smn + R^r_mns + R^r_nsm| of riemann: (d, d, d, d, N), relative to the largest |R|:
0 without torsion.)");
  m.def(
      "second_bianchi_residual", with_metric(&second_bianchi_residual), "metric"_a, "x"_a, "step"_a,
      R"(Largest |D_k R^r_smn + D_m R^r_snk + D_n R^r_skm| at x: (d, N), relative to the largest term; d_k R
by central differences with that step, error O(step^2).)");
  m.def(
      "symmetry_residual", &symmetry_residual, "a"_a,
      "Largest |A_mn - A_nm| of A: (d, d, N), relative to the largest entry (0 where that is 0).");
  m.def(
      "antisymmetry_residual", &antisymmetry_residual, "b"_a,
      "Largest |B_mn + B_nm| of B: (d, d, N), relative to the largest entry (0 where that is 0).");
  m.def("positive_definite", &positive_definite, "a"_a,
        "Whether A: (d, d, N), symmetric, is finite and has a Cholesky factor at each point.");
  m.def(
      "eigenvalue_residual", &eigenvalue_residual, "a"_a, "b"_a,
      R"(Largest |Im| of the eigenvalues of A + i B, (d, d, N) each, relative to the largest of their sizes.
They are found without use of symmetry; 0 where A + i B is Hermitian, and for some that are not.)");
}

}  // namespace lior::python
