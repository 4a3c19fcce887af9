// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bessel functions of the first kind and of whole orders: the weights of a plane wave in Chebyshev
/// polynomials.

#include <vector>

#include "lior/core/view.h"

namespace lior::field {

/// J_0(z), J_1(z), ... up to the first order above z whose value is below 1e-17, for z >= 0:
/// at most z + 12 z^(1/3) + 20 numbers.
///
/// Miller's way: the recurrence J_{k-1} = (2k/z) J_k - J_{k+1} from an order where J vanishes
/// downwards, which is the stable direction, then J_0^2 + 2 sum J_k^2 = 1 for the scale. Absolute
/// error: 1e-15 (1 + sqrt(z)). Cost: proportional to their number. Throws lior::Error unless z is
/// in [0, kMostBesselArgument]. Source: DLMF 3.6(vi), 10.23.3.
std::vector<double> bessel_j(double z);
inline constexpr double kMostBesselArgument = 1e8;

}  // namespace lior::field
