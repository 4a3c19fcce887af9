// SPDX-License-Identifier: Apache-2.0
// E(z) = 1/(2 pi i) int e^s s^{alpha-beta} / (s^alpha - z) ds, on a path that comes from -infinity
// below the branch cut s < 0 and goes back above it, to the right of all poles.
//
// Two such paths, each with the trapezoid rule: a parabola around s = 0, and the cut itself. Poles
// need no path that avoids them: each adds a closed form to the sum, wherever it lies
// (`trapezoid`).
#include "lior/memory/mittag_leffler.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "lior/core/error.h"

namespace lior::memory {
namespace {

using Real = long double;
using Complex = std::complex<Real>;
constexpr Real kPi = std::numbers::pi_v<Real>;
constexpr Complex kI{0, 1};
constexpr Real kLargestExponent = 11000;  // e^x is finite in long double

struct Arguments {
  Real alpha, beta;
  Complex z;
};

/// A pole of the transform, s^alpha = z.
struct Pole {
  Complex log_s;   ///< its place, as ln s: arguments beyond pi lie on the next sheet
  Complex at;      ///< its place in the variable of the rule
  Real sense = 1;  ///< of the path: 1 where left of it is above in that variable
};
struct Poles {
  std::array<Pole, 3> pole;
  std::size_t count = 0;
  void add(const Pole& p) { pole[count++] = p; }
  std::span<const Pole> span() const { return {pole.data(), count}; }
};

/// ln s of the m-th root of s^alpha = z.
Complex log_root(const Arguments& a, int m) {
  return {std::log(std::abs(a.z)) / a.alpha, (std::arg(a.z) + 2 * kPi * m) / a.alpha};
}

/// The share of a pole in a sum with nodes offset + k step: its residue s^{1-beta} e^s / alpha
/// times 1 / (1 - e^x), which goes from 1 where the path has the pole on its left to 0 on its right
/// and cancels the error of the rule between.
Complex pole_term(const Arguments& a, const Pole& pole, Real offset, Real step) {
  const Complex x = -pole.sense * 2 * kPi * kI * (pole.at - offset) / step;
  const Complex exponent = std::exp(pole.log_s) + pole.log_s * (1 - a.beta);
  constexpr Real kFar = 50;  // e^-50 = 2e-22: 1 - e^x is -e^x to all digits
  if (x.real() > kFar) return -std::exp(exponent - x) / a.alpha;
  return std::exp(exponent) / (a.alpha * (Real(1) - std::exp(x)));
}

/// The integral of f by nodes `step` apart from low to high, shifted so that none is next to a
/// pole.
template <class Integrand>
Complex trapezoid(const Arguments& a, Real low, Real high, Real step, const Poles& poles,
                  const Integrand& f) {
  Real offset = 0, clearance = -1;
  for (const Real shift : {Real(0), step / 2, step / 4, 3 * step / 4}) {
    Real nearest = step;
    for (const Pole& pole : poles.span()) {
      const Complex from = pole.at - shift;
      nearest = std::min(nearest, std::abs(from - step * std::round(from.real() / step)));
    }
    if (nearest > clearance) clearance = nearest, offset = shift;
  }
  Complex sum = 0;
  const int last = static_cast<int>(std::ceil(high / step));
  for (int k = static_cast<int>(std::floor(low / step)); k <= last; ++k) {
    sum += f(offset + static_cast<Real>(k) * step);
  }
  sum *= step;
  for (const Pole& pole : poles.span()) sum += pole_term(a, pole, offset, step);
  return sum;
}

/// e^w - 1 without cancellation.
Complex expm1(Complex w) {
  const Real half = std::sin(w.imag() / 2);
  return {std::expm1(w.real()) * std::cos(w.imag()) - 2 * half * half,
          std::exp(w.real()) * std::sin(w.imag())};
}

/// On s = mu (1 + i q)^2. The rule's error is e^{-2 pi / step} by the branch point, q = i, and less
/// by the growth of e^s below the axis; beyond |q| = reach e^s is below e^-50.
Complex on_parabola(const Arguments& a) {
  constexpr Real kDecay = 60;  // -ln of the error: (kDecay^4 / 24) e^-60 = 5e-21 for s^-5 at 0
  constexpr Real kStep = 2 * kPi / kDecay, kMu = kPi * kPi / ((kDecay + 50) * kStep * kStep);
  const Real reach = std::sqrt(1 + 50 / kMu);

  // Poles of |s| <= 1 are so far left of the path that they add nothing.
  Poles poles;
  for (int m = -1; std::abs(a.z) > 1 && m <= 1; ++m) {
    const Complex root = log_root(a, m);
    if (std::abs(root.imag()) >= kPi || root.real() < 0) continue;
    poles.add({root, -kI * (std::exp(root / Real(2)) / std::sqrt(kMu) - Real(1))});
  }
  // By parts, e^s [beta s^alpha + (alpha - beta) z] s^{alpha-beta-1} / (s^alpha - z)^2, whose small
  // factors are those of E where alpha and beta are small.
  const bool by_parts = poles.count == 0 && a.beta < 1;
  return trapezoid(a, -reach, reach, kStep, poles, [&](Real q) {
    const Complex side = Complex(1, q), s = kMu * side * side, log_s = std::log(s);
    const Complex apart = expm1(a.alpha * log_s) + (Real(1) - a.z);  // s^alpha - z
    const Complex e = std::exp(s + log_s * (a.alpha - a.beta - (by_parts ? 1 : 0)));
    const Complex transform =
        by_parts ? (a.beta * std::exp(a.alpha * log_s) + (a.alpha - a.beta) * a.z) / (apart * apart)
                 : Real(1) / apart;
    return e * transform * side * (kMu / kPi);  // ds / (2 pi i) = mu (1 + i q) / pi dq
  });
}

/// sin(pi (x - y)), to all digits beside whole numbers: x and y are doubles, so that what they are
/// beyond their nearest whole numbers is exact.
Real sin_pi(Real x, Real y = 0) {
  const Real whole_x = std::round(x), whole_y = std::round(y);
  const Real rest = (x - whole_x) - (y - whole_y), whole = std::round(rest);
  const bool even = std::fmod(whole_x - whole_y + whole, Real(2)) == 0;
  return (even ? 1 : -1) * std::sin(kPi * (rest - whole));
}

/// Both sides of the cut, s = e^{u +- i pi}, taken together:
///
///   1/pi int e^{-r} r^{alpha-beta} [r^alpha sin(pi beta) + z sin(pi (alpha - beta))]
///            / ((r^alpha e^{i pi alpha} - z) (r^alpha e^{-i pi alpha} - z)) dr,   r = e^u.
///
/// No large terms cancel, so E keeps its digits where it is small: the algebraic part at alpha
/// near 1 and the exponentials stand apart. Falls as e^{(1 + alpha - beta) u} to the left. The
/// rule's error is e^{-pi^2 / step}, since e^{-r} grows beyond |Im u| = pi / 2.
Complex on_cut(const Arguments& a) {
  constexpr Real kStep = 0.18;  // e^-55
  const Real low = -45 / (1 + a.alpha - a.beta), high = std::log(Real(60));

  Poles poles;
  for (int m = -1; m <= 1; ++m) {
    const Complex root = log_root(a, m);
    const Real sense = root.imag() > 0 ? 1 : -1;  // the side of the cut that it is nearer to
    const Complex at = root - sense * kPi * kI;
    if (sense * at.imag() < kPi / 2) poles.add({root, at, sense});
  }
  const Real sin_beta = sin_pi(a.beta), sin_apart = sin_pi(a.alpha, a.beta);
  const Complex turn = std::polar(Real(1), kPi * a.alpha);
  return trapezoid(a, low, high, kStep, poles, [&](Real u) {
    const Real power = std::exp(a.alpha * u);
    const Real weight = std::exp(u * (1 + a.alpha - a.beta) - std::exp(u)) / kPi;
    return weight * (power * sin_beta + a.z * sin_apart) /
           ((power * turn - a.z) * (power * std::conj(turn) - a.z));
  });
}

void check_domain(double alpha, double beta, std::complex<double> z) {
  LIOR_CHECK(alpha > 0 && alpha < 2, "alpha = {} is no order of E_alpha,beta; expected (0, 2)",
             alpha);
  LIOR_CHECK(beta > 0 && beta < 3, "beta = {} is out of reach of E_alpha,beta; expected (0, 3)",
             beta);
  constexpr double kLargest = 1e6;
  const bool real = z.imag() == 0 && z.real() >= -kLargest && z.real() <= 10;
  // Rounding may leave z a little outside of the sector's edge.
  const bool left =
      z.real() < 0 && std::abs(z) <= kLargest && std::abs(z.imag()) <= -z.real() * (1 + 1e-14);
  LIOR_CHECK(real || left,
             "z = {} + {} i is out of reach of E_alpha,beta; expected real -1e6 <= z <= 10, or "
             "|arg z| >= 3 pi / 4 and |z| <= 1e6",
             z.real(), z.imag());
}

Complex evaluate(const Arguments& a) {
  const bool grows = a.z.real() > 1 && std::log(a.z.real()) / a.alpha > std::log(kLargestExponent);
  if (grows) return std::numeric_limits<Real>::infinity();
  // Near beta = alpha and alpha - 1 the leading 1 / (z Gamma(beta - alpha)) vanishes, which the
  // parabola's sum would have to cancel; beyond them the cut's integrand falls too slowly.
  const bool cut = a.z.real() < 0 && std::abs(a.z) > 1 && a.beta <= a.alpha + Real(0.5);
  return cut ? on_cut(a) : on_parabola(a);
}

}  // namespace

double mittag_leffler(double alpha, double beta, double z) {
  check_domain(alpha, beta, z);
  return static_cast<double>(evaluate({alpha, beta, Complex(z)}).real());
}

std::complex<double> mittag_leffler(double alpha, double beta, std::complex<double> z) {
  check_domain(alpha, beta, z);
  return std::complex<double>(evaluate({alpha, beta, Complex(z)}));
}

}  // namespace lior::memory
