// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of the kernels of H and of the explicit sweep.

#include <cmath>
#include <limits>
#include <numbers>

#include "lior/core/view.h"

namespace lior::field {

/// The factor of |T - E|^2 in an exponent: weights are powers of 2.
template <class T>
T bayes_rate(double tau) {
  return static_cast<T>(std::numbers::log2e / tau);
}

/// One line of cells of H, in reals, along the last axis. centre: [cells, factors] where sides is
/// null, the own one first, then those of lines beside and of the cells before and after along
/// others; else [cells].
template <class T>
struct HamiltonianLine {
  const T* centre;
  const T* sides;
  const T* beside[8];  ///< x-1, x+1; where lines go along z, y-1 and y+1 too, then their corners
  /// Lines of which the cells before and after count: this one, then, for corners, the first ones
  /// beside.
  const T* along[5];
  T* out;
  Index cells;
  Index cell;  ///< reals in a cell
};

/// One row's numbers as two planes, so that lanes run over them and i times a number is a change of
/// plane.
template <class T>
struct Planes {
  T* re = nullptr;
  T* im = nullptr;
};

/// Sums over a part of the field that Bayes' normaliser needs: the least x = |T - E|^2 / (tau ln 2)
/// over entries with T != 0, sum |T|^2, and sum w |T|^2 with w = 2^(least - x).
struct BayesSums {
  double least = INFINITY;
  double norm = 0;
  double weighted = 0;

  void merge(const BayesSums& other) {
    const double both = std::min(least, other.least);
    const auto share = [both](const BayesSums& part) {
      return part.weighted == 0 ? 0 : part.weighted * std::exp2(both - part.least);
    };
    *this = {both, norm + other.norm, share(*this) + share(other)};
  }
  /// Sums whose weights are all relative to x = 0, as keep_roots leaves them.
  void add(const BayesSums& other) {
    *this = {std::min(least, other.least), norm + other.norm, weighted + other.weighted};
  }
  /// Whether the squares of `count` numbers of T kept their digits in S: near the ends of T's range
  /// they vanish or overflow. S / S_w has no size, so that sums of a scaled field do as well.
  template <class T>
  bool in_range(Index count) const {
    using Limits = std::numeric_limits<T>;
    const double smallest = static_cast<double>(count) * Limits::min() / Limits::epsilon();
    return norm >= smallest && norm <= Limits::max();
  }
  /// sqrt(S / S_w): B = sqrt(w) T times it. 0 where T = 0 everywhere.
  double scale() const {
    return weighted > 0 || std::isnan(weighted) ? std::sqrt(norm / weighted) : 0;
  }
};

/// The least x up to which weights 2^-x, not relative to it, lose nothing: entries that count weigh
/// 2^-64 and more, and numbers end at 2^-126.
inline constexpr double kNearEvidence = 64;

/// S = scale root T - lambda T + constant - lambda_f term, root = 2^{(least - |T-E|^2 rate) / 2},
/// of which the part `slope` = -lambda_f (term - term_before) goes on growing. Null: absent.
/// Complex numbers interleaved, as fields are; roots are real.
template <class T>
struct SourceTerms {
  const T* evidence = nullptr;
  const T* constant = nullptr;
  const T* term = nullptr;
  const T* term_before = nullptr;
  const T* root = nullptr;  ///< of the last sweep; null: from the evidence
  T rate = 0, least = 0, scale = 0, lambda = 0, lambda_f = 0;

  bool any() const { return evidence || constant || term; }
  /// The same from number `offset` on.
  SourceTerms from(Index offset) const {
    SourceTerms moved = *this;
    for (const T** array : {&moved.evidence, &moved.constant, &moved.term, &moved.term_before}) {
      if (*array) *array += 2 * offset;
    }
    if (root) moved.root += offset;
    return moved;
  }
};

/// out = base - i a (H x + source + share slope) on one row. Planes of imaginary parts lie
/// `imaginary` numbers behind those of real parts.
template <class T>
struct StageRow {
  const T *west, *here, *east;     ///< x on the rows before, at and after
  const T *base, *source, *slope;  ///< source, slope: null where absent
  T* out;
  Index imaginary;
  const T* stencil[5] = {};    ///< centre, then the sides; only the centre if constant
  T along_x = 0, along_y = 0;  ///< the sides of a constant stencil
  T a = 0, share = 0;
  Index cell = 0;           ///< numbers in a cell
  const T* next = nullptr;  ///< complex numbers of t to fetch meanwhile, or null
  T* result = nullptr;      ///< where the numbers go at last, or null
  bool around = false;      ///< the caches
};

}  // namespace lior::field
