// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The integrators by name, and what each can do: evolution, configuration, help and bindings read
/// it here.

#include <array>

#include "lior/core/names.h"

namespace lior::field {

enum class Scheme { strang, yoshida4, crank_nicolson, rk4, chebyshev };
constexpr auto enum_names(Scheme) {
  return enum_words("strang", "yoshida4", "crank_nicolson", "rk4", "chebyshev");
}

/// The Laplacian of a splitting's FFT: that of the three-point differences, or of the continuous
/// plane wave.
enum class Symbol { discrete, continuous };
constexpr auto enum_names(Symbol) { return enum_words("discrete", "continuous"); }

enum class Time { real, imaginary };
constexpr auto enum_names(Time) { return enum_words("real", "imaginary"); }

/// source: a constant source, lambda_qr (B(T_prev) - T_prev). relax: dT/dt gains
/// (lambda_qr / hbar)(B(T) - T), which does move T to B.
enum class BayesMode { source, relax };
constexpr auto enum_names(BayesMode) { return enum_words("source", "relax"); }

struct SchemeTraits {
  bool sources;            ///< lambda_qr, lambda_f and J
  bool relaxes;            ///< BayesMode::relax
  bool varying_metric;     ///< an inverse metric that differs from cell to cell
  bool imaginary_time;     ///< Time::imaginary, without sources
  bool continuous_symbol;  ///< Symbol::continuous
  bool local_terms;        ///< g |T|^2 T, entry by entry, and absorption
  bool moving_potential;   ///< U(x, y, t)
  int fields;              ///< arrays of the field's size that it keeps beside the field
};

constexpr SchemeTraits traits(Scheme scheme) {
  constexpr std::array<SchemeTraits, 5> kTraits{{
      // sources, relaxes, varying, imaginary, continuous, local, moving, fields
      {true, true, false, true, true, true, true, 0},
      {false, false, false, false, true, true, true, 0},
      {true, false, true, false, false, false, true, 5},  // with that of its extrapolated source
      {true, false, true, false, false, false, true, 2},
      {true, true, true, false, false, false, false, 4},  // with the one at the start of a step
  }};
  return kTraits[static_cast<std::size_t>(scheme)];
}

/// "strang, chebyshev": the schemes that `able` is true of, for errors and help.
template <class Able>
std::string schemes_where(const Able& able) {
  std::string text;
  for (std::size_t k = 0; k < enum_names(Scheme{}).size(); ++k) {
    const auto scheme = static_cast<Scheme>(k);
    if (!able(traits(scheme))) continue;
    text += text.empty() ? "" : ", ";
    text += name(scheme);
  }
  return text;
}

}  // namespace lior::field
