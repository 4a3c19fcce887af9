// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>

#include "bindings.h"
#include "lior/algebra/bilinears.h"
#include "lior/algebra/ci8.h"
#include "lior/algebra/clifford.h"
#include "lior/algebra/quaternion.h"
#include "lior/core/buffer.h"
#include "operations.h"
#include "representation.h"
#include "transition.h"

namespace lior::python {
namespace {

using algebra::Factor;

NumPy quaternion_multiply(const Argument& p, const Argument& q, const Outputs& out) {
  return for_real("p", p, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto a = call.in<T>("p", p, {4, 'N'});
    const auto b = call.in<T>("q", q, {4, 'N'});
    const auto product = call.out<T>({4, 'N'});
    return call.run_watched([&] { algebra::quaternion_multiply<T>(a, b, product); });
  });
}

NumPy quaternion_rotate(const Argument& q, const Argument& v, const Outputs& out) {
  return for_real("q", q, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto turn = call.in<T>("q", q, {4, 'N'});
    const auto vector = call.in<T>("v", v, {3, 'N'});
    const auto turned = call.out<T>({3, 'N'});
    return call.run_watched([&] { algebra::quaternion_rotate<T>(turn, vector, turned); });
  });
}

NumPy octonion_multiply(const Argument& x, const Argument& y, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto a = call.in<T>("x", x, {8, 'N'});
    const auto b = call.in<T>("y", y, {8, 'N'});
    const auto product = call.out<T>({8, 'N'});
    return call.run_watched([&] { algebra::octonion_multiply<T>(a, b, product); });
  });
}

NumPy ci8_multiply(const Argument& x, const Argument& y, bool conjugate_x, bool conjugate_y,
                   const Outputs& out) {
  const auto factor = [](bool conjugate) { return conjugate ? Factor::conjugated : Factor::plain; };
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto a = call.in<T>("x", x, {16, 'N'});
    const auto b = call.in<T>("y", y, {16, 'N'});
    const auto product = call.out<T>({16, 'N'});
    return call.run_watched(
        [&] { algebra::ci8_multiply<T>(a, b, product, factor(conjugate_x), factor(conjugate_y)); });
  });
}

NumPy ci8_associator(const Argument& x, const Argument& y, const Argument& z, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto a = call.in<T>("x", x, {16, 'N'});
    const auto b = call.in<T>("y", y, {16, 'N'});
    const auto c = call.in<T>("z", z, {16, 'N'});
    const auto bracket = call.out<T>({16, 'N'});
    return call.run_watched([&] { algebra::ci8_associator<T>(a, b, c, bracket); });
  });
}

NumPy ci8_conjugate(const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto a = call.in<T>("x", x, {'S', 'N'});
    const auto conjugated = call.out<T>({'S', 'N'});
    return call.run_watched([&] { algebra::ci8_conjugate<T>(a, conjugated); });
  });
}

NumPy ci8_norm(const Argument& x, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto a = call.in<T>("x", x, {'S', 'N'});
    const auto norm = call.out<T>({'N'});
    return call.run_watched([&] { algebra::ci8_norm<T>(a, norm); });
  });
}

NumPy apply(const std::string& transition, const Argument& u, const Argument& x,
            const Outputs& out) {
  return for_real("u", u, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto turn = call.in<T>("u", u, {8, 'N'});
    const auto state = call.in<T>("x", x, {'S', 'N'});
    const auto turned = call.out<T>({'S', 'N'});
    return call.run_watched(
        [&] { algebra::apply<T>(transition_of(transition), turn, state, turned); });
  });
}

Pair apply_adjoint(const std::string& transition, const Argument& u, const Argument& x,
                   const Argument& g, const Outputs& out) {
  return for_real("u", u, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const auto turn = call.in<T>("u", u, {8, 'N'});
    const auto state = call.in<T>("x", x, {'S', 'N'});
    const auto gradient = call.in<T>("g", g, {'S', 'N'});
    const auto dx = call.out<T>({'S', 'N'});
    const auto du = call.out<T>({8, 'N'});
    return call.run_watched([&] {
      algebra::apply_adjoint<T>(transition_of(transition), turn, state, gradient, dx, du);
    });
  });
}

NumPy operator_matrix(const std::string& transition, const Argument& u) {
  return for_real("u", u, [&]<class T>() {
    Call call;
    const auto given = call.in<T>("u", u, {8});
    const auto matrix = call.out<T>({8, 8});
    return call.run_watched([&] {
      algebra::Octonion<T> octonion;
      std::copy(given.begin(), given.end(), octonion.e.begin());
      const auto rows = algebra::operator_matrix(transition_of(transition), octonion);
      for (int i = 0; i < 8; ++i) std::copy(rows[i].begin(), rows[i].end(), matrix[i].begin());
    });
  });
}

NumPy clifford_generators(int pluses, int minuses, const std::string& dtype) {
  return for_complex_dtype(dtype, [&]<class T>() {
    return Result{copied(algebra::clifford_generators<T>(pluses, minuses))};
  });
}

NumPy dirac_generators(const std::string& dtype) {
  return for_complex_dtype(
      dtype, [&]<class T>() { return Result{copied(algebra::dirac_generators<T>())}; });
}

NumPy dirac_gamma5(const std::string& dtype) {
  return for_complex_dtype(dtype,
                           [&]<class T>() { return Result{copied(algebra::dirac_gamma5<T>())}; });
}

NumPy apply_vielbein(const Argument& vielbein, const Argument& gamma, const Outputs& out) {
  return for_real("vielbein", vielbein, [&]<class T>() {
    using C = std::complex<T>;
    Call call(out);
    const auto e = call.in<T>("vielbein", vielbein, {'d', 'd'});
    const auto flat = call.in<C>("gamma", gamma, {'d', 's', 's'});
    const auto curved = call.out<C>({'d', 's', 's'});
    return call.run_watched([&] { algebra::apply_vielbein<T>(e, flat, curved); });
  });
}

/// algebra::Bilinears of the dtype of its gammas.
class Bilinears {
 public:
  Bilinears(const Argument& gamma, const std::string& pairs, const std::string& adjoint,
            const std::string& method) {
    const auto layout = choose<algebra::Pairs>(
        "pairs", pairs, {{"full", algebra::Pairs::full}, {"packed", algebra::Pairs::packed}});
    const auto conjugation = choose<algebra::Adjoint>(
        "adjoint", adjoint,
        {{"hermitian", algebra::Adjoint::hermitian}, {"dirac", algebra::Adjoint::dirac}});
    const auto way =
        choose<algebra::BilinearMethod>("method", method,
                                        {{"automatic", algebra::BilinearMethod::automatic},
                                         {"products", algebra::BilinearMethod::products},
                                         {"squares", algebra::BilinearMethod::squares}});
    for_number("gamma", gamma, [&]<class S>() {
      Call call;
      const auto matrices = call.in<S>("gamma", gamma, {'d', 's', 's'});
      call.run_watched([&] {
        plan_ = std::make_unique<algebra::Bilinears<S>>(matrices, layout, conjugation, way);
      });
    });
  }

  Index dimension() const {
    return std::visit([](const auto& plan) { return plan->dimension(); }, plan_);
  }
  Index spinor_size() const {
    return std::visit([](const auto& plan) { return plan->spinor_size(); }, plan_);
  }

  Triple forward(const Argument& psi, const Outputs& out) const {
    return std::visit(
        [&]<class S>(const Plan<S>& plan) {
          Call call(out);
          const auto spinors = call.in<S>("psi", psi, {'N', plan->spinor_size()});
          const auto k0 = call.out<S>({'N'});
          const auto k1 = call.out<S>({'N', plan->k1_size()});
          const auto k2 = call.out<S>({'N', plan->k2_size()});
          return call.run_watched([&] { plan->forward(spinors, k0, k1, k2); });
        },
        plan_);
  }

  Pair backward(const Argument& psi, const Argument& dk0, const Argument& dk1, const Argument& dk2,
                const Outputs& out) const {
    return std::visit(
        [&]<class S>(const Plan<S>& plan) {
          Call call(out);
          const Index d = plan->dimension(), s = plan->spinor_size();
          const auto spinors = call.in<S>("psi", psi, {'N', s});
          const auto d0 = call.in<S>("dk0", dk0, {'N'});
          const auto d1 = call.in<S>("dk1", dk1, {'N', plan->k1_size()});
          const auto d2 = call.in<S>("dk2", dk2, {'N', plan->k2_size()});
          const auto dpsi = call.out<S>({'N', s});
          const auto dgamma = call.out<S>({d, s, s}, Start::zeros);
          return call.run_watched([&] {
            Arena workspace(plan->backward_workspace());
            plan->backward(spinors, d0, d1, d2, dpsi, dgamma, workspace);
          });
        },
        plan_);
  }

 private:
  template <class S>
  using Plan = std::unique_ptr<algebra::Bilinears<S>>;
  std::variant<Plan<float>, Plan<double>, Plan<std::complex<float>>, Plan<std::complex<double>>>
      plan_;
};

/// Bilinears of gamma, or, where only its shape is known, of zeros: a plan reads its numbers.
class BilinearsOperation {
 public:
  explicit BilinearsOperation(const Options& options)
      : pairs_(options.get<std::string>("pairs")), adjoint_(options.get<std::string>("adjoint")) {}

  Bilinears of(Argument gamma) const {
    Buffer<std::byte> zeros;
    if (gamma.place == Place::nowhere) {
      zeros = Buffer<std::byte>(1 << 20);  // more numbers are refused before they are read
      gamma.place = Place::memory;
      gamma.tensor.data = zeros.data();
    }
    return {gamma, pairs_, adjoint_, "automatic"};
  }

 private:
  std::string pairs_, adjoint_;
};

/// (psi, gamma) -> (k0, k1, k2).
Operation bilinears_operation(const Options& options) {
  return [plan = BilinearsOperation(options)](Arguments in, Outputs& out) {
    plan.of(in[1]).forward(in[0], out);
  };
}

/// (psi, gamma, dk0, dk1, dk2) -> (dpsi, dgamma).
Operation bilinears_backward_operation(const Options& options) {
  return [plan = BilinearsOperation(options)](Arguments in, Outputs& out) {
    plan.of(in[1]).backward(in[0], in[2], in[3], in[4], out);
  };
}

}  // namespace

void bind_algebra(nb::module_& m) {
  define_operation("bilinears", &bilinears_operation);
  define_operation("bilinears_backward", &bilinears_backward_operation);
  m.def("quaternion_multiply", &quaternion_multiply, "p"_a, "q"_a, nb::kw_only(),
        "out"_a = nb::none(),
        R"(p q, Hamilton's product, point by point: i j = k, j k = i, k i = j.

p, q, out: (4, N) real, w first; out may be p or q. |error| <= 4 eps |p| |q|.
Source: docs/math/conventions.md, section 3.)");
  m.def("quaternion_rotate", &quaternion_rotate, "q"_a, "v"_a, nb::kw_only(), "out"_a = nb::none(),
        R"(q v conj(q): v turned by the unit quaternion q = cos(t/2) + sin(t/2) axis.

q: (4, N) of unit length, else an error that names the quaternion; v, out: (3, N); out may be v.
|error| <= 16 eps |v|.)");
  m.def("octonion_multiply", &octonion_multiply, "x"_a, "y"_a, nb::kw_only(), "out"_a = nb::none(),
        R"(x y, point by point: e_i e_j = +-e_(i xor j), by Cayley-Dickson doubling.

x, y, out: (8, N) real; out may be x or y. |error| <= 8 eps |x| |y|.
Source: docs/math/conventions.md, section 3.)");
  m.def("ci8_multiply", &ci8_multiply, "x"_a, "y"_a, nb::kw_only(), "conjugate_x"_a = false,
        "conjugate_y"_a = false, "out"_a = nb::none(),
        R"(x y of complex octonions, (a + I b)(c + I d) = (a c - b d) + I (a d + b c).

x, y, out: (16, N) real, Re e0..e7 then Im e0..e7; out may be x or y. A factor can be conjugated
(e1..e7 of both parts flipped) on the way. |error| <= 16 eps |x| |y|.)");
  m.def("ci8_associator", &ci8_associator, "x"_a, "y"_a, "z"_a, nb::kw_only(), "out"_a = nb::none(),
        R"([x, y, z] = (x y) z - x (y z). x, y, z, out: (16, N). |error| <= 64 eps |x| |y| |z|.)");
  m.def("ci8_conjugate", &ci8_conjugate, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        "Flips e1..e7 of both parts. x, out: (8, N) or (16, N). Exact.");
  m.def("ci8_norm", &ci8_norm, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        "The square root of the sum of all squares. x: (8, N) or (16, N); out: (N,).");
  m.def("apply", &apply, "transition"_a, "u"_a, "x"_a, nb::kw_only(), "out"_a = nb::none(),
        R"(F_u x: 'right' x u, 'left' u x, 'two_sided' u x u (for unit u).

u: (8, N); x, out: (8, N) or (16, N), each part turned alone; out may be x.
|error| <= 16 eps |x| for unit u. Source: docs/math/conventions.md, section 3.)");
  m.def("apply_adjoint", &apply_adjoint, "transition"_a, "u"_a, "x"_a, "g"_a, nb::kw_only(),
        "out"_a = nb::none(),
        R"((dx, du): gradients of a scalar whose gradient with respect to apply's result is g.

u, du: (8, N); x, g, dx: (8, N) or (16, N). Where u = w/|w|, project du on u's sphere and divide by
|w|; for 'two_sided' only that projection is the gradient.)");
  m.def("operator_matrix", &operator_matrix, "transition"_a, "u"_a,
        "(8, 8): M[i][j] = component i of F_u e_j. u: (8,).");
  m.def("clifford_generators", &clifford_generators, "pluses"_a, "minuses"_a = 0, nb::kw_only(),
        "dtype"_a = "complex128",
        R"((d, s, s), d = pluses + minuses, s = 2^(d // 2): gamma_m gamma_n + gamma_n gamma_m =
2 eta_mn, eta = diag(+1 ..., -1 ...). Entries 0, +-1, +-i. Error unless 1 <= d <= 16.
Source: Brauer and Weyl, 1935.)");
  m.def("dirac_generators", &dirac_generators, nb::kw_only(), "dtype"_a = "complex128",
        "(4, 4, 4), eta = (+ - - -), in Dirac's representation.");
  m.def("dirac_gamma5", &dirac_gamma5, nb::kw_only(), "dtype"_a = "complex128",
        "(4, 4): i gamma^0 gamma^1 gamma^2 gamma^3 of dirac_generators().");
  m.def("apply_vielbein", &apply_vielbein, "vielbein"_a, "gamma"_a, nb::kw_only(),
        "out"_a = nb::none(),
        R"(gamma_m = sum_a e[m, a] gamma_a: generators for the metric e eta e^T.

vielbein: (d, d) real, a row a coordinate; gamma, out: (d, s, s) complex of the same precision.)");

  nb::class_<Bilinears>(m, "Bilinears", R"(The bilinears that a spinor field carries.

K0 = psi^+ psi, K1[m,n] = (P[m,n] - P[n,m]) / 2, K2[m,n] = (P[m,n] + P[n,m]) / 2 with
P[m,n] = psi^+ gamma_m gamma_n psi; adjoint='dirac' puts psi^+ gamma_0 for psi^+.
pairs='full': K1, K2 (N, d d); 'packed': K1 (N, d(d-1)/2) of m < n, K2 (N, d(d+1)/2) of m <= n.
Source: docs/math/conventions.md, section 5.)")
      .def(nb::init<const Argument&, const std::string&, const std::string&, const std::string&>(),
           "gamma"_a, nb::kw_only(), "pairs"_a = "full", "adjoint"_a = "hermitian",
           "method"_a = "automatic",
           R"(gamma: (d, s, s), any matrices, 1 <= d, s <= 32, real or complex; copied. All other
arrays have its dtype.)")
      .def("__repr__", shows({"dimension", "spinor_size"}))
      .def_prop_ro("dimension", &Bilinears::dimension, "d, the number of generators.")
      .def_prop_ro("spinor_size", &Bilinears::spinor_size, "s.")
      .def("forward", &Bilinears::forward, "psi"_a, nb::kw_only(), "out"_a = nb::none(),
           "(k0, k1, k2) of psi: (N, s).")
      .def("backward", &Bilinears::backward, "psi"_a, "dk0"_a, "dk1"_a, "dk2"_a, nb::kw_only(),
           "out"_a = nb::none(),
           R"((dpsi, dgamma) from the gradients of a real loss with respect to forward's results;
for complex numbers a gradient is dL/dRe + i dL/dIm.)");
}

}  // namespace lior::python
