// SPDX-License-Identifier: Apache-2.0
#pragma once
/// CI8, the complex octonions, and the three families of operators that turn them.
///
/// A complex octonion is x = Re x + I Im x with octonions Re x, Im x; its planes are [16, N]:
/// components 0..7 of Re, then of Im. A real state is planes [8, N]. I commutes with every e_k:
///   (a + I b)(c + I d) = (a c - b d) + I (a d + b c)   [octonion products].
/// For a real octonion u: R_u x = x u, L_u x = u x, B_u x = u x u, on each part alone. For unit u
/// they are rotations of R^8 (orthogonal, determinant 1); products of any one family reach all of
/// SO(8). Conjugation flips e1..e7 of both parts. Source: docs/math/conventions.md, section 3.
///
/// All functions below: threads over points, bit-equal across thread counts; NaN and Inf pass
/// through; lior::Error when shapes differ; an output may be an input of its shape.

#include "lior/algebra/octonion.h"
#include "lior/core/names.h"

namespace lior::algebra {

/// How a unit octonion u acts on a state x.
enum class Transition {
  right,      ///< R_u x = x u
  left,       ///< L_u x = u x
  two_sided,  ///< B_u x = u x u = 2 u (u . conj(x)) - |u|^2 conj(x)
};

constexpr auto enum_names(Transition) { return enum_words("right", "left", "two_sided"); }

/// M[i][j] = component i of F_u e_j, for any u.
template <class T>
constexpr std::array<std::array<T, 8>, 8> operator_matrix(Transition transition,
                                                          const Octonion<T>& u) {
  std::array<std::array<T, 8>, 8> matrix{};
  for (int j = 0; j < 8; ++j) {
    const Octonion<T> x = basis_octonion<T>(j);
    const Octonion<T> column = transition == Transition::right  ? x * u
                               : transition == Transition::left ? u * x
                                                                : u * x * u;
    for (int i = 0; i < 8; ++i) matrix[i][j] = column.e[i];
  }
  return matrix;
}

/// out_n = x_n y_n, or with conjugated factors. x, y, out: [16, N].
///
/// Cost: 256 multiply-adds and 48 numbers moved a point; bound by memory past the caches.
/// Accuracy: |error| <= 16 eps |x| |y| a component.
template <class T>
void ci8_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out,
                  Factor x_factor = Factor::plain, Factor y_factor = Factor::plain);

/// out_n = [x_n, y_n, z_n] = (x y) z - x (y z). x, y, z, out: [16, N].
///
/// Cost: 1,024 multiply-adds and 64 numbers moved a point, one pass.
/// Accuracy: |error| <= 64 eps |x| |y| |z| a component.
template <class T>
void ci8_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out);

/// out_n = conj(x_n). x, out: [8, N] or [16, N]. Exact. To multiply by it, pass a Factor instead.
template <class T>
void ci8_conjugate(View<const T, 2> x, View<T, 2> out);

/// out_n = the length of x_n, the square root of the sum of its 8 or 16 squares.
/// x: [8, N] or [16, N]; out: [N]. Accuracy: 8 eps relative, where no square over- or underflows.
template <class T>
void ci8_norm(View<const T, 2> x, View<T, 1> out);

/// out_n = F_{u_n} x_n. u: [8, N]; x, out: [8, N] or [16, N].
///
/// R and L hold for any u. B is computed as 2 u (u . conj(x)) - conj(x), which is u x u for unit u.
/// Cost: 64 multiply-adds a part (B: 16) and 24 or 40 numbers moved a point; bound by memory.
/// Accuracy: |error| <= 16 eps |x| a component, for unit u.
template <class T>
void apply(Transition transition, View<const T, 2> u, View<const T, 2> x, View<T, 2> out);

/// The adjoint of apply at (u, x), for the gradient g of a scalar with respect to F_u x:
///   dx_n = F_{u_n}^T g_n,   du_n = the gradient with respect to u_n, summed over the parts:
///   R: dx = g conj(u), du = conj(x) g;   L: dx = conj(u) g, du = g conj(x);
///   B: dx = conj(2 (u.g) u - g), du = 2 [(u.g) conj(x) + (u.conj(x)) g].
/// u, du: [8, N]; x, g, dx: [8, N] or [16, N]. Where u = w/|w|, project du on u's sphere before
/// dividing by |w|; for B only that projection is the gradient of u x u.
/// Cost: 128 multiply-adds a part (B: 48) and 40 or 72 numbers moved a point; bound by memory.
/// Accuracy: |error| <= 16 eps |g| in dx and 64 eps |x| |g| in du a component, for unit u.
template <class T>
void apply_adjoint(Transition transition, View<const T, 2> u, View<const T, 2> x,
                   View<const T, 2> g, View<T, 2> dx, View<T, 2> du);

namespace reference {
/// The same by products of octonions, one point at a time; B_u x as (u x) u.
template <class T>
void ci8_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out,
                  Factor x_factor = Factor::plain, Factor y_factor = Factor::plain);
template <class T>
void ci8_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out);
template <class T>
void ci8_norm(View<const T, 2> x, View<T, 1> out);
template <class T>
void apply(Transition transition, View<const T, 2> u, View<const T, 2> x, View<T, 2> out);
/// dx = M_u^T g by the operator's matrix; du_k = g . (F_{u + e_k} x - F_{u - e_k} x) / 2, which is
/// no approximation: F is a polynomial in u of degree 2 at most.
template <class T>
void apply_adjoint(Transition transition, View<const T, 2> u, View<const T, 2> x,
                   View<const T, 2> g, View<T, 2> dx, View<T, 2> du);
}  // namespace reference

}  // namespace lior::algebra
