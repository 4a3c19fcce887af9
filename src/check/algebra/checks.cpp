// SPDX-License-Identifier: Apache-2.0
// Quaternions, octonions and CI8: the identities that make them what they are, on our kernels.
//
// Each check is a statement about all points of random planes; `*` is the kernel's product, `e(k)`
// a basis element at every point (algebra_points.h). Formulas: docs/math/conventions.md, section 3.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "check/algebra/points.h"
#include "lior/algebra/compat.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"

namespace lior::check {
namespace {

constexpr Transition kTransitions[] = {Transition::right, Transition::left, Transition::two_sided};

/// The determinant, by elimination with the largest pivot of each column.
template <class T>
T determinant(std::array<std::array<T, 8>, 8> a) {
  T product = 1;
  for (int k = 0; k < 8; ++k) {
    int pivot = k;
    for (int i = k + 1; i < 8; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    if (pivot != k) std::swap(a[pivot], a[k]), product = -product;
    product *= a[k][k];
    for (int i = k + 1; i < 8; ++i) {
      const T factor = a[i][k] / a[k][k];
      for (int j = k; j < 8; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  return product;
}

/// Adds checks "thing.statement" of one dtype on K planes.
struct Adder {
  Registry& registry;
  std::string thing;
  const char* dtype;
  Index planes;

  void operator()(std::string statement, double tolerance, std::function<double()> error) const {
    registry.checks.push_back({.name = thing + "." + statement,
                               .module = "algebra",
                               .dtype = dtype,
                               .shape = to_string(Shape<2>{planes, kPoints}),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  }
};

// Tolerances: products of two or three normal numbers of K components, a few roundings each; the
// error is measured against the largest of 1,000 points. Products of integers are exact.
template <class T>
constexpr double kEps = std::numeric_limits<T>::epsilon();

template <class T>
void add_quaternion_checks(Registry& registry) {
  const Adder add{registry, "quaternion", kDtype<T>, 4};
  const double tolerance = 32 * kEps<T>;

  add("associative", tolerance, [] {  // (p q) r = p (q r)
    const auto p = random<T, 4>(1), q = random<T, 4>(2), r = random<T, 4>(3);
    return distance((p * q) * r, p * (q * r));
  });
  add("norm_multiplicative", tolerance, [] {  // |p q| = |p| |q|
    const auto p = random<T, 4>(1), q = random<T, 4>(2);
    return distance(length(p * q), times(length(p), length(q)));
  });
  add("conjugate_reverses", tolerance, [] {  // conj(p q) = conj(q) conj(p)
    const auto p = random<T, 4>(1), q = random<T, 4>(2);
    return distance(conjugate(p * q), conjugate(q) * conjugate(p));
  });
  add("rotation_composes", tolerance, [] {  // (p q) v conj(p q) = p (q v conj(q)) conj(p)
    const auto p = random_unit<T, 4>(1), q = random_unit<T, 4>(2);
    const auto v = random<T, 3>(3);
    return distance(rotate(p * q, v), rotate(p, rotate(q, v)));
  });
  add("rotation_isometry", tolerance, [] {  // turned v . turned w = v . w
    const auto q = random_unit<T, 4>(1);
    const auto v = random<T, 3>(2), w = random<T, 3>(3);
    return distance(dot(rotate(q, v), rotate(q, w)), dot(v, w));
  });
}

template <class T>
void add_octonion_checks(Registry& registry) {
  const Adder add{registry, "octonion", kDtype<T>, 8};
  const double exact = 0, tolerance = 32 * kEps<T>;
  const auto e = [](int k) { return constant(algebra::basis_octonion<T>(k)); };

  add("table", exact, [=] {
    return std::max({distance(e(1) * e(2), e(3)), distance(e(1) * e(4), e(5)),
                     distance(e(1) * e(6), T(-1) * e(7)), distance(e(2) * e(4), e(6)),
                     distance(e(2) * e(5), e(7)), distance(e(3) * e(4), e(7)),
                     distance(e(3) * e(5), T(-1) * e(6))});
  });
  add("recorded_product", exact, [] {
    const auto up = constant<T>({{1, 2, 3, 4, 5, 6, 7, 8}});
    const auto down = constant<T>({{8, 7, 6, 5, 4, 3, 2, 1}});
    return std::max(distance(up * down, constant<T>({{-104, 14, 12, 10, 152, 42, 4, 74}})),
                    distance(down * up, constant<T>({{-104, 32, 48, 64, -64, 60, 112, 56}})));
  });
  add("recorded_associator", exact, [=] {  // [e1, e2, e4] = 2 e7
    return distance((e(1) * e(2)) * e(4) - e(1) * (e(2) * e(4)), T(2) * e(7));
  });
  add("unit", exact, [=] {  // e0 x = x = x e0
    const auto x = random<T, 8>(1);
    return std::max(distance(e(0) * x, x), distance(x * e(0), x));
  });
  add("norm_multiplicative", tolerance, [] {  // |x y| = |x| |y|
    const auto x = random<T, 8>(1), y = random<T, 8>(2);
    return distance(length(x * y), times(length(x), length(y)));
  });
  add("conjugate_inverts", tolerance, [] {  // conj(x) (x y) = |x|^2 y
    const auto x = random<T, 8>(1), y = random<T, 8>(2);
    return distance(conjugate(x) * (x * y), times(dot(x, x), y));
  });
  add("left_alternative", tolerance, [] {  // x (x y) = (x x) y
    const auto x = random<T, 8>(1), y = random<T, 8>(2);
    return distance(x * (x * y), (x * x) * y);
  });
  add("right_alternative", tolerance, [] {  // (y x) x = y (x x)
    const auto x = random<T, 8>(1), y = random<T, 8>(2);
    return distance((y * x) * x, y * (x * x));
  });
  add("moufang_middle", tolerance, [] {  // (x y)(z x) = x ((y z) x)
    const auto x = random<T, 8>(1), y = random<T, 8>(2), z = random<T, 8>(3);
    return distance((x * y) * (z * x), x * ((y * z) * x));
  });
  add("moufang_left", tolerance, [] {  // x (y (x z)) = ((x y) x) z
    const auto x = random<T, 8>(1), y = random<T, 8>(2), z = random<T, 8>(3);
    return distance(x * (y * (x * z)), ((x * y) * x) * z);
  });
  add("moufang_right", tolerance, [] {  // ((z x) y) x = z (x (y x))
    const auto x = random<T, 8>(1), y = random<T, 8>(2), z = random<T, 8>(3);
    return distance(((z * x) * y) * x, z * (x * (y * x)));
  });
}

template <class T>
void add_ci8_checks(Registry& registry) {
  const Adder add{registry, "ci8", kDtype<T>, 16};
  const double exact = 0, tolerance = 64 * kEps<T>;
  const auto e = [](int k) { return constant(algebra::basis_octonion<T>(k)); };

  add("zero_divisors", exact, [=] {  // (1 + I e1)(1 - I e1) = 0, though neither is 0
    return distance(complex(e(0), e(1)) * complex(e(0), T(-1) * e(1)), Points<T, 16>{});
  });
  add("product_is_bilinear_over_c", tolerance, [] {  // (I x) y = I (x y) = x (I y)
    const auto i = complex(Points<T, 8>{}, constant(algebra::basis_octonion<T>(0)));
    const auto x = random<T, 16>(1), y = random<T, 16>(2);
    return std::max(distance((i * x) * y, i * (x * y)), distance(x * (i * y), i * (x * y)));
  });
  add("conjugate_reverses", tolerance, [] {  // conj(x y) = conj(y) conj(x), fused with the product
    const auto x = random<T, 16>(1), y = random<T, 16>(2);
    Points<T, 16> reversed;
    algebra::ci8_multiply<T>(y.view(), x.view(), reversed.view(), algebra::Factor::conjugated,
                             algebra::Factor::conjugated);
    return distance(conjugate(x * y), reversed);
  });
  add("moufang_middle", tolerance, [] {  // (x y)(z x) = x ((y z) x): complex numbers keep it
    const auto x = random<T, 16>(1), y = random<T, 16>(2), z = random<T, 16>(3);
    return distance((x * y) * (z * x), x * ((y * z) * x));
  });
  add("associator", tolerance, [] {  // [x, y, z] = (x y) z - x (y z)
    const auto x = random<T, 16>(1), y = random<T, 16>(2), z = random<T, 16>(3);
    return distance(associator(x, y, z), (x * y) * z - x * (y * z));
  });
  add("associator_alternates", tolerance, [] {  // [x, y, z] = -[y, x, z] = -[x, z, y]
    const auto x = random<T, 16>(1), y = random<T, 16>(2), z = random<T, 16>(3);
    const auto xyz = associator(x, y, z);
    return std::max(distance(T(-1) * associator(y, x, z), xyz),
                    distance(T(-1) * associator(x, z, y), xyz));
  });
  add("norm", tolerance, [] {  // the square root of the sum of 16 squares
    const auto x = random<T, 16>(1);
    const auto squares = dot(x, x);
    return distance(length(x), each(squares, squares, [](T s, T) { return std::sqrt(s); }));
  });
}

template <class T>
void add_operator_checks(Registry& registry, Transition f) {
  const Adder add{registry, fmt::format("operator.{}", name(f)), kDtype<T>, 16};
  const double tolerance = 64 * kEps<T>;

  add("is_its_product", tolerance, [=] {  // F_u x = x u, u x or (u x) u, on each part
    const auto u = random_unit<T, 8>(1), a = random<T, 8>(2), b = random<T, 8>(3);
    const auto product = [&](const Points<T, 8>& x) {
      return f == Transition::right ? x * u : f == Transition::left ? u * x : (u * x) * u;
    };
    return distance(apply(f, u, complex(a, b)), complex(product(a), product(b)));
  });
  add("is_its_matrix", tolerance, [=] {  // (F_u x)_i = sum_j M_ij x_j
    const auto u = random_unit<T, 8>(1), x = random<T, 8>(2);
    Points<T, 8> product;
    for (Index n = 0; n < kPoints; ++n) {
      Octonion<T> unit;
      for (int k = 0; k < 8; ++k) unit.e[k] = u.planes(k, n);
      const auto matrix = algebra::operator_matrix(f, unit);
      for (int i = 0; i < 8; ++i) {
        for (int j = 0; j < 8; ++j) product.planes(i, n) += matrix[i][j] * x.planes(j, n);
      }
    }
    return distance(apply(f, u, x), product);
  });
  add("orthogonal", tolerance, [=] {  // F_u x . F_u y = x . y for unit u
    const auto u = random_unit<T, 8>(1);
    const auto x = random<T, 16>(2), y = random<T, 16>(3);
    return distance(dot(apply(f, u, x), apply(f, u, y)), dot(x, y));
  });
  add("determinant_1", tolerance, [=] {
    const auto u = random_unit<T, 8>(1);
    double worst = 0;
    for (Index n = 0; n < kPoints; ++n) {
      Octonion<T> unit;
      for (int k = 0; k < 8; ++k) unit.e[k] = u.planes(k, n);
      worst = worst_of<double>(
          {worst, std::abs(determinant(algebra::operator_matrix(f, unit)) - T(1))});
    }
    return worst;
  });
  add("adjoint", tolerance, [=] {  // <F_u x, g> = <x, F_u^T g>
    const auto u = random_unit<T, 8>(1);
    const auto x = random<T, 16>(2), g = random<T, 16>(3);
    return distance(dot(x, apply_adjoint(f, u, x, g).first), dot(apply(f, u, x), g));
  });
  add("gradient_u", tolerance, [=] {
    // <du, v> = <g, F_{u+v} x - F_{u-v} x> / 2: exact, for F is of degree 2 in u at most.
    const auto u = random_unit<T, 8>(1), v = random_unit<T, 8>(2);
    const auto x = random<T, 16>(3), g = random<T, 16>(4);
    const auto du = apply_adjoint(f, u, x, g).second;
    return distance(dot(du, v), T(0.5) * dot(g, apply(f, u + v, x) - apply(f, u - v, x)));
  });
}

template <class T>
void add_two_sided_check(Registry& registry) {
  const Adder add{registry, "operator.two_sided", kDtype<T>, 8};
  add("is_a_reflection_of_the_conjugate", 64 * kEps<T>, [] {  // u x u = (2 u u^T - 1) conj(x)
    const auto u = random_unit<T, 8>(1), x = random<T, 8>(2);
    return distance((u * x) * u, times(T(2) * dot(u, conjugate(x)), u) - conjugate(x));
  });
}

/// The original's Fano product: what it has and what it lacks.
template <class T>
void add_compat_checks(Registry& registry) {
  const Adder add{registry, "compat.fano", kDtype<T>, 8};
  const auto cross = [](const Points<T, 8>& x, const Points<T, 8>& y) {
    Points<T, 8> out;
    algebra::compat::fano_multiply<T>(x.view(), y.view(), out.view());
    return out;
  };
  add("antisymmetric", 64 * kEps<T>, [=] {  // x y = -y x
    const auto x = random<T, 8>(1), y = random<T, 8>(2);
    return distance(cross(x, y), T(-1) * cross(y, x));
  });
  add("orthogonal_to_factors", 64 * kEps<T>, [=] {  // x . (x y) = 0
    const auto x = random<T, 8>(1), y = random<T, 8>(2), xy = cross(x, y);
    const auto against = times(length(x), length(xy));  // what a cosine is measured by
    return distance(against + dot(x, xy), against);
  });
  add("no_cross_product", 0, [=] {  // orthogonal (e0 + e1)(e3 + e6) = 0: |x y| is not |x| |y|
    const auto e = [](int k) { return constant(algebra::basis_octonion<T>(k)); };
    return distance(cross(e(0) + e(1), e(3) + e(6)), Points<T, 8>{});
  });
}

}  // namespace

void add_algebra_checks(Registry& registry) {
  const auto add_all = [&]<class T>(T) {
    add_quaternion_checks<T>(registry);
    add_octonion_checks<T>(registry);
    add_ci8_checks<T>(registry);
    for (const Transition f : kTransitions) add_operator_checks<T>(registry, f);
    add_two_sided_check<T>(registry);
    add_compat_checks<T>(registry);
  };
  add_all(float{});
  add_all(double{});
}

}  // namespace lior::check
