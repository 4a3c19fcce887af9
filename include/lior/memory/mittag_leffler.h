// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The Mittag-Leffler function of two parameters: the exponential of fractional calculus.
///
///   E_{alpha,beta}(z) = sum_{k>=0} z^k / Gamma(alpha k + beta),   E_alpha = E_{alpha,1}
///
/// Domain: 0 < alpha < 2, 0 < beta < 3, and z real with -1e6 <= z <= 10 or complex with
/// |arg z| >= 3 pi / 4 and |z| <= 1e6; anything else is a lior::Error.
///
/// Accuracy: 1e-12 relative, as parameters approach the ends of their ranges, alpha approaches 1
/// and E becomes small. Only beside a zero of E (alpha > 1, z < 0) is it 1e-15 of the terms that
/// cancel there. Results too large for a double are Inf, those too small 0. All of it is computed
/// in long double, which must have 64 bits or more: 64 on x86-64, 113 on 64-bit ARM, where software
/// computes them.
///
/// Cost: 50 to 600 complex exponentials, 20 to 200 microseconds on x86-64; allocates nothing.
///
/// Source: the inverse Laplace transform of s^{alpha-beta} / (s^alpha - z) by the trapezoid rule on
/// a parabola (Weideman and Trefethen, Math. Comp. 76 (2007); Garrappa, SIAM J. Numer. Anal. 53(3)
/// (2015)) or along the branch cut; docs/math/conventions.md, section 7.4.

#include <complex>

namespace lior::memory {

double mittag_leffler(double alpha, double beta, double z);
std::complex<double> mittag_leffler(double alpha, double beta, std::complex<double> z);

}  // namespace lior::memory
