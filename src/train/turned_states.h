// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The states of an automaton as points of a sphere that letters turn into each other: what one
/// head of a geometric_mamba without gates is, once it is exact.

#include <vector>

#include "lior/algebra/ci8.h"
#include "lior/train/automaton.h"

namespace lior::train {

/// Letter t turns x into F_t x = F_{u_k} ... F_{u_1} x with its k unit octonions u.
struct TurnedStates {
  algebra::Transition transition = algebra::Transition::left;
  Index factors = 1;
  std::vector<algebra::Octonion<double>> turns;   ///< [letters, factors], of unit length
  std::vector<algebra::Octonion<double>> points;  ///< [states], of unit length
};

/// |F_t x_s -+ x_{s t}| over states s and letters t, each with its better sign: x and -x are one
/// state, which a quadratic read-out cannot tell apart.
struct Deviation {
  double largest = 0;
  double root_mean_square = 0;
};
Deviation deviation(const Automaton& automaton, const TurnedStates& head);

/// Moves turns and points to the nearest solution of F_t x_s = +-x_{s t}: in turn
///   u of each letter by a step of Levenberg and Marquardt on sum over s of |F_t x_s -+ x_{s t}|^2,
///   x of each state to the direction of what its neighbours say of it,
///     sum over s' t = s of +-F_t x_{s'}  +  sum over t of +-F_t^T x_{s t},
/// each round with some momentum, until the deviation is kExactDeviation or has not halved in 30
/// rounds. Returns the
/// rounds. Turns that nearly are those of a group converge quadratically (its elements average each
/// other); where there is no solution near, the deviation stays.
///
/// Cost: about 160,000 operations a letter and round at four factors, and 200 x factors a state and
/// letter. Threads over letters; bit-equal across thread counts.
Index make_exact(const Automaton& automaton, TurnedStates& head);

inline constexpr double kExactDeviation =
    1e-14;  // some roundings of products of eight by eight numbers

}  // namespace lior::train
