#pragma once
/// CI8, the complex octonions, and the three families of operators that turn them.
///
/// A complex octonion is x = Re x + i Im x with octonions Re x, Im x; its planes are [16, N]:
/// components 0..7 of Re, then of Im. A real state is planes [8, N].
/// For a real octonion u: R_u x = x u, L_u x = u x, B_u x = u x u, on each part alone. For unit u
/// they are rotations of R^8 (orthogonal, determinant 1); products of any one family reach all of
/// SO(8). Conjugation flips e1..e7 of both parts. Source: docs/math/conventions.md, section 3.

#include "lior/algebra/octonion.h"

namespace lior::algebra {

/// How a unit octonion u acts on a state x.
enum class Transition {
  right,      ///< R_u x = x u
  left,       ///< L_u x = u x
  two_sided,  ///< B_u x = u x u = 2 u (u . conj(x)) - |u|^2 conj(x)
};

}  // namespace lior::algebra
