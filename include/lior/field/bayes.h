// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bayes' rule for |T|^2, with evidence E of the field's own shape.

#include "lior/field/grid.h"

namespace lior::field {

/// w = exp(-|T - E|^2 / tau) entry by entry;
///   B = sqrt(w) T sqrt(S / S_w),   S = sum |T|^2,   S_w = sum w |T|^2 over the whole field,
/// so that |B|^2 / S is Bayes' rule for the prior |T|^2 / S and the likelihood w.
///
/// The smallest |T - E|^2 / tau over entries with T != 0 is subtracted before the exponential: it
/// cancels, and nothing underflows to 0/0. S = 0 gives B = 0. t, evidence, out: [Nx, Ny, D, D]; out
/// may be t. Two sweeps, threads over rows. Sums of 256 numbers in T, of those in double, in a
/// fixed order: bit-equal across thread counts. Relative error of a weight w: 4 eps (1 + |ln w|).
/// |T| may be as small or as large as numbers are. NaN spreads to all of B. Throws lior::Error
/// unless tau is finite and > 0, shapes agree, and |T - E|^2 / tau is a number somewhere (where it
/// overflows w is 0). `row_sums` is a workspace of 3 Nx numbers.
template <class T>
void posterior(ConstField<T> t, ConstField<T> evidence, double tau, Field<T> out, RowSums row_sums);

namespace reference {
/// The same in double, an entry at a time.
template <class T>
void posterior(ConstField<T> t, ConstField<T> evidence, double tau, Field<T> out,
               std::span<double> row_sums);
}  // namespace reference

}  // namespace lior::field
