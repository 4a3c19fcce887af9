// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Generators of Clifford algebras as matrices: gamma_m gamma_n + gamma_n gamma_m = 2 eta_mn I.

#include <complex>

#include "lior/core/buffer.h"

namespace lior::algebra {

/// [p+q, s, s], s = 2^floor((p+q)/2): generators for eta = diag(+1 p times, -1 q times), pluses
/// first. Entries are 0, +-1 and +-i, so the relation holds exactly.
///
/// Jordan-Wigner: gamma_{2k} = Z..Z X 1..1 and gamma_{2k+1} = Z..Z Y 1..1 with k factors Z; the odd
/// one out is Z..Z; a minus multiplies by i. T is float or double.
/// Throws lior::Error unless p, q >= 0 and 1 <= p + q <= 16.
/// Source: Brauer and Weyl, "Spinors in n dimensions", 1935.
template <class T>
Array<std::complex<T>, 3> clifford_generators(int pluses, int minuses);

/// [4, 4, 4], eta = (+ - - -): gamma^0 = diag(I, -I), gamma^k = [[0, s_k], [-s_k, 0]].
template <class T>
Array<std::complex<T>, 3> dirac_generators();

/// [4, 4]: gamma^5 = i gamma^0 gamma^1 gamma^2 gamma^3 of dirac_generators().
template <class T>
Array<std::complex<T>, 2> dirac_gamma5();

/// out_m = sum_a e[m,a] gamma_a: generators for the metric g_mn = e[m,a] eta_ab e[n,b].
///
/// vielbein: [d, d], a row a coordinate; gamma, out: [d, s, s]. Throws lior::Error when the shapes
/// do not fit.
template <class T>
void apply_vielbein(View<const T, 2> vielbein, View<const std::complex<T>, 3> gamma,
                    View<std::complex<T>, 3> out);

}  // namespace lior::algebra
