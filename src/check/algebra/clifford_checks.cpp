// SPDX-License-Identifier: Apache-2.0
// Clifford generators and spinor bilinears: the anticommutators, the Dirac spinor of
// docs/math/conventions.md, the rotor, the vielbein; gradients under the op harness.
#include <cmath>
#include <limits>

#include "lior/algebra/bilinears.h"
#include "lior/algebra/clifford.h"
#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"

namespace lior::check {
namespace {

using namespace algebra;

template <class T>
using Matrices = Array<std::complex<T>, 3>;

/// out = a b, square complex matrices of size s.
template <class T>
std::vector<std::complex<T>> product(const std::complex<T>* a, const std::complex<T>* b, Index s) {
  std::vector<std::complex<T>> out(static_cast<std::size_t>(s * s));
  for (Index i = 0; i < s; ++i) {
    for (Index j = 0; j < s; ++j) {
      for (Index k = 0; k < s; ++k) out[i * s + j] += a[i * s + k] * b[k * s + j];
    }
  }
  return out;
}

/// Largest entry of {gamma_m, gamma_n} - 2 g_mn I.
template <class T, class Metric>
double anticommutator_error(const Matrices<T>& gamma, const Metric& g) {
  const Index d = gamma.shape()[0], s = gamma.shape()[1];
  double error = 0;
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < d; ++n) {
      const auto mn = product(&gamma(m, 0, 0), &gamma(n, 0, 0), s);
      const auto nm = product(&gamma(n, 0, 0), &gamma(m, 0, 0), s);
      for (Index k = 0; k < s * s; ++k) {
        const std::complex<T> unit = k % (s + 1) == 0 ? T(1) : T(0);
        error = worst_of<double>({error, std::abs(mn[k] + nm[k] - T(2) * T(g(m, n)) * unit)});
      }
    }
  }
  return error;
}

template <class T>
double every_signature() {
  double error = 0;
  for (int p = 0; p <= 8; ++p) {
    for (int q = p == 0 ? 1 : 0; p + q <= 8; ++q) {
      error = worst_of<double>(
          {error, anticommutator_error(clifford_generators<T>(p, q), [=](Index m, Index n) {
             return m != n ? 0 : m < p ? 1 : -1;
           })});
    }
  }
  return error;
}

template <class T>
double vielbein() {
  const Index d = 5;
  Array<T, 2> e({d, d});
  Random(3).fill_normal(e.span());
  const auto flat = clifford_generators<T>(3, 2);
  Matrices<T> gamma(flat.shape());
  apply_vielbein<T>(e.view(), flat.view(), gamma.view());
  return anticommutator_error(gamma, [&](Index m, Index n) {
    T sum = 0;
    for (Index a = 0; a < d; ++a) sum += e(m, a) * T(a < 3 ? 1 : -1) * e(n, a);
    return sum;
  });
}

/// Bilinears of psi = (1, 2i, 3, 4 - i) in the Dirac representation.
template <class T>
double dirac_spinor() {
  using Complex = std::complex<T>;
  const auto gamma = dirac_generators<T>();
  const std::array<Complex, 4> psi = {Complex(1), Complex(0, 2), Complex(3), Complex(4, -1)};
  const auto sandwich = [&](const std::vector<Complex>& a) {
    Complex sum = 0;
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) sum += std::conj(psi[i]) * a[i * 4 + j] * psi[j];
    }
    return sum;
  };
  const Complex* g0 = gamma.data();
  std::vector<Complex> i_g5(16);
  for (int k = 0; k < 16; ++k) i_g5[k] = Complex(0, 1) * dirac_gamma5<T>().data()[k];
  double error = std::abs(sandwich(product(g0, i_g5.data(), 4)) - Complex(16));
  constexpr T kCurrent[] = {31, 8, 10, 10};
  for (Index m = 0; m < 4; ++m) {
    error = worst_of<double>(
        {error, std::abs(sandwich(product(g0, &gamma(m, 0, 0), 4)) - kCurrent[m])});
  }
  // K0 = psi-bar psi = -21, and K2 = eta K0.
  const Bilinears<Complex> bilinears(gamma.view(), Pairs::full, Adjoint::dirac);
  Array<Complex, 1> k0({1});
  Array<Complex, 2> k1({1, 16}), k2({1, 16});
  bilinears.forward({psi.data(), {1, 4}}, k0.view(), k1.view(), k2.view());
  error = worst_of<double>({error, std::abs(k0(0) + T(21))});
  for (int m = 0; m < 4; ++m) {
    for (int n = 0; n < 4; ++n) {
      const T eta = m != n ? 0 : m == 0 ? 1 : -1;
      error = worst_of<double>({error, std::abs(k2(0, 4 * m + n) + T(21) * eta)});
    }
  }
  return error;
}

/// gamma^5 = i gamma^0 gamma^1 gamma^2 gamma^3.
template <class T>
double gamma5() {
  const auto gamma = dirac_generators<T>();
  auto p = product(&gamma(0, 0, 0), &gamma(1, 0, 0), 4);
  p = product(p.data(), &gamma(2, 0, 0), 4);
  p = product(p.data(), &gamma(3, 0, 0), 4);
  double error = 0;
  const auto g5 = dirac_gamma5<T>();
  for (Index k = 0; k < 16; ++k) {
    error = worst_of<double>({error, std::abs(g5.data()[k] - std::complex<T>(0, 1) * p[k])});
  }
  return error;
}

/// R = exp(-th/2 e12): R e1 R^-1 = cos th e1 + s sin th e2, s = e1^2 = e2^2.
template <class T>
double rotor(int pluses, int minuses) {
  using Complex = std::complex<T>;
  const auto e = clifford_generators<T>(pluses, minuses);
  const Index s = e.shape()[1];
  const T angle = T(0.7), square = pluses >= 2 ? 1 : -1;
  const auto e12 = product(&e(0, 0, 0), &e(1, 0, 0), s);  // e12^2 = -1
  std::vector<Complex> forth(e12.size()), back(e12.size());
  for (Index k = 0; k < s * s; ++k) {
    const T unit = k % (s + 1) == 0 ? 1 : 0;
    forth[k] = std::cos(angle / 2) * unit - std::sin(angle / 2) * e12[k];
    back[k] = std::cos(angle / 2) * unit + std::sin(angle / 2) * e12[k];
  }
  const auto turned = product(product(forth.data(), &e(0, 0, 0), s).data(), back.data(), s);
  double error = 0;
  for (Index k = 0; k < s * s; ++k) {
    const Complex want =
        std::cos(angle) * (&e(0, 0, 0))[k] + square * std::sin(angle) * (&e(1, 0, 0))[k];
    error = worst_of<double>({error, std::abs(turned[k] - want)});
  }
  return error;
}

template <class T>
void add_clifford_checks(Registry& registry) {
  const double eps = std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, std::string shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = "clifford." + name,
                               .module = "algebra",
                               .dtype = kDtype<T>,
                               .shape = std::move(shape),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  add("anticommutators", "p+q <= 8", 0, every_signature<T>);  // entries 0, +-1, +-i: exact
  add("vielbein", "(3, 2)", 64 * eps, vielbein<T>);           // sums of ten products, size 3
  add("gamma5", "[4, 4]", 0, gamma5<T>);
  add("dirac_spinor", "[4]", 64 * eps, dirac_spinor<T>);  // integers up to 31, a half inside
  add("rotor", "(2, 0)", 4 * eps, [] { return rotor<T>(2, 0); });
  add("rotor", "(0, 2)", 4 * eps, [] { return rotor<T>(0, 2); });
}

constexpr Index kPoints = 37, kD = 8, kS = 4;

/// The op of real numbers, or of complex ones as pairs in a last axis of 2.
template <bool kComplex>
Op bilinears_op(const char* name, Pairs pairs, Adjoint adjoint) {
  const auto shape = [](std::vector<Index> extents) {
    if (kComplex) extents.push_back(2);
    return extents;
  };
  const Index k1 = pairs == Pairs::full ? kD * kD : kD * (kD - 1) / 2;
  const Index k2 = pairs == Pairs::full ? kD * kD : kD * (kD + 1) / 2;
  // Views of numbers S over tensors of reals T.
  const auto view = []<class T, std::size_t Rank>(Tensor<T> tensor, Shape<Rank> extents) {
    using Real = std::remove_const_t<T>;
    using S = std::conditional_t<kComplex, std::complex<Real>, Real>;
    using Q = std::conditional_t<std::is_const_v<T>, const S, S>;
    return View<Q, Rank>(reinterpret_cast<Q*>(tensor.data), extents);
  };
  constexpr Shape<3> kGamma{kD, kS, kS};
  constexpr Shape<2> kPsi{kPoints, kS};
  constexpr Shape<1> kK0{kPoints};
  const Shape<2> k1_shape{kPoints, k1}, k2_shape{kPoints, k2};
  return {.name = std::string("bilinears.") + name,
          .module = "algebra",
          .shape = fmt::format("N={} d={} s={}", kPoints, kD, kS),
          .inputs = {{"gamma", shape({kD, kS, kS})}, {"psi", shape({kPoints, kS})}},
          .outputs = {{"k0", shape({kPoints})},
                      {"k1", shape({kPoints, k1})},
                      {"k2", shape({kPoints, k2})}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                using S = std::conditional_t<kComplex, std::complex<T>, T>;
                Array<S, 2> full1({kPoints, kD * kD}), full2({kPoints, kD * kD});
                reference::bilinears<S>(view(in("gamma"), kGamma), view(in("psi"), kPsi), adjoint,
                                        view(out("k0"), kK0), full1.view(), full2.view());
                const auto keep = [&](const Array<S, 2>& full, View<S, 2> kept, Index offset) {
                  for (Index p = 0; p < kPoints; ++p) {
                    Index k = 0;
                    for (Index m = 0; m < kD; ++m) {
                      for (Index n = pairs == Pairs::full ? 0 : m + offset; n < kD; ++n) {
                        kept(p, k++) = full(p, m * kD + n);
                      }
                    }
                  }
                };
                keep(full1, view(out("k1"), k1_shape), 1);
                keep(full2, view(out("k2"), k2_shape), 0);
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                using S = std::conditional_t<kComplex, std::complex<T>, T>;
                const Bilinears<S> bilinears(view(in("gamma"), kGamma), pairs, adjoint);
                bilinears.forward(view(in("psi"), kPsi), view(out("k0"), kK0),
                                  view(out("k1"), k1_shape), view(out("k2"), k2_shape));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
                using S = std::conditional_t<kComplex, std::complex<T>, T>;
                const Bilinears<S> bilinears(view(in("gamma"), kGamma), pairs, adjoint);
                bilinears.backward(view(in("psi"), kPsi), view(gradient("k0"), kK0),
                                   view(gradient("k1"), k1_shape), view(gradient("k2"), k2_shape),
                                   view(d("psi"), kPsi), view(d("gamma"), kGamma), arena);
              },
          .value_roundings = 64,
          .equal_across_threads = false,
          .workspace = std::size_t{8} << 20};
}

}  // namespace

void add_clifford_checks(Registry& registry) {
  add_clifford_checks<float>(registry);
  add_clifford_checks<double>(registry);
  add_checks(registry, bilinears_op<false>("real", Pairs::full, Adjoint::hermitian));
  add_checks(registry, bilinears_op<false>("real_packed", Pairs::packed, Adjoint::hermitian));
  add_checks(registry, bilinears_op<true>("complex", Pairs::full, Adjoint::hermitian));
  add_checks(registry, bilinears_op<true>("complex_packed_dirac", Pairs::packed, Adjoint::dirac));
}

}  // namespace lior::check
