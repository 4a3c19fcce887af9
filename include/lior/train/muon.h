// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The direction of a Muon step: a matrix whose singular values are all brought near 1.
///
/// X = G / (|G| + 1e-7), |G| the root of the sum of squares; then five times, X no taller than wide
/// (else the same of its transpose):
///   A = X X^T,   X <- a X + (b A + c A A) X,   (a, b, c) = (3.4445, -4.7750, 2.0315).
/// So each singular value s of X becomes a s + b s^3 + c s^5 each time, and its vectors stay: from
/// .01 to 1 they end in [.68, 1.14]. A gradient has few large ones; this direction moves all.
/// Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.

#include "lior/core/buffer.h"
#include "lior/linalg/matrix_view.h"

namespace lior::train {

inline constexpr Index kNewtonSchulzSteps = 5;
inline constexpr double kNewtonSchulz[] = {3.4445, -4.7750, 2.0315};

/// Brings matrices of up to some size there, in memory that is taken once.
template <class T>
class NewtonSchulz {
 public:
  NewtonSchulz() = default;
  /// `entries`: of the largest matrix; `side`: the largest of all shorter sides.
  NewtonSchulz(Index entries, Index side);
  static std::size_t bytes(Index entries, Index side);

  /// x, in place. A matrix of zeros stays. Cost, m x n with m <= n: five times 4 m^2 n + 2 m^3
  /// operations. Bit-equal for equal thread counts. Throws lior::Error for a matrix
  /// that is larger.
  void apply(linalg::MatrixView<T> x);

 private:
  Buffer<T> next_, square_, polynomial_;
};

namespace reference {
/// The formula entry by entry.
template <class T>
void newton_schulz(linalg::MatrixView<T> x);
}  // namespace reference

}  // namespace lior::train
