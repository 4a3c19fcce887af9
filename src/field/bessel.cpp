// SPDX-License-Identifier: Apache-2.0
#include "lior/field/bessel.h"

#include <cmath>

namespace lior::field {
namespace {

constexpr double kNegligible = 1e-17;

/// An order above z where J is below 1e-21: ln J_k(z) = -(k acosh(k/z) - sqrt(k^2 - z^2)) to
/// leading order (Debye).
Index vanishing_order(double z) {
  constexpr double kLn = 50;
  const auto stride = static_cast<Index>(1 + std::cbrt(z));
  Index order = static_cast<Index>(z) + stride;
  const auto decay = [z](auto k) {
    const double x = static_cast<double>(k);
    return x * std::acosh(x / z) - std::sqrt((x - z) * (x + z));
  };
  while (decay(order) < kLn) order += stride;
  return order;
}

}  // namespace

std::vector<double> bessel_j(double z) {
  LIOR_CHECK(z >= 0 && z <= kMostBesselArgument, "J_k({}) was asked for; expected 0 to {}", z,
             kMostBesselArgument);
  // Below that J_0 = 1 and J_1 = z / 2 to rounding.
  if (z < 1e-100) return {1, z / 2};
  const Index last = vanishing_order(z);
  std::vector<double> j(static_cast<std::size_t>(last) + 1);
  double above = 0, here = 1e-30;
  for (Index k = last; k >= 0; --k) {
    j[static_cast<std::size_t>(k)] = here;
    const double below = 2 * static_cast<double>(k) / z * here - above;
    above = here, here = below;
  }
  double largest = 0, squares = 0;
  for (const double value : j) largest = std::max(largest, std::abs(value));
  for (std::size_t k = j.size() - 1; k > 0; --k) squares += 2 * std::pow(j[k] / largest, 2);
  squares += std::pow(j[0] / largest, 2);
  const double scale = 1 / (largest * std::sqrt(squares));
  std::size_t count = 0;
  while (count < j.size()) {
    const double value = j[count++] *= scale;
    if (static_cast<double>(count - 1) > z && std::abs(value) < kNegligible) break;
  }
  j.resize(count);
  return j;
}

}  // namespace lior::field
